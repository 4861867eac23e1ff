//! What the run says of the system's size.

use serde::{Deserialize, Serialize};

/// Something to do about the system's size, and whether it was advised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdviceRecord {
    /// Its name.
    pub name: String,
    /// What to do.
    pub say: String,
    /// Whether it is advised.
    pub state: AdviceState,
    /// What it goes by.
    pub conditions: Vec<ConditionRecord>,
}

/// Whether something is advised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdviceState {
    /// It is.
    Given,
    /// It is not.
    NotGiven,
    /// Too little is known.
    Unknown,
}

/// A condition of an advice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionRecord {
    /// What must be: `queues.total_depth above 1,000 for 10s in load`.
    pub what: String,
    /// Whether it is; nothing where that is unknown.
    pub met: Option<bool>,
    /// What was measured, or why nothing is known.
    pub measured: String,
}

impl AdviceState {
    /// As people read it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::NotGiven => "not given",
            Self::Unknown => "unknown",
        }
    }
}

impl AdviceRecord {
    /// The conditions that are met, with their figures.
    #[must_use]
    pub fn because(&self) -> String {
        let met = self.conditions.iter().filter(|condition| condition.met == Some(true));
        let met: Vec<String> =
            met.map(|condition| format!("{}: {}", condition.what, condition.measured)).collect();
        met.join("; ")
    }
}
