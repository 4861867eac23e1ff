//! What the lab tells a process of the ingest.

use serde::{Deserialize, Serialize};

use super::Variant;

/// What one process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// Of the process, its connections and its log.
    pub(crate) name: String,
    /// The address of this process alone.
    pub(crate) private: String,
    pub(crate) redis: String,
    pub(crate) variant: Variant,
    pub(crate) part: Part,
}

/// What the process does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    Ingress(IngressPart),
    Worker(WorkerPart),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct IngressPart {
    /// The address of the service.
    pub(crate) listen: String,
    /// Name and private address of each worker.
    pub(crate) workers: Vec<(String, String)>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct WorkerPart {
    pub(crate) database: String,
    /// The `number`th of `of` workers, from 0.
    pub(crate) number: u16,
    pub(crate) of: u16,
    /// Whether it consumes from the start.
    pub(crate) consuming: bool,
}
