//! The weight of a load balancer, as an endpoint of a few words shows it: `GET` gives
//! the share of the requests that the new version gets, in percent (`5`), `PUT` with
//! such a number sets it and answers when it is in force: with the number, or with nothing.

use std::fmt;
use std::time::Duration;

use reqwest::{Client, Method, StatusCode, Url};
use services::Trouble;

use crate::FaultError;
use crate::patience::Patience;
use crate::service::HTTP;
use crate::toxiproxy::is_refused;
use crate::undo::UndoError;

/// How much of a surprising answer is shown.
const SHOWN: usize = 200;
/// The most bytes of an answer that are read: it is a number.
const LONGEST: usize = 16 << 10;
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
        Ok(self.ask(Method::GET, None).await?.text)
    }

    /// Sets the share, in percent.
    pub(crate) async fn set(&self, percent: &str) -> Result<(), FaultError> {
        let answer = self.ask(Method::PUT, Some(percent)).await?;
        // Whoever says nothing is asked.
        let set = if answer.is_empty() { self.get().await? } else { answer.text.clone() };
        match same(&set, percent) {
            true => Ok(()),
            false if answer.is_empty() => {
                let what = format!("the new version has {set} %");
                Err(FaultError::NotConfirmed { what, within: Duration::ZERO })
            }
            false => Err(self.answered("PUT", &answer.to_string())),
        }
    }

    async fn ask(&self, method: Method, body: Option<&str>) -> Result<Answer, FaultError> {
        let asked = method.to_string();
        let may_be_empty = method == Method::PUT;
        let answer = self.send(method, body).await.map_err(|error| match error.is_timeout() {
            true => self.answered(&asked, "nothing in time"),
            false => FaultError::Unreachable {
                service: &HTTP,
                address: self.shown().to_owned(),
                reason: error.without_url().to_string(),
            },
        })?;
        match answer.share().is_some() || (may_be_empty && answer.is_empty()) {
            true => Ok(answer),
            false => Err(self.answered(&asked, &answer.to_string())),
        }
    }

    async fn send(&self, method: Method, body: Option<&str>) -> reqwest::Result<Answer> {
        let mut request = self.http.request(method, self.url.clone());
        if let Some(body) = body {
            request = request.body(body.to_owned());
        }
        let mut answer = request.send().await?;
        let status = answer.status();
        let mut bytes = Vec::new();
        while bytes.len() < LONGEST
            && let Some(chunk) = answer.chunk().await?
        {
            bytes.extend_from_slice(&chunk);
        }
        Ok(Answer { status, text: String::from_utf8_lossy(&bytes).trim().to_owned() })
    }

    fn answered(&self, request: &str, answer: &str) -> FaultError {
        FaultError::Answer {
            service: &HTTP,
            address: self.shown().to_owned(),
            request: format!("{request}, where a share in percent such as 5 is expected"),
            answer: answer.to_owned(),
        }
    }
}

/// What an endpoint answered.
struct Answer {
    status: StatusCode,
    /// The body, without blanks around it.
    text: String,
}

impl Answer {
    /// The share that it tells, in percent.
    fn share(&self) -> Option<f64> {
        self.status.is_success().then(|| percent(&self.text)).flatten()
    }

    /// Whether it did what it was asked for and tells nothing.
    fn is_empty(&self) -> bool {
        self.status.is_success() && self.text.is_empty()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = self.text.chars().take(SHOWN).collect();
        match text.as_str() {
            "" => write!(f, "{} without a body", self.status),
            text => write!(f, "{}: {text:?}", self.status),
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
            Ok(answer) if answer.share().is_some() => break answer.text,
            Ok(answer) => return Err(failed(format!("it answered {answer}"))),
            Err(error) if is_refused(&error) => match patience.pause().await {
                true => {}
                // It may have ended, or have that weight still: nobody knows.
                false => {
                    let (url, share) = (url.to_owned(), share.to_owned());
                    return Err(UndoError::Away { url, share });
                }
            },
            Err(error) if error.is_timeout() => {
                return Err(failed("it answered nothing in time".to_owned()));
            }
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// An endpoint that answers each request by its method, without a content-length; it ends
    /// with the test's process.
    fn endpoint(says: impl Fn(&str) -> Vec<u8> + Send + 'static) -> Weight {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/weight", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut request = Vec::new();
                let mut buffer = [0; 1024];
                // A PUT of these tests has three bytes for a body.
                let is_whole = |request: &[u8]| {
                    let text = String::from_utf8_lossy(request);
                    let split = text.split_once("\r\n\r\n");
                    split.is_some_and(|(head, body)| head.starts_with("GET") || body.len() >= 3)
                };
                while !is_whole(&request)
                    && let Ok(count @ 1..) = stream.read(&mut buffer)
                {
                    request.extend_from_slice(&buffer[..count]);
                }
                let method = String::from_utf8_lossy(&request);
                let answer = says(method.split(' ').next().unwrap_or_default());
                let _ = stream.write_all(&answer);
            }
        });
        Weight::new(&url, crate::http_client().unwrap()).unwrap()
    }

    fn answer(status: &str, body: &str) -> Vec<u8> {
        format!("HTTP/1.1 {status}\r\nconnection: close\r\n\r\n{body}").into_bytes()
    }

    #[tokio::test]
    async fn who_says_nothing_to_a_new_weight_is_asked_for_it() {
        for status in ["204 No Content", "200 OK"] {
            let told = endpoint(move |method| match method {
                "PUT" => answer(status, ""),
                _ => answer("200 OK", "12.5\n"),
            });
            told.set("12.5").await.unwrap();
            let error = told.set("100").await.unwrap_err().to_string();
            assert!(error.contains("the new version has 12.5 %"), "{error}");
        }
        // Nothing is no weight.
        let silent = endpoint(|_| answer("200 OK", ""));
        let error = silent.get().await.unwrap_err().to_string();
        assert!(error.contains("200 OK without a body"), "{error}");
        assert!(silent.set("100").await.is_err());
    }

    #[tokio::test]
    async fn a_status_is_told_with_what_was_said() {
        let busy = endpoint(|_| answer("503 Service Unavailable", "5"));
        for error in [busy.get().await.map(drop), busy.set("100").await] {
            let error = error.unwrap_err().to_string();
            assert!(error.contains("503 Service Unavailable: \"5\""), "{error}");
        }
    }

    #[tokio::test]
    async fn an_answer_without_an_end_is_cut() {
        let long = endpoint(|_| answer("200 OK", &"5".repeat(8 << 20)));
        let error = long.get().await.unwrap_err().to_string();
        assert!(error.len() < 600, "{} bytes", error.len());
    }
}
