//! A process of one version.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::json;

use super::arguments::VersionPart;
use super::counts::{Counts, Tally};
use super::heap::Heap;
use super::tactics::Asked;
use super::timer;
use super::variant::Variant;
use crate::reference::diary::Diary;
use crate::reference::server::{self, Service};

struct Version {
    name: String,
    variant: Variant,
    counts: Counts,
    heap: Heap,
    asked: AtomicU64,
    /// When the first request came.
    first: OnceLock<Instant>,
}

pub(super) async fn run(
    name: &str,
    private: &str,
    variant: Variant,
    part: VersionPart,
) -> io::Result<()> {
    let version = Version {
        name: name.to_owned(),
        variant: variant.of(part.is_canary),
        counts: Counts::new(),
        heap: Heap::default(),
        asked: AtomicU64::new(0),
        first: OnceLock::new(),
    };
    server::serve(Arc::new(version), private).await
}

impl Service for Version {
    const ROUTES: &'static str = "GET /route/0 to /route/9, GET /health, GET /metrics, GET /counts";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/route/{number}", get(Self::route))
            .route("/health", get(async || "ok"))
            .route("/metrics", get(Self::metrics))
            .route("/counts", get(Self::counts))
    }

    fn shared(&self) -> Option<&str> {
        None
    }

    async fn ready(&self) {}
}

impl Version {
    async fn route(
        State(this): State<Arc<Self>>,
        Path(route): Path<u8>,
        headers: HeaderMap,
    ) -> Response {
        let came = Instant::now();
        let caller = headers.get("x-caller").and_then(|caller| caller.to_str().ok()?.parse().ok());
        let since = came.saturating_duration_since(*this.first.get_or_init(|| came));
        let deed = this.variant.deed(&Asked {
            route,
            caller: caller.unwrap_or_default(),
            number: this.asked.fetch_add(1, Ordering::Relaxed),
            since,
            clock: server::since_epoch(),
            luck: fastrand::f64(),
            spread: normal(fastrand::f64(), fastrand::f64()),
        });
        if deed.is_last {
            std::process::exit(1);
        }
        this.heap.hold(this.variant.holds(since));
        // A request without its wait would be a faster one, and so a lie.
        if let Err(error) = timer::sleep(deed.takes.saturating_sub(came.elapsed())).await {
            Diary.error("timer_failed", &error.to_string());
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        if deed.is_logged {
            Diary
                .error("query_failed", &format!("route {route}: an answer of the cache was given"));
        }
        this.counts.answered(&deed, came.elapsed());
        let status = StatusCode::from_u16(deed.status).unwrap_or_default();
        server::json(status, &json!({ "route": route, "by": this.name }))
    }

    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        server::metrics(&this.tally().page())
    }

    /// The same for the control, which puts the figures of a version together.
    async fn counts(State(this): State<Arc<Self>>) -> Response {
        server::json(StatusCode::OK, &json!(this.tally()))
    }

    fn tally(&self) -> Tally {
        let since = self.first.get().map_or(Duration::ZERO, Instant::elapsed);
        let memory = machine::process::resident(std::process::id()).unwrap_or_default();
        self.counts.tally(self.variant.breaker(since), memory)
    }
}

/// A draw from the standard normal distribution, made of two from 0 to 1 (Box & Muller
/// 1958).
fn normal(one: f64, other: f64) -> f64 {
    (-2.0 * (1.0 - one).ln()).sqrt() * (std::f64::consts::TAU * other).cos()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_spread_is_that_of_the_standard_normal_distribution() {
        let mut random = fastrand::Rng::with_seed(7);
        let draws: Vec<f64> = (0..20_000).map(|_| normal(random.f64(), random.f64())).collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let square = draws.iter().map(|draw| draw * draw).sum::<f64>() / draws.len() as f64;
        assert!(mean.abs() < 0.03 && (square - 1.0).abs() < 0.05, "{mean} {square}");
    }
}
