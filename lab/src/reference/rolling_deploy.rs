//! The reference pipeline: events over HTTP into a Kafka topic, by workers that fetch an
//! object for each into results, and those into PostgreSQL, each once. Its parts are
//! deployments, which can be rolled out, canaried and rolled back while it works.
//!
//! An event is the body of `POST /events` to an `event-ingester` (see `event.rs`), which
//! answers 202 once it is in `events.raw`, with its account as key. A `download-worker`
//! of the group `xact-download-worker` fetches its object from the object server, behind a
//! circuit breaker, and writes what it found to `events.results`; what can never be
//! processed goes to `events.dlq`, as it came. A `result-processor` writes each result once
//! into the table `results`.
//!
//! Images are `event-ingester:v1`, `download-worker:v1`, `download-worker:v2` and
//! `result-processor:v1`; the planted bugs are the [`Variant`]s. The target `deployments`
//! is the control API of all three.

mod arguments;
mod event;
mod ingester;
mod kafka;
mod objects;
mod offsets;
mod processor;
mod tactics;
mod variant;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::process::{self, Place, SUBCOMMAND};
use super::{Ground, Parts, System, VariantInfo, variant as variants};
use crate::LabError;
use crate::deployment::{Deployments, Image, Readiness, Spec, Workload};
use crate::port::Shared;
use crate::server::{Kind, kafka as broker, postgres};
use arguments::{Arguments, Part};
use tactics::Version;
pub use variant::Variant;

/// The deployments, which are also the roles of their pods.
const INGESTER: &str = "event-ingester";
const WORKER: &str = "download-worker";
const PROCESSOR: &str = "result-processor";
/// The role of the object server.
const OBJECTS: &str = "objects";
/// Whoever waits for a bad version waits so long.
const DEADLINE: Duration = Duration::from_secs(20);
/// Longer than a worker takes to finish what it has begun.
const GRACE: Duration = Duration::from_secs(8);
/// A pod that is ready so long is available.
const MIN_READY: Duration = Duration::from_millis(500);

/// The pipeline as one of the reference systems.
#[derive(Debug)]
pub(super) struct Entry;

impl System for Entry {
    fn name(&self) -> &'static str {
        "rolling-deploy"
    }

    fn about(&self) -> &'static str {
        "events in a Kafka topic, by workers into results in PostgreSQL, rolled out while it works"
    }

    fn variants(&self) -> Vec<VariantInfo> {
        variants::all::<Variant>()
    }

    fn servers(&self) -> &'static [&'static Kind] {
        &[&broker::KIND, &postgres::KIND]
    }

    fn roles(&self) -> &'static [&'static str] {
        &[
            INGESTER,
            WORKER,
            PROCESSOR,
            "event-ingester-canary",
            "download-worker-canary",
            "result-processor-canary",
            OBJECTS,
        ]
    }

    fn targets(&self) -> &'static [&'static str] {
        &["ingester", "deployments", "metrics", "objects"]
    }

    fn stand(&self, ground: &Ground<'_>) -> Result<Parts, LabError> {
        let pipeline = Pipeline {
            variant: ground.variant()?,
            brokers: ground.direct("kafka")?,
            database: ground.proxied("database")?,
            workers: u32::from(ground.options.replicas.max(1)),
        };
        let objects = Place::reserve(OBJECTS, 1)?;
        let arguments = Arguments {
            name: objects.name.clone(),
            private: objects.address(),
            ..pipeline.arguments(Part::Objects)
        };
        objects.start(ground.lab, self, &arguments, ground.patience)?;
        let at = objects.address();
        let (replicas, mut ports) =
            process::all_healthy(ground.lab, vec![objects], ground.patience)?;
        let service = Shared::reserve()?;
        let workloads = pipeline.workloads(ground.lab.exe(), &service.address(), &at);
        let deployments = Deployments::start(ground.lab, &workloads, ground.patience)?;
        let control = deployments.url();
        let targets = BTreeMap::from([
            ("ingester".to_owned(), format!("http://{}", service.address())),
            ("metrics".to_owned(), format!("{control}/deployments/{WORKER}/metrics")),
            ("deployments".to_owned(), control),
            ("objects".to_owned(), format!("http://{at}")),
        ]);
        ports.extend([service, deployments.into_port()]);
        Ok(Parts { targets, replicas, ports, ..Parts::default() })
    }

    fn run(&self, arguments: &Path) -> u8 {
        process::run(arguments, serve)
    }
}

/// How a pipeline is to be.
struct Pipeline<'a> {
    variant: Variant,
    brokers: &'a str,
    database: &'a str,
    workers: u32,
}

impl Pipeline<'_> {
    /// What a process is told, but for its name and its address.
    fn arguments(&self, part: Part) -> Arguments {
        Arguments {
            name: String::new(),
            private: String::new(),
            brokers: self.brokers.to_owned(),
            variant: self.variant,
            part,
        }
    }

    fn workloads(&self, exe: &Path, service: &str, objects: &str) -> Vec<Workload> {
        let image = |part: Part| {
            let told = serde_json::to_value(self.arguments(part)).ok();
            let told = told.and_then(|told| told.as_object().cloned());
            let argv =
                [exe.to_string_lossy().into_owned(), format!("{SUBCOMMAND}{}", Entry.name())];
            Image { argv: argv.into(), told, ..Image::default() }
        };
        let worker = |version| image(Part::Worker { version, objects: objects.to_owned() });
        let ingester = image(Part::Ingester { shared: service.to_owned() });
        let processor = image(Part::Processor { database: self.database.to_owned() });
        let workload = |name: &str, replicas, images: Vec<(&str, Image)>| {
            let tagged = |tag: &str| format!("{name}:{tag}");
            let mut spec = Spec::new(name, &tagged("v1")).replicas(replicas);
            (spec.min_ready, spec.progress_deadline, spec.grace) = (MIN_READY, DEADLINE, GRACE);
            let images = images.into_iter().map(|(tag, image)| (tagged(tag), image)).collect();
            Workload { spec, images, readiness: Readiness::default() }
        };
        vec![
            // It makes the topics that the others read.
            workload(INGESTER, 1, vec![("v1", ingester)]),
            workload(
                WORKER,
                self.workers,
                vec![("v1", worker(Version::V1)), ("v2", worker(Version::V2))],
            ),
            workload(PROCESSOR, 2, vec![("v1", processor)]),
        ]
    }
}

async fn serve(arguments: Arguments) -> io::Result<()> {
    let Arguments { name, private, brokers, variant, part } = arguments;
    match part {
        Part::Objects => objects::run(&private).await,
        Part::Ingester { shared } => ingester::run(&name, &private, &brokers, shared).await,
        Part::Worker { version, objects } => {
            worker::run(name, &private, brokers, variant, version, objects).await
        }
        Part::Processor { database } => {
            processor::run(name, &private, brokers, variant, database).await
        }
    }
}
