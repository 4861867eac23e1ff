//! What is read from an endpoint, or from the samples that a Prometheus server has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::matchers::Matchers;
use crate::units::{Share, Span, Unit};

/// A metric of an endpoint as a series.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The metric's name; of a histogram, without `_bucket`.
    pub metric: String,
    /// Labels that a sample must have, with their values.
    pub labels: BTreeMap<String, String>,
    /// What its labels must match beside that.
    #[serde(default, rename = "where", skip_serializing_if = "Matchers::is_empty")]
    pub matchers: Matchers,
    /// The label by which the samples are kept apart; all are added up without.
    pub by: Option<String>,
    /// How the samples become values.
    pub read: MetricRead,
    /// What the values are measured in.
    pub unit: Unit,
    /// Whether a metric that an endpoint does not show stands at 0 there,
    /// instead of being unknown.
    pub absent_is_zero: bool,
    /// Whether it counts what waits to be done.
    #[serde(default)]
    pub waits: bool,
}

impl Metric {
    /// Everything that the labels of a sample must match.
    #[must_use]
    pub fn selects(&self) -> Matchers {
        self.matchers.with(&self.labels)
    }

    /// The name that its samples have at the endpoint.
    #[must_use]
    pub fn shown(&self) -> String {
        match self.read {
            MetricRead::Gauge | MetricRead::Counter => self.metric.clone(),
            MetricRead::Quantile { .. } | MetricRead::Above { .. } => {
                format!("{}_bucket", self.metric)
            }
        }
    }
}

/// How the samples of a metric become values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MetricRead {
    /// They are values.
    Gauge,
    /// Their rises since the probe began are added up, across restarts.
    Counter,
    /// A quantile of what a histogram took down.
    Quantile {
        /// The quantile.
        quantile: Share,
        /// Over the last so long.
        over: Span,
    },
    /// A counter of what a histogram took down above a bound that one of its
    /// buckets has.
    Above {
        /// The bound, as the label `le` has it.
        bound: f64,
    },
}

impl MetricRead {
    /// Whether it only rises.
    #[must_use]
    pub const fn is_counter(self) -> bool {
        matches!(self, Self::Counter | Self::Above { .. })
    }
}

/// Whether the bound of a bucket, as its label has it, is this one.
#[must_use]
pub fn is_bound(le: &str, bound: f64) -> bool {
    // Of what is infinite everything would be near.
    let is_near = |le: f64| (le - bound).abs() <= 1e-9 * bound.abs().min(f64::MAX);
    le.parse::<f64>().is_ok_and(|le| le == bound || is_near(le))
}

/// A counter that is read from a Prometheus server as it was scraped: each sample
/// once, at its own time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scraped {
    /// The label by which the series are kept apart; all are added up without.
    pub by: Option<String>,
    /// The bound of a histogram above which is counted, as the label `le` has it.
    pub above: Option<f64>,
    /// How far back each look reads, and how late a sample may be seen.
    pub lookback: Span,
    /// Whether what has no series stands at 0, instead of being unknown.
    pub absent_is_zero: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_the_same_however_it_is_written() {
        for le in ["0.005", "5e-03", "0.0050"] {
            assert!(is_bound(le, 0.005), "{le}");
        }
        assert!(is_bound("5.0", 0.005 * 1e3) && is_bound("+Inf", f64::INFINITY));
        for le in ["0.0051", "+Inf", "", "x", "NaN"] {
            assert!(!is_bound(le, 0.005), "{le}");
        }
        assert!(!is_bound("0.005", f64::INFINITY));
    }
}
