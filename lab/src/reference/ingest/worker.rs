//! The process that turns the entries of its partitions into rows.

pub(crate) mod counts;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::arguments::WorkerPart;
use super::lane::{Common, Lane, Mode};
use super::streams::PARTITIONS;
use super::variant::Variant;
use crate::reference::diary::Diary;
use crate::reference::server::{self, Service};
use counts::Counts;

/// Longer than a read waits for a message and a batch takes.
const LAST_BATCH: Duration = Duration::from_secs(10);

struct Worker {
    common: Arc<Common>,
    lanes: Vec<Arc<AtomicBool>>,
}

/// Works on every `of`th partition, from the `number`th on, until SIGTERM; then
/// finishes the batches that have begun.
pub(super) async fn run(
    name: String,
    private: &str,
    redis: String,
    variant: Variant,
    part: WorkerPart,
) -> io::Result<()> {
    let WorkerPart { database, number, of, consuming } = part;
    let mode = watch::Sender::new(if consuming { Mode::Consume } else { Mode::Rest });
    let common = Common { name, redis, database, variant, counts: Counts::new(), mode };
    let mut worker = Worker { common: Arc::new(common), lanes: Vec::new() };
    let mut running = JoinSet::new();
    for partition in (number..PARTITIONS).step_by(usize::from(of.max(1))) {
        let up = Arc::new(AtomicBool::new(false));
        worker.lanes.push(Arc::clone(&up));
        running.spawn(Lane::new(partition, Arc::clone(&worker.common), up).run());
    }
    let common = Arc::clone(&worker.common);
    server::serve(Arc::new(worker), private).await?;
    common.mode.send_replace(Mode::Stop);
    let finished = async { while running.join_next().await.is_some() {} };
    let _ = timeout(LAST_BATCH, finished).await;
    Ok(())
}

impl Service for Worker {
    const ROUTES: &'static str =
        "GET /health, GET /metrics, GET /counts, POST /consumers/start, POST /consumers/stop";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/health", get(Self::health))
            .route("/metrics", get(Self::metrics))
            .route("/counts", get(Self::counts))
            .route("/consumers/start", post(Self::consume))
            .route("/consumers/stop", post(Self::rest))
    }

    fn shared(&self) -> Option<&str> {
        None
    }

    async fn ready(&self) {}
}

impl Worker {
    async fn health(State(this): State<Arc<Self>>) -> Response {
        if this.lanes.iter().all(|up| up.load(Ordering::Relaxed)) {
            return "ok".into_response();
        }
        let words = "no connection to Redis or to the database";
        (StatusCode::SERVICE_UNAVAILABLE, words).into_response()
    }

    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        server::metrics(&this.common.counts.tally().page())
    }

    /// The same for its ingress, which puts the metrics of all workers together.
    async fn counts(State(this): State<Arc<Self>>) -> Response {
        server::json(StatusCode::OK, &serde_json::json!(this.common.counts.tally()))
    }

    async fn consume(State(this): State<Arc<Self>>) -> String {
        this.switch(Mode::Consume)
    }

    async fn rest(State(this): State<Arc<Self>>) -> String {
        this.switch(Mode::Rest)
    }

    fn switch(&self, mode: Mode) -> String {
        self.common.mode.send_replace(mode);
        Diary.info("consumers_switched", &format!("the consumers are to {mode:?}"));
        format!("{mode:?}")
    }
}
