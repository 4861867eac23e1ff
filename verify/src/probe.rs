//! Probes: each samples something, again and again, until the run is over.
//!
//! One file a kind. A probe that cannot see says so once for each reason and
//! sends no sample: an unknown value is never a zero.

mod command;
mod health;
mod host;
mod kafka;
mod logs;
mod mongodb;
mod pods;
mod presence;
mod process;
pub(crate) mod prometheus;
pub(crate) mod promql;
mod rabbitmq;
mod rabbitmq_queues;
mod redis_keys;
mod redis_streams;
mod sql;

use std::collections::BTreeMap;
use std::time::Duration;

use scenarios::plan::{Probe, ProbeKind};
use scenarios::series::HOST_NAME;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::observe::{Observer, ProbeObserver};
pub(crate) use pods::cluster;
pub use process::Processes;

/// How long a probe waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How often the host is looked at.
const HOST_EVERY: Duration = Duration::from_secs(1);

/// Why a probe cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// An address is missing.
    #[error(transparent)]
    Template(#[from] scenarios::template::TemplateError),
    /// The probe needs processes of a role, and nobody knows any.
    #[error(
        "probe {probe:?} looks at processes of a role that nobody plays; say who does with --role ROLE=PROCESSES"
    )]
    NoProcesses {
        /// The probe.
        probe: String,
    },
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// An address that is none.
    #[error(transparent)]
    Address(#[from] services::AddressError),
    /// A management API that cannot be asked.
    #[error(transparent)]
    Management(#[from] crate::management::ManagementError),
    /// A question that is none.
    #[error("probe {probe:?}: {why}")]
    Question {
        /// The probe.
        probe: String,
        /// What is wrong with it.
        why: String,
    },
}

/// A probe that is ready to sample.
pub struct Prober {
    observer: ProbeObserver,
    every: Duration,
    kind: Kind,
}

enum Kind {
    Rabbitmq(Box<rabbitmq::Rabbitmq>),
    Process(process::Process),
    Health(health::Health),
    Pods(Box<pods::Pods>),
    Logs(logs::Logs),
    RedisStreams(redis_streams::RedisStreams),
    Sql(sql::Sql),
    RabbitmqQueues(rabbitmq_queues::RabbitmqQueues),
    Mongodb(Box<mongodb::Mongodb>),
    Prometheus(prometheus::Prometheus),
    Promql(promql::Asked),
    RedisKeys(redis_keys::RedisKeys),
    Kafka(Box<kafka::Kafka>),
    Command(command::Command),
    Host(host::Host),
}

impl Prober {
    /// Makes a probe from its plan.
    ///
    /// # Errors
    /// When an address is missing, or it needs processes that nobody knows.
    pub fn new(
        probe: &Probe,
        targets: &BTreeMap<String, String>,
        processes: Option<&Processes>,
        observer: Observer,
    ) -> Result<Self, ProbeError> {
        let nobody = || ProbeError::NoProcesses { probe: probe.name.clone() };
        let kind = match &probe.kind {
            ProbeKind::Rabbitmq { metrics, management } => {
                let fill = |template: &Option<scenarios::template::Template>| {
                    template.as_ref().map(|template| template.fill(targets)).transpose()
                };
                Kind::Rabbitmq(Box::new(rabbitmq::Rabbitmq::new(
                    fill(metrics)?,
                    fill(management)?.as_deref(),
                )?))
            }
            ProbeKind::Process { role } => {
                Kind::Process(process::Process::new(processes.ok_or_else(nobody)?.clone(), role))
            }
            ProbeKind::Pods { context, namespace, labels } => {
                Kind::Pods(Box::new(pods::Pods::new(context, namespace, labels)))
            }
            ProbeKind::Health { url } => Kind::Health(health::Health::new(url.fill(targets)?)?),
            ProbeKind::Logs { role, file, containing, json } => {
                let source = match (file, role, processes) {
                    (Some(file), ..) => logs::Source::file(file.fill(targets)?),
                    (None, Some(role), Some(Processes::Lab(lab))) => {
                        logs::Source::role(lab.clone(), role)
                    }
                    // What processes of one's own write is in files that are named.
                    (None, ..) => return Err(nobody()),
                };
                Kind::Logs(logs::Logs::new(source, containing, json))
            }
            ProbeKind::RedisStreams { url, streams, group } => Kind::RedisStreams(
                redis_streams::RedisStreams::new(url.fill(targets)?, streams, group.as_deref()),
            ),
            ProbeKind::Sql { url, query, timeout, .. } => {
                Kind::Sql(sql::Sql::new(url.fill(targets)?, query, timeout.0))
            }
            ProbeKind::Prometheus { urls, metrics } => {
                let urls = urls.iter().map(|url| url.fill(targets)).collect::<Result<_, _>>()?;
                Kind::Prometheus(prometheus::Prometheus::new(urls, metrics)?)
            }
            ProbeKind::Promql { url, query, scraped, .. } => {
                let url = url.fill(targets)?;
                Kind::Promql(promql::Asked::new(&url, query, scraped.as_ref())?)
            }
            ProbeKind::RabbitmqQueues { management, vhost, queues } => {
                let management = management.fill(targets)?;
                let probe = rabbitmq_queues::RabbitmqQueues::new(&management, vhost, queues)?;
                Kind::RabbitmqQueues(probe)
            }
            ProbeKind::Mongodb { url, database, collection, ask, timeout, .. } => {
                let url = url.fill(targets)?;
                let asked =
                    mongodb::Mongodb::new(url, database.clone(), collection, ask, timeout.0);
                let wrong = |why| ProbeError::Question { probe: probe.name.clone(), why };
                Kind::Mongodb(Box::new(asked.map_err(wrong)?))
            }
            ProbeKind::RedisKeys { url, keys } => {
                Kind::RedisKeys(redis_keys::RedisKeys::new(url.fill(targets)?, keys))
            }
            ProbeKind::Kafka(planned) => {
                let brokers = planned.brokers.fill(targets)?;
                Kind::Kafka(Box::new(kafka::Kafka::new(&brokers, planned.clone())?))
            }
            ProbeKind::Command { run, timeout, series } => {
                let words = run.words(targets)?;
                Kind::Command(command::Command::new(words, timeout.0, series.keys()))
            }
        };
        let observer = ProbeObserver::new(observer, &probe.name);
        Ok(Self { observer, every: probe.every.0, kind })
    }

    /// The same for a role whose processes are the pods of a deployment that the run
    /// updates.
    #[must_use]
    pub fn of_pods(mut self) -> Self {
        if let Kind::Process(probe) = &mut self.kind {
            probe.let_pass();
        }
        self
    }

    /// The probe of the host, which every run has.
    #[must_use]
    pub fn of_host(processes: Option<&Processes>, observer: Observer) -> Self {
        let observer = ProbeObserver::new(observer, HOST_NAME);
        Self { observer, every: HOST_EVERY, kind: Kind::Host(host::Host::new(processes.cloned())) }
    }

    /// Samples until told to stop, and once more at the end.
    pub async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.every);
        // A probe that was held up goes on from there; a burst of samples would
        // say nothing about the time in between.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut last_trouble = None;
        loop {
            let stopping = tokio::select! {
                _ = ticks.tick() => false,
                _ = stop.wait_for(|stop| *stop) => true,
            };
            let trouble = self.sample(stopping).await.err();
            if let Some(why) = &trouble
                && last_trouble.as_ref() != Some(why)
            {
                self.observer.trouble(why);
            }
            last_trouble = trouble;
            if stopping {
                break;
            }
        }
    }

    /// Samples once; whether for the last time.
    async fn sample(&mut self, is_end: bool) -> Result<(), String> {
        match &mut self.kind {
            Kind::Rabbitmq(probe) => probe.sample(&self.observer).await,
            Kind::Process(probe) => probe.sample(&self.observer),
            Kind::Health(probe) => probe.sample(&self.observer).await,
            Kind::Pods(probe) => probe.sample(&self.observer).await,
            Kind::Logs(probe) => probe.sample(&self.observer),
            Kind::RedisStreams(probe) => probe.sample(&self.observer).await,
            Kind::Sql(probe) => probe.sample(&self.observer).await,
            Kind::Prometheus(probe) => probe.sample(&self.observer).await,
            Kind::Promql(probe) => probe.sample(&self.observer, is_end).await,
            Kind::RabbitmqQueues(probe) => probe.sample(&self.observer).await,
            Kind::Mongodb(probe) => probe.sample(&self.observer).await,
            Kind::RedisKeys(probe) => probe.sample(&self.observer).await,
            Kind::Kafka(probe) => probe.sample(&self.observer, is_end).await,
            Kind::Command(probe) => probe.sample(&self.observer).await,
            Kind::Host(probe) => probe.sample(&self.observer).await,
        }
    }
}

/// The texts of an error and of everything that caused it, in one line:
/// reqwest's own text leaves out the cause.
pub(crate) fn whole(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        source = error.source();
    }
    text
}
