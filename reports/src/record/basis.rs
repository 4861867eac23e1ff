//! What a finding rests on: over which time it was judged, on how much, how near to
//! the bound, and how sure that is.

use scenarios::units::Unit;
use serde::{Deserialize, Serialize};

use super::{Quantiles, figure};

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
