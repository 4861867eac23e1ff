//! Nothing comes any more: what is sent is thrown away, and after `timeout` ms
//! the connection is closed. With 0 it is not closed before the toxic is
//! removed.
//!
//! A sender sees no full window, only silence. When the toxic is removed, the
//! connection is closed: bytes of it are lost, so nobody may go on with it. No
//! TCP loses bytes of a connection that goes on; this one does not.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::stage::{Ending, Ground, Stage, Turn, Way};
use super::{Kind, millis};

/// Attributes of the toxic `timeout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timeout {
    /// Milliseconds; 0 is for ever.
    pub timeout: u64,
}

impl Timeout {
    pub(super) fn stage(self, ground: &Ground) -> Hole {
        Hole { asked: self, since: ground.now }
    }
}

/// The black hole.
pub(super) struct Hole {
    asked: Timeout,
    since: Instant,
}

impl Stage for Hole {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        if !turn.strikes() {
            turn.forward(way, bytes);
        }
    }

    /// The sender has given up.
    fn end(&mut self, _way: Way, ending: Ending, turn: &mut Turn<'_>) {
        turn.cut(if ending == Ending::Reset { Ending::Reset } else { Ending::Closed });
    }

    fn due(&self) -> Option<Instant> {
        let Timeout { timeout } = self.asked;
        (timeout > 0).then(|| self.since + millis(timeout))
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        turn.cut(Ending::Closed);
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        turn.cut(Ending::Closed);
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let Kind::Timeout(asked) = kind else { return false };
        self.asked = *asked;
        true
    }
}
