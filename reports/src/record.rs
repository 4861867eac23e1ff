//! The record of a run: what `verdict.json` holds and every report shows.
//!
//! Figures are numbers in base units (seconds since the start of the first
//! phase, bytes, fractions, counts); texts are written for people. A reader of
//! version N reads every file whose `schema` is N.

mod advice;
mod basis;
mod course;
mod deployment;
mod figure;
mod host;
mod json;
mod past;
mod step;
mod times;
mod unrun;
mod workload;

use std::collections::BTreeMap;

use scenarios::plan::{LeftOut, Place, Severity};
use scenarios::units::Unit;
use serde::{Deserialize, Serialize};

pub use advice::{AdviceRecord, AdviceState, ConditionRecord};
pub use basis::{Basis, EstimateRecord, Scale, SpreadRecord};
pub use course::CourseRecord;
pub use deployment::{
    DeploymentCounts, DeploymentLook, DeploymentRecord, DeploymentStep, PodRecord, Restored,
    RollBackAdvice, Rollback,
};
pub use host::HostRecord;
pub use json::RecordError;
pub use past::{PastChange, PastFigure, PastRecord, PastRun};
pub use step::{GroupScore, StepAdvice, StepRecord};
pub use times::{Occurrence, TimesRecord};
pub use unrun::UNRUN;
pub use workload::{AnswersRecord, Operations, Outage, Quantiles, ResentRecord, WorkloadRecord};

/// The version of this format.
pub const SCHEMA: u32 = 1;

/// Everything that a report shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`SCHEMA`] of the program that wrote it.
    pub schema: u32,
    /// Which run this was.
    pub run: Run,
    /// The verdict: the worst of its findings.
    pub verdict: Verdict,
    /// The verdict in one sentence.
    pub headline: String,
    /// What to do about a violation; absent when everything held.
    pub advice: Option<Advice>,
    /// One for each check, in the order of the scenario.
    pub findings: Vec<Finding>,
    /// What to do with a new version at the end of each of its steps, where versions are
    /// compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepRecord>,
    /// What to do about the system's size, where the scenario asks for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advised: Vec<AdviceRecord>,
    /// One for each workload.
    pub workloads: Vec<WorkloadRecord>,
    /// The load over time: all workloads together, then each of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub courses: Vec<CourseRecord>,
    /// One for each check that joined a ledger with effects.
    pub effects: Vec<EffectsRecord>,
    /// One for each fault, in the order of their times.
    pub faults: Vec<FaultRecord>,
    /// What became of each deployment that the run has updated.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deployments: Vec<DeploymentRecord>,
    /// What said that a deployment should be rolled back, in the order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roll_backs: Vec<RollBackAdvice>,
    /// How runs of the same scenario, variant and target came out before this one, where
    /// there are any beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub past: Option<PastRecord>,
    /// The phases as they really were.
    pub phases: Vec<PhaseRecord>,
    /// The series, thinned for drawing; the full figures stand in `samples.csv`.
    pub series: Vec<SeriesRecord>,
    /// Small tables, such as the connections with the most channels.
    pub tables: Vec<TableRecord>,
    /// How the host fared that the run was made on, where that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostRecord>,
    /// What the reader should know beside the findings.
    pub warnings: Vec<String>,
    /// What the scenario asks for and this run did not do, and why.
    pub left_out: Vec<LeftOut>,
    /// Every parameter with the value that was used.
    pub params: BTreeMap<String, String>,
    /// The addresses that were used, without their passwords.
    pub targets: BTreeMap<String, String>,
}

/// Which run this was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Unique, a part of every operation's identity.
    pub id: String,
    /// The scenario's name.
    pub scenario: String,
    /// What the scenario proves, in one line.
    pub title: String,
    /// What breaks, and why it matters.
    pub description: String,
    /// The variant of the reference system (in the lab only).
    pub variant: Option<String>,
    /// The lab, or somebody's own system.
    pub place: Place,
    /// The seed of every random choice.
    pub seed: u64,
    /// When the run began, in UTC, RFC 3339.
    pub started: String,
    /// How long it took, set-up and tear-down included, in seconds.
    #[serde(deserialize_with = "figure::number")]
    pub seconds: f64,
    /// Whether it was ended before its time by a signal.
    pub interrupted: bool,
    /// The program's version: `0.1.0`.
    pub version: String,
    /// What the brokers are: `RabbitMQ 3.10.8`.
    pub brokers: Vec<String>,
    /// The command that does it again, secrets left out.
    pub again: String,
    /// The run's folder.
    pub folder: String,
}

/// What a check, and in the end the run, comes to. Ordered: the worst is the
/// greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// What was promised was kept.
    Held,
    /// There is no telling: too little data, or no proof that the load and the
    /// faults were real.
    Inconclusive,
    /// What was promised was broken.
    Violated,
}

impl Verdict {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Inconclusive => "inconclusive",
            Self::Violated => "violated",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The check's name.
    pub check: String,
    /// What must hold, in words.
    pub title: String,
    /// The kind of check: `bound`, `trend`, `effects`.
    pub kind: String,
    /// Whether breaking it violates the run or only warns.
    pub severity: Severity,
    /// What it came to. With [`Severity::Warning`] a violated finding leaves
    /// the run's verdict as it is.
    pub verdict: Verdict,
    /// The figure that was measured, for people: `3.33 per 1,000`.
    pub measured: String,
    /// The bound, for people: `at most 5 per 1,000`.
    pub bound: String,
    /// One or two sentences that say why it came to this.
    pub why: String,
    /// When the bound was first broken, in seconds.
    pub since: Option<f64>,
    /// What proves it, the strongest first; a bounded number.
    pub evidence: Vec<Evidence>,
    /// The file with all of the evidence, inside the run's folder.
    pub evidence_file: Option<String>,
    /// The series that was judged, to be drawn beside the finding.
    pub series: Option<String>,
    /// The bound as a value of that series, to be drawn as a line.
    pub limit: Option<f64>,
    /// What it rests on; older records do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// When what speaks against it happened, by what is wrong; older records do not say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<TimesRecord>,
}

/// One piece of evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// What is guilty: `connection service-1`, `operation 7f3a/publish/412`.
    pub what: String,
    /// What was seen: `2,047 channels`, a log line.
    pub seen: String,
    /// When, in seconds.
    pub at: Option<f64>,
}

/// What to do about a violation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What to do, in a sentence: `Do not ship …`.
    pub what: String,
    /// The bounds that were broken, since when, with the evidence.
    pub because: Vec<String>,
}

/// The join of ledgers with effects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectsRecord {
    /// The check that asked for it.
    pub check: String,
    /// Where the effects were read.
    pub source: String,
    /// How often what happened.
    pub joined: Joined,
}

/// How many operations are in each cell of outcomes × effects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// Acknowledged, one effect.
    pub ok: u64,
    /// Acknowledged, no effect: a violation.
    pub lost: u64,
    /// Two or more effects, whatever the outcome: a violation.
    pub duplicated: u64,
    /// Indeterminate, one effect.
    pub recovered: u64,
    /// Indeterminate, no effect.
    pub unresolved: u64,
    /// Refused, no effect.
    pub refused: u64,
    /// Refused, one effect: a violation.
    pub resurrected: u64,
    /// Never attempted, yet with an effect: a violation.
    pub unexpected: u64,
    /// Acknowledged, no effect, and found among the dead letters.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead_lettered: u64,
}

/// What no older record has, and few records need, is only written where it is.
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What became of a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultRecord {
    /// The fault's name.
    pub name: String,
    /// The fault of the scenario of which it is one turn, where that comes again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub turn_of: Option<String>,
    /// What was done: `kill_process`.
    pub kind: String,
    /// When it was planned, in seconds.
    #[serde(deserialize_with = "figure::number")]
    pub planned: f64,
    /// When it was injected.
    pub injected: Option<f64>,
    /// When it was seen to have landed.
    pub confirmed: Option<f64>,
    /// When it had ended or was undone; older records do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<f64>,
    /// When the system was seen to be whole again.
    pub healed: Option<f64>,
    /// What was hit: process and pid, connection name.
    pub victims: Vec<String>,
    /// Whether a guard, a limit, a permission or the system itself refused it:
    /// nothing was broken, and nothing is wrong with the system.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
    /// Whether it could not be taken back, so that it may still be there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub still_there: bool,
    /// Whether the system was watched for as long as it may take, and was not seen to
    /// heal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unhealed: bool,
    /// What went wrong with it, if anything.
    pub problem: Option<String>,
}

/// A phase as it really was, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PhaseRecord {
    /// Its name.
    pub name: String,
    /// Its start.
    #[serde(deserialize_with = "figure::number")]
    pub from: f64,
    /// Its end.
    #[serde(deserialize_with = "figure::number")]
    pub to: f64,
}

/// A series, thinned for drawing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeriesRecord {
    /// `broker.channels`.
    pub name: String,
    /// The label within the series, empty if it has none: `service-1`.
    pub label: String,
    /// What its values are measured in.
    pub unit: Unit,
    /// Whether it only rises, so that its rise is what tells; older records do not say.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counter: bool,
    /// Seconds and value; extremes survive the thinning.
    #[serde(deserialize_with = "figure::points")]
    pub points: Vec<(f64, f64)>,
}

/// A small table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableRecord {
    /// What it shows.
    pub title: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// Rows of as many cells.
    pub rows: Vec<Vec<String>>,
}
