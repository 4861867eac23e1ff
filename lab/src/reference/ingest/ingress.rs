//! The process that answers HTTP requests by putting messages into streams.

mod counts;
mod relay;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{HeaderMap, Method, StatusCode};
use serde_json::json;
use tokio::time::timeout;

use super::admission::{Admission, Outcome, Receipt};
use super::arguments::IngressPart;
use super::link::Link;
use super::message::Request;
use super::streams;
use super::variant::Variant;
use crate::reference::diary::Diary;
use crate::reference::server::{self, Answer, Service};
use counts::Counts;

const LARGEST_BODY: usize = 1 << 20;
/// Without an answer in this time the lag is unknown.
const LAG_WITHIN: Duration = Duration::from_secs(1);
const CORRELATION: &str = "x-correlation-id";
const HIT: &str = "idempotency-hit";

struct Ingress {
    listen: String,
    workers: Vec<(String, String)>,
    variant: Variant,
    link: Arc<Link>,
    admission: Admission,
    counts: Counts,
}

pub(super) async fn run(
    name: String,
    private: &str,
    redis: String,
    variant: Variant,
    part: IngressPart,
) -> io::Result<()> {
    let IngressPart { listen, workers } = part;
    let link = Arc::new(Link::new(redis, name));
    let ingress = Ingress {
        listen,
        workers,
        variant,
        link: Arc::clone(&link),
        admission: Admission::new(variant),
        counts: Counts::new(),
    };
    let maintained = tokio::spawn(async move { link.maintain().await });
    server::serve(Arc::new(ingress), private).await?;
    maintained.abort();
    Ok(())
}

impl Service for Ingress {
    fn shared(&self) -> Option<&str> {
        Some(&self.listen)
    }

    async fn ready(&self) {
        self.link.up().await;
    }

    async fn respond(&self, request: hyper::Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/api/messages") => {
                let answer = self.message(request).await;
                self.counts.answered(answer.status());
                answer
            }
            (&Method::GET, "/health") if self.link.get().is_some() => {
                server::text(StatusCode::OK, "ok")
            }
            (&Method::GET, "/health") => {
                server::text(StatusCode::SERVICE_UNAVAILABLE, "no connection to Redis")
            }
            (&Method::GET, "/metrics") => server::metrics(self.metrics().await),
            _ => {
                let routes = "POST /api/messages, GET /health, GET /metrics";
                server::text(StatusCode::NOT_FOUND, routes)
            }
        }
    }
}

impl Ingress {
    async fn message(&self, request: hyper::Request<Incoming>) -> Answer {
        let correlation_id = correlation_id(request.headers());
        let body = match Limited::new(request.into_body(), LARGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return refused(StatusCode::BAD_REQUEST, &error.to_string()),
        };
        let request = match Request::parse(&body) {
            Ok(request) => request,
            Err(reason) => return refused(StatusCode::BAD_REQUEST, &reason),
        };
        let key = request.client_message_id.clone();
        let receipt = Receipt { message_id: new_id(), accepted_at: now() };
        let outcome = self.admission.accept(&self.link, request, correlation_id, receipt).await;
        let (status, code, reason) = match outcome {
            Outcome::Accepted { receipt, hit, partition } => {
                self.counts.accepted(partition, hit, self.variant.counts_as_enqueued(hit));
                return accepted(&receipt, hit);
            }
            Outcome::NotTaken(reason) => {
                (StatusCode::SERVICE_UNAVAILABLE, "message_not_taken", reason)
            }
            Outcome::Unknown(reason) => (StatusCode::GATEWAY_TIMEOUT, "message_unknown", reason),
        };
        Diary.error(code, &format!("message {key}: {reason}"));
        refused(status, &reason)
    }

    /// Its own figures, the lag of each partition as Redis knows it, and the
    /// figures of each worker that answers.
    async fn metrics(&self) -> String {
        let lags = async {
            let mut redis = self.link.get()?;
            timeout(LAG_WITHIN, streams::backlogs(&mut redis)).await.ok()?.ok()
        };
        let (lags, workers) = tokio::join!(lags, relay::pages(&self.workers));
        let mut page = self.counts.page(&lags.unwrap_or_default());
        for (name, text) in workers {
            page.include(&text, "worker", &name);
        }
        page.render()
    }
}

fn accepted(receipt: &Receipt, hit: bool) -> Answer {
    let mut body = json!({
        "messageId": receipt.message_id,
        "state": "pending",
        "acceptedAt": receipt.accepted_at,
    });
    if !hit {
        return server::json(StatusCode::ACCEPTED, &body);
    }
    body["idempotentHit"] = true.into();
    let mut answer = server::json(StatusCode::OK, &body);
    answer.headers_mut().insert(HIT, HeaderValue::from_static("true"));
    answer
}

fn refused(status: StatusCode, reason: &str) -> Answer {
    server::json(status, &json!({ "error": reason }))
}

/// The one that the client gave, or a new one.
fn correlation_id(headers: &HeaderMap) -> String {
    let given = headers.get(CORRELATION).and_then(|value| value.to_str().ok());
    given.filter(|given| !given.is_empty()).map_or_else(new_id, str::to_owned)
}

/// A random UUID, version 4.
fn new_id() -> String {
    // Not of a run's seed: a process that is restarted must not repeat itself.
    let random = fastrand::u128(..);
    let bits = (random & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

fn now() -> String {
    #[expect(clippy::disallowed_methods, reason = "a message is accepted at a wall-clock time")]
    let now = jiff::Timestamp::now();
    format!("{now:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_a_uuid_of_version_4() {
        for _ in 0..100 {
            let id = new_id();
            let lengths: Vec<usize> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12]);
            assert_eq!(&id[14..15], "4");
            assert!("89ab".contains(&id[19..20]), "{id}");
        }
        assert_ne!(new_id(), new_id());
    }

    #[test]
    fn a_client_may_name_the_correlation() {
        let mut headers = HeaderMap::new();
        assert_eq!(correlation_id(&headers).len(), 36);
        headers.insert(CORRELATION, HeaderValue::from_static("mine"));
        assert_eq!(correlation_id(&headers), "mine");
    }
}
