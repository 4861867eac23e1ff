//! The few requests to a proxy's admin API that faults need. It is the one of
//! our own proxy, and of Toxiproxy.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};
use services::{Service, Trouble};

use crate::FaultError;
use crate::patience::Patience;
use crate::service::PROXY;
use crate::timetable::ChoiceError;
use crate::undo::UndoError;

/// How much of a surprising answer is shown.
const SHOWN: usize = 200;

/// An admin API at which nobody listens for so long is that of a proxy that has
/// ended; one that is started again listens sooner.
const ENDED_WITHIN: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// An admin API.
#[derive(Clone)]
pub(crate) struct Admin {
    http: reqwest::Client,
    base: Url,
}

impl Admin {
    pub(crate) fn new(address: &str, http: reqwest::Client) -> Result<Self, FaultError> {
        let read = Service::Proxy.address(address).map_err(Trouble::from)?;
        let base = Url::parse(read.text()).map_err(|error| FaultError::Address {
            service: &PROXY,
            address: read.shown(),
            reason: error.to_string(),
        })?;
        Ok(Self { http, base })
    }

    /// The address as messages show it.
    pub(crate) fn shown(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// What the API answers, with its status.
    pub(crate) async fn ask(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> Result<(StatusCode, Value), FaultError> {
        self.send(method, path, body).await.map_err(|error| FaultError::Unreachable {
            service: &PROXY,
            address: self.shown().to_owned(),
            reason: error.without_url().to_string(),
        })
    }

    async fn send(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> reqwest::Result<(StatusCode, Value)> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = self.http.request(method, url);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await?;
        let status = response.status();
        let text = response.text().await?;
        let value = serde_json::from_str(&text);
        Ok((status, value.unwrap_or_else(|_| json!(text.chars().take(SHOWN).collect::<String>()))))
    }

    /// Where a proxy leads to, `HOST:PORT`.
    ///
    /// # Errors
    /// When there is no such proxy, or it does not say.
    pub(crate) async fn upstream(&self, proxy: &str) -> Result<String, FaultError> {
        let (status, answer) = self.ask(Method::GET, &["proxies", proxy], None).await?;
        if status == StatusCode::NOT_FOUND {
            let what = format!("proxy {proxy:?} of {}", self.shown());
            return Err(FaultError::Choice { what, source: ChoiceError::Nothing });
        }
        match answer["upstream"].as_str().filter(|_| status.is_success()) {
            Some(upstream) => Ok(upstream.to_owned()),
            None => Err(FaultError::Answer {
                service: &PROXY,
                address: self.shown().to_owned(),
                request: format!("GET /proxies/{proxy}"),
                answer: format!("{}: {answer}", status.as_u16()),
            }),
        }
    }

    /// Every proxy: its name, where it listens and where it leads to.
    ///
    /// # Errors
    /// When it cannot be asked.
    pub(crate) async fn proxies(&self) -> Result<Vec<(String, String, String)>, FaultError> {
        let answer = self.demand(Method::GET, &["proxies"], None).await?;
        let proxies = answer.as_object().into_iter().flatten();
        let told = proxies.filter_map(|(name, proxy)| {
            let text = |field: &str| proxy[field].as_str().map(str::to_owned);
            Some((name.clone(), text("listen")?, text("upstream")?))
        });
        Ok(told.collect())
    }

    /// [`Admin::ask`] for what must succeed.
    pub(crate) async fn demand(
        &self,
        method: Method,
        path: &[&str],
        body: Option<Value>,
    ) -> Result<Value, FaultError> {
        let request = format!("{method} /{}", path.join("/"));
        let (status, answer) = self.ask(method, path, body).await?;
        match status.is_success() {
            true => Ok(answer),
            false => Err(FaultError::Answer {
                service: &PROXY,
                address: self.shown().to_owned(),
                request,
                answer: format!("{}: {answer}", status.as_u16()),
            }),
        }
    }
}

/// Takes a toxic out, if it is still there.
pub(crate) async fn remove(admin: &str, proxy: &str, toxic: &str) -> Result<String, UndoError> {
    let failed = |reason: String| UndoError::Proxy {
        admin: admin.to_owned(),
        toxic: toxic.to_owned(),
        reason,
    };
    let http = crate::http_client().map_err(|error| failed(error.to_string()))?;
    let admin = Admin::new(admin, http).map_err(|error| failed(error.to_string()))?;
    let patience = Patience::new(ENDED_WITHIN, LOOK_EVERY);
    loop {
        return match admin.send(Method::DELETE, &["proxies", proxy, "toxics", toxic], None).await {
            Ok((StatusCode::NOT_FOUND, _)) => Ok(format!("{toxic} was gone from {proxy}")),
            Ok((status, _)) if status.is_success() => Ok(format!("removed {toxic} from {proxy}")),
            Ok((status, answer)) => Err(failed(format!("{}: {answer}", status.as_u16()))),
            Err(error) if is_refused(&error) => match patience.pause().await {
                true => continue,
                // A proxy that has ended harms nobody any more, and forgets it.
                false => Ok(format!("the proxy has ended, and {toxic} with it")),
            },
            Err(error) => Err(failed(error.without_url().to_string())),
        };
    }
}

/// Whether nobody listens there.
pub(crate) fn is_refused(error: &reqwest::Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let system = error.downcast_ref::<std::io::Error>();
        if system.is_some_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused) {
            return true;
        }
        cause = error.source();
    }
    false
}
