//! How runs of the same scenario, variant and target came out before.

use scenarios::units::Unit;
use serde::{Deserialize, Serialize};

use super::Verdict;

/// The runs before this one, as their folders told it when this one was judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastRecord {
    /// The runs, the oldest first; this one is not among them.
    pub runs: Vec<PastRun>,
    /// Key figures by run.
    pub figures: Vec<PastFigure>,
    /// Checks that came to another verdict than in the last of the runs.
    pub changes: Vec<PastChange>,
}

/// A run before this one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastRun {
    /// Its report, or its folder where it has none, from the folder of this record:
    /// `../shop-20261128T143355Z-207140c5/report.html`.
    pub page: String,
    /// When it began, in UTC, RFC 3339.
    pub started: String,
    /// What it came to.
    pub verdict: Verdict,
    /// Whether it was ended before its time by a signal.
    pub interrupted: bool,
}

/// A figure over the runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PastFigure {
    /// What it is: `p99 of publish`.
    pub name: String,
    /// What its values are measured in.
    pub unit: Unit,
    /// Its values, one for each run and this one's last; nothing where a run has none, or was
    /// asked for another rate.
    pub values: Vec<Option<f64>>,
    /// The median of the earlier runs that are not in doubt.
    pub median: Option<f64>,
    /// What lies so near to the median is noise; nothing where the runs are too few to say.
    pub noise: Option<f64>,
    /// This run's figure against the earlier ones, for people.
    pub told: String,
}

/// A check that came to another verdict than in the run before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastChange {
    /// The check.
    pub check: String,
    /// What it came to then; nothing where it was not judged.
    pub before: Option<Verdict>,
    /// What it came to now; nothing where it is not judged any more.
    pub now: Option<Verdict>,
}
