//! Everything comes later, by `latency` ms and at most `jitter` ms more or less.
//!
//! Nothing is lost or overtaken, the end of the connection included. What waits
//! is bounded, so very much latency slows a fast sender down. When the toxic is
//! removed or changed, what waits comes at once. TCP permits any delay.

use std::collections::VecDeque;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::super::pipeline::Item;
use super::super::stage::{Ending, Ground, Stage, Turn, Way};
use super::millis;

const MOST_BYTES: usize = 4 * 1024 * 1024;
const MOST_CHUNKS: usize = 64 * 1024;

/// Attributes of the toxic `latency`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// Milliseconds.
    pub latency: u64,
    /// Milliseconds more or less, evenly drawn for each chunk.
    pub jitter: u64,
}

impl Latency {
    pub(super) fn stage(self, ground: Ground) -> Delay {
        let Ground { stream, rng, now, .. } = ground;
        Delay { asked: self, stream, rng, last: now, waiting: VecDeque::new(), bytes: 0 }
    }
}

/// What waits, with the time when it goes on.
pub(super) struct Delay {
    asked: Latency,
    stream: Way,
    rng: fastrand::Rng,
    /// Nothing goes on before what came before it.
    last: Instant,
    waiting: VecDeque<(Instant, Item)>,
    bytes: usize,
}

impl Delay {
    fn wait(&mut self, item: Item, struck: bool, turn: &mut Turn<'_>) {
        if struck {
            let Latency { latency, jitter } = self.asked;
            let shift = self.rng.u64(0..=jitter.min(u64::MAX / 4) * 2);
            let delay = (latency.saturating_add(shift)).saturating_sub(jitter);
            self.last = self.last.max(turn.now() + millis(delay));
        }
        self.last = self.last.max(turn.now());
        self.waiting.push_back((self.last, item));
        self.tick(turn);
    }

    fn go_on(&mut self, item: Item, turn: &mut Turn<'_>) {
        match item {
            Item::Bytes(bytes) => {
                self.bytes -= bytes.len();
                turn.forward(self.stream, bytes);
            }
            Item::End(ending) => turn.end(self.stream, ending),
        }
    }
}

impl Stage for Delay {
    fn take(&mut self, _way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        self.bytes += bytes.len();
        let struck = turn.strikes();
        self.wait(Item::Bytes(bytes), struck, turn);
    }

    fn end(&mut self, _way: Way, ending: Ending, turn: &mut Turn<'_>) {
        self.wait(Item::End(ending), true, turn);
    }

    fn is_open(&self, _way: Way) -> bool {
        self.bytes < MOST_BYTES && self.waiting.len() < MOST_CHUNKS
    }

    fn due(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, _)| *due)
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        while let Some((_, item)) = self.waiting.pop_front_if(|(due, _)| *due <= turn.now()) {
            self.go_on(item, turn);
        }
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        while let Some((_, item)) = self.waiting.pop_front() {
            self.go_on(item, turn);
        }
    }
}
