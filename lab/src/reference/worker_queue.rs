//! The reference worker-queue: events from a RabbitMQ queue, by workers into one
//! document for each user in a server that speaks MongoDB's protocol.
//!
//! An event in the queue `user_embedding_updates` is
//! `{"message_id", "user_id", "occurred_at", "kind", "weight"}`: `occurred_at` in Unix
//! milliseconds, `weight` 1 to 5. Its effect is on the user's document in
//! `user_embeddings`: a `vector` of 1,536 numbers, `version`, which counts the distinct
//! events, `newest_event`, `last_updated`, and `processed`, which has the `id` of each
//! event and when it took effect (`at`).
//!
//! Messages are acknowledged when they have taken effect; an event that comes again is
//! skipped. While the database is away they are held. A message that does not follow
//! the contract waits in `user_embedding_updates.retry.1` … `.5`, each wait twice as
//! long as the one before, with `x-retry-count`; then it goes to the exchange and the
//! queue `failed`.
//!
//! The control serves the figures of all workers at `/metrics`, and takes an event as
//! the body of `POST /events`: 202 once the broker has confirmed it, 503 if it was not
//! published, 504 if nobody knows. The planted bugs are the [`Variant`]s.

mod arguments;
mod control;
mod embedding;
mod event;
mod queue;
mod store;
mod tactics;
mod variant;
mod worker;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::process::{self, Place};
use super::setting::{self, SettingInfo};
use super::{Ground, Parts, Replica, System, VariantInfo, variant as variants};
use crate::port::Shared;
use crate::server::{Kind, mongodb, rabbitmq};
use crate::{Lab, LabError, Patience};
use arguments::{Arguments, ControlPart, Part, WorkerPart};
pub use variant::Variant;

/// The roles of the processes.
const WORKER: &str = "worker";
const CONTROL: &str = "control";

/// What it can be told, in the order of [`Settings`].
const SETTINGS: &[SettingInfo] = &[
    SettingInfo {
        name: "backoff",
        about: "the wait before the first retry of an event; it doubles with each",
        default: "5s",
    },
    SettingInfo {
        name: "prefetch",
        about: "messages that a worker may hold without having acknowledged them",
        default: "20",
    },
    SettingInfo {
        name: "time_limit",
        about: "how long a worker lives before it ends in good order; 0s is for ever",
        default: "0s",
    },
];

/// The worker-queue as one of the reference systems.
#[derive(Debug)]
pub(super) struct Entry;

impl System for Entry {
    fn name(&self) -> &'static str {
        "worker-queue"
    }

    fn about(&self) -> &'static str {
        "events in a RabbitMQ queue, by workers into a MongoDB document for each user"
    }

    fn variants(&self) -> Vec<VariantInfo> {
        variants::all::<Variant>()
    }

    fn servers(&self) -> &'static [&'static Kind] {
        &[&rabbitmq::KIND, &mongodb::KIND]
    }

    fn roles(&self) -> &'static [&'static str] {
        &[WORKER, CONTROL]
    }

    fn targets(&self) -> &'static [&'static str] {
        &["service", "metrics"]
    }

    fn settings(&self) -> &'static [SettingInfo] {
        SETTINGS
    }

    fn check_settings(&self, given: &BTreeMap<String, String>) -> Result<(), LabError> {
        setting::known(self.name(), SETTINGS, given)?;
        Settings::read(given).map(drop)
    }

    /// The workers reach the broker and the database through the proxy; the control
    /// does not, so that its figures are there when the workers' network is broken.
    fn stand(&self, ground: &Ground<'_>) -> Result<Parts, LabError> {
        let options = WorkerQueueOptions {
            worker_amqp_url: ground.proxied("rabbitmq")?.to_owned(),
            variant: ground.variant()?,
            workers: ground.options.replicas,
            settings: Settings::read(&ground.options.settings)?,
            ..WorkerQueueOptions::new(ground.direct("rabbitmq")?, ground.proxied("database")?)
        };
        let WorkerQueue { url, replicas, ports } =
            WorkerQueue::start(ground.lab, &options, ground.patience)?;
        let metrics = format!("{url}/metrics");
        let targets = [("service".to_owned(), url), ("metrics".to_owned(), metrics)].into();
        Ok(Parts { targets, replicas, ports, ..Parts::default() })
    }

    fn run(&self, arguments: &Path) -> u8 {
        process::run(arguments, serve)
    }
}

/// What the workers are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The wait before the first retry of an event; it doubles with each.
    pub backoff: Duration,
    /// Messages that a worker may hold without having acknowledged them.
    pub prefetch: u16,
    /// How long a worker lives before it ends in good order.
    pub time_limit: Option<Duration>,
}

impl Settings {
    /// The defaults, but for what is given.
    ///
    /// # Errors
    /// [`LabError::Setting`] for a value that cannot be read.
    fn read(given: &BTreeMap<String, String>) -> Result<Self, LabError> {
        let text = |index: usize| {
            let SettingInfo { name, default, .. } = SETTINGS[index];
            (name, given.get(name).map_or(default, |text| text.trim()))
        };
        let wrong = |(name, given): (&str, &str), expected| LabError::Setting {
            system: Entry.name().to_owned(),
            name: name.to_owned(),
            given: given.to_owned(),
            expected,
        };
        let time = |index: usize| {
            let told = text(index);
            let expected = "a time such as 100ms, 5s or 1h";
            setting::duration(told.1).ok_or_else(|| wrong(told, expected))
        };
        let backoff = time(0)?;
        if backoff.is_zero() || backoff > Duration::from_secs(86_400) {
            return Err(wrong(text(0), "a time from 1ms to 24h"));
        }
        let prefetch = text(1).1.parse().ok().filter(|prefetch| *prefetch > 0);
        let prefetch = prefetch.ok_or_else(|| wrong(text(1), "a number from 1 to 65535"))?;
        let time_limit = Some(time(2)?).filter(|limit| !limit.is_zero());
        Ok(Self { backoff, prefetch, time_limit })
    }
}

/// How a worker-queue is to be.
#[derive(Debug, Clone)]
pub struct WorkerQueueOptions {
    /// The broker as the control reaches it.
    pub amqp_url: String,
    /// The broker as the workers reach it.
    pub worker_amqp_url: String,
    /// The database as the workers reach it.
    pub database_url: String,
    /// Correct, or with a planted bug.
    pub variant: Variant,
    /// How many processes share the queue.
    pub workers: u16,
    /// What the workers are told.
    pub settings: Settings,
}

impl WorkerQueueOptions {
    /// Three correct workers.
    pub fn new(amqp_url: &str, database_url: &str) -> Self {
        let settings = Settings { backoff: Duration::from_secs(5), prefetch: 20, time_limit: None };
        Self {
            amqp_url: amqp_url.to_owned(),
            worker_amqp_url: amqp_url.to_owned(),
            database_url: database_url.to_owned(),
            variant: Variant::Correct,
            workers: 3,
            settings,
        }
    }
}

/// A worker-queue whose every process answers. Holds its ports while it lives.
#[derive(Debug)]
pub struct WorkerQueue {
    /// The address of the control: `http://127.0.0.1:PORT`.
    pub url: String,
    /// Its processes, the control last: `worker-1`, `worker-2`, …, `control-1`.
    pub replicas: Vec<Replica>,
    ports: Vec<Shared>,
}

impl WorkerQueue {
    /// Starts every process and waits until each is healthy.
    ///
    /// # Errors
    /// [`LabError::Spawn`] if this program cannot be re-executed, and those of
    /// `patience`.
    pub fn start(
        lab: &Lab,
        options: &WorkerQueueOptions,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let control = Place::reserve(CONTROL, 1)?;
        let workers: Vec<Place> = (1..=options.workers.max(1))
            .map(|number| Place::reserve(WORKER, number))
            .collect::<Result<_, _>>()?;
        let start = |place: &Place, amqp: &str, part| {
            let arguments = Arguments {
                name: place.name.clone(),
                private: place.address(),
                amqp: amqp.to_owned(),
                variant: options.variant,
                part,
            };
            place.start(lab, &Entry, &arguments, patience)
        };
        let Settings { backoff, prefetch, time_limit } = options.settings;
        for worker in &workers {
            let part = WorkerPart {
                database: options.database_url.clone(),
                control: control.address(),
                backoff,
                prefetch,
                time_limit,
            };
            start(worker, &options.worker_amqp_url, Part::Worker(part))?;
        }
        let part = ControlPart {
            workers: workers.iter().map(|worker| (worker.name.clone(), worker.address())).collect(),
        };
        start(&control, &options.amqp_url, Part::Control(part))?;
        let url = format!("http://{}", control.address());
        let places = workers.into_iter().chain([control]).collect();
        let (replicas, ports) = process::all_healthy(lab, places, patience)?;
        Ok(Self { url, replicas, ports })
    }
}

async fn serve(arguments: Arguments) -> std::io::Result<()> {
    let Arguments { name, private, amqp, variant, part } = arguments;
    match part {
        Part::Worker(part) => worker::run(name, &private, amqp, variant, part).await,
        Part::Control(part) => control::run(name, &private, amqp, variant, part).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_is_not_said_is_the_default() {
        let defaults = Settings::read(&given(&[])).unwrap();
        assert_eq!(defaults, WorkerQueueOptions::new("", "").settings);
        let told = given(&[("backoff", "100ms"), ("prefetch", "5"), ("time_limit", "1h")]);
        let settings = Settings::read(&told).unwrap();
        let expected = (Duration::from_millis(100), 5, Some(Duration::from_secs(3600)));
        assert_eq!((settings.backoff, settings.prefetch, settings.time_limit), expected);
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        for (name, value, words) in [
            ("backoff", "soon", "a time such as"),
            ("backoff", "0s", "1ms to 24h"),
            ("prefetch", "0", "1 to 65535"),
            ("prefetch", "many", "1 to 65535"),
            ("time_limit", "never", "a time such as"),
            ("timelimit", "1h", "backoff, prefetch, time_limit"),
        ] {
            let error = Entry.check_settings(&given(&[(name, value)])).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains("worker-queue"), "{error}");
        }
    }
}
