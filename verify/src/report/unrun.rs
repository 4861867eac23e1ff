//! What is left of a run that did not take place: whoever collects the reports of runs
//! must not take a missing one for a good one.

use std::path::Path;
use std::time::Instant;

use reports::format::{Format, Options, render};
use reports::record::{Record, Run};
use scenarios::Plan;
use scenarios::plan::Place;
use scenarios::redact::Secrets;

use crate::clock;
use crate::exit::{self, Failure};
use crate::folder::Folder;

/// How far a run has come that may come to nothing.
#[derive(Debug)]
pub struct Attempt {
    started: String,
    begun: Instant,
    /// What may not be shown.
    pub secrets: Secrets,
    /// What is planned.
    pub plan: Option<Plan>,
    /// Where it leaves what it saw.
    pub folder: Option<Folder>,
    /// Whether there is a verdict: then the run did take place.
    pub is_judged: bool,
}

impl Attempt {
    /// Nothing is known yet but secrets of the command line.
    #[must_use]
    pub fn new(secrets: Secrets) -> Self {
        let (started, begun) = (clock::stamp(clock::wall()), Instant::now());
        Self { started, begun, secrets, plan: None, folder: None, is_judged: false }
    }

    /// The record of a run that came to nothing; `scenario` is what was asked for. Its
    /// identity and its folder are empty where it had none.
    #[must_use]
    pub fn record(&self, scenario: &str, failure: &Failure) -> Record {
        let stem = Path::new(scenario).file_stem().unwrap_or_default().to_string_lossy();
        let plan = self.plan.as_ref();
        let run = Run {
            id: String::new(),
            scenario: plan.map_or_else(|| stem.into_owned(), |plan| plan.name.clone()),
            title: plan.map(|plan| plan.title.clone()).unwrap_or_default(),
            description: plan.map(|plan| plan.description.clone()).unwrap_or_default(),
            variant: plan.filter(|plan| plan.place == Place::Lab).map(|plan| plan.variant.clone()),
            place: plan.map_or(Place::Lab, |plan| plan.place),
            seed: plan.map_or(0, |plan| plan.seed),
            started: self.started.clone(),
            seconds: self.begun.elapsed().as_secs_f64(),
            interrupted: failure.code == exit::INTERRUPTED,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            brokers: Vec::new(),
            again: String::new(),
            folder: self
                .folder
                .as_ref()
                .map(|folder| folder.path().display().to_string())
                .unwrap_or_default(),
        };
        Record::unrun(run, exit::word(failure.code), &failure.message)
    }
}

/// Leaves a JUnit file in the run's folder, which has nothing else where the run ended
/// before it had a history. One that cannot be written changes nothing: the run's own
/// error says as much.
pub fn leave(folder: &Folder, record: &Record) {
    let bytes = render(record, Format::Junit, Options::default());
    let _ = std::fs::create_dir_all(folder.path())
        .map(|()| folder.put(&folder.file(Format::Junit.file_name()), &bytes));
}
