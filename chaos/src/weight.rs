//! The weight of a load balancer, as an endpoint of a few words shows it: `GET` gives
//! the share of the requests that the new version gets, in percent (`5`), `PUT` with
//! such a number sets it and answers when it is in force.

use std::time::Duration;

use reqwest::{Client, Method, Url};
use services::Trouble;

use crate::FaultError;
use crate::patience::Patience;
use crate::service::HTTP;
use crate::toxiproxy::is_refused;
use crate::undo::UndoError;

/// How much of a surprising answer is shown.
const SHOWN: usize = 200;
/// Where nobody listens for so long, nobody is waited for any more.
const ENDED_WITHIN: Duration = Duration::from_secs(60);
/// A balancer may round to whole percents: what is so near to the share that was set, in
/// percent, is that share.
const ROUNDED: f64 = 0.5;
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// An endpoint.
#[derive(Clone)]
pub(crate) struct Weight {
    http: Client,
    url: Url,
}

impl Weight {
    /// # Errors
    /// When it is no address, or one with a user or password, which would stand in the
    /// journal.
    pub(crate) fn new(url: &str, http: Client) -> Result<Self, FaultError> {
        let (address, _) = services::http::split(url).map_err(Trouble::from)?;
        let wrong = |reason: &str| FaultError::Address {
            service: &HTTP,
            address: address.shown(),
            reason: reason.to_owned(),
        };
        let url = Url::parse(url).map_err(|error| wrong(&error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong("a user or password would stand in the journal; give it without"));
        }
        Ok(Self { http, url })
    }

    /// The address.
    pub(crate) fn shown(&self) -> &str {
        self.url.as_str()
    }

    /// The share, in percent.
    pub(crate) async fn get(&self) -> Result<String, FaultError> {
        self.ask(Method::GET, None).await
    }

    /// Sets the share, in percent.
    pub(crate) async fn set(&self, percent: &str) -> Result<(), FaultError> {
        let set = self.ask(Method::PUT, Some(percent)).await?;
        match same(&set, percent) {
            true => Ok(()),
            false => Err(self.answered("PUT", &set)),
        }
    }

    async fn ask(&self, method: Method, body: Option<&str>) -> Result<String, FaultError> {
        let asked = method.to_string();
        let (is_good, text) =
            self.send(method, body).await.map_err(|error| FaultError::Unreachable {
                service: &HTTP,
                address: self.shown().to_owned(),
                reason: error.without_url().to_string(),
            })?;
        let text: String = text.trim().chars().take(SHOWN).collect();
        match is_good && percent(&text).is_some() {
            true => Ok(text),
            false => Err(self.answered(&asked, &text)),
        }
    }

    async fn send(&self, method: Method, body: Option<&str>) -> reqwest::Result<(bool, String)> {
        let mut request = self.http.request(method, self.url.clone());
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        let answer = request.send().await?;
        Ok((answer.status().is_success(), answer.text().await?))
    }

    fn answered(&self, request: &str, answer: &str) -> FaultError {
        FaultError::Answer {
            service: &HTTP,
            address: self.shown().to_owned(),
            request: format!("{request}, where a share in percent such as 5 is expected"),
            answer: format!("{answer:?}"),
        }
    }
}

/// Whether both are the same share.
pub(crate) fn same(one: &str, other: &str) -> bool {
    is_within(one, other, 0.0)
}

/// Whether both are shares that differ by so many percent at most.
fn is_within(one: &str, other: &str, most: f64) -> bool {
    percent(one).zip(percent(other)).is_some_and(|(one, other)| (one - other).abs() <= most)
}

fn percent(text: &str) -> Option<f64> {
    text.trim().parse().ok().filter(|percent| (0.0..=100.0).contains(percent))
}

/// Sets a weight back to a share, unless there is neither that nor one of `instead_of` there.
pub(crate) async fn put(url: &str, share: &str, instead_of: &[&str]) -> Result<String, UndoError> {
    let failed = |reason: String| UndoError::Weight { url: url.to_owned(), reason };
    let http = crate::http_client().map_err(|error| failed(error.to_string()))?;
    let weight = Weight::new(url, http).map_err(|error| failed(error.to_string()))?;
    let patience = Patience::new(ENDED_WITHIN, LOOK_EVERY);
    let present = loop {
        match weight.send(Method::GET, None).await {
            Ok((true, text)) if percent(&text).is_some() => break text.trim().to_owned(),
            Ok((_, text)) => {
                return Err(failed(format!("it answered {:?}", text.trim())));
            }
            Err(error) if is_refused(&error) => match patience.pause().await {
                true => {}
                // It may have ended, or have that weight still: nobody knows.
                false => {
                    let (url, share) = (url.to_owned(), share.to_owned());
                    return Err(UndoError::Away { url, share });
                }
            },
            Err(error) => return Err(failed(error.without_url().to_string())),
        }
    };
    // What is there already is set all the same: the fault's own request, of which nobody
    // knows what became, may still be on its way.
    let is_there = same(&present, share);
    if !is_there && !instead_of.iter().any(|set| is_within(&present, set, ROUNDED)) {
        let what = format!("the weight at {url}");
        return Err(UndoError::LeftAlone { what, changed: format!("set it to {present} %") });
    }
    weight.set(share).await.map_err(|error| failed(error.to_string()))?;
    Ok(match is_there {
        true => format!("the new version had {share} % already"),
        false => format!("gave the new version {share} % again"),
    })
}
