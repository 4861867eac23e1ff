//! RabbitMQ's management API, as probes and the preflight ask it.

use std::time::Duration;

use reqwest::StatusCode;
use scenarios::redact::redact;
use serde::de::DeserializeOwned;
use services::{AddressError, Service};

use crate::probe::whole;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ManagementError {
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// An address that is none.
    #[error(transparent)]
    Address(#[from] AddressError),
}

/// The API, with whom it is asked as.
pub(crate) struct Management {
    http: reqwest::Client,
    base: String,
    user: String,
    password: String,
}

impl Management {
    /// A client of the API at an address, which waits so long for each answer.
    ///
    /// # Errors
    /// When the address is none.
    pub(crate) fn new(address: &str, patience: Duration) -> Result<Self, ManagementError> {
        let address = Service::Management.address(address)?;
        let (user, password) = services::management::credentials(&address);
        let http = reqwest::Client::builder().timeout(patience).build()?;
        Ok(Self { http, base: address.base(), user, password })
    }

    /// What a path answers; `None` where there is no such thing.
    ///
    /// # Errors
    /// What went wrong, without the password.
    pub(crate) async fn find<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, String> {
        let url = format!("{}{path}", self.base);
        let request = self.http.get(&url).basic_auth(&self.user, Some(&self.password));
        let answer = match request.send().await {
            Ok(answer) if answer.status() == StatusCode::NOT_FOUND => return Ok(None),
            answer => answer.and_then(reqwest::Response::error_for_status),
        };
        let json = match answer {
            Ok(answer) => answer.json().await.map(Some),
            Err(error) => Err(error),
        };
        json.map_err(|error| failed(&url, error))
    }

    /// What a path answers.
    ///
    /// # Errors
    /// As [`Management::find`], and where there is no such thing.
    pub(crate) async fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T, String> {
        let found = self.find(path).await?;
        found.ok_or_else(|| format!("{}: 404 Not Found", redact(&format!("{}{path}", self.base))))
    }
}

/// What went wrong at an address, without its password.
pub(crate) fn failed(url: &str, error: reqwest::Error) -> String {
    format!("{}: {}", redact(url), whole(&error.without_url()))
}
