//! The end comes later, by `delay` ms; the bytes before it are not touched.
//!
//! When the toxic is removed, an end that waits comes at once. TCP permits it.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::stage::{Ending, Stage, Turn, Way};
use super::millis;

/// Attributes of the toxic `slow_close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SlowClose {
    /// Milliseconds.
    pub delay: u64,
}

impl SlowClose {
    pub(super) fn stage(self) -> Slow {
        Slow { asked: self, waiting: None }
    }
}

/// The end that waits.
pub(super) struct Slow {
    asked: SlowClose,
    waiting: Option<(Instant, Way, Ending)>,
}

impl Stage for Slow {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        turn.forward(way, bytes);
    }

    fn end(&mut self, way: Way, ending: Ending, turn: &mut Turn<'_>) {
        self.waiting = Some((turn.now() + millis(self.asked.delay), way, ending));
    }

    fn due(&self) -> Option<Instant> {
        self.waiting.map(|(due, ..)| due)
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        self.leave(turn);
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        if let Some((_, way, ending)) = self.waiting.take() {
            turn.end(way, ending);
        }
    }

    /// An end that already waits keeps its time.
    fn retune(&mut self, kind: &super::Kind, _turn: &mut Turn<'_>) -> bool {
        let super::Kind::SlowClose(asked) = kind else { return false };
        self.asked = *asked;
        true
    }
}
