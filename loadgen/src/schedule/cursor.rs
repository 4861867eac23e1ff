//! Due times one after another, without working each out from the beginning.

use std::time::Duration;

use super::piece::{OPERATION, Piece};
use super::poisson::Block;
use super::{Schedule, Stride};

/// Gives the due times of one worker's operations; best in order. They are
/// those of [`Schedule::due`], exactly.
#[derive(Debug)]
pub struct Cursor {
    workers: u64,
    steps: Option<Steps>,
    /// The arrivals around the last one, if they are random.
    block: Block,
}

/// Even steps inside a piece of constant rate: with y / r rounded up to x and
/// x·r − y left over, the next y is a whole number of steps further.
#[derive(Debug)]
struct Steps {
    /// The operation whose time is known.
    seq: u64,
    /// The first operation behind the piece.
    end: u64,
    /// Nanoseconds into the piece.
    x: u64,
    left: u64,
    /// What every operation adds: whole nanoseconds and a rest.
    step: u64,
    rest: u64,
    piece: Piece,
}

impl Cursor {
    pub(super) fn new(stride: Stride) -> Self {
        Self { workers: stride.workers, steps: None, block: Block::default() }
    }

    /// When operation `seq` is due after T0; `None` behind the last one.
    pub fn due(&mut self, schedule: &Schedule, seq: u64) -> Option<Duration> {
        if seq >= schedule.total() {
            return None;
        }
        if let Some(poisson) = &schedule.poisson {
            return schedule.time(poisson.position(seq, &mut self.block));
        }
        if let Some(steps) = &mut self.steps {
            if steps.seq + self.workers == seq {
                steps.advance(seq);
            }
            if steps.seq == seq && seq < steps.end {
                return Some(steps.due());
            }
        }
        let position = u128::from(seq) * OPERATION;
        let piece = schedule.piece(position)?;
        self.steps = Steps::new(piece, seq, self.workers);
        Some(Duration::from_nanos(piece.time(position)))
    }
}

impl Steps {
    /// `None` for a piece whose rate changes, or so low that steps do not fit.
    fn new(piece: &Piece, seq: u64, workers: u64) -> Option<Self> {
        if piece.first != piece.last {
            return None;
        }
        let rate = u128::from(piece.first);
        let y = u128::from(seq) * OPERATION - piece.base;
        let x = y.div_ceil(rate);
        let step = u128::from(workers) * OPERATION;
        Some(Self {
            seq,
            end: u64::try_from(piece.end.div_ceil(OPERATION)).ok()?,
            x: u64::try_from(x).ok()?,
            left: u64::try_from(x * rate - y).ok()?,
            step: u64::try_from(step / rate).ok()?,
            rest: u64::try_from(step % rate).ok()?,
            piece: *piece,
        })
    }

    fn advance(&mut self, seq: u64) {
        self.seq = seq;
        self.x = self.x.saturating_add(self.step);
        if self.rest > self.left {
            self.x = self.x.saturating_add(1);
            self.left += self.piece.first - self.rest;
        } else {
            self.left -= self.rest;
        }
    }

    fn due(&self) -> Duration {
        let Piece { from, to, .. } = self.piece;
        Duration::from_nanos(from + self.x.min(to - from - 1))
    }
}
