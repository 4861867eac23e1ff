//! What a replica answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use super::arguments::Arguments;
use super::counts::Counts;
use super::message::{Message, Outcome};
use super::tactics::Tactics;
use super::variant::Variant;
use crate::reference::diary::Diary;
use crate::reference::server::{self, Body, Service};

/// What every request can reach.
pub(super) struct Frontend {
    arguments: Arc<Arguments>,
    tactics: Arc<Tactics>,
    counts: Arc<Counts>,
    /// Takes part in the shared address.
    joined: AtomicBool,
    /// How often its health was asked for.
    asked: AtomicU64,
}

impl Frontend {
    pub(super) fn new(
        arguments: &Arc<Arguments>,
        tactics: &Arc<Tactics>,
        counts: &Arc<Counts>,
    ) -> Self {
        Self {
            arguments: Arc::clone(arguments),
            tactics: Arc::clone(tactics),
            counts: Arc::clone(counts),
            joined: AtomicBool::new(false),
            asked: AtomicU64::new(0),
        }
    }
}

impl Service for Frontend {
    const ROUTES: &'static str = "POST /publish, GET /health, GET /metrics";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/publish", post(Self::publish))
            .route("/health", get(Self::health))
            .route("/metrics", get(Self::metrics))
    }

    fn shared(&self) -> Option<&str> {
        Some(&self.arguments.listen)
    }

    async fn ready(&self) {
        self.tactics.ready().await;
    }

    fn joined(&self) {
        self.joined.store(true, Ordering::Relaxed);
    }
}

impl Frontend {
    async fn health(State(this): State<Arc<Self>>) -> Response {
        let nth = this.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let errs = this.arguments.variant == Variant::FlakyHealth && nth.is_multiple_of(5);
        if this.joined.load(Ordering::Relaxed) && this.tactics.is_up() && !errs {
            "ok".into_response()
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "no connection to the broker").into_response()
        }
    }

    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        server::metrics(&this.counts.page())
    }

    async fn publish(State(this): State<Arc<Self>>, body: Body) -> Response {
        let body = match body {
            Ok(body) => body,
            Err(error) => return says(StatusCode::BAD_REQUEST, "error", &error.body_text()),
        };
        let message = match Message::parse(body, &this.arguments) {
            Ok(message) => message,
            Err(reason) => return says(StatusCode::BAD_REQUEST, "error", &reason),
        };
        let id = message.id.clone();
        // A task of its own: a client that goes away must not tear a publish
        // in two and take its channel with it.
        let tactics = Arc::clone(&this.tactics);
        let publish = tokio::spawn(async move { tactics.publish(&message).await });
        let Ok(outcome) = publish.await else {
            return says(StatusCode::INTERNAL_SERVER_ERROR, "error", "the publish panicked");
        };
        this.counts.count(&outcome);
        let (status, problem) = match outcome {
            Outcome::Confirmed => return says(StatusCode::OK, "id", &id),
            Outcome::Refused(problem) => (StatusCode::UNPROCESSABLE_ENTITY, problem),
            Outcome::NotSent(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem),
            Outcome::Unknown(problem) => (StatusCode::GATEWAY_TIMEOUT, problem),
        };
        let line = format!("message {id}: {}", problem.message);
        // A route that leads nowhere is what the client asked for.
        if problem.code == "publish_returned" {
            Diary.info(problem.code, &line);
        } else {
            Diary.error(problem.code, &line);
        }
        says(status, "error", &problem.message)
    }
}

fn says(status: StatusCode, key: &str, value: &str) -> Response {
    server::json(status, &serde_json::json!({ key: value }))
}
