//! Everything comes in small pieces of `average_size` bytes, at most
//! `size_variation` more or less, each written by itself, `delay` µs after the
//! one before.
//!
//! Nothing is lost or swapped. One chunk is kept at most. When the toxic is
//! removed, the rest of it comes at once. TCP cuts as it likes.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::stage::{Ground, Stage, Turn, Way};
use super::Kind;

/// Attributes of the toxic `slicer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Slicer {
    /// Bytes.
    pub average_size: usize,
    /// Bytes; should be less than the average.
    pub size_variation: usize,
    /// Microseconds.
    pub delay: u64,
}

impl Slicer {
    pub(super) fn stage(self, ground: Ground) -> Knife {
        let Ground { now, stream, rng, .. } = ground;
        Knife { asked: self, stream, rng, next: now, rest: Bytes::new() }
    }
}

/// The chunk that is being cut.
pub(super) struct Knife {
    asked: Slicer,
    stream: Way,
    rng: fastrand::Rng,
    next: Instant,
    rest: Bytes,
}

impl Knife {
    fn size(&mut self) -> usize {
        let Slicer { average_size, size_variation, .. } = self.asked;
        let least = average_size.saturating_sub(size_variation);
        let most = average_size.saturating_add(size_variation);
        self.rng.usize(least..=most).clamp(1, self.rest.len())
    }
}

impl Stage for Knife {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        if !turn.strikes() {
            return turn.forward(way, bytes);
        }
        self.next = self.next.max(turn.now());
        self.rest = bytes;
        self.tick(turn);
    }

    fn is_open(&self, _way: Way) -> bool {
        self.rest.is_empty()
    }

    fn due(&self) -> Option<Instant> {
        (!self.rest.is_empty()).then_some(self.next)
    }

    /// A late timer releases all that is due, so the delays add up to what was
    /// asked for and not to the grain of the timer.
    fn tick(&mut self, turn: &mut Turn<'_>) {
        while !self.rest.is_empty() && self.next <= turn.now() {
            let size = self.size();
            let piece = self.rest.split_to(size);
            turn.forward(self.stream, piece);
            // An hour between two bytes is enough to fit any clock.
            let delay = self.asked.delay.min(3_600_000_000);
            self.next += Duration::from_micros(delay);
        }
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        turn.forward(self.stream, std::mem::take(&mut self.rest));
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let Kind::Slicer(asked) = kind else { return false };
        self.asked = *asked;
        true
    }
}
