//! The connection is reset (RST to both sides) `timeout` ms after the first
//! bytes, or the end, that this toxic meets on it; these and what follows do not
//! get through.
//!
//! When the toxic is removed before, what was held back flows. A peer may reset
//! a connection at any time; what it had not acknowledged may or may not have
//! been received.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::stage::{Ending, Stage, Turn, Way};
use super::{Kind, millis};

/// Attributes of the toxic `reset_peer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResetPeer {
    /// Milliseconds.
    pub timeout: u64,
}

impl ResetPeer {
    pub(super) fn stage(self) -> Fuse {
        Fuse { asked: self, lit: None, held: None }
    }
}

/// The fuse, and what lit it.
pub(super) struct Fuse {
    asked: ResetPeer,
    lit: Option<Instant>,
    held: Option<(Way, Result<Bytes, Ending>)>,
}

impl Stage for Fuse {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        if !turn.strikes() {
            return turn.forward(way, bytes);
        }
        self.lit = Some(turn.now());
        self.held = Some((way, Ok(bytes)));
    }

    fn end(&mut self, way: Way, ending: Ending, turn: &mut Turn<'_>) {
        self.lit = Some(turn.now());
        self.held = Some((way, Err(ending)));
    }

    fn is_open(&self, _way: Way) -> bool {
        self.lit.is_none()
    }

    fn due(&self) -> Option<Instant> {
        self.lit.map(|lit| lit + millis(self.asked.timeout))
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        turn.cut(Ending::Reset);
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        match self.held.take() {
            Some((way, Ok(bytes))) => turn.forward(way, bytes),
            Some((way, Err(ending))) => turn.end(way, ending),
            None => {}
        }
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let Kind::ResetPeer(asked) = kind else { return false };
        self.asked = *asked;
        true
    }
}
