//! Everything comes slowly: at most `rate` kilobytes of 1,000 bytes a second,
//! on each connection.
//!
//! Nothing is lost or swapped. One chunk is kept at most; for more, the
//! sender's window fills. At a rate of 0 nothing comes at all. When the toxic is
//! removed, all flows again. TCP permits any rate.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::stage::{Ground, Stage, Turn, Way};
use super::Kind;

/// Attributes of the toxic `bandwidth`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bandwidth {
    /// Kilobytes a second.
    pub rate: u64,
}

impl Bandwidth {
    pub(super) fn stage(self, ground: &Ground) -> Narrow {
        Narrow { rate: self.rate, stream: ground.stream, free: ground.now, rest: Bytes::new() }
    }
}

/// The narrow place, and the chunk that is in it.
pub(super) struct Narrow {
    rate: u64,
    stream: Way,
    /// When the next piece may go; pieces that are late do not add up.
    free: Instant,
    rest: Bytes,
}

impl Narrow {
    /// As much as flows in 10 ms goes at once.
    fn piece(&self) -> usize {
        let piece = usize::try_from(self.rate.saturating_mul(10)).unwrap_or(usize::MAX);
        piece.min(self.rest.len())
    }

    fn time_for(&self, bytes: usize) -> Duration {
        // A kilobyte a second is a byte a millisecond.
        let nanoseconds = (bytes as u64).saturating_mul(1_000_000) / self.rate.max(1);
        Duration::from_nanos(nanoseconds)
    }
}

impl Stage for Narrow {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        if !turn.strikes() {
            return turn.forward(way, bytes);
        }
        // Each piece takes its time before it goes, as on a slow line. Less than
        // a timer's grain of lateness is made up for, so that the rate is kept.
        let grain = Duration::from_millis(2);
        self.free = self.free.max(turn.now().checked_sub(grain).unwrap_or(turn.now()));
        self.rest = bytes;
        self.free += self.time_for(self.piece());
    }

    fn is_open(&self, _way: Way) -> bool {
        self.rest.is_empty()
    }

    fn due(&self) -> Option<Instant> {
        (!self.rest.is_empty() && self.rate > 0).then_some(self.free)
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        while !self.rest.is_empty() && self.rate > 0 && self.free <= turn.now() {
            let piece = self.rest.split_to(self.piece());
            turn.forward(self.stream, piece);
            self.free += self.time_for(self.piece());
        }
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        turn.forward(self.stream, std::mem::take(&mut self.rest));
    }

    fn retune(&mut self, kind: &Kind, turn: &mut Turn<'_>) -> bool {
        let Kind::Bandwidth(asked) = kind else { return false };
        self.rate = asked.rate;
        // The time that was spent at another rate does not count.
        self.free = turn.now() + self.time_for(self.piece());
        true
    }
}
