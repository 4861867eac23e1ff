//! The course of the load: what was due and what became of it, and how long it took,
//! over the time of the run.

use serde::{Deserialize, Serialize};

use super::figure;

/// The load of a workload over time, in stretches of equal length.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CourseRecord {
    /// The workload; empty for all of them together.
    pub workload: String,
    /// The length of a stretch in seconds. The first one begins at 0.
    #[serde(deserialize_with = "figure::number")]
    pub width: f64,
    /// Operations by the stretch in which they were due: `[due, acked, failed,
    /// indeterminate, dropped]`.
    pub outcomes: Vec<[u64; 5]>,
    /// Response times from when operations were due, in seconds, by stretch: `[p50, p95,
    /// p99, max]`; empty where nothing was answered.
    #[serde(default)]
    pub response: Vec<Vec<f64>>,
    /// The upper ends of the steps of response time, in seconds, in order.
    #[serde(default)]
    pub steps: Vec<f64>,
    /// Answers by stretch and step: `[stretch, step, count]`, those that there are.
    #[serde(default)]
    pub heat: Vec<[u64; 3]>,
}
