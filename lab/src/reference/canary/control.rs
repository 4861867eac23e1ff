//! The process that sets the weight and tells the figures of each version as one.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use exposition::Page;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

use super::arguments::ControlPart;
use super::counts::Tally;
use super::variant::Variant;
use crate::reference::diary::Diary;
use crate::reference::relay;
use crate::reference::server::{self, Body, Service};
use crate::server::nginx::{SHARE_PATH, Share, percent};

/// How long a reload may take.
const IN_FORCE_WITHIN: Duration = Duration::from_secs(10);
/// nginx starts new workers 100 ms before it tells the old ones to take no more, so
/// that the new share must have been seen for longer than that.
const SEEN_FOR: Duration = Duration::from_millis(250);
const LOOK_EVERY: Duration = Duration::from_millis(10);

struct Control {
    variant: Variant,
    nginx: String,
    share: Share,
    versions: BTreeMap<String, Vec<(String, String)>>,
    /// The share that was asked for last, as text in percent.
    asked: Mutex<String>,
}

pub(super) async fn run(private: &str, variant: Variant, part: ControlPart) -> io::Result<()> {
    let control = Control {
        variant,
        nginx: format!("127.0.0.1:{}", part.nginx),
        share: Share::of(&part.folder),
        versions: part.versions,
        asked: Mutex::new("0".to_owned()),
    };
    server::serve(Arc::new(control), private).await
}

impl Service for Control {
    const ROUTES: &'static str =
        "GET /weight, PUT /weight, GET /metrics/VERSION, GET /health/VERSION, GET /health";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/weight", get(Self::weight).put(Self::set_weight))
            .route("/metrics/{version}", get(Self::metrics))
            .route("/health/{version}", get(Self::health))
            .route("/health", get(async || "ok"))
    }

    fn shared(&self) -> Option<&str> {
        None
    }

    async fn ready(&self) {}
}

impl Control {
    async fn weight(State(this): State<Arc<Self>>) -> String {
        this.asked.lock().await.clone()
    }

    async fn set_weight(State(this): State<Arc<Self>>, body: Body) -> Response {
        let body = body.ok();
        let text = body.as_deref().and_then(|body| std::str::from_utf8(body).ok());
        let asked = text.and_then(|text| text.trim().parse::<f64>().ok());
        let Some(asked) = asked.filter(|asked| (0.0..=100.0).contains(asked)) else {
            let why = "the share of the new version in percent, 0 to 100, is expected\n";
            return (StatusCode::BAD_REQUEST, why).into_response();
        };
        let mut last = this.asked.lock().await;
        match this.put_in_force(asked / 100.0).await {
            Ok(()) => {
                *last = percent(asked / 100.0);
                Diary.info("weight_set", &format!("the new version gets {} %", *last));
                last.clone().into_response()
            }
            Err(error) => {
                Diary.error("weight_not_set", &error.to_string());
                (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
            }
        }
    }

    /// Sets the share, and returns when nobody goes by the old one any more.
    async fn put_in_force(&self, asked: f64) -> io::Result<()> {
        let share = self.variant.share(asked);
        self.share.write(share)?;
        self.share.reload()?;
        let expected = percent(share);
        let begun = Instant::now();
        let mut seen: Option<Instant> = None;
        while begun.elapsed() < IN_FORCE_WITHIN {
            match relay::get(&self.nginx, SHARE_PATH).await {
                Some((200, told)) if told == expected => {
                    if seen.get_or_insert_with(Instant::now).elapsed() >= SEEN_FOR {
                        return Ok(());
                    }
                }
                _ => seen = None,
            }
            sleep(LOOK_EVERY).await;
        }
        Err(io::Error::other("nginx has not taken the new weight over"))
    }

    /// The figures of a version's processes. While one of them does not answer, those
    /// of the version are unknown.
    async fn metrics(State(this): State<Arc<Self>>, Path(version): Path<String>) -> Response {
        let Some(parts) = this.versions.get(&version) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        let tallies = relay::tallies::<Tally>(parts).await;
        if tallies.len() < parts.len() {
            return (StatusCode::SERVICE_UNAVAILABLE, "a process does not answer\n")
                .into_response();
        }
        let mut page = Page::default();
        for (name, tally) in tallies {
            page.merge(tally.page().labelled("process", &name));
        }
        server::metrics(&page)
    }

    async fn health(State(this): State<Arc<Self>>, Path(version): Path<String>) -> Response {
        let Some(parts) = this.versions.get(&version) else {
            return StatusCode::NOT_FOUND.into_response();
        };
        for (name, address) in parts {
            if !matches!(relay::get(address, "/health").await, Some((200, _))) {
                return (StatusCode::SERVICE_UNAVAILABLE, format!("{name} is not well\n"))
                    .into_response();
            }
        }
        "ok".into_response()
    }
}
