//! The look at a management API.

use std::time::Duration;

use reqwest::StatusCode;

use super::credentials;
use crate::address::Address;
use crate::trouble::Trouble;

const REQUEST: &str = "GET /api/whoami";

/// Asks who we are.
///
/// # Errors
/// When nobody answers, or does not know us, or is no such API.
pub async fn check(address: &Address, within: Duration) -> Result<(), Trouble> {
    let unreachable = |error: reqwest::Error| address.unreachable(&error.without_url().to_string());
    // A redirect would carry the password elsewhere.
    let http = reqwest::Client::builder()
        .timeout(within)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(unreachable)?;
    let (user, password) = credentials(address);
    let request = http.get(format!("{}/api/whoami", address.base()));
    let answer = request.basic_auth(user, Some(password)).send().await.map_err(unreachable)?;
    match answer.status() {
        StatusCode::OK => Ok(()),
        status @ StatusCode::UNAUTHORIZED => Err(address.locked(REQUEST, status.as_str())),
        status @ StatusCode::FORBIDDEN => Err(address.denied(REQUEST, status.as_str())),
        status => {
            let answer = format!("{}, so it is no management API", status.as_u16());
            Err(address.answered(REQUEST, &answer))
        }
    }
}
