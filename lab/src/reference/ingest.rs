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
mod exposition;
mod ingress;
mod lane;
mod link;
mod message;
mod store;
mod streams;
mod tactics;
mod variant;
mod worker;

use std::ffi::OsString;

use crate::keeper::wire::{ProcessSpec, Restart};
use crate::port::Shared;
use crate::reference::Replica;
use crate::reference::diary::Diary;
use crate::{Lab, LabError, Patience, http};
use arguments::{Arguments, Part};
pub use variant::Variant;

/// The hidden subcommand of one process.
pub(crate) const SUBCOMMAND: &str = "__ingest";

/// The roles of the processes.
const INGRESS: &str = "ingress";
const WORKER: &str = "worker";

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
    _ports: Vec<Shared>,
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
        let url = format!("http://{}", service.address());
        let mut replicas = vec![(format!("{INGRESS}-1"), INGRESS, Shared::reserve()?)];
        for number in 1..=of {
            replicas.push((format!("{WORKER}-{number}"), WORKER, Shared::reserve()?));
        }
        let workers = replicas[1..].iter().map(|(name, _, port)| (name.clone(), port.address()));
        let listen = service.address();
        let ingress = Part::Ingress { listen, workers: workers.collect() };
        let worker = |number| Part::Worker { database: options.database_url.clone(), number, of };
        let parts = [ingress].into_iter().chain((0..of).map(worker));
        for (part, (name, role, port)) in parts.zip(&replicas) {
            let redis = match part {
                Part::Ingress { .. } => &options.ingress_redis_url,
                Part::Worker { .. } => &options.redis_url,
            };
            let arguments = Arguments {
                name: name.clone(),
                private: port.address(),
                redis: redis.clone(),
                variant: options.variant,
                part,
            };
            let program = lab.exe().to_string_lossy().into_owned();
            let argv = [program, SUBCOMMAND.to_owned()].into_iter().chain(arguments.to_words());
            let spec = ProcessSpec::new(name, role, argv)
                .cwd(lab.scratch())
                .env(worker::SWITCH, options.consuming.to_string())
                .restart(Restart::Always);
            lab.run(spec, patience)?;
        }
        for (name, _, port) in &replicas {
            let what = format!("{name} to become healthy (its log is {})", lab.log(name).display());
            lab.wait_for(patience, &what, |_| {
                let answer = http::get(port.port(), "/health", None).ok()?;
                (answer.status == 200).then_some(())
            })?;
        }
        let (mut shown, mut ports) = (Vec::new(), vec![service]);
        for (name, role, port) in replicas {
            let url = format!("http://{}", port.address());
            shown.push(Replica { name, role: role.to_owned(), url });
            ports.push(port);
        }
        Ok(Self { url, replicas: shown, _ports: ports })
    }
}

/// Runs one process until SIGTERM; gives its exit code.
pub(crate) fn run(arguments: &[OsString]) -> u8 {
    let arguments = match Arguments::parse(arguments) {
        Ok(arguments) => arguments,
        Err(reason) => {
            eprintln!("{SUBCOMMAND}: {reason}");
            return 2;
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.and_then(|runtime| runtime.block_on(serve(arguments)));
    match outcome {
        Ok(()) => 0,
        Err(error) => {
            Diary.error("start_failed", &format!("the process cannot serve: {error}"));
            1
        }
    }
}

async fn serve(arguments: Arguments) -> std::io::Result<()> {
    match arguments.part.clone() {
        Part::Ingress { listen, workers } => ingress::run(arguments, listen, workers).await,
        Part::Worker { database, number, of } => worker::run(arguments, database, number, of).await,
    }
}
