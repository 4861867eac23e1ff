//! Where a fault finds its victims: the conductor answers from its lab, the
//! program from what its user named.

use crate::process::Process;
use crate::role::Starting;
use crate::{Aim, FaultError};

/// The processes among which victims are chosen.
pub trait World: Send + Sync {
    /// The processes of a role that run now, in any order. A process that is
    /// between its end and its restart is not among them.
    fn processes(&self, role: &str) -> Vec<Process>;

    /// Whether somebody is expected to start a killed process of a role again and
    /// [`World::processes`] will show it. Without that, and without a command,
    /// there is nothing to wait for after a kill.
    fn is_supervised(&self, _role: &str) -> bool {
        true
    }

    /// How many processes of a role are to be there, where its orchestrator adds and removes
    /// some by itself, as while pods are replaced. Else as many are as before a fault.
    fn wanted(&self, _role: &str) -> Option<usize> {
        None
    }

    /// How a process of a role is started again that was ended, where it is for
    /// us to do: then nobody else does, and it stays down until then.
    fn starting(&self, _role: &str) -> Option<Starting> {
        None
    }

    /// Refuses a candidate that nobody meant; a role with such a candidate is
    /// not hit at all, so that no seed can reach it.
    ///
    /// # Errors
    /// [`FaultError::Blocked`] with the reason.
    fn may_hit(&self, process: &Process) -> Result<(), FaultError>;

    /// Refuses hosts at which nobody meant any harm. There is no default:
    /// a world that permits everything has to say so.
    ///
    /// # Errors
    /// [`FaultError::Blocked`] with the reason.
    fn may_reach(&self, aim: &Aim) -> Result<(), FaultError>;

    /// Whether the supervisor can be told to leave a process alone.
    ///
    /// # Errors
    /// When nobody here can do so, and what to do instead.
    fn may_hold(&self, name: &str) -> Result<(), String> {
        Err(format!(
            "whoever starts {name} again cannot be told not to; where nobody does, give the \
             command with --role-start, else use run-command with programs that stop and start it"
        ))
    }

    /// Has the supervisor leave a process alone when it ends, until
    /// [`World::let_go`].
    ///
    /// # Errors
    /// Those of [`World::may_hold`], and when the supervisor does not answer.
    fn hold(&self, name: &str) -> Result<(), String> {
        self.may_hold(name)
    }

    /// Has the supervisor start a process that was held.
    fn let_go(&self, _name: &str) {}
}
