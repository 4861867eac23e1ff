//! The life of one operation, as far as the folder of its run tells it: when it was due and
//! sent, what was answered, what came of it at every source of effects, what was broken
//! meanwhile, and what the judge makes of it.
//!
//! A run writes down which outcome each operation had and how often it took effect, and the
//! times of all operations of a second together: so a time is the stretch in which it must
//! lie ([`Between`]), and exact where the second had one operation. Lines of logs and copies
//! that name the operation have their own times and processes.

mod asked;
mod effect;
mod logs;
mod text;

use std::collections::BTreeMap;

use loadgen::shape::Again;
use loadgen::{Fate, Shape};
use reports::record::FaultRecord;
use scenarios::plan::Place;
use serde::Serialize;

use crate::effects::offered;
use crate::folder::read::{self, Told};
use crate::folder::{Folder, FolderError};
use crate::history::{History, Times, WorkloadHistory};
use crate::judge::{Class, classes};

pub use asked::{Asked, UnknownOperation};
pub use effect::Effect;
pub use logs::{Mention, Mentions};
pub use text::lines;

/// The life of an operation. Times are seconds since the start of the first phase.
#[derive(Debug, Clone, Serialize)]
pub struct Life {
    /// Its identity, `run/workload/sequence`.
    pub id: String,
    /// The run's scenario.
    pub scenario: String,
    /// The variant of the reference system, in the lab.
    pub variant: Option<String>,
    /// The run's folder.
    pub folder: String,
    /// When the run began, in UTC, RFC 3339.
    pub started: String,
    /// When it was due; absent where the schedule cannot be made again.
    pub due: Option<f64>,
    /// The phase in which it was due.
    pub phase: Option<String>,
    /// The number of its key, where the workload has more than one.
    pub key: Option<u64>,
    /// Whether its body is one that nobody can work on.
    pub is_poison: bool,
    /// When it was sent for the second time, if the load sends it twice: `at once`.
    pub sent_twice: Option<String>,
    /// `acked`, `failed`, `indeterminate`, `dropped`, or nothing where it is unknown.
    pub outcome: Option<&'static str>,
    /// When it was sent for the first time.
    pub sent: Option<Between>,
    /// When it was answered; of a failed or indeterminate one nobody has a time.
    pub answered: Option<Between>,
    /// What each source of effects saw of it.
    pub effects: Vec<Effect>,
    /// Up to when it is followed: to its last effect or its dead letter, and where there is
    /// none, or nobody knows when, to the end of the run.
    pub until: f64,
    /// The phases from when it was due until then, in order.
    pub phases: Vec<String>,
    /// What was broken from when it was due until then, in the order of time.
    pub faults: Vec<Trouble>,
    /// The steps of deployments that were under way then.
    pub steps: Vec<Trouble>,
    /// What each check of effects makes of it.
    pub judged: Vec<Judged>,
    /// Where evidence, copies and logs name it.
    pub mentions: Mentions,
    /// What the folder does not hold, in sentences.
    pub missing: Vec<String>,
}

/// The stretch in which a time lies, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Between {
    /// Not before.
    pub from: f64,
    /// Not after.
    pub to: f64,
    /// How many operations of that second this is known of together.
    pub of: u64,
}

/// Something that was under way.
#[derive(Debug, Clone, Serialize)]
pub struct Trouble {
    /// Its name.
    pub name: String,
    /// What it is: `kill_process`, `set image new`.
    pub what: String,
    /// Since when.
    pub from: f64,
    /// Until when; absent if it never ended.
    pub to: Option<f64>,
    /// Whether it was under way when the operation was due.
    pub is_then: bool,
    /// What was hit.
    pub victims: Vec<String>,
}

/// What a check makes of an operation, and what the run's record says of the check.
#[derive(Debug, Clone, Serialize)]
pub struct Judged {
    /// What it is.
    #[serde(flatten)]
    pub class: Class,
    /// What the check came to, where the record can be read: `violated`.
    pub verdict: Option<&'static str>,
    /// Why it came to that.
    pub why: Option<String>,
}

/// Why the life of an operation cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum Untold {
    /// The folder is none of a run.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// There is no such operation.
    #[error(transparent)]
    Unknown(#[from] UnknownOperation),
}

/// Tells the life of an operation from the folder of its run.
///
/// # Errors
/// When the folder has no plan, or the run has no such operation.
pub fn tell(folder: &Folder, id: &str) -> Result<Life, Untold> {
    let told = read::read_operations(folder)?;
    let asked = Asked::of(id, &told)?;
    let id = asked.id(&told.facts.run);
    let mut life = begin(folder, &told, &asked);
    let known = told.history.workloads.get(&asked.workload);
    let planned = told.plan.workloads.iter().find(|w| w.name == asked.workload);
    if let Some(planned) = planned {
        let shape = Shape::from_plan(planned, told.plan.seed);
        life.is_poison = shape.is_poison(asked.sequence);
        life.sent_twice = shape.is_twin(asked.sequence).then(|| again(shape.duplicates.when));
        life.key = (planned.shape.keys > 1).then(|| shape.key(asked.sequence));
        let schedule = offered::schedule(&told.plan, planned, &shape).ok();
        let due = schedule.and_then(|schedule| schedule.due(asked.sequence));
        life.due = due.map(|due| due.as_secs_f64());
    }
    let at = life.due.unwrap_or_default();
    life.phase = life.due.and_then(|due| phase_at(&told, due));
    outcome(&mut life, known, &asked);
    answers(&mut life, folder, &asked, at);
    life.effects = effect::effects(&told, &asked, life.due);
    life.until = until(&life, &told.history);
    troubles(&mut life, &told.history, at);
    judged(&mut life, folder, &told, &asked);
    life.mentions = logs::find(folder, &id);
    missing(&mut life, &told);
    Ok(life)
}

fn begin(folder: &Folder, told: &Told, asked: &Asked) -> Life {
    Life {
        id: asked.id(&told.facts.run),
        scenario: told.plan.name.clone(),
        variant: (told.plan.place == Place::Lab).then(|| told.plan.variant.clone()),
        folder: folder.path().display().to_string(),
        started: told.facts.started.clone(),
        due: None,
        phase: None,
        key: None,
        is_poison: false,
        sent_twice: None,
        outcome: None,
        sent: None,
        answered: None,
        effects: Vec::new(),
        until: 0.0,
        phases: Vec::new(),
        faults: Vec::new(),
        steps: Vec::new(),
        judged: Vec::new(),
        mentions: Mentions::default(),
        missing: Vec::new(),
    }
}

fn again(when: Again) -> String {
    match when {
        Again::AtOnce => "at once".to_owned(),
        Again::Concurrently => "at the same time".to_owned(),
        Again::Later(pause) => format!("{} s later", pause.as_secs_f64()),
    }
}

/// The phase at a time: as it really was, and as it was planned where that is not known.
fn phase_at(told: &Told, at: f64) -> Option<String> {
    let real = told.history.phases.iter().find(|phase| at >= phase.from && at < phase.to);
    real.map(|phase| phase.name.clone()).or_else(|| {
        let timeline = told.plan.timeline();
        let mut planned = timeline.iter();
        let is_then = |from: f64, to: f64| at >= from && at < to;
        planned
            .find(|(_, from, to)| is_then(from.as_secs_f64(), to.as_secs_f64()))
            .map(|(name, ..)| name.to_owned())
    })
}

fn outcome(life: &mut Life, known: Option<&WorkloadHistory>, asked: &Asked) {
    let Some(known) = known else {
        let why = format!(
            "the outcome: {} left no ledger, as of a run that was killed or goes on, or the \
             ledger is damaged",
            asked.workload
        );
        life.missing.push(why);
        return;
    };
    life.outcome = known.ledger.fate(asked.sequence).map(|fate| match fate {
        Fate::Acked => "acked",
        Fate::Failed => "failed",
        Fate::Indeterminate => "indeterminate",
        Fate::Dropped => "dropped",
    });
}

/// When it was sent and answered, from the latencies of the second in which it was due.
fn answers(life: &mut Life, folder: &Folder, asked: &Asked, at: f64) {
    let (Some(due), Some("acked" | "failed" | "indeterminate")) = (life.due, life.outcome) else {
        return;
    };
    match read::latencies_of(folder, &asked.workload, at.floor() as u64) {
        Ok(latencies) => {
            let of = |kind: &str| latencies.get(kind).and_then(|times| between(times, due));
            life.sent = of("delay");
            life.answered = of("response").filter(|_| life.outcome == Some("acked"));
        }
        Err(why) => life.missing.push(format!("when it was sent and answered: {why}")),
    }
}

/// The stretch in which something lies that took one of these times after `since`.
fn between(times: &Times, since: f64) -> Option<Between> {
    let counts: Vec<(u64, u64)> = times.counts().collect();
    let (first, last) = (counts.first()?, counts.last()?);
    // The value of a bucket is its greatest; buckets are at most 1 % wide.
    let from = since + first.0 as f64 / 1e6 * 0.99;
    let of = counts.iter().map(|&(_, count)| count).sum();
    Some(Between { from, to: since + last.0 as f64 / 1e6, of })
}

/// Up to when an operation is followed.
fn until(life: &Life, history: &History) -> f64 {
    let end = history.phases.last().map_or(0.0, |phase| phase.to);
    let is_known = |effect: &Effect| {
        effect.count.is_none_or(|count| count == 1 && effect.at.is_some())
            || effect.dead_at.is_some()
    };
    let is_any = life.effects.iter().any(|effect| effect.at.is_some() || effect.dead_at.is_some());
    if !is_any || !life.effects.iter().all(is_known) {
        return end.max(life.due.unwrap_or_default());
    }
    let times = life.effects.iter().flat_map(|effect| [effect.at, effect.dead_at]);
    times.flatten().map(|at| at.to).fold(life.due.unwrap_or_default(), f64::max)
}

/// What was broken and deployed from `at` until the operation's end.
fn troubles(life: &mut Life, history: &History, at: f64) {
    if life.due.is_none() {
        return;
    }
    let until = life.until;
    let goes_on = |to: Option<f64>| to.is_none_or(|to| to >= at);
    let overlaps = |from: f64, to: Option<f64>| from <= until && goes_on(to);
    let is_then = |from: f64, to: Option<f64>| from <= at && goes_on(to);
    let phases = history.phases.iter().filter(|phase| phase.from <= until && phase.to > at);
    life.phases = phases.map(|phase| phase.name.clone()).collect();
    let fault = |fault: &FaultRecord| {
        let from = fault.injected?;
        let to = fault.healed.or(fault.undone);
        overlaps(from, to).then(|| Trouble {
            name: fault.name.clone(),
            what: fault.kind.clone(),
            from,
            to,
            is_then: is_then(from, to),
            victims: fault.victims.clone(),
        })
    };
    let mut faults: Vec<Trouble> = history.faults.iter().filter_map(fault).collect();
    let steps = history.deployments.iter().flat_map(|deployment| {
        deployment.steps.iter().filter_map(|step| {
            let from = step.asked?;
            let to = step.done.or(step.failed);
            overlaps(from, to).then(|| Trouble {
                name: step.name.clone(),
                what: format!("{}: {}", deployment.name, step.what),
                from,
                to,
                is_then: is_then(from, to),
                victims: Vec::new(),
            })
        })
    });
    let mut steps: Vec<Trouble> = steps.collect();
    faults.sort_by(|a, b| a.from.total_cmp(&b.from));
    steps.sort_by(|a, b| a.from.total_cmp(&b.from));
    (life.faults, life.steps) = (faults, steps);
}

/// What the judge makes of it, with what the record says of the checks.
fn judged(life: &mut Life, folder: &Folder, told: &Told, asked: &Asked) {
    let record = std::fs::read(folder.verdict())
        .ok()
        .and_then(|bytes| reports::Record::from_json(&bytes).ok());
    if record.is_none() {
        life.missing.push("what the checks came to: verdict.json is missing or damaged".to_owned());
    }
    let findings: BTreeMap<&str, _> = record
        .iter()
        .flat_map(|record| &record.findings)
        .map(|finding| (finding.check.as_str(), finding))
        .collect();
    let classes = classes(&told.plan, &told.history, &asked.workload, asked.sequence);
    let judged = classes.into_iter().map(|class| {
        let finding = findings.get(class.check.as_str());
        let verdict = finding.map(|finding| finding.verdict.word());
        let why = finding.map(|finding| finding.why.clone());
        Judged { verdict, why, class }
    });
    life.judged = judged.collect();
}

/// What a reader might look for and the folder does not hold.
fn missing(life: &mut Life, told: &Told) {
    let mut say = |text: &str| life.missing.push(text.to_owned());
    let is_sent = matches!(life.outcome, Some("acked" | "failed" | "indeterminate"));
    if is_sent && life.due.is_none() {
        say("when it was due: its schedule cannot be made again from this plan");
    }
    if is_sent && life.sent.is_none() && life.due.is_some() {
        say("when it was sent: latency.hlog has nothing of its second");
    }
    if matches!(life.outcome, Some("failed" | "indeterminate")) {
        say("its own error, and when that came: a run counts errors, and does not say of which \
             operation each is");
    }
    let has_effects = life.effects.iter().any(|effect| effect.count.is_some_and(|count| count > 0));
    if life.effects.iter().any(|e| e.count.is_some_and(|n| n > 0) && e.at.is_none()) {
        say("the time of an effect: this source of effects was not asked for times (`at`)");
    }
    if life.effects.iter().any(|e| e.count.is_some_and(|n| n > 1) && e.at.is_some()) {
        say("the times of further effects: only that of the first is written down");
    }
    if has_effects {
        say("partition and process of an effect, unless a log below names the operation");
    }
    if life.effects.is_empty() {
        say("effects: the scenario reads none");
    }
    for flaw in &told.history.flaws {
        life.missing.push(format!("{}: {}", flaw.part, flaw.why));
    }
}
