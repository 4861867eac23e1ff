//! `canary`: the version under test keeps its bounds, and does as well as the
//! stable version at the same time.

use serde::{Deserialize, Serialize};

use super::statement::{Live, Names, Pace, Phases, Statement};
use crate::units::{Share, Span};

/// One figure of the version under test, held against a bound of its own, against
/// the stable version at the same time, or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The phases that are judged, all together.
    pub phases: Vec<String>,
    /// The confidence with which all canary checks of a scenario together are right.
    pub confidence: Share,
    /// The figure.
    pub figure: Figure,
}

/// What is compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// The share of one counter's rise in another's.
    Share(ShareOf),
    /// Response times.
    Latency(LatencyOf),
    /// How much of the traffic the version got.
    Split(Split),
    /// Whether single callers are served.
    Callers(Callers),
}

/// A share, such as of requests that failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareOf {
    /// The counter of the version under test that must stay small.
    pub of: String,
    /// The counter that it is a part of.
    pub to: String,
    /// The same two of the stable version.
    pub stable: Option<(String, String)>,
    /// The greatest share.
    pub max: Option<Share>,
    /// How much greater than the stable version's it may be, in points.
    pub more: Option<Share>,
}

/// Response times of workloads, each by itself and all together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LatencyOf {
    /// The workloads on the version under test.
    pub workloads: Vec<String>,
    /// The same on the stable version, in the same order; or none.
    pub stable: Vec<String>,
    /// The quantile; without one the typical response time is compared.
    pub quantile: Option<Share>,
    /// The greatest response time at the quantile.
    pub max: Option<Span>,
    /// How much longer than on the stable version it may be …
    pub higher: Option<Share>,
    /// … and by how much at most …
    pub higher_by: Option<Span>,
    /// … though by so much in any case.
    pub floor: Option<Span>,
}

/// How much of the traffic the version got.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The counter of requests to the version under test.
    pub canary: String,
    /// That of requests to the stable version.
    pub stable: String,
    /// What the version was to get, one for each phase.
    pub shares: Vec<Share>,
    /// How far it may be off, as a share of that.
    pub tolerance: Share,
}

/// Whether single callers are served: keys of the workload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callers {
    /// The workload on the version under test.
    pub workload: String,
    /// The greatest share of a caller's requests that may fail.
    pub max: Share,
}

impl Canary {
    pub(super) fn statement(&mut self) -> Statement<'_> {
        let (counters, workloads, pace): (Vec<&str>, Vec<&str>, Pace<'_>) = match &self.figure {
            Figure::Share(share) => {
                let stable = share.stable.iter().flat_map(|(of, to)| [of, to]);
                let all = [&share.of, &share.to].into_iter().chain(stable);
                (all.map(String::as_str).collect(), Vec::new(), Pace::IfPaced(&share.of))
            }
            Figure::Latency(latency) => {
                let all = latency.workloads.iter().chain(&latency.stable);
                (Vec::new(), all.map(String::as_str).collect(), Pace::Always)
            }
            Figure::Split(split) => (vec![&split.canary, &split.stable], Vec::new(), Pace::Never),
            Figure::Callers(callers) => (Vec::new(), vec![&callers.workload], Pace::Never),
        };
        // The shares of the phases stand in their order: none can go alone.
        let phases = match &self.figure {
            Figure::Split(_) => Phases::All(self.phases.iter().map(String::as_str).collect()),
            _ => Phases::Each(&mut self.phases),
        };
        let live = match &self.figure {
            Figure::Callers(_) => Live::No,
            Figure::Share(_) | Figure::Latency(_) | Figure::Split(_) => Live::BySecond,
        };
        Statement {
            phases,
            levels: Names::NONE,
            counters: Names::Fixed(counters),
            workloads: Names::Fixed(workloads),
            sources: Names::NONE,
            faults: Names::NONE,
            excused_by: Names::NONE,
            live,
            pace,
        }
    }
}
