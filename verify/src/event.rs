//! Events: what happened in a run, one line each in `events.jsonl`.
//!
//! The lines carry everything of a run that is neither a sample, a latency nor
//! an operation, so that the history can be read back from the folder alone.

use std::collections::BTreeMap;

use loadgen::{Compared, Resent};
use reports::record::{DeploymentRecord, FaultRecord, Outage, RollBackAdvice};
use scenarios::redact::Secrets;
use serde::{Deserialize, Serialize};

use crate::history::{ClockOffset, Line, PumpHistory, Stopped, Timing};

/// A stamped event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Seconds since the start of the first phase; absent during set-up, when
    /// nobody knows yet when that will be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<f64>,
    /// The wall clock in UTC, RFC 3339.
    pub time: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The run has a folder.
    RunStarted {
        /// The run's identity.
        run: String,
        /// The version of the program.
        version: String,
        /// The command line that does it again.
        again: String,
        /// [`RECORD`] of the program that wrote it; 0 in folders that are older
        /// than this.
        #[serde(default)]
        record: u32,
    },
    /// The plan that the run follows, as it stands in `plan.toml`: what stands
    /// there later may be another one.
    PlanWritten {
        /// Its text.
        text: String,
        /// The SHA-256 of the text, in hexadecimal digits.
        digest: String,
    },
    /// The system stands; from here on its addresses are known.
    SystemReady {
        /// The addresses, without passwords.
        targets: BTreeMap<String, String>,
        /// What the brokers are.
        brokers: Vec<String>,
        /// How long the set-up took, in seconds.
        seconds: f64,
    },
    /// A phase began.
    PhaseStarted {
        /// Its name.
        phase: String,
    },
    /// A phase is over.
    PhaseEnded {
        /// Its name.
        phase: String,
        /// Its start, in seconds.
        from: f64,
        /// Its end, in seconds.
        to: f64,
    },
    /// A fault is in the timetable.
    FaultPlanned {
        /// The fault, with nothing but its plan.
        fault: FaultRecord,
    },
    /// A fault went a step further; the last one of a name counts.
    FaultChanged {
        /// The fault as it is now.
        fault: FaultRecord,
    },
    /// A deployment has steps to take.
    DeploymentPlanned {
        /// The deployment, with nothing but its plan.
        deployment: DeploymentRecord,
    },
    /// A deployment went a step further; the last one of a name counts.
    DeploymentChanged {
        /// The deployment as it is now, with all of its steps.
        deployment: DeploymentRecord,
    },
    /// A check said that a deployment should be rolled back.
    RollBackAdvised {
        /// Which check, of which deployment, and what became of it.
        advice: RollBackAdvice,
    },
    /// A lab process started, ended or is about to be started again.
    Process {
        /// The process.
        name: String,
        /// What it did.
        what: String,
    },
    /// A log line matched.
    LogLine {
        /// The probe that read it.
        probe: String,
        /// The line.
        line: Line,
    },
    /// A probe cannot see what it should.
    ProbeTrouble {
        /// The probe.
        probe: String,
        /// Why.
        why: String,
    },
    /// What a probe looks at does not exist yet, as a working server says.
    Absent {
        /// The probe.
        probe: String,
        /// What it is called: the label of its samples.
        thing: String,
        /// What it is, in words: `stream orders`.
        what: String,
    },
    /// It exists now.
    Appeared {
        /// The probe.
        probe: String,
        /// What it is called.
        thing: String,
    },
    /// Something that the reader of the report should know.
    Warning {
        /// The text.
        text: String,
        /// Who looks at what it says is not there yet: where all of them saw it, there is
        /// nothing to warn of any more.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        awaited_by: Vec<Reader>,
    },
    /// The program of `[safety] on_abort` was run, or should have been.
    AbortRan {
        /// Why it did not do its work, if it did not.
        error: Option<String>,
    },
    /// A stop condition was met: nothing more is broken, what was is taken back,
    /// and the run ends.
    RunStopped {
        /// Which one, and why.
        stop: Stopped,
    },
    /// Files were written that say nothing of their run themselves.
    FilesWritten {
        /// The SHA-256 of each in hexadecimal digits, by its name in the folder.
        files: BTreeMap<String, String>,
    },
    /// A workload came to its end.
    WorkloadEnded {
        /// The workload.
        workload: String,
        /// What it did.
        summary: Box<WorkloadSummary>,
    },
    /// A source of effects was read to its end, or could not be.
    EffectsRead {
        /// The source.
        source: String,
        /// What it was: `amqp://…, exchange events`.
        place: String,
        /// Why it could not be read.
        error: Option<String>,
        /// Why a missing effect proves nothing.
        blind: Option<String>,
        /// Identities of this run that name no workload: the first ones.
        foreign: Vec<String>,
        /// How many there were of these.
        foreign_count: u64,
        /// The workloads of which there is a file, with effects or without.
        #[serde(default)]
        workloads: Option<Vec<String>>,
        /// What became of the reading of dead letters, where they are read.
        #[serde(default)]
        dead: Option<PartRead>,
        /// What became of the reading of the tries of dead letters, where they are read.
        #[serde(default)]
        tries: Option<PartRead>,
        /// What became of the reading of the order, where it is read.
        #[serde(default)]
        order: Option<PartRead>,
        /// What became of holding its records against the schema, where it has one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        schema: Option<PartRead>,
        /// What did not exist when it was read, in words.
        #[serde(default)]
        absent: Vec<String>,
        /// Records in which no identity was found, beside others that have one.
        #[serde(default)]
        nameless: u64,
        /// What became of the reading of times, where they are read.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        times: Option<Box<TimesRead>>,
        /// The same of the times of dead letters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dead_times: Option<Box<TimesRead>>,
        /// What became of the reading of what operations came to together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        aggregates: Option<AggregatesRead>,
    },
    /// The run is over and everything is cleared away.
    RunEnded {
        /// The SHA-256 of `samples.csv`, in hexadecimal digits.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        samples: Option<String>,
        /// Whether it was ended before its time.
        interrupted: bool,
        /// How long it took in all, in seconds.
        seconds: f64,
        /// What was written before this line.
        #[serde(default)]
        written: Option<Written>,
    },
}

impl Event {
    /// The event as it may be written down.
    #[must_use]
    pub(crate) fn without(self, secrets: &Secrets) -> Self {
        match self {
            // It is masked already, and its digest is that of what was written.
            Self::PlanWritten { .. } => self,
            event => {
                let Ok(mut value) = serde_json::to_value(&event) else { return event };
                let word = value["event"].take();
                secrets.hide_in(&mut value);
                value["event"] = word;
                serde_json::from_value(value).unwrap_or(event)
            }
        }
    }
}

/// The version of the record, raised when it tells more of itself: from 1 on
/// samples and latencies carry the run's identity, every source of effects has a
/// file for each workload, and the last event says how much was written; from 2
/// on the events have the digest of every file of ledgers and effects, from 3 on that of
/// the samples, in the last event.
pub const RECORD: u32 = 3;

/// How much a run has written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// Lines of `events.jsonl`.
    pub events: u64,
    /// Rows of `samples.csv`, without its headings.
    pub samples: u64,
    /// Intervals of `latency.hlog`.
    pub latencies: u64,
}

/// Who looks at something that may not be there yet, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// A probe.
    Probe(String),
    /// A source of effects.
    Effects(String),
}

/// Whether a part of a source could be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PartRead {
    /// Why not.
    pub error: Option<String>,
}

/// What became of the reading of the times of effects.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TimesRead {
    /// Why they could not be read.
    pub error: Option<String>,
    /// How the clock of the records compares with that of the run's machine.
    #[serde(default)]
    pub clock: Option<ClockOffset>,
}

impl TimesRead {
    /// That of times.
    #[must_use]
    pub fn of(timing: Timing) -> Self {
        Self { error: timing.trouble, clock: timing.clock }
    }

    /// Times of which nothing else is known.
    #[must_use]
    pub fn timing(self) -> Timing {
        Timing { trouble: self.error, clock: self.clock, ..Timing::default() }
    }
}

/// What became of the reading of what operations came to together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AggregatesRead {
    /// Why it could not be read.
    pub error: Option<String>,
    /// Records whose key is no key of this run's operations.
    #[serde(default)]
    pub strangers: u64,
}

/// What a workload did, beside its ledger, latencies and counts by second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WorkloadSummary {
    /// `POST http://127.0.0.1:4000/publish`.
    pub target: String,
    /// Seconds for which load was due.
    pub due_seconds: f64,
    /// Stretches in which nothing succeeded.
    pub outages: Vec<Outage>,
    /// The commonest errors with their counts.
    pub errors: Vec<(String, u64)>,
    /// Operations that the target led to a host that nobody allowed.
    #[serde(default)]
    pub forbidden: u64,
    /// What this machine had no more of, with how many operations met it.
    #[serde(default)]
    pub limits: Vec<(String, u64)>,
    /// How well the generator kept its own time.
    pub pump: PumpHistory,
    /// The second sendings of operations that are sent twice.
    #[serde(default)]
    pub resent: Resent,
    /// How the answers to those compare, where that is asked for.
    #[serde(default)]
    pub answers: Option<Compared>,
    /// By value of a split, and key: how many operations were attempted, and how many
    /// of these had no success.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, Vec<(u64, u64)>>,
    /// Set when the generator itself failed.
    pub broken: Option<String>,
}
