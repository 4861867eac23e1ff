//! The reference ingest: messages over HTTP into Redis Streams, and from there
//! by workers into PostgreSQL.
//!
//! `POST /api/messages` takes `{"conversationId", "senderId", "content",
//! "contentType", "clientMessageId", "recipientIds"}` and answers 202 with
//! `{"messageId", "state": "pending", "acceptedAt"}` once Redis has the message
//! on its disk. The same clientMessageId again is answered 200 with the same
//! receipt, `"idempotentHit": true` and the header `idempotency-hit: true`. A body
//! that is no message is answered 400; 503 says that the message was definitely
//! not taken, 504 that nobody knows.
//!
//! A conversation belongs to one of the streams `msg:stream:0..15`, a stream to
//! one worker, and a worker writes the entries of a stream in their order to
//! `messages` and `message_receipts`. Entries are acknowledged when they are
//! rows, and removed a minute later. A message that fails by its own fault
//! (content of an unknown type such as `application/x-poison`, or text with a
//! NUL, which PostgreSQL cannot hold) is tried four times and goes to `msg:dlq`
//! with the reason; while Redis or PostgreSQL are away everything waits.
//!
//! `/metrics` of the ingress has the workers' figures, too, each with a label
//! `worker`. The planted bugs are the [`Variant`]s.

mod admission;
mod arguments;
mod ingress;
mod lane;
mod link;
mod message;
mod store;
mod streams;
mod tactics;
mod variant;
mod worker;

use std::path::Path;

use super::process::{self, Place};
use super::{Ground, Parts, Replica, System, VariantInfo, variant as variants};
use crate::port::Shared;
use crate::server::{Kind, postgres, redis};
use crate::{Lab, LabError, Patience};
use arguments::{Arguments, IngressPart, Part, WorkerPart};
pub use variant::Variant;

/// The roles of the processes.
const INGRESS: &str = "ingress";
const WORKER: &str = "worker";

/// The ingest as one of the reference systems.
#[derive(Debug)]
pub(super) struct Entry;

impl System for Entry {
    fn name(&self) -> &'static str {
        "ingest"
    }

    fn about(&self) -> &'static str {
        "messages over HTTP into Redis Streams, by workers into PostgreSQL"
    }

    fn variants(&self) -> Vec<VariantInfo> {
        variants::all::<Variant>()
    }

    fn servers(&self) -> &'static [&'static Kind] {
        &[&redis::KIND, &postgres::KIND]
    }

    fn roles(&self) -> &'static [&'static str] {
        &[INGRESS, WORKER]
    }

    fn targets(&self) -> &'static [&'static str] {
        &["service", "metrics"]
    }

    /// Only the ingress reaches Redis through the proxy: what is broken there is
    /// the network between the two, and not the workers'.
    fn stand(&self, ground: &Ground<'_>) -> Result<Parts, LabError> {
        let options = IngestOptions {
            ingress_redis_url: ground.proxied("redis")?.to_owned(),
            variant: ground.variant()?,
            workers: ground.options.replicas,
            ..IngestOptions::new(ground.direct("redis")?, ground.proxied("database")?)
        };
        let Ingest { url, replicas, ports } = Ingest::start(ground.lab, &options, ground.patience)?;
        let metrics = format!("{url}/metrics");
        let targets = [("service".to_owned(), url), ("metrics".to_owned(), metrics)].into();
        Ok(Parts { targets, replicas, ports, ..Parts::default() })
    }

    fn run(&self, arguments: &Path) -> u8 {
        process::run(arguments, serve)
    }
}

/// How an ingest is to be.
#[derive(Debug, Clone)]
pub struct IngestOptions {
    /// Redis as the ingress reaches it.
    pub ingress_redis_url: String,
    /// Redis as the workers reach it.
    pub redis_url: String,
    /// PostgreSQL as the workers reach it.
    pub database_url: String,
    /// Correct, or with a planted bug.
    pub variant: Variant,
    /// How many processes share the 16 partitions: 1 to 16.
    pub workers: u16,
    /// Whether the workers consume from the start. Those that do not are
    /// started by `POST /consumers/start` at their private addresses.
    pub consuming: bool,
}

impl IngestOptions {
    /// Four correct workers that consume.
    pub fn new(redis_url: &str, database_url: &str) -> Self {
        Self {
            ingress_redis_url: redis_url.to_owned(),
            redis_url: redis_url.to_owned(),
            database_url: database_url.to_owned(),
            variant: Variant::Correct,
            workers: 4,
            consuming: true,
        }
    }
}

/// An ingest whose every process answers. Holds its ports while it lives.
#[derive(Debug)]
pub struct Ingest {
    /// The address of the service: `http://127.0.0.1:PORT`.
    pub url: String,
    /// Its processes, the ingress first: `ingress-1`, `worker-1`, `worker-2`, ….
    pub replicas: Vec<Replica>,
    ports: Vec<Shared>,
}

impl Ingest {
    /// Starts every process and waits until each is healthy.
    ///
    /// # Errors
    /// [`LabError::Spawn`] if this program cannot be re-executed, and those of
    /// `patience`.
    pub fn start(
        lab: &Lab,
        options: &IngestOptions,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let of = options.workers.clamp(1, streams::PARTITIONS);
        let service = Shared::reserve()?;
        let ingress = Place::reserve(INGRESS, 1)?;
        let workers: Vec<Place> =
            (1..=of).map(|number| Place::reserve(WORKER, number)).collect::<Result<_, _>>()?;
        let part = IngressPart {
            listen: service.address(),
            workers: workers.iter().map(|worker| (worker.name.clone(), worker.address())).collect(),
        };
        let start = |place: &Place, redis: &str, part| {
            let arguments = Arguments {
                name: place.name.clone(),
                private: place.address(),
                redis: redis.to_owned(),
                variant: options.variant,
                part,
            };
            place.start(lab, &Entry, &arguments, patience)
        };
        start(&ingress, &options.ingress_redis_url, Part::Ingress(part))?;
        for (number, worker) in (0..of).zip(&workers) {
            let database = options.database_url.clone();
            let part = WorkerPart { database, number, of, consuming: options.consuming };
            start(worker, &options.redis_url, Part::Worker(part))?;
        }
        let places = [ingress].into_iter().chain(workers).collect();
        let (replicas, mut ports) = process::all_healthy(lab, places, patience)?;
        let url = format!("http://{}", service.address());
        ports.push(service);
        Ok(Self { url, replicas, ports })
    }
}

async fn serve(arguments: Arguments) -> std::io::Result<()> {
    let Arguments { name, private, redis, variant, part } = arguments;
    match part {
        Part::Ingress(part) => ingress::run(name, &private, redis, variant, part).await,
        Part::Worker(part) => worker::run(name, &private, redis, variant, part).await,
    }
}
