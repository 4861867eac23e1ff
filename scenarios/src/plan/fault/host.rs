//! Faults of the machine itself.

use serde::{Deserialize, Serialize};

use super::statement::{Choice, Harm, Statement};
use crate::program::Program;
use crate::template::Template;
use crate::units::{Size, Span};

/// Processors that are kept busy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BurnCpu {
    /// How many.
    pub cores: u32,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for BurnCpu {
    fn harms(&self) -> Harm<'_> {
        Harm::Machine
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}

/// Memory that is taken and written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillMemory {
    /// How much.
    pub size: Size,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for FillMemory {
    fn harms(&self) -> Harm<'_> {
        Harm::Machine
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}

/// A file that takes up space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FillDisk {
    /// The folder in which it is made.
    pub folder: Template,
    /// How much it takes; with `leave` it is passed over.
    pub size: Option<Size>,
    /// How much it leaves free.
    pub leave: Option<Size>,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for FillDisk {
    fn harms(&self) -> Harm<'_> {
        Harm::Machine
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}

/// A clock that is wrong, for processes that were started with libfaketime and
/// a `FAKETIME_TIMESTAMP_FILE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClockOffset {
    /// The file that these processes read.
    pub file: Template,
    /// By how much it is wrong, with a sign: `+30s`, `-1h`.
    pub offset: String,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for ClockOffset {
    fn harms(&self) -> Harm<'_> {
        Harm::Machine
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}

/// A fault of the user's own: programs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunCommand {
    /// Breaks something. Exit code 0 is *done*, 3 is *refused*.
    pub inject: Program,
    /// Ends with 0 as soon as the fault is seen; asked again until then.
    pub confirm: Program,
    /// Takes it back; may be run twice.
    pub undo: Program,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for RunCommand {
    fn harms(&self) -> Harm<'_> {
        Harm::Programs(vec![&self.inject, &self.confirm, &self.undo])
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}
