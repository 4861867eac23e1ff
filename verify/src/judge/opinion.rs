//! What a check comes to, before it has the check's name.

use reports::record::{EstimateRecord, Evidence, Joined, Verdict};

use super::anomalies::Rows;

/// What a check comes to.
#[derive(Debug, Clone)]
pub(super) struct Opinion {
    pub(super) verdict: Verdict,
    pub(super) measured: String,
    pub(super) bound: String,
    pub(super) why: String,
    /// When the bound was first broken, in seconds.
    pub(super) since: Option<f64>,
    pub(super) evidence: Vec<Evidence>,
    pub(super) series: Option<String>,
    pub(super) limit: Option<f64>,
    /// The figure that was measured, in the unit of the bound.
    pub(super) reached: Option<f64>,
    /// What was compared, each with what is possible of it.
    pub(super) estimates: Vec<EstimateRecord>,
    /// The evidence in full.
    pub(super) rows: Rows,
    /// The source of effects and the join with it.
    pub(super) joined: Option<(String, Joined)>,
}

/// The most pieces of evidence that a finding carries itself.
pub(super) const SHOWN: usize = 10;

impl Opinion {
    fn new(
        verdict: Verdict,
        bound: &str,
        measured: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self {
            verdict,
            measured: measured.into(),
            bound: bound.to_owned(),
            why: why.into(),
            since: None,
            evidence: Vec::new(),
            series: None,
            limit: None,
            reached: None,
            estimates: Vec::new(),
            rows: Rows::default(),
            joined: None,
        }
    }

    /// The promise was kept.
    pub(super) fn held(bound: &str, measured: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Verdict::Held, bound, measured, why)
    }

    /// The promise was broken.
    pub(super) fn violated(
        bound: &str,
        measured: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self::new(Verdict::Violated, bound, measured, why)
    }

    /// There is no telling, and nothing was measured.
    pub(super) fn inconclusive(bound: &str, why: impl Into<String>) -> Self {
        Self::new(Verdict::Inconclusive, bound, "unknown", why)
    }

    /// There is no telling, although something was measured.
    pub(super) fn doubtful(
        bound: &str,
        measured: impl Into<String>,
        why: impl Into<String>,
    ) -> Self {
        Self::new(Verdict::Inconclusive, bound, measured, why)
    }

    /// The series that was judged, and the bound as one of its values.
    pub(super) fn drawn(mut self, series: &str, limit: Option<f64>) -> Self {
        self.series = Some(series.to_owned());
        self.limit = limit;
        self
    }

    /// The figure that was measured, in the unit of the bound.
    pub(super) fn reached(mut self, value: impl Into<Option<f64>>) -> Self {
        self.reached = value.into();
        self
    }

    pub(super) fn since(mut self, since: Option<f64>) -> Self {
        self.since = since;
        self
    }

    /// The strongest evidence; what exceeds a bounded number is cut.
    pub(super) fn evidence(mut self, evidence: impl IntoIterator<Item = Evidence>) -> Self {
        self.evidence.extend(evidence.into_iter().take(SHOWN));
        self
    }

    /// The evidence in full.
    pub(super) fn rows(mut self, rows: Rows) -> Self {
        self.rows = rows;
        self
    }
}

/// A piece of evidence.
pub(super) fn evidence(
    what: impl Into<String>,
    seen: impl Into<String>,
    at: Option<f64>,
) -> Evidence {
    Evidence { what: what.into(), seen: seen.into(), at }
}
