//! When what is wrong happened.

use serde::{Deserialize, Serialize};

use super::figure;

/// Occurrences of one kind of anomaly, by the time at which they were due or seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TimesRecord {
    /// What is wrong: `lost`, `samples outside`.
    pub what: String,
    /// How many in all.
    pub count: u64,
    /// The first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Occurrence>,
    /// The last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Occurrence>,
    /// The worst one, where they differ.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<Occurrence>,
    /// Whether the times are when operations were due; otherwise when it was seen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_due: bool,
    /// Stretches in which they came close together, in the order of time: `[from, to,
    /// count]`.
    pub clusters: Vec<(f64, f64, u64)>,
}

/// One occurrence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Occurrence {
    /// Which: `7f3a/publish/412`, or a series' label.
    pub what: String,
    /// What was seen: `2 effects`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub seen: String,
    /// When, in seconds.
    #[serde(deserialize_with = "figure::number")]
    pub at: f64,
}
