//! Four channels that take turns: one message in flight on each.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use lapin::{Channel, Connection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use super::link::{self, NoChannel};

/// Channels of one process.
pub(crate) const SIZE: usize = 4;

/// The slots, each with a channel or waiting for one.
pub(crate) struct Pool {
    turns: Semaphore,
    idle: Mutex<VecDeque<Option<Channel>>>,
}

/// The right to one slot. The channel that is in it when the turn ends is
/// there for the next.
pub(crate) struct Turn<'a> {
    pool: &'a Pool,
    pub(crate) slot: Option<Channel>,
    _permit: SemaphorePermit<'a>,
}

impl Pool {
    pub(crate) fn new() -> Self {
        let idle = std::iter::repeat_with(|| None).take(SIZE).collect();
        Self { turns: Semaphore::new(SIZE), idle: Mutex::new(idle) }
    }

    /// Waits for a turn, but not past `deadline`.
    pub(crate) async fn turn(&self, deadline: Instant) -> Option<Turn<'_>> {
        let permit = timeout_at(deadline, self.turns.acquire()).await.ok()?.ok()?;
        Some(self.take(permit))
    }

    /// Opens the channels that are missing, but for slots that are in use:
    /// whoever has one opens its channel when it finds it closed.
    pub(crate) async fn fill(&self, connection: &Connection) -> Result<(), NoChannel> {
        let mut turns = Vec::new();
        while let Ok(permit) = self.turns.try_acquire() {
            turns.push(self.take(permit));
        }
        for turn in &mut turns {
            if turn.open_slot().is_none() {
                turn.slot = Some(link::open_channel(connection).await?);
            }
        }
        Ok(())
    }

    fn take<'a>(&'a self, permit: SemaphorePermit<'a>) -> Turn<'a> {
        let slot = self.lock().pop_front().flatten();
        Turn { pool: self, slot, _permit: permit }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Option<Channel>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// The slot's channel, if it is open.
    pub(crate) fn open_slot(&self) -> Option<&Channel> {
        self.slot.as_ref().filter(|channel| channel.status().connected())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        // Before the permit goes, so that its next owner finds a slot.
        let slot = self.slot.take();
        self.pool.lock().push_back(slot);
    }
}
