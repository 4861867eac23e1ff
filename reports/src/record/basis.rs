//! What a finding rests on: over which time it was judged, on how much, how near to
//! the bound, and how sure that is.

use scenarios::units::Unit;
use serde::{Deserialize, Serialize};

use super::{Finding, Quantiles, Severity, Verdict, figure};

/// What a finding rests on. Each part is absent where nobody can say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Basis {
    /// The phases that were judged; none for the whole run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<String>,
    /// How much was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<u64>,
    /// What is counted there: `samples`, `operations`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub of: String,
    /// The confidence with which it is right, of 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// The figure that was measured, in base units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
    /// The least value that holds, in the same units.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// The greatest value that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
    /// What the three are measured in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// What was compared, each with what is possible of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub estimates: Vec<EstimateRecord>,
    /// How the times were spread that were compared: the new version's before those of what
    /// it is compared with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spreads: Vec<SpreadRecord>,
}

impl Finding {
    /// One that rests on no figures.
    #[must_use]
    pub fn plain(check: String, kind: &str, verdict: Verdict) -> Self {
        Self {
            check,
            title: String::new(),
            kind: kind.to_owned(),
            severity: Severity::Violation,
            verdict,
            measured: String::new(),
            bound: String::new(),
            why: String::new(),
            since: None,
            evidence: Vec::new(),
            evidence_file: None,
            series: None,
            limit: None,
            basis: None,
            times: Vec::new(),
        }
    }

    /// How much of the bound is left to what was measured, as a share of it: 0.2 for 8 of at
    /// most 10; below 0 where it is broken. Of the greatest value that holds, of the least,
    /// or of the one of both that is nearer. Nothing where only one value holds, and where
    /// that says something else than the verdict, which may know more than one figure.
    #[must_use]
    pub fn margin(&self) -> Option<f64> {
        let Basis { observed, least, most, unit, .. } = self.basis.as_ref()?;
        let (value, least, most) = (observed.filter(|value| value.is_finite())?, *least, *most);
        if least.is_some() && least == most {
            return None;
        }
        // Of what is at least a share, all is the best that there can be.
        let is_open = least.is_some() && *unit == Some(Unit::Share);
        let most = most.filter(|most| *most > 0.0 && (*most < 1.0 || !is_open));
        let below = most.map(|most| (most - value) / most);
        let above = least.filter(|least| *least > 0.0).map(|least| (value - least) / least);
        let nearer = below.into_iter().chain(above).min_by(f64::total_cmp);
        nearer.filter(|margin| match self.verdict {
            Verdict::Held => *margin >= 0.0,
            Verdict::Violated => *margin <= 0.0,
            Verdict::Inconclusive => false,
        })
    }
}

/// How times were spread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpreadRecord {
    /// Whose: `requests@canary`.
    pub name: String,
    /// The times.
    pub times: Quantiles,
}

/// A figure that was estimated, with the interval in which it certainly lies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EstimateRecord {
    /// What is compared.
    pub what: String,
    /// What the figures are.
    pub scale: Scale,
    /// The figure itself.
    #[serde(deserialize_with = "figure::number")]
    pub value: f64,
    /// The least that it may be.
    #[serde(deserialize_with = "figure::number")]
    pub low: f64,
    /// The most that it may be.
    #[serde(deserialize_with = "figure::number")]
    pub high: f64,
    /// The least value that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub least: Option<f64>,
    /// The greatest value that holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<f64>,
    /// The same figure of what it is compared with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub other: Option<f64>,
    /// Requests that it was taken from.
    #[serde(deserialize_with = "figure::number")]
    pub count: f64,
}

/// What an estimated figure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// A share of 1.
    Share,
    /// A share less another: 0 where both are the same.
    Difference,
    /// A time over another: 1 where both are the same.
    Ratio,
    /// A time in seconds.
    Seconds,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn margin(verdict: Verdict, value: f64, least: Option<f64>, most: Option<f64>) -> Option<f64> {
        let basis = Basis { observed: Some(value), least, most, ..Basis::default() };
        let finding = Finding::plain("it".to_owned(), "bound", verdict);
        Finding { basis: Some(basis), ..finding }.margin()
    }

    #[test]
    fn what_is_left_of_a_bound_is_a_share_of_it() {
        let held = |value, least, most| margin(Verdict::Held, value, least, most);
        assert_eq!(held(8.0, None, Some(10.0)), Some(0.2));
        assert_eq!(held(15.0, Some(10.0), None), Some(0.5));
        assert_eq!(held(15.0, Some(10.0), Some(20.0)), Some(0.25));
        // One value alone, none at all, and a verdict that knows more.
        assert_eq!(held(1.0, Some(1.0), Some(1.0)), None);
        assert_eq!(held(0.0, None, Some(0.0)), None);
        assert_eq!(held(12.0, None, Some(10.0)), None);
        assert_eq!(held(f64::NAN, None, Some(10.0)), None);
        assert_eq!(margin(Verdict::Violated, 12.5, None, Some(10.0)), Some(-0.25));
        assert_eq!(margin(Verdict::Inconclusive, 8.0, None, Some(10.0)), None);
    }

    #[test]
    fn all_of_a_share_is_no_bound() {
        let basis = Basis {
            observed: Some(1.0),
            least: Some(0.8),
            most: Some(1.0),
            unit: Some(Unit::Share),
            ..Basis::default()
        };
        let finding = Finding::plain("it".to_owned(), "ratio", Verdict::Held);
        let margin = Finding { basis: Some(basis), ..finding }.margin();
        assert!(margin.is_some_and(|margin| (margin - 0.25).abs() < 1e-12), "{margin:?}");
    }
}
