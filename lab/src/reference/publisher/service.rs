//! What a replica answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};

use super::arguments::Arguments;
use super::counts::Counts;
use super::message::{Message, Outcome};
use super::tactics::Tactics;
use crate::reference::diary::Diary;
use crate::reference::server::{self, Answer, Service};

const LARGEST_BODY: usize = 1 << 20;

/// What every request can reach.
pub(super) struct Frontend {
    arguments: Arc<Arguments>,
    tactics: Arc<Tactics>,
    counts: Arc<Counts>,
    /// Takes part in the shared address.
    joined: AtomicBool,
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
        }
    }
}

impl Service for Frontend {
    fn shared(&self) -> Option<&str> {
        Some(&self.arguments.listen)
    }

    async fn ready(&self) {
        self.tactics.ready().await;
    }

    fn joined(&self) {
        self.joined.store(true, Ordering::Relaxed);
    }

    async fn respond(&self, request: Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/publish") => self.publish(request).await,
            (&Method::GET, "/health") => {
                if self.joined.load(Ordering::Relaxed) && self.tactics.is_up() {
                    server::text(StatusCode::OK, "ok")
                } else {
                    server::text(StatusCode::SERVICE_UNAVAILABLE, "no connection to the broker")
                }
            }
            (&Method::GET, "/metrics") => server::metrics(self.counts.render()),
            _ => server::text(StatusCode::NOT_FOUND, "POST /publish, GET /health, GET /metrics"),
        }
    }
}

impl Frontend {
    async fn publish(&self, request: Request<Incoming>) -> Answer {
        let body = match Limited::new(request.into_body(), LARGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return says(StatusCode::BAD_REQUEST, "error", &error.to_string()),
        };
        let message = match Message::parse(body, &self.arguments) {
            Ok(message) => message,
            Err(reason) => return says(StatusCode::BAD_REQUEST, "error", &reason),
        };
        let id = message.id.clone();
        // A task of its own: a client that goes away must not tear a publish
        // in two and take its channel with it.
        let tactics = Arc::clone(&self.tactics);
        let publish = tokio::spawn(async move { tactics.publish(&message).await });
        let Ok(outcome) = publish.await else {
            return says(StatusCode::INTERNAL_SERVER_ERROR, "error", "the publish panicked");
        };
        self.counts.count(&outcome);
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

fn says(status: StatusCode, key: &str, value: &str) -> Answer {
    server::json(status, &serde_json::json!({ key: value }))
}
