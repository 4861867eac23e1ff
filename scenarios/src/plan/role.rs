//! Roles that processes of one's own play: who they are, and how one that was
//! ended is started again.

use serde::{Deserialize, Serialize};

use crate::program::Program;
use crate::selector::Selector;

/// A role of a system of one's own. A lab has its own processes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// What the processes do, for the person who has to name them.
    pub help: String,
    /// Whether a run against somebody's own system needs it.
    pub required: bool,
    /// Who plays it: those of the command line, else of the file. Nobody in a
    /// lab, and where neither names anybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<Selector>,
    /// The program that starts one process again that was ended; it is given no
    /// addresses. None where somebody else does, such as a supervisor.
    #[serde(default, skip_serializing_if = "Program::is_empty")]
    pub start: Program,
}
