//! What the lab tells a process of the worker-queue.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Variant;

/// What one process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// Of the process, its connections and its log.
    pub(crate) name: String,
    /// The address of this process alone.
    pub(crate) private: String,
    pub(crate) amqp: String,
    pub(crate) variant: Variant,
    pub(crate) part: Part,
}

/// What the process does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    Worker(WorkerPart),
    Control(ControlPart),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WorkerPart {
    pub(crate) database: String,
    /// The address of the control, which is told the last figures.
    pub(crate) control: String,
    /// Before the first retry; it doubles.
    pub(crate) backoff: Duration,
    pub(crate) prefetch: u16,
    /// After so long the process ends by itself, in good order.
    pub(crate) time_limit: Option<Duration>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ControlPart {
    /// Name and private address of each worker.
    pub(crate) workers: Vec<(String, String)>,
}
