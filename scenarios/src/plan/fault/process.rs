//! Faults that hit processes.

use serde::{Deserialize, Serialize};

use super::Pick;
use super::statement::{Choice, Harm, Statement};
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

impl Statement for Victims {
    fn harms(&self) -> Harm<'_> {
        Harm::Role(&self.role)
    }

    fn choice(&self) -> Choice {
        Choice::Chosen
    }

    fn lasts(&self) -> Span {
        Span::seconds(0)
    }
}

/// Processes that are ended and kept down for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// The role whose processes are candidates.
    pub role: String,
    /// Which of them are hit.
    pub pick: Pick,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
    /// How they are asked to end.
    #[serde(default)]
    pub signal: StopSignal,
}

impl Statement for Stopped {
    fn harms(&self) -> Harm<'_> {
        Harm::Role(&self.role)
    }

    fn choice(&self) -> Choice {
        Choice::Chosen
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}

/// The signal by which a process is asked to end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StopSignal {
    /// SIGTERM. PostgreSQL waits for its sessions to end by themselves.
    #[default]
    Term,
    /// SIGINT. PostgreSQL ends its sessions, in good order.
    Int,
    /// SIGQUIT.
    Quit,
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

impl Statement for Held {
    fn harms(&self) -> Harm<'_> {
        Harm::Role(&self.role)
    }

    fn choice(&self) -> Choice {
        Choice::Chosen
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}
