//! The process that turns events into documents.

pub(crate) mod counts;
mod hands;
mod session;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rustix::process::{Signal, getpid, kill_process};
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::arguments::WorkerPart;
use super::control::FIGURES;
use super::store::Store;
use super::variant::Variant;
use crate::reference::diary::Diary;
use crate::reference::relay;
use crate::reference::server::{self, Service};
use counts::Counts;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Longer than an update takes that was begun.
const LAST_EVENTS: Duration = Duration::from_secs(10);

/// What the sessions and events of a process share.
pub(crate) struct Common {
    name: String,
    amqp: String,
    variant: Variant,
    backoff: Duration,
    prefetch: u16,
    store: Store,
    counts: Counts,
    hands: Arc<Semaphore>,
    /// Whether it consumes.
    linked: AtomicBool,
    /// Whether the database did what it was last asked for.
    stored: AtomicBool,
    /// Whether the process is to stop.
    stopping: watch::Sender<bool>,
}

struct Worker(Arc<Common>);

/// Consumes until SIGTERM, or until its time is over; then finishes what it has begun,
/// and leaves the rest to the others.
pub(super) async fn run(
    name: String,
    private: &str,
    amqp: String,
    variant: Variant,
    part: WorkerPart,
) -> io::Result<()> {
    let WorkerPart { database, control, backoff, prefetch, time_limit } = part;
    let store = Store::new(&database, &name, variant).await.map_err(io::Error::other)?;
    let common = Arc::new(Common {
        name,
        amqp,
        variant,
        backoff,
        prefetch: variant.prefetch(prefetch),
        store,
        counts: Counts::new(variant),
        hands: Arc::new(Semaphore::new(variant.hands())),
        linked: AtomicBool::new(false),
        stored: AtomicBool::new(false),
        stopping: watch::Sender::new(false),
    });
    let consuming = tokio::spawn(session::keep(Arc::clone(&common)));
    if let Some(limit) = time_limit {
        tokio::spawn(async move {
            sleep(limit).await;
            Diary.info("time_limit_reached", &format!("the process ends after {limit:?}"));
            // As anybody would ask for it.
            let _ = kill_process(getpid(), Signal::TERM);
        });
    }
    server::serve(Arc::new(Worker(Arc::clone(&common))), private).await?;
    common.stopping.send_replace(true);
    let _ = timeout(LAST_EVENTS, consuming).await;
    // What was counted since somebody last looked would be forgotten.
    let figures = serde_json::json!({ "name": common.name, "tally": common.counts.tally() });
    relay::post(&control, FIGURES, &figures.to_string()).await;
    Ok(())
}

impl Service for Worker {
    const ROUTES: &'static str = "GET /health, GET /metrics, GET /counts";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/health", get(Self::health))
            .route("/metrics", get(Self::metrics))
            .route("/counts", get(Self::counts))
    }

    fn shared(&self) -> Option<&str> {
        None
    }

    async fn ready(&self) {}
}

impl Worker {
    async fn health(State(this): State<Arc<Self>>) -> Response {
        if this.0.linked.load(Ordering::Relaxed) && this.0.stored.load(Ordering::Relaxed) {
            return "ok".into_response();
        }
        let words = "no connection to the broker or to the database";
        (StatusCode::SERVICE_UNAVAILABLE, words).into_response()
    }

    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        server::metrics(&this.0.counts.tally().page())
    }

    /// The same for the control, which adds up the figures of all workers.
    async fn counts(State(this): State<Arc<Self>>) -> Response {
        server::json(StatusCode::OK, &serde_json::json!(this.0.counts.tally()))
    }
}
