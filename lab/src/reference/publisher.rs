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

use std::path::Path;
use std::sync::Arc;

use super::process::{self, Place};
use super::{Ground, Parts, Replica, System, VariantInfo, server, variant as variants};
use crate::port::Shared;
use crate::server::{Kind, rabbitmq};
use crate::{Lab, LabError, Patience};
use arguments::Arguments;
use counts::Counts;
use link::Link;
use tactics::Tactics;
pub use variant::Variant;

/// The roles of its parts: the one under test, and the correct one beside it.
const SERVICE: &str = "service";
const STABLE: &str = "stable";

/// The publisher as one of the reference systems.
#[derive(Debug)]
pub(super) struct Entry;

impl System for Entry {
    fn name(&self) -> &'static str {
        "publisher"
    }

    fn about(&self) -> &'static str {
        "a service that answers HTTP requests by publishing to RabbitMQ"
    }

    fn variants(&self) -> Vec<VariantInfo> {
        variants::all::<Variant>()
    }

    fn servers(&self) -> &'static [&'static Kind] {
        &[&rabbitmq::KIND]
    }

    fn roles(&self) -> &'static [&'static str] {
        &[SERVICE, STABLE]
    }

    fn targets(&self) -> &'static [&'static str] {
        &[SERVICE, STABLE]
    }

    fn stand(&self, ground: &Ground<'_>) -> Result<Parts, LabError> {
        let mut parts = Parts::default();
        for (role, variant) in [(SERVICE, ground.variant()?), (STABLE, Variant::Correct)] {
            if !ground.options.wants(role) {
                continue;
            }
            let options = PublisherOptions {
                variant,
                replicas: ground.options.replicas,
                role: role.to_owned(),
                ..PublisherOptions::new(ground.proxied("rabbitmq")?)
            };
            let part = Publisher::start(ground.lab, &options, ground.patience)?;
            parts.targets.insert(role.to_owned(), part.url);
            parts.replicas.extend(part.replicas);
            parts.ports.extend(part.ports);
        }
        Ok(parts)
    }

    fn run(&self, arguments: &Path) -> u8 {
        process::run(arguments, serve)
    }
}

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
            role: SERVICE.to_owned(),
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
    ports: Vec<Shared>,
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
        let mut places = Vec::new();
        for number in 1..=options.replicas {
            let place = Place::reserve(&options.role, number)?;
            let arguments = Arguments {
                name: place.name.clone(),
                listen: service.address(),
                private: place.address(),
                amqp: options.amqp_url.clone(),
                exchange: options.exchange.clone(),
                routing_key: options.routing_key.clone(),
                variant: options.variant,
            };
            place.start(lab, &Entry, &arguments, patience)?;
            places.push(place);
        }
        let (replicas, mut ports) = process::all_healthy(lab, places, patience)?;
        let url = format!("http://{}", service.address());
        ports.push(service);
        Ok(Self { url, replicas, ports })
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
