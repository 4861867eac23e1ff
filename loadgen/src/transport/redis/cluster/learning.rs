//! How a connection learns the topology again.

use std::time::Duration;

use super::super::Target;
use super::super::topology::{self, Endpoint, Topology};
use super::PAUSE;
use super::node::Work;
use crate::backoff::Backoff;
use crate::reach::Unready;

/// When the topology is learnt again, and from whom.
#[derive(Default)]
pub(super) struct Learning<'a> {
    /// Somebody wants it.
    pub(super) wanted: bool,
    /// Not before this time after T0.
    at: Duration,
    backoff: Backoff,
    /// Which node to ask first; another one each time.
    first: usize,
    pub(super) advisers: Vec<Endpoint>,
    pub(super) work: Option<Work<'a, Result<Topology, Unready>>>,
}

impl<'a> Learning<'a> {
    /// Wants it, unless it was learnt, or asked for, within `pause` before `now`.
    pub(super) fn want_after(&mut self, pause: Duration, now: Duration) {
        self.wanted |= self.at + pause <= now;
    }

    /// Begins, where it is wanted and time.
    pub(super) fn attend(&mut self, target: &'a Target, timeout: Duration, now: Duration) {
        if !self.wanted || self.work.is_some() || self.at > now {
            return;
        }
        self.wanted = false;
        self.first += 1;
        let mut advisers = self.advisers.clone();
        let first = self.first % advisers.len().max(1);
        advisers.rotate_left(first);
        self.work =
            Some(Box::pin(async move { topology::learn(target, &advisers, timeout).await }));
    }

    /// The attempt has ended; it is wanted again if it failed.
    pub(super) fn ended(&mut self, well: bool, now: Duration) {
        self.work = None;
        if well {
            self.backoff.reset();
            // A node that knows nothing new may know it in a moment.
            self.at = now + PAUSE;
        } else {
            self.wanted = true;
            self.at = now + self.backoff.pause();
        }
    }
}
