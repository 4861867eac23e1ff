//! One side is gone and the other is not told: with `stream: upstream` the
//! server's socket ends, with `stream: downstream` the client's, `delay` ms
//! after toxic and connection met. The other side's socket stays open and
//! silent; what it sends is not read, so its window fills, as after the loss of
//! a machine.
//!
//! When the toxic is removed, the side that is left gets the RST that a machine
//! sends which has come back and knows nothing. A client must find out by its
//! own time limits or keep-alives. With `graceful: true` the gone side is closed
//! (FIN), otherwise it is reset.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::stage::{Ending, Ground, Stage, Turn, Way};
use super::{Kind, millis};

/// Attributes of the toxic `half_open`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HalfOpen {
    /// Milliseconds; until then all flows.
    pub delay: u64,
    /// Whether the gone side is closed and not reset.
    pub graceful: bool,
}

impl HalfOpen {
    pub(super) fn stage(self, ground: &Ground) -> Gone {
        Gone { asked: self, stream: ground.stream, since: ground.now, is_gone: false }
    }
}

/// Whether the side is gone.
pub(super) struct Gone {
    asked: HalfOpen,
    stream: Way,
    since: Instant,
    is_gone: bool,
}

impl Stage for Gone {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        turn.forward(way, bytes);
    }

    fn is_open(&self, _way: Way) -> bool {
        !self.is_gone
    }

    fn due(&self) -> Option<Instant> {
        (!self.is_gone).then(|| self.since + millis(self.asked.delay))
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        self.is_gone = true;
        let ending = if self.asked.graceful { Ending::Closed } else { Ending::Reset };
        turn.close(self.stream.sink(), ending);
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        if self.is_gone {
            turn.cut(Ending::Reset);
        }
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let Kind::HalfOpen(asked) = kind else { return false };
        self.asked = *asked;
        true
    }

    fn both_ways(&self) -> bool {
        true
    }
}
