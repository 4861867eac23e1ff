//! What the lab tells a process of the pipeline.

use serde::{Deserialize, Serialize};

use super::tactics::Version;
use super::variant::Variant;

/// What one process is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// Of the process, its connections and its log.
    pub(crate) name: String,
    /// The address of this process alone.
    pub(crate) private: String,
    /// The brokers, `HOST:PORT`.
    pub(crate) brokers: String,
    pub(crate) variant: Variant,
    pub(crate) part: Part,
}

/// What the process does.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    /// Serves objects.
    Objects,
    /// Takes events; its address is shared by all of its kind.
    Ingester { shared: String },
    /// Fetches objects from an address.
    Worker { version: Version, objects: String },
    /// Writes results into a database.
    Processor { database: String },
}
