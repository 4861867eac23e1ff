//! The rows of a file that fill in a workload's operations.

use serde::{Deserialize, Serialize};

/// A file of rows. What is in it stands in no plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Data {
    /// Where it is.
    pub file: String,
    /// In which order its rows are used.
    #[serde(default)]
    pub order: Order,
}

/// In which order rows are used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// One after the other, and again from the first.
    #[default]
    InTurn,
    /// Drawn from the seed.
    Random,
    /// Each for one operation; there must be as many as operations.
    Once,
}
