//! The process that tells the figures of all workers as one, and publishes events for
//! those who speak no AMQP.

mod book;
mod link;

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use exposition::Page;
use serde::Deserialize;
use tokio::time::sleep;

use super::arguments::ControlPart;
use super::event;
use super::queue::{self, FAILED, Published, QUEUE};
use super::variant::Variant;
use super::worker::counts::Tally;
use crate::reference::diary::Diary;
use crate::reference::relay;
use crate::reference::server::{self, Body, Service, since_epoch};
use book::Book;
use link::Link;

/// Where a worker that ends hands over what it has counted.
pub(crate) const FIGURES: &str = "/figures";
/// Between two looks at the workers' figures: what a worker counts after the last one
/// is forgotten if it is killed.
const LOOK_EVERY: Duration = Duration::from_millis(200);

struct Control {
    variant: Variant,
    started: Duration,
    workers: Vec<(String, String)>,
    book: Mutex<Book>,
    link: Arc<Link>,
}

/// The last figures of a worker.
#[derive(Deserialize)]
struct Figures {
    name: String,
    tally: Tally,
}

pub(super) async fn run(
    name: String,
    private: &str,
    amqp: String,
    variant: Variant,
    part: ControlPart,
) -> io::Result<()> {
    let link = Arc::new(Link::new(amqp, name));
    let control = Arc::new(Control {
        variant,
        started: since_epoch(),
        workers: part.workers,
        book: Mutex::default(),
        link: Arc::clone(&link),
    });
    let maintained = tokio::spawn(async move { link.maintain().await });
    let looking = {
        let control = Arc::clone(&control);
        tokio::spawn(async move {
            loop {
                control.look().await;
                sleep(LOOK_EVERY).await;
            }
        })
    };
    server::serve(control, private).await?;
    maintained.abort();
    looking.abort();
    Ok(())
}

impl Service for Control {
    const ROUTES: &'static str = "POST /events, GET /health, GET /metrics";

    fn routes() -> Router<Arc<Self>> {
        Router::new()
            .route("/events", post(Self::publish))
            .route("/health", get(Self::health))
            .route("/metrics", get(Self::metrics))
            .route(FIGURES, post(Self::note))
    }

    fn shared(&self) -> Option<&str> {
        None
    }

    async fn ready(&self) {}
}

impl Control {
    async fn health(State(this): State<Arc<Self>>) -> Response {
        if this.link.is_up() {
            return "ok".into_response();
        }
        (StatusCode::SERVICE_UNAVAILABLE, "no connection to the broker\n").into_response()
    }

    /// Publishes the body as it is: whether it follows the contract is for the workers
    /// to say.
    async fn publish(State(this): State<Arc<Self>>, body: Body) -> Response {
        let body = match body {
            Ok(body) => body,
            Err(error) => return (StatusCode::BAD_REQUEST, error.body_text()).into_response(),
        };
        let id = event::message_id(&body).filter(|id| id.len() <= usize::from(u8::MAX));
        let published = match this.link.channel().await {
            Some(channel) => queue::publish_event(&channel, &body, id.as_deref()).await,
            None => Published::NotTaken("there is no connection to the broker".to_owned()),
        };
        let (status, code, reason) = match published {
            Published::Confirmed => return StatusCode::ACCEPTED.into_response(),
            Published::NotTaken(why) => {
                (StatusCode::SERVICE_UNAVAILABLE, "event_not_published", why)
            }
            Published::Unknown(why) => (StatusCode::GATEWAY_TIMEOUT, "event_unconfirmed", why),
        };
        Diary.error(code, &reason);
        (status, format!("{reason}\n")).into_response()
    }

    /// The sum of what all workers have counted in all their lives, and the depth of
    /// each queue, which is unknown while the broker is away.
    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        let (depths, held) = tokio::join!(this.link.depths(this.variant.retries()), this.look());
        let mut sum = this.lock().sum();
        sum.started = this.started;
        let mut page = sum.page();
        let mut told = Page::default();
        let help = "Messages that are ready, and of the main queue those that workers hold.";
        let mut depth = told.gauge("messenger_queue_depth", help);
        for (queue, ready) in depths.unwrap_or_default() {
            let held = if queue == QUEUE { held } else { 0 };
            let count = if this.variant.is_honest() { u64::from(ready) + held } else { 0 };
            depth.count(&[("queue", &queue)], count);
        }
        page.merge(told);
        server::metrics(&page)
    }

    async fn note(State(this): State<Arc<Self>>, body: Body) -> Response {
        let figures = body.ok().and_then(|body| serde_json::from_slice::<Figures>(&body).ok());
        let Some(Figures { name, tally }) = figures else {
            return StatusCode::BAD_REQUEST.into_response();
        };
        this.lock().note(&name, tally);
        "noted".into_response()
    }

    /// Notes what the workers say that answer; gives how many messages they hold.
    async fn look(&self) -> u64 {
        let tallies = relay::tallies::<Tally>(&self.workers).await;
        let held = tallies.iter().map(|(_, tally)| tally.held).sum();
        let mut book = self.lock();
        for (name, tally) in tallies {
            book.note(&name, tally);
        }
        held
    }

    fn lock(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The queues whose depth is told.
fn queues(retries: u32) -> Vec<String> {
    let own = [QUEUE, FAILED].map(str::to_owned);
    own.into_iter().chain((1..=retries).map(queue::delayed)).collect()
}
