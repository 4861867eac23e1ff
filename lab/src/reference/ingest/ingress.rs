//! The process that answers HTTP requests by putting messages into streams.

mod counts;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use tokio::time::timeout;

use super::admission::{Admission, Outcome, Receipt};
use super::arguments::IngressPart;
use super::link::Link;
use super::message::Request;
use super::streams;
use super::variant::Variant;
use super::worker::counts::Tally;
use crate::reference::diary::Diary;
use crate::reference::relay;
use crate::reference::server::{self, Body, Service};
use counts::Counts;

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
    const ROUTES: &'static str = "POST /api/messages, GET /health, GET /metrics";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/api/messages", post(Self::messages))
            .route("/health", get(Self::health))
            .route("/metrics", get(Self::metrics))
    }

    fn shared(&self) -> Option<&str> {
        Some(&self.listen)
    }

    async fn ready(&self) {
        self.link.up().await;
    }
}

impl Ingress {
    async fn health(State(this): State<Arc<Self>>) -> Response {
        if this.link.get().is_some() {
            "ok".into_response()
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "no connection to Redis").into_response()
        }
    }

    async fn messages(State(this): State<Arc<Self>>, headers: HeaderMap, body: Body) -> Response {
        if this.variant.dies_of_request(this.counts.asked()) {
            std::process::exit(1);
        }
        let answer = this.message(&headers, body).await;
        this.counts.answered(answer.status());
        answer
    }

    async fn message(&self, headers: &HeaderMap, body: Body) -> Response {
        let correlation_id = correlation_id(headers);
        let body = match body {
            Ok(body) => body,
            Err(error) => return refused(StatusCode::BAD_REQUEST, &error.body_text()),
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
                let hits = if hit { self.variant.counts_a_hit() } else { 0 };
                self.counts.accepted(partition, hits, self.variant.counts_as_enqueued(hit));
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
    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        let lags = async {
            let mut redis = this.link.get()?;
            timeout(LAG_WITHIN, streams::backlogs(&mut redis)).await.ok()?.ok()
        };
        let (lags, workers) = tokio::join!(lags, relay::tallies::<Tally>(&this.workers));
        let mut page = this.counts.page(&lags.unwrap_or_default());
        for (name, tally) in workers {
            page.merge(tally.page().labelled("worker", &name));
        }
        server::metrics(&page)
    }
}

fn accepted(receipt: &Receipt, hit: bool) -> Response {
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

fn refused(status: StatusCode, reason: &str) -> Response {
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
