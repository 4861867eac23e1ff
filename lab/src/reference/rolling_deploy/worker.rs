//! The download-worker: fetches the object of each event and writes its result.

pub(crate) mod breaker;
pub(crate) mod counts;
mod download;
mod group;
mod handler;
mod lane;
mod retry;

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::watch;

use super::kafka::Writer;
use super::tactics::{Tactics, Version};
use super::variant::Variant;
use crate::reference::server::{self, Service, since_epoch};
use counts::Counts;
use handler::Common;

/// In the working folder: the new version has run.
const MIGRATED: &str = "rolling-deploy.migrated";

/// What the parts of a worker share.
pub(crate) struct Worker {
    name: String,
    brokers: String,
    objects: String,
    tactics: Tactics,
    writer: Writer,
    counts: Arc<Counts>,
    handlers: Arc<Common>,
    started: Duration,
    /// Whether it is a member of the group.
    joined: AtomicBool,
}

/// Consumes until SIGTERM; then finishes what it has begun, and leaves the rest to others.
pub(super) async fn run(
    name: String,
    private: &str,
    brokers: String,
    variant: Variant,
    version: Version,
    objects: String,
) -> io::Result<()> {
    let tactics = Tactics::new(variant, version);
    may_start(tactics)?;
    let writer = Writer::new(&brokers, &name).map_err(io::Error::other)?;
    let counts = Arc::new(Counts::default());
    let handlers = Arc::new(Common::new(tactics, Arc::clone(&counts)));
    let (started, joined) = (since_epoch(), AtomicBool::new(false));
    let worker = Arc::new(Worker {
        name,
        brokers,
        objects,
        tactics,
        writer,
        counts,
        handlers,
        started,
        joined,
    });
    let (stop, stopping) = watch::channel(false);
    let consuming =
        tactics.gets_ready().then(|| tokio::spawn(group::consume(Arc::clone(&worker), stopping)));
    server::serve(worker, private).await?;
    if tactics.is_deaf() {
        // Until somebody kills it.
        return std::future::pending().await;
    }
    stop.send_replace(true);
    match consuming {
        Some(consuming) => consuming.await.map_err(io::Error::other)?,
        None => Ok(()),
    }
}

/// Some versions do not start, or not where another has run.
fn may_start(tactics: Tactics) -> io::Result<()> {
    let migrated = Path::new(MIGRATED);
    if tactics.version() == Version::V2 {
        std::fs::write(migrated, "")?;
    }
    if tactics.refuses_to_go_back() && migrated.exists() {
        return Err(io::Error::other("what is stored was written by a newer version"));
    }
    match tactics.crashes() {
        true => Err(io::Error::other("a part of the configuration is missing")),
        false => Ok(()),
    }
}

impl Service for Worker {
    const ROUTES: &'static str = "GET /ready, GET /health, GET /metrics";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/ready", get(Self::is_ready))
            .route("/health", get(async || "ok"))
            .route("/metrics", get(Self::metrics))
    }

    fn shared(&self) -> Option<&str> {
        None
    }

    async fn ready(&self) {}
}

impl Worker {
    async fn is_ready(State(this): State<Arc<Self>>) -> Response {
        match this.joined.load(Ordering::Relaxed) {
            true => "ok".into_response(),
            false => (StatusCode::SERVICE_UNAVAILABLE, "not in the group\n").into_response(),
        }
    }

    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        server::metrics(&this.counts.page(this.handlers.breaker(), this.started))
    }
}
