//! Checks: what must hold, as values. How each one judges is written where it
//! judges; what it reads to do so is stated in `statement.rs`.

mod aggregate;
mod canary;
mod end_to_end;
mod rollout;
mod statement;
mod tries;

use serde::{Deserialize, Serialize};

use crate::units::{Quantity, Share, Span};

pub use aggregate::AggregateCheck;
pub use canary::{Callers, Canary, Figure, LatencyOf, ShareOf, Split};
pub use end_to_end::{EndToEnd, TimeBound, Timed};
pub use rollout::Rollout;
pub use statement::{Live, Names, Pace, Phases, Statement};
pub use tries::{Tries, TriesError};

/// The judge's own checks, which every record has and no scenario names, and why
/// none of them can be left out.
pub const OWN: [(&str, &str); 4] = [
    ("load-was-offered", "a verdict on a load that was not offered says nothing"),
    ("faults-landed", "what a system bore says nothing where the faults did not land"),
    ("steps-taken", "a verdict on a rollout that was not asked for says nothing"),
    ("record-intact", "a verdict on a damaged record says nothing"),
];

/// Something that must hold.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What the report and the exit line call it.
    pub name: String,
    /// What must hold, in words.
    pub title: String,
    /// Whether breaking it violates the run or only warns.
    pub severity: Severity,
    /// What is judged.
    pub kind: CheckKind,
}

/// What it means when a check is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The run is violated.
    Violation,
    /// The report warns; the verdict stays.
    Warning,
}

/// What a check judges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckKind {
    /// A series stays within bounds.
    Bound(Bound),
    /// A series does not grow with the operations.
    Growth(Growth),
    /// A series has no upward trend.
    Trend(Trend),
    /// A counter does not rise faster than so much a second.
    Speed(Speed),
    /// One counter's rise is at most a share of another's.
    Ratio(Ratio),
    /// A quantile of a workload's latency.
    Latency(Latency),
    /// A new version keeps its bounds and does as well as the stable one.
    Canary(Canary),
    /// Counters that must not rise at all, but for faults of the tool's own.
    Absence(Absence),
    /// Every operation took effect as its outcome promised.
    Effects(EffectsCheck),
    /// What operations of a key came to together is right.
    Aggregate(AggregateCheck),
    /// Operations take effect soon enough.
    EndToEnd(EndToEnd),
    /// The same operation sent again gets the same answer, marked as a hit.
    Answers(Answers),
    /// Within a key, effects came to be in the order of the operations.
    Order(OrderCheck),
    /// A series falls to a level within a time.
    Drain(Drain),
    /// A series is back at its baseline within a time.
    Recovery(Recovery),
    /// Counts that are taken in different places agree.
    Equal(Equal),
    /// The records of a source follow its JSON Schema.
    Schema(SchemaCheck),
    /// The steps of a deployment are done, in time.
    Rollout(Rollout),
}

impl CheckKind {
    /// The word by which the file names this kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Bound(_) => "bound",
            Self::Growth(_) => "growth",
            Self::Trend(_) => "trend",
            Self::Speed(_) => "speed",
            Self::Ratio(_) => "ratio",
            Self::Latency(_) => "latency",
            Self::Canary(_) => "canary",
            Self::Absence(_) => "absence",
            Self::Effects(_) => "effects",
            Self::Aggregate(_) => "aggregate",
            Self::EndToEnd(_) => "end_to_end",
            Self::Answers(_) => "answers",
            Self::Order(_) => "order",
            Self::Drain(_) => "drain",
            Self::Recovery(_) => "recovery",
            Self::Equal(_) => "equal",
            Self::Schema(_) => "schema",
            Self::Rollout(_) => "rollout",
        }
    }
}

/// Every sample of a series, over the phases, is at least `min` and at most
/// `max`; with `lasting`, a breach counts only when it lasts so long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// The series.
    pub series: String,
    /// The phases that are judged.
    pub phases: Vec<String>,
    /// The least value that holds.
    pub min: Option<Quantity>,
    /// The greatest value that holds.
    pub max: Option<Quantity>,
    /// How long a breach must last to count.
    #[serde(rename = "for")]
    pub lasting: Option<Span>,
    /// The fewest samples that make a verdict.
    pub samples: u32,
}

/// A series grows by at most `max` for every `per` operations between a
/// baseline phase and a later one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Growth {
    /// The series.
    pub series: String,
    /// The phase that gives the level before.
    pub baseline: String,
    /// The phase whose end gives the level after.
    pub until: String,
    /// The workloads whose attempted operations are counted.
    pub workloads: Vec<String>,
    /// The number of operations that `max` is meant for; with fewer operations
    /// than this there is no verdict.
    pub per: u64,
    /// The growth that is allowed for `per` operations.
    pub max: f64,
}

/// A series has no upward trend over a phase: the lower confidence bound of
/// its Theil–Sen slope is above zero *and* it rose by at least `min_rise`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trend {
    /// The series.
    pub series: String,
    /// The phase.
    pub phase: String,
    /// The smallest rise over the phase that counts.
    pub min_rise: Quantity,
    /// The confidence of the slope's interval.
    pub confidence: Share,
    /// The fewest samples that make a verdict.
    pub samples: u32,
}

/// A counter rises at most so fast, taken over the whole of the phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Speed {
    /// The counter.
    pub series: String,
    /// The phases.
    pub phases: Vec<String>,
    /// The greatest mean speed, per second.
    pub max: crate::units::Rate,
    /// The poison that makes the counter rise, too, which is not judged.
    #[serde(default)]
    pub poison: Option<Poison>,
}

/// Operations that the load itself poisoned, and what they do to a counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poison {
    /// The workloads that offer them.
    pub of: Vec<String>,
    /// How much they raise the counter.
    pub raises: Raises,
}

/// How much poison raises a counter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Raises {
    /// At most by this much for each poisoned operation.
    Each(u64),
    /// Nobody knows by how much, as nobody knows how often it is tried; but by
    /// nothing once all of it is counted here, where it is given up.
    Until(String),
}

/// The rise of counter `of` is at most the share `max` of that of `to`, and at
/// least `min`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ratio {
    /// The counter that must stay small.
    pub of: String,
    /// The counter that it is compared with.
    pub to: String,
    /// The phases.
    pub phases: Vec<String>,
    /// The least share.
    #[serde(default)]
    pub min: Option<Share>,
    /// The greatest share.
    pub max: Share,
    /// The least rise of `to` that makes a verdict.
    pub at_least: u64,
}

/// The quantile of a workload's response time (from when an operation was due)
/// is at most `max`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// The workload.
    pub workload: String,
    /// The phases.
    pub phases: Vec<String>,
    /// The quantile: `95%`.
    pub quantile: Share,
    /// The greatest response time.
    pub max: Span,
}

/// A counter does not rise during the phases. Rises that the tool's own faults
/// explain are excused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Absence {
    /// The counter.
    pub series: String,
    /// The phases.
    pub phases: Vec<String>,
    /// Faults of which every victim excuses a rise by one.
    pub excused_by: Vec<String>,
    /// The fewest samples that make a verdict.
    pub samples: u32,
}

/// Every operation of the workloads took effect as its outcome promised:
/// acknowledged ones once, refused ones never, none twice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EffectsCheck {
    /// The source of effects.
    pub source: String,
    /// The workloads whose ledgers are joined with the effects.
    pub workloads: Vec<String>,
    /// Which operations may end among the dead letters.
    #[serde(default)]
    pub dead_letters: DeadLetters,
    /// How often each operation among the dead letters was tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tries: Option<Tries>,
}

/// Which operations may end among the dead letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeadLetters {
    /// None.
    #[default]
    None,
    /// Those that were poisoned: all of these, and no other.
    Poison,
    /// Any.
    Allowed,
}

/// Within a key, the effects of operations that were not under way at the same
/// time came to be in the order in which they were accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderCheck {
    /// The source of effects, which must give an order.
    pub source: String,
    /// The workloads.
    pub workloads: Vec<String>,
    /// The fewest pairs of operations, of which the later one was due when the
    /// earlier one had been answered, that make a verdict.
    pub at_least: u64,
}

/// Every label of a series falls to at most `to` within a time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    /// The series.
    pub series: String,
    /// What the time is counted from.
    pub after: After,
    /// The level.
    pub to: Quantity,
    /// The time.
    pub within: Span,
    /// How long it must stay at the level.
    #[serde(rename = "for")]
    pub lasting: Option<Span>,
}

/// What a time is counted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum After {
    /// The end of a phase.
    Phase(String),
    /// The healing of a fault.
    Fault(String),
}

/// A series is as good as in its baseline again within a time: a counter rises
/// as fast, a level is as low.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recovery {
    /// The series.
    pub series: String,
    /// The phase that says what is good.
    pub baseline: String,
    /// The fault whose healing the time is counted from.
    pub after: String,
    /// How much worse it may be.
    pub tolerance: Share,
    /// How much worse a level may be at least, whatever the share is.
    pub floor: Option<Quantity>,
    /// The time.
    pub within: Span,
    /// How long it must stay good.
    #[serde(rename = "for")]
    pub lasting: Span,
}

/// Counts that are taken in different places agree.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equal {
    /// The counts: each a counter, or several with ` + ` between them.
    pub counts: Vec<String>,
    /// The phases; the whole run and what follows it where there are none.
    pub phases: Vec<String>,
    /// By what share of the greatest they may differ.
    pub tolerance: Share,
    /// The least count that makes a verdict.
    pub at_least: u64,
    /// Whether a count that may have missed something, because what it was read
    /// from began again, is taken for a lower bound instead of unknown.
    pub lower_bounds: bool,
}

impl Equal {
    /// The counters of one of the counts.
    pub fn parts(count: &str) -> impl Iterator<Item = &str> {
        count.split('+').map(str::trim)
    }
}

/// The records of a source of effects follow its JSON Schema: those of this run, or all
/// of them where nothing says of which run they are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaCheck {
    /// The source of effects, which must have a schema.
    pub source: String,
    /// The fewest records that make a verdict.
    pub at_least: u64,
    /// How many records may depart from the schema.
    pub max_invalid: u64,
}

/// The answers to operations of the workload that were sent twice, where both
/// were accepted: they have the same value, the later says that the operation
/// was known, and the earlier does not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answers {
    /// The workload.
    pub workload: String,
    /// How many later answers may fail to say that the operation was known.
    pub max_unmarked: u64,
    /// How many earlier answers may say so, too.
    pub max_premature: u64,
    /// The fewest pairs of answers that make a verdict.
    pub at_least: u64,
}
