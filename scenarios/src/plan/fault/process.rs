//! Faults that hit processes.

use serde::{Deserialize, Serialize};

use super::Pick;
use crate::units::Span;

/// Processes that are hit in an instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Victims {
    /// The role whose processes are candidates.
    pub role: String,
    /// Which of them are hit.
    pub pick: Pick,
}

/// Processes that are hit for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Held {
    /// The role whose processes are candidates.
    pub role: String,
    /// Which of them are hit.
    pub pick: Pick,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}
