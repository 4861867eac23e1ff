//! What a check says about itself: what it reads, and when it can be judged.
//!
//! Whoever needs to know this asks here: the stop conditions, the follower of a
//! run's folder, and whatever takes out of a check what is not part of a run.
//! A statement has no defaults, so a new kind of check must say everything
//! before it compiles.

use super::{
    Absence, After, Answers, Bound, CheckKind, Drain, EffectsCheck, Equal, Growth, Latency,
    OrderCheck, Poison, Raises, Ratio, Recovery, SchemaCheck, Speed, Trend,
};

/// What a check says about itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The phases that it judges or compares with.
    pub phases: Phases<'a>,
    /// The series of which it reads every value.
    pub levels: Names<'a>,
    /// The series of which it reads the rise.
    pub counters: Names<'a>,
    /// The workloads whose ledger, response times or answers it reads.
    pub workloads: Names<'a>,
    /// The sources of effects that it reads.
    pub sources: Names<'a>,
    /// The faults that it counts time from.
    pub faults: Names<'a>,
    /// The faults that may excuse what would break it otherwise.
    pub excused_by: Names<'a>,
    /// Whether it can be judged while the run goes on.
    pub live: Live,
    /// Whether a starved host can break it.
    pub pace: Pace<'a>,
}

/// Whether a host on which the run itself hardly gets a processor can break what
/// a check demands, although the system is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace<'a> {
    /// No: what was lost, done twice, left open or counted was so at any pace.
    Never,
    /// Yes, if the series is of a time, of a rate or of what waits.
    IfPaced(&'a str),
    /// Yes: it demands that something goes fast enough.
    Always,
}

/// The phases that a check judges.
#[derive(Debug, PartialEq, Eq)]
pub enum Phases<'a> {
    /// Each by itself, so that it can do without those that have not begun.
    Each(&'a mut Vec<String>),
    /// All of these: one is compared with another.
    All(Vec<&'a str>),
    /// The whole run, and what the system did after it.
    WholeRun,
}

/// Names of what a check reads.
#[derive(Debug, PartialEq, Eq)]
pub enum Names<'a> {
    /// A list that may lose members.
    List(&'a mut Vec<String>),
    /// Names that the check cannot do without.
    Fixed(Vec<&'a str>),
}

/// Whether a check can be judged while the run goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Live {
    /// No: what comes at the end decides.
    No,
    /// A breach is final with the sample that shows it.
    BySample,
    /// A breach is worth to stop for; counts belong to whole seconds, so it is
    /// judged up to the last whole one.
    BySecond,
    /// A breach is final with what a step of a deployment came to.
    ByStep,
}

impl<'a> Names<'a> {
    /// The check reads nothing of this sort.
    pub(super) const NONE: Self = Self::Fixed(Vec::new());

    pub(super) fn one(name: &'a str) -> Self {
        Self::Fixed(vec![name])
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (list, fixed): (&[String], &[&str]) = match self {
            Self::List(list) => (list, &[]),
            Self::Fixed(fixed) => (&[], fixed),
        };
        list.iter().map(String::as_str).chain(fixed.iter().copied())
    }

    /// Puts others in the place of each member of a list.
    pub fn replace(&mut self, mut others: impl FnMut(&str) -> Vec<String>) {
        if let Self::List(list) = self {
            **list = list.iter().flat_map(|name| others(name)).collect();
        }
    }

    /// Takes members out of a list.
    pub fn retain(&mut self, mut is_kept: impl FnMut(&str) -> bool) {
        if let Self::List(list) = self {
            list.retain(|name| is_kept(name));
        }
    }
}

impl Phases<'_> {
    /// The names; none for the whole run.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        let (list, all): (&[String], &[&str]) = match self {
            Self::Each(list) => (list, &[]),
            Self::All(all) => (&[], all),
            Self::WholeRun => (&[], &[]),
        };
        list.iter().map(String::as_str).chain(all.iter().copied())
    }

    /// Leaves out the phases that have not begun. False when the check then has
    /// nothing to judge.
    pub fn begin(&mut self, mut has_begun: impl FnMut(&str) -> bool) -> bool {
        match self {
            Self::Each(list) => {
                list.retain(|name| has_begun(name));
                !list.is_empty()
            }
            Self::All(all) => all.iter().all(|name| has_begun(name)),
            Self::WholeRun => true,
        }
    }
}

impl Statement<'_> {
    /// Every series that the check reads.
    pub fn series(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().chain(self.counters.iter())
    }

    /// Whether the check reads something of a workload: its ledger, its times,
    /// or a series.
    #[must_use]
    pub fn is_of(&self, workload: &str) -> bool {
        let of_series =
            |series: &str| series.rsplit_once('.').is_some_and(|(of, _)| of == workload);
        self.workloads.iter().any(|name| name == workload) || self.series().any(of_series)
    }
}

impl CheckKind {
    /// What the check says about itself. Its lists can be changed through the
    /// statement; who only reads asks a clone.
    pub fn statement(&mut self) -> Statement<'_> {
        match self {
            Self::Bound(check) => check.statement(),
            Self::Growth(check) => check.statement(),
            Self::Trend(check) => check.statement(),
            Self::Speed(check) => check.statement(),
            Self::Ratio(check) => check.statement(),
            Self::Latency(check) => check.statement(),
            Self::Canary(check) => check.statement(),
            Self::Absence(check) => check.statement(),
            Self::Effects(check) => check.statement(),
            Self::Aggregate(check) => check.statement(),
            Self::EndToEnd(check) => check.statement(),
            Self::Answers(check) => check.statement(),
            Self::Order(check) => check.statement(),
            Self::Drain(check) => check.statement(),
            Self::Recovery(check) => check.statement(),
            Self::Equal(check) => check.statement(),
            Self::Schema(check) => check.statement(),
            Self::Rollout(check) => check.statement(),
        }
    }

    /// Whether the check can be judged while the run goes on.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.clone().statement().live != Live::No
    }
}

impl Bound {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::Each(&mut self.phases),
            levels: Names::one(&self.series),
            counters: Names::NONE,
            workloads: Names::NONE,
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::BySample,
            pace: Pace::IfPaced(&self.series),
        }
    }
}

impl Growth {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::All(vec![&self.baseline, &self.until]),
            levels: Names::one(&self.series),
            counters: Names::NONE,
            workloads: Names::List(&mut self.workloads),
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::IfPaced(&self.series),
        }
    }
}

impl Trend {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::All(vec![&self.phase]),
            levels: Names::one(&self.series),
            counters: Names::NONE,
            workloads: Names::NONE,
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::IfPaced(&self.series),
        }
    }
}

impl Speed {
    fn statement(&mut self) -> Statement<'_> {
        let mut counters = vec![self.series.as_str()];
        let mut workloads = Names::NONE;
        if let Some(Poison { of, raises }) = &mut self.poison {
            if let Raises::Until(until) = raises {
                counters.push(until);
            }
            workloads = Names::List(of);
        }
        Statement {
            phases: Phases::Each(&mut self.phases),
            levels: Names::NONE,
            counters: Names::Fixed(counters),
            workloads,
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::Always,
        }
    }
}

impl Ratio {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::Each(&mut self.phases),
            levels: Names::NONE,
            counters: Names::Fixed(vec![&self.of, &self.to]),
            workloads: Names::NONE,
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::NONE,
            // A least share may still be reached.
            live: if self.min.is_some() { Live::No } else { Live::BySecond },
            pace: Pace::IfPaced(&self.of),
        }
    }
}

impl Latency {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::Each(&mut self.phases),
            levels: Names::NONE,
            counters: Names::NONE,
            workloads: Names::one(&self.workload),
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::BySecond,
            pace: Pace::Always,
        }
    }
}

impl Absence {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::Each(&mut self.phases),
            levels: Names::NONE,
            counters: Names::one(&self.series),
            workloads: Names::NONE,
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::List(&mut self.excused_by),
            live: Live::BySample,
            pace: Pace::Never,
        }
    }
}

impl EffectsCheck {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::WholeRun,
            levels: Names::NONE,
            counters: Names::NONE,
            workloads: Names::List(&mut self.workloads),
            sources: Names::one(&self.source),
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::Never,
        }
    }
}

impl Answers {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::WholeRun,
            levels: Names::NONE,
            counters: Names::NONE,
            workloads: Names::one(&self.workload),
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::Never,
        }
    }
}

impl OrderCheck {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::WholeRun,
            levels: Names::NONE,
            counters: Names::NONE,
            workloads: Names::List(&mut self.workloads),
            sources: Names::one(&self.source),
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::Never,
        }
    }
}

impl Drain {
    fn statement(&mut self) -> Statement<'_> {
        let (phases, faults) = match &self.after {
            After::Phase(phase) => (Phases::All(vec![phase]), Names::NONE),
            After::Fault(fault) => (Phases::WholeRun, Names::one(fault)),
        };
        Statement {
            phases,
            levels: Names::one(&self.series),
            counters: Names::NONE,
            workloads: Names::NONE,
            sources: Names::NONE,
            faults,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::Always,
        }
    }
}

impl Recovery {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::All(vec![&self.baseline]),
            levels: Names::one(&self.series),
            counters: Names::NONE,
            workloads: Names::NONE,
            sources: Names::NONE,
            faults: Names::one(&self.after),
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::Always,
        }
    }
}

impl Equal {
    fn statement(&mut self) -> Statement<'_> {
        let counters = self.counts.iter().flat_map(|count| Self::parts(count)).collect();
        let phases = match self.phases.is_empty() {
            true => Phases::WholeRun,
            false => Phases::All(self.phases.iter().map(String::as_str).collect()),
        };
        Statement {
            phases,
            levels: Names::NONE,
            counters: Names::Fixed(counters),
            workloads: Names::NONE,
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::Never,
        }
    }
}

impl SchemaCheck {
    fn statement(&mut self) -> Statement<'_> {
        Statement {
            phases: Phases::WholeRun,
            levels: Names::NONE,
            counters: Names::NONE,
            workloads: Names::NONE,
            sources: Names::one(&self.source),
            faults: Names::NONE,
            excused_by: Names::NONE,
            live: Live::No,
            pace: Pace::Never,
        }
    }
}
