//! The reference publisher: a service of several processes behind one address,
//! each with one AMQP connection and a pool of four channels.
//!
//! `POST /publish` takes `{"id", "text", "routing_key"?, "exchange"?}` and
//! answers 200 once the broker has confirmed the message, 422 if the broker has
//! definitely refused it, 503 if it was definitely not sent, 504 if nobody
//! knows, and 400 if the request is not one. `GET /health` and `GET /metrics`
//! are what they always are. Its planted bugs are the [`Variant`]s.

mod arguments;
mod counts;
mod link;
mod message;
mod pool;
mod service;
mod tactics;
mod variant;

use std::ffi::OsString;
use std::sync::Arc;

use crate::keeper::wire::{ProcessSpec, Restart};
use crate::port::Shared;
use crate::reference::diary::Diary;
use crate::reference::{Replica, server};
use crate::{Lab, LabError, Patience, http};
use arguments::Arguments;
use counts::Counts;
use link::Link;
use tactics::Tactics;
pub use variant::Variant;

/// The hidden subcommand of one replica.
pub(crate) const SUBCOMMAND: &str = "__publisher";

/// How a publisher is to be.
#[derive(Debug, Clone)]
pub struct PublisherOptions {
    /// The broker.
    pub amqp_url: String,
    /// Correct, or with a planted bug.
    pub variant: Variant,
    /// How many processes share the address.
    pub replicas: u16,
    /// Its part in the system; the processes are `<role>-1`, `<role>-2`, ….
    pub role: String,
    /// The topic exchange that is declared and published to.
    pub exchange: String,
    /// The routing key of a request that names none. The queue `events.out` is
    /// bound with `event.#`.
    pub routing_key: String,
}

impl PublisherOptions {
    /// Two correct processes called `service`, exchange `events`.
    pub fn new(amqp_url: &str) -> Self {
        Self {
            amqp_url: amqp_url.to_owned(),
            variant: Variant::Correct,
            replicas: 2,
            role: "service".to_owned(),
            exchange: "events".to_owned(),
            routing_key: "event.created".to_owned(),
        }
    }
}

/// A publisher whose every replica answers. Holds its ports while it lives.
#[derive(Debug)]
pub struct Publisher {
    /// `http://127.0.0.1:PORT`, shared by the replicas as pods share a Service:
    /// the kernel gives each new connection to one of them.
    pub url: String,
    /// Its processes.
    pub replicas: Vec<Replica>,
    _ports: Vec<Shared>,
}

impl Publisher {
    /// Starts every replica and waits until each is healthy.
    ///
    /// # Errors
    /// [`LabError::Spawn`] if this program cannot be re-executed, and those of
    /// `patience`.
    pub fn start(
        lab: &Lab,
        options: &PublisherOptions,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let service = Shared::reserve()?;
        let url = format!("http://{}", service.address());
        let mut ports = Vec::new();
        let mut replicas = Vec::new();
        for number in 1..=options.replicas {
            let name = format!("{}-{number}", options.role);
            let private = Shared::reserve()?;
            let arguments = Arguments {
                name: name.clone(),
                listen: service.address(),
                private: private.address(),
                amqp: options.amqp_url.clone(),
                exchange: options.exchange.clone(),
                routing_key: options.routing_key.clone(),
                variant: options.variant,
            };
            let program = lab.exe().to_string_lossy().into_owned();
            let argv = [program, SUBCOMMAND.to_owned()].into_iter().chain(arguments.to_words());
            let spec = ProcessSpec::new(&name, &options.role, argv)
                .cwd(lab.scratch())
                .restart(Restart::Always);
            lab.run(spec, patience)?;
            let url = format!("http://{}", private.address());
            replicas.push(Replica { name, role: options.role.clone(), url });
            ports.push(private);
        }
        for (replica, private) in replicas.iter().zip(&ports) {
            let log = lab.log(&replica.name);
            let what = format!("{} to become healthy (its log is {})", replica.name, log.display());
            lab.wait_for(patience, &what, |_| {
                let answer = http::get(private.port(), "/health", None).ok()?;
                (answer.status == 200).then_some(())
            })?;
        }
        ports.push(service);
        Ok(Self { url, replicas, _ports: ports })
    }
}

/// Runs one replica until SIGTERM; gives its exit code.
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
            Diary.error("start_failed", &format!("the publisher cannot serve: {error}"));
            1
        }
    }
}

async fn serve(arguments: Arguments) -> std::io::Result<()> {
    let arguments = Arc::new(arguments);
    let link = Arc::new(Link::new(Arc::clone(&arguments)));
    let tactics = Arc::new(Tactics::new(Arc::clone(&arguments), Arc::clone(&link)));
    let keeper = tokio::spawn(link::maintain(Arc::clone(&link), Arc::clone(&tactics)));
    let counts = Arc::new(Counts::new());
    let service = service::Frontend::new(&arguments, &tactics, &counts);
    server::serve(Arc::new(service), &arguments.private).await?;
    keeper.abort();
    link.close().await;
    Ok(())
}
