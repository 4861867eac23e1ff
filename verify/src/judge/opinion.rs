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
    /// How much of the bound is left, as a share of it.
    pub(super) margin: Option<f64>,
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
            margin: None,
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

    /// How much of the bound is left to what was reached: of the greatest value that holds,
    /// of the least, or of the one of both that is nearer. Nothing where only one value
    /// holds, and where that says something else than the verdict, which may know more than
    /// one figure.
    pub(super) fn left(mut self, min: Option<f64>, max: Option<f64>) -> Self {
        let Some(value) = self.reached.filter(|_| min.is_none() || min != max) else {
            return self;
        };
        let below = max.filter(|max| *max > 0.0).map(|max| (max - value) / max);
        let above = min.filter(|min| *min > 0.0).map(|min| (value - min) / min);
        let nearer = below.into_iter().chain(above).min_by(f64::total_cmp);
        self.margin = nearer.filter(|margin| match self.verdict {
            Verdict::Held => *margin >= 0.0,
            Verdict::Violated => *margin <= 0.0,
            Verdict::Inconclusive => false,
        });
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_of_a_bound_is_a_share_of_it() {
        let held = |value, min, max| Opinion::held("", "", "").reached(value).left(min, max).margin;
        assert_eq!(held(8.0, None, Some(10.0)), Some(0.2));
        assert_eq!(held(15.0, Some(10.0), None), Some(0.5));
        assert_eq!(held(15.0, Some(10.0), Some(20.0)), Some(0.25));
        // One value alone, none at all, and a verdict that knows more.
        assert_eq!(held(1.0, Some(1.0), Some(1.0)), None);
        assert_eq!(held(0.0, None, Some(0.0)), None);
        assert_eq!(held(12.0, None, Some(10.0)), None);
        assert_eq!(held(f64::NAN, None, Some(10.0)), None);
        let broken = Opinion::violated("", "", "").reached(12.5).left(None, Some(10.0));
        assert_eq!(broken.margin, Some(-0.25));
        let doubtful = Opinion::doubtful("", "", "").reached(8.0).left(None, Some(10.0));
        assert_eq!(doubtful.margin, None);
    }
}
