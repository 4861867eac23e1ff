//! The connection is closed when `bytes` bytes of the direction have gone
//! through; exactly so many arrive.
//!
//! Bytes are counted from when the toxic and the connection met. When the toxic
//! is removed, what is open stays open. A peer may close at any byte.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::stage::{Ending, Stage, Turn, Way};
use super::Kind;

/// Attributes of the toxic `limit_data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitData {
    /// Bytes.
    pub bytes: u64,
}

impl LimitData {
    pub(super) fn stage(self) -> Meter {
        Meter { limit: self.bytes, gone: 0, closed: false }
    }
}

/// What has gone through.
pub(super) struct Meter {
    limit: u64,
    gone: u64,
    closed: bool,
}

impl Stage for Meter {
    fn take(&mut self, way: Way, mut bytes: Bytes, turn: &mut Turn<'_>) {
        if self.closed {
            return;
        }
        if !turn.strikes() {
            return turn.forward(way, bytes);
        }
        let left = usize::try_from(self.limit.saturating_sub(self.gone)).unwrap_or(usize::MAX);
        self.closed = bytes.len() >= left;
        bytes.truncate(left);
        self.gone += bytes.len() as u64;
        turn.forward(way, bytes);
        if self.closed {
            turn.end(way, Ending::Closed);
        }
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let Kind::LimitData(asked) = kind else { return false };
        self.limit = asked.bytes;
        true
    }
}
