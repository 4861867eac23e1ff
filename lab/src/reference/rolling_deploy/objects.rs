//! The object server: every object that can be asked for, always the same under the same
//! name, and as much trouble as is asked for.
//!
//! `GET /objects/NAME` is some KiB of text that the name determines; one that begins with
//! `missing-` does not exist. `PUT /trouble {"fail": 0.5, "delay_ms": 20}` has half of the
//! requests fail and all take longer; `{}` is none.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use exposition::Page;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use crate::reference::server::{self, Body, Service};

/// Lengths of objects, in bytes.
const LENGTHS: std::ops::RangeInclusive<usize> = 1_024..=8_192;
const MISSING: &str = "missing-";

/// What goes wrong on purpose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Trouble {
    /// The share of requests that are answered 503, from 0 to 1.
    #[serde(default)]
    fail: f64,
    /// What every request takes longer, in milliseconds.
    #[serde(default)]
    delay_ms: u64,
}

#[derive(Default)]
struct Objects {
    trouble: Mutex<Trouble>,
    served: AtomicU64,
    missing: AtomicU64,
    failed: AtomicU64,
}

pub(super) async fn run(private: &str) -> io::Result<()> {
    server::serve(Arc::new(Objects::default()), private).await
}

/// The object of a name, if it exists.
fn object(name: &str) -> Option<String> {
    if name.starts_with(MISSING) {
        return None;
    }
    let hash = Sha256::digest(name);
    let (seed, _) = hash.split_first_chunk::<8>()?;
    let mut chance = fastrand::Rng::with_seed(u64::from_le_bytes(*seed));
    let length = chance.usize(LENGTHS);
    Some((0..length).map(|_| chance.lowercase()).collect())
}

impl Service for Objects {
    const ROUTES: &'static str =
        "GET /objects/NAME, GET and PUT /trouble, GET /health, GET /metrics";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/objects/{name}", get(Self::fetch))
            .route("/trouble", get(Self::trouble).put(Self::make_trouble))
            .route("/health", get(async || "ok"))
            .route("/metrics", get(Self::metrics))
    }

    fn shared(&self) -> Option<&str> {
        None
    }

    async fn ready(&self) {}
}

impl Objects {
    fn present(&self) -> Trouble {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch(State(this): State<Arc<Self>>, Path(name): Path<String>) -> Response {
        let Trouble { fail, delay_ms } = this.present();
        if delay_ms > 0 {
            sleep(Duration::from_millis(delay_ms)).await;
        }
        if fail > 0.0 && fastrand::f64() < fail {
            this.failed.fetch_add(1, Ordering::Relaxed);
            return (StatusCode::SERVICE_UNAVAILABLE, "trouble was asked for\n").into_response();
        }
        match object(&name) {
            Some(object) => {
                this.served.fetch_add(1, Ordering::Relaxed);
                object.into_response()
            }
            None => {
                this.missing.fetch_add(1, Ordering::Relaxed);
                (StatusCode::NOT_FOUND, "there is no such object\n").into_response()
            }
        }
    }

    async fn trouble(State(this): State<Arc<Self>>) -> Response {
        server::json(StatusCode::OK, &serde_json::json!(this.present()))
    }

    async fn make_trouble(State(this): State<Arc<Self>>, body: Body) -> Response {
        let asked = body.ok().and_then(|body| serde_json::from_slice::<Trouble>(&body).ok());
        let Some(asked) = asked.filter(|asked| (0.0..=1.0).contains(&asked.fail)) else {
            return (StatusCode::BAD_REQUEST, "{\"fail\": 0.5, \"delay_ms\": 20}\n")
                .into_response();
        };
        *this.trouble.lock().unwrap_or_else(PoisonError::into_inner) = asked;
        server::json(StatusCode::OK, &serde_json::json!(asked))
    }

    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        let mut page = Page::default();
        let mut requests = page.counter("http_requests_total", "Requests for objects.");
        for (code, count) in [("200", &this.served), ("404", &this.missing), ("503", &this.failed)]
        {
            requests.count(&[("code", code)], count.load(Ordering::Relaxed));
        }
        server::metrics(&page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_always_the_same_and_no_other() {
        let one = object("o-1").unwrap();
        assert_eq!(one, object("o-1").unwrap());
        assert_ne!(one, object("o-2").unwrap());
        assert!(LENGTHS.contains(&one.len()));
        assert_eq!(object("missing-1"), None);
    }

    #[test]
    fn trouble_is_none_unless_asked_for() {
        let none: Trouble = serde_json::from_str("{}").unwrap();
        assert_eq!(none, Trouble::default());
        assert!(serde_json::from_str::<Trouble>(r#"{"fial": 1}"#).is_err());
    }
}
