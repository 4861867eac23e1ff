//! Whether an endpoint answers at all. One that accepts connections and then says
//! nothing would keep every look at it waiting for the whole run.

use std::future::Future;
use std::time::Duration;

use scenarios::redact::redact;

use super::Found;
use crate::probe::whole;

/// How long a connection may take: a host that is not there is told of as that.
const CONNECTED_WITHIN: Duration = Duration::from_secs(2);
/// How long an endpoint may take from the first try to connect to its answer.
const ANSWERED_WITHIN: Duration = Duration::from_millis(3_500);

/// A client for one look.
pub(super) fn client() -> Result<reqwest::Client, Found> {
    let client = reqwest::Client::builder().connect_timeout(CONNECTED_WITHIN);
    client.build().map_err(|error| Found::Unusable(error.to_string()))
}

/// What an endpoint answers.
///
/// # Errors
/// When it does not answer in time.
pub(super) async fn answered<T>(url: &str, asked: impl Future<Output = T>) -> Result<T, Found> {
    tokio::time::timeout(ANSWERED_WITHIN, asked).await.map_err(|_| {
        Found::Unusable(format!(
            "{} accepts connections and gives no answer within {} s: see that what is behind it \
             works, or name another address",
            redact(url),
            ANSWERED_WITHIN.as_secs_f64()
        ))
    })
}

/// Looks at a health endpoint. What it says is for the run to judge.
pub(super) async fn health(url: &str) -> Result<(), Found> {
    let http = client()?;
    match answered(url, http.get(url).send()).await? {
        Ok(_) => Ok(()),
        // A system that is about to start again does not answer for a while.
        Err(error) => {
            let why = whole(&error.without_url());
            Err(Found::Doubt(format!("{}: {why} (now)", redact(url))))
        }
    }
}
