//! The result-processor: writes each result once into the database.

mod store;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use exposition::Page;
use futures_util::FutureExt;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance, StreamConsumer,
};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio::time::sleep;

use super::event::Outcome;
use super::kafka::{self, PROCESSORS, RESULTS};
use super::variant::Variant;
use crate::reference::diary::Diary;
use crate::reference::server::{self, Service, since_epoch};
use store::Store;

/// The most results that are written in one step.
const BATCH: usize = 500;
/// Between two tries of a broker or a database that is away.
const PAUSE: Duration = Duration::from_millis(100);

struct Processor {
    name: String,
    brokers: String,
    database: String,
    variant: Variant,
    started: Duration,
    /// Whether it is a member of the group, and whether the database did its last work.
    joined: AtomicBool,
    stored: AtomicBool,
    consumed: AtomicU64,
    written: AtomicU64,
    failed: AtomicU64,
}

/// Told by the broker when it has become a member.
struct Member(Arc<Processor>);

impl ClientContext for Member {}

impl ConsumerContext for Member {
    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(_) = rebalance {
            self.0.joined.store(true, Ordering::Relaxed);
        }
    }
}

/// Consumes until SIGTERM. What is written is committed before anything else is received,
/// so nothing is under way when a partition is given up.
pub(super) async fn run(
    name: String,
    private: &str,
    brokers: String,
    variant: Variant,
    database: String,
) -> io::Result<()> {
    let flag = || AtomicBool::new(false);
    let count = || AtomicU64::new(0);
    let processor = Arc::new(Processor {
        name,
        brokers,
        database,
        variant,
        started: since_epoch(),
        joined: flag(),
        stored: flag(),
        consumed: count(),
        written: count(),
        failed: count(),
    });
    let (stop, stopping) = watch::channel(false);
    let consuming = tokio::spawn(consume(Arc::clone(&processor), stopping));
    server::serve(processor, private).await?;
    stop.send_replace(true);
    consuming.await.map_err(io::Error::other)?
}

async fn consume(this: Arc<Processor>, stopping: watch::Receiver<bool>) -> io::Result<()> {
    let member = Member(Arc::clone(&this));
    let consumer = kafka::consumer(&this.brokers, &this.name, PROCESSORS, member);
    let consumer = consumer.map_err(io::Error::other)?;
    consumer.subscribe(&[RESULTS]).map_err(io::Error::other)?;
    let mut store = None;
    let work = async {
        // A table that is there before the first result can be looked at.
        this.store(&mut store).await;
        loop {
            match consumer.recv().await {
                Ok(first) => this.process(&consumer, &mut store, &first).await,
                Err(error) => this.trouble("not_received", &error.to_string()).await,
            }
        }
    };
    tokio::select! {
        () = server::told(stopping) => {}
        () = work => {}
    }
    tokio::task::spawn_blocking(move || drop(consumer)).await.map_err(io::Error::other)
}

impl Processor {
    /// Connects to the database, for as long as it takes.
    async fn store<'a>(&self, store: &'a mut Option<Store>) -> &'a Store {
        while store.is_none() {
            match Store::connect(&self.database, &self.name, self.variant).await {
                Ok(connected) => *store = Some(connected),
                Err(why) => self.trouble("no_database", &why).await,
            }
        }
        self.stored.store(true, Ordering::Relaxed);
        store.as_ref().expect("it was connected")
    }

    /// Something that may pass.
    async fn trouble(&self, code: &str, why: &str) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        Diary.error(code, why);
        sleep(PAUSE).await;
    }

    /// Writes a result and those that are there with it, and commits them.
    async fn process(
        &self,
        consumer: &StreamConsumer<Member>,
        store: &mut Option<Store>,
        first: &BorrowedMessage<'_>,
    ) {
        let mut batch = Batch::default();
        batch.take(first);
        while batch.results.len() < BATCH
            && let Some(Ok(next)) = consumer.recv().now_or_never()
        {
            batch.take(&next);
        }
        self.consumed.fetch_add(batch.received, Ordering::Relaxed);
        while let Err(why) = self.store(store).await.write(&batch.results).await {
            *store = None;
            self.stored.store(false, Ordering::Relaxed);
            self.trouble("not_written", &why).await;
        }
        self.written.fetch_add(batch.results.len() as u64, Ordering::Relaxed);
        let committed = batch.next().map(|next| consumer.commit(&next, CommitMode::Async));
        if let Err(error) = committed.and_then(|committed| committed) {
            // It comes again, and changes nothing then.
            Diary.error("not_committed", &error.to_string());
        }
    }

    async fn is_ready(State(this): State<Arc<Self>>) -> Response {
        let both = [&this.joined, &this.stored];
        match both.iter().all(|flag| flag.load(Ordering::Relaxed)) {
            true => "ok".into_response(),
            false => {
                let words = "not in the group, or without the database\n";
                (StatusCode::SERVICE_UNAVAILABLE, words).into_response()
            }
        }
    }

    async fn metrics(State(this): State<Arc<Self>>) -> Response {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut page = Page::default();
        let mut consumed = page.counter("kafka_messages_consumed_total", "Results received.");
        consumed.count(&[("topic", RESULTS)], read(&this.consumed));
        let help = "Tries to receive or to write results that failed.";
        page.counter("kafka_processing_errors_total", help).count(&[], read(&this.failed));
        let help = "Results that are in the database, those that came again included.";
        page.counter("results_written_total", help).count(&[], read(&this.written));
        page.started(this.started);
        server::metrics(&page)
    }
}

/// Results that are written together, and where each partition goes on after them.
#[derive(Default)]
struct Batch {
    results: Vec<Outcome>,
    received: u64,
    next: std::collections::BTreeMap<i32, i64>,
}

impl Batch {
    fn take(&mut self, message: &BorrowedMessage<'_>) {
        self.received += 1;
        self.next.insert(message.partition(), message.offset() + 1);
        match Outcome::parse(message.payload().unwrap_or_default()) {
            Ok(result) => self.results.push(result),
            Err(why) => Diary.error("result_unreadable", &why),
        }
    }

    fn next(&self) -> Result<TopicPartitionList, KafkaError> {
        let mut list = TopicPartitionList::new();
        for (partition, offset) in &self.next {
            list.add_partition_offset(RESULTS, *partition, Offset::Offset(*offset))?;
        }
        Ok(list)
    }
}

impl Service for Processor {
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
