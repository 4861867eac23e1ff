//! What becomes of the faults of a run, told as it happens and written into
//! the run's folder, in the form in which `verify` writes its own.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chaos::Planned;
use chaos::conduct::{Manner, Step, Watch};
use scenarios::Plan;
use scenarios::redact::Secrets;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::exit::Trouble;
use super::place;
use super::say::Say;

/// A fault as `events.jsonl` has it; times are seconds since the start of the
/// first phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Told {
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) planned: f64,
    pub(crate) injected: Option<f64>,
    pub(crate) confirmed: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) undone: Option<f64>,
    pub(crate) healed: Option<f64>,
    pub(crate) victims: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) blocked: bool,
    pub(crate) problem: Option<String>,
}

impl Told {
    fn new(planned: &Planned) -> Self {
        Self::of(&planned.name, planned.fault.kind.word(), planned.at.as_secs_f64())
    }

    /// A fault of which nothing has happened yet.
    pub(crate) fn of(name: &str, kind: &str, planned: f64) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.to_owned(),
            planned,
            injected: None,
            confirmed: None,
            undone: None,
            healed: None,
            victims: Vec::new(),
            blocked: false,
            problem: None,
        }
    }
}

/// The folder of a run and the names of its files.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Makes a folder and writes the plan into it, without the secrets.
    pub(crate) fn create(path: PathBuf, plan: &Plan, secrets: &Secrets) -> Result<Self, Trouble> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Trouble::Folder { path, source }
        };
        fs::create_dir_all(&path).map_err(failed(&path))?;
        let folder = Self(path);
        let shown = plan.without(secrets);
        let shown = shown.ok_or_else(|| io::Error::other("it is no plan without its secrets"));
        let text = shown.and_then(|plan| toml::to_string(&plan).map_err(io::Error::other));
        let file = folder.plan();
        text.and_then(|text| fs::write(&file, text)).map_err(failed(&file))?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn plan(&self) -> PathBuf {
        self.0.join("plan.toml")
    }

    pub(crate) fn events(&self) -> PathBuf {
        self.0.join("events.jsonl")
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.join("faults.ndjson")
    }
}

/// Tells and writes what becomes of each fault.
pub(crate) struct Chronicle {
    say: Say,
    zero: Instant,
    inner: Mutex<Inner>,
    failed: watch::Sender<bool>,
}

struct Inner {
    events: File,
    faults: Vec<Told>,
    failures: Vec<(String, Manner)>,
}

impl Chronicle {
    /// Opens the file of events in a folder.
    pub(crate) fn open(folder: &Folder, say: Say, zero: Instant) -> Result<Self, Trouble> {
        let path = folder.events();
        let events = File::create(&path).map_err(|source| Trouble::Folder { path, source })?;
        let inner = Mutex::new(Inner { events, faults: Vec::new(), failures: Vec::new() });
        Ok(Self { say, zero, inner, failed: watch::channel(false).0 })
    }

    /// Writes an event of the whole run.
    pub(crate) fn event(&self, event: Value) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&mut inner, event);
    }

    /// Says and writes that a fault is due.
    pub(crate) fn planned(&self, planned: &Planned) {
        let told = Told::new(planned);
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        self.write(&mut inner, json!({"event": "fault-planned", "fault": told}));
        inner.faults.push(told);
    }

    /// The faults that did not go as planned.
    pub(crate) fn failures(&self) -> Vec<(String, Manner)> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).failures.clone()
    }

    /// Waits for the first of them.
    pub(crate) async fn has_failed(&self) {
        // The sender lives as long as `self`, so this cannot fail.
        let _ = self.failed.subscribe().wait_for(|failed| *failed).await;
    }

    fn now(&self) -> f64 {
        let ahead = self.zero.saturating_duration_since(Instant::now());
        if ahead > Duration::ZERO {
            -ahead.as_secs_f64()
        } else {
            self.zero.elapsed().as_secs_f64()
        }
    }

    /// The run goes on when the disk is full: what stands in the journal is
    /// what counts.
    fn write(&self, inner: &mut Inner, mut event: Value) {
        let word = event["event"].take();
        self.say.secrets().hide_in(&mut event);
        event["event"] = word;
        let at = (self.now() * 1e6).round() / 1e6;
        let mut line = json!({"at": at, "time": place::stamp()});
        if let (Some(line), Value::Object(event)) = (line.as_object_mut(), event) {
            line.extend(event);
        }
        let written = writeln!(inner.events, "{line}");
        if let Err(error) = written {
            self.say.warning(&format!("an event cannot be written: {error}"));
        }
    }
}

impl Watch for Chronicle {
    fn see(&self, fault: &Planned, step: &Step) {
        let now = self.now();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let inner = &mut *inner;
        if let Some(told) = inner.faults.iter_mut().find(|told| told.name == fault.name) {
            write_down(told, step, now);
            let told = told.clone();
            self.write(inner, json!({"event": "fault-changed", "fault": told}));
        }
        if let Step::Failed { manner, .. } = step {
            inner.failures.push((fault.name.clone(), *manner));
            self.failed.send_replace(true);
        }
        let mut value = json!(step);
        if let Some(value) = value.as_object_mut() {
            value.insert("fault".to_owned(), json!(fault.name));
            value.insert("at".to_owned(), json!((now * 1e3).round() / 1e3));
        }
        self.say.step(&sentence(&fault.name, step, now), &value);
    }
}

fn write_down(told: &mut Told, step: &Step, now: f64) {
    match step {
        Step::Injected { victims } => {
            told.injected = Some(now);
            told.victims.clone_from(victims);
        }
        Step::Confirmed => told.confirmed = Some(now),
        Step::Undone { .. } => told.undone = Some(now),
        Step::Healed { .. } => told.healed = Some(now),
        Step::Failed { manner, why } => {
            told.blocked |= *manner == Manner::Blocked;
            // What went wrong first is the cause of the rest.
            told.problem.get_or_insert_with(|| why.clone());
        }
    }
}

fn sentence(name: &str, step: &Step, now: f64) -> String {
    let what = match step {
        Step::Injected { victims } => format!("hits {}", victims.join(", ")),
        Step::Confirmed => "has landed".to_owned(),
        Step::Undone { how } => format!("is taken back: {how}"),
        Step::Healed { how: Some(how) } => format!("is over, and the system whole: {how}"),
        Step::Healed { how: None } => "is over; nobody here can tell when all is whole".to_owned(),
        Step::Failed { manner: Manner::Blocked, why } => format!("is BLOCKED: {why}"),
        Step::Failed { manner: Manner::NotReached, why } => format!("was not injected: {why}"),
        Step::Failed { manner: Manner::NotLanded, why } => format!("did not land: {why}"),
        Step::Failed { manner: Manner::NotHealed, why } => format!("did not heal: {why}"),
        Step::Failed { manner: Manner::StillThere, why } => {
            format!("IS STILL THERE: {why}; try chaos recover")
        }
    };
    format!("{now:8.3} s  {name} {what}")
}
