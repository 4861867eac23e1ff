//! How the host of a run fared.

use serde::{Deserialize, Serialize};

use super::figure;

/// How the host fared that the run was made on, its set-up apart. Shares are of
/// 1, of all its processors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct HostRecord {
    /// Processors.
    pub cpus: Option<f64>,
    /// The load average of a minute, on average over the phases; older records do not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<f64>,
    /// The highest of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_max: Option<f64>,
    /// The share that was busy, on average.
    pub busy: Option<f64>,
    /// The share that others used, who do not yield, on average.
    pub foreign: Option<f64>,
    /// The share that the hypervisor gave to other machines, on average.
    pub steal: Option<f64>,
    /// For how long the run itself could hardly get a processor, in seconds.
    #[serde(deserialize_with = "figure::number")]
    pub starved: f64,
    /// The share of the time in which some task waited for a processor, on average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_stalled: Option<f64>,
    /// The same of a disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_stalled: Option<f64>,
    /// The same of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_stalled: Option<f64>,
}
