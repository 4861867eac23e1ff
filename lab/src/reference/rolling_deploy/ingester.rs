//! The event-ingester: `POST /events` puts an event into the topic, keyed by its account.
//! 202 once every replica has it, 400 or 503 if it is certainly not there, 504 if nobody
//! knows.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use exposition::Page;
use serde::Deserialize;
use tokio::time::sleep;

use super::kafka::{self, EVENTS, Writer};
use crate::reference::diary::Diary;
use crate::reference::server::{self, Body, Service, since_epoch};

/// Between two tries to reach the broker.
const PAUSE: Duration = Duration::from_millis(200);

struct Ingester {
    shared: String,
    writer: Writer,
    /// Whether the topics are there.
    ready: AtomicBool,
    started: Duration,
    accepted: AtomicU64,
    refused: AtomicU64,
    unknown: AtomicU64,
}

/// What an ingester reads of an event: the rest is for the workers to judge.
#[derive(Deserialize)]
struct Key {
    account: String,
}

pub(super) async fn run(
    name: &str,
    private: &str,
    brokers: &str,
    shared: String,
) -> io::Result<()> {
    let writer = Writer::new(brokers, name).map_err(io::Error::other)?;
    let ingester = Arc::new(Ingester {
        shared,
        writer,
        ready: AtomicBool::new(false),
        started: since_epoch(),
        accepted: AtomicU64::new(0),
        refused: AtomicU64::new(0),
        unknown: AtomicU64::new(0),
    });
    let declaring = {
        let (ingester, brokers, name) =
            (Arc::clone(&ingester), brokers.to_owned(), name.to_owned());
        tokio::spawn(async move {
            while let Err(why) = kafka::declare(&brokers, &name).await {
                Diary.error("topics_missing", &why);
                sleep(PAUSE).await;
            }
            ingester.ready.store(true, Ordering::Relaxed);
        })
    };
    let served = server::serve(ingester, private).await;
    declaring.abort();
    served
}

impl Service for Ingester {
    const ROUTES: &'static str = "POST /events, GET /ready, GET /health, GET /metrics";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/events", post(Self::take))
            .route("/ready", get(Self::is_ready))
            .route("/health", get(async || "ok"))
            .route("/metrics", get(Self::metrics))
    }

    fn shared(&self) -> Option<&str> {
        Some(&self.shared)
    }

    async fn ready(&self) {
        while !self.ready.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Ingester {
    async fn is_ready(State(this): State<Arc<Self>>) -> Response {
        match this.ready.load(Ordering::Relaxed) {
            true => "ok".into_response(),
            false => (StatusCode::SERVICE_UNAVAILABLE, "the topics are missing\n").into_response(),
        }
    }

    async fn take(State(this): State<Arc<Self>>, body: Body) -> Response {
        let read = body.map_err(|error| error.body_text()).and_then(|body| {
            let key: Key = serde_json::from_slice(&body).map_err(|error| error.to_string())?;
            Ok((body, key.account))
        });
        let (body, account) = match read {
            Ok(read) => read,
            Err(why) => {
                this.refused.fetch_add(1, Ordering::Relaxed);
                return (StatusCode::BAD_REQUEST, format!("{why}\n")).into_response();
            }
        };
        match this.writer.write(EVENTS, account.as_bytes(), &body, None).await {
            Ok(()) => {
                this.accepted.fetch_add(1, Ordering::Relaxed);
                StatusCode::ACCEPTED.into_response()
            }
            Err(error) => {
                let (status, count, code) = match kafka::is_definite(&error) {
                    true => (StatusCode::SERVICE_UNAVAILABLE, &this.refused, "event_not_written"),
                    false => (StatusCode::GATEWAY_TIMEOUT, &this.unknown, "event_unknown"),
                };
                count.fetch_add(1, Ordering::Relaxed);
                Diary.error(code, &error.to_string());
                (status, format!("{error}\n")).into_response()
            }
        }
    }

    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        let mut page = Page::default();
        let mut events = page.counter("events_total", "Events by what came of them.");
        for (status, count) in
            [("accepted", &this.accepted), ("refused", &this.refused), ("unknown", &this.unknown)]
        {
            events.count(&[("status", status)], count.load(Ordering::Relaxed));
        }
        page.started(this.started);
        server::metrics(&page)
    }
}
