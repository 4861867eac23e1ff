//! One link with the commands that are under way on it.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use super::link::Link;
use super::reply::Reply;

/// No more commands are written while this many bytes wait to be.
const MOST_UNSENT: usize = 256 * 1024;

/// A link, and in their order the commands that are not answered yet. `T` is
/// what waits for an answer.
pub(super) struct Pipe<T> {
    link: Link,
    under_way: VecDeque<Slot<T>>,
    /// The most commands under way.
    most: usize,
    /// Bytes that were put into the link's buffer since the beginning.
    put: u64,
}

/// A command that is not answered yet.
struct Slot<T> {
    /// `None` when nobody waits for the answer: it is overdue and given up, or
    /// only prepares the next command.
    waiting: Option<T>,
    started: Duration,
    /// Where its command ends, in bytes since the beginning.
    end: u64,
}

impl<T> Pipe<T> {
    pub(super) fn new(link: Link, most: usize) -> Self {
        Self { link, under_way: VecDeque::with_capacity(most), most, put: 0 }
    }

    /// Whether another command may be put in.
    pub(super) fn has_room(&self) -> bool {
        self.under_way.len() < self.most && self.link.unsent() < MOST_UNSENT
    }

    /// Whether no answer is outstanding.
    pub(super) fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Whether somebody waits for an answer.
    pub(super) fn is_awaited(&self) -> bool {
        self.oldest().is_some()
    }

    /// Puts in a command, which `write` appends before it gives what waits for
    /// the answer. It began at `started` after T0.
    pub(super) fn put(&mut self, started: Duration, write: impl FnOnce(&mut Vec<u8>) -> Option<T>) {
        let before = self.link.out.len();
        let waiting = write(&mut self.link.out);
        self.put += (self.link.out.len() - before) as u64;
        self.under_way.push_back(Slot { waiting, started, end: self.put });
    }

    /// When the first command that somebody waits for began, after T0.
    pub(super) fn oldest(&self) -> Option<Duration> {
        self.under_way.iter().find(|slot| slot.waiting.is_some()).map(|slot| slot.started)
    }

    /// Writes what can be written; ready when something was read or the link
    /// is lost.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.link.unsent() > 0
            && let Poll::Ready(Err(error)) = self.link.poll_send(cx)
        {
            return Poll::Ready(Err(error));
        }
        self.link.poll_fill(cx)
    }

    /// Hands on every answer that was read, to what waits for it and with when
    /// that began.
    ///
    /// # Errors
    /// When something was read that is no answer to a command.
    pub(super) fn take(
        &mut self,
        mut take: impl FnMut(T, Duration, &Reply<'_>),
    ) -> Result<(), String> {
        let under_way = &mut self.under_way;
        let mut unasked = false;
        self.link.answers(|reply| match under_way.pop_front() {
            None => unasked = true,
            Some(Slot { waiting: Some(waiting), started, .. }) => take(waiting, started, reply),
            Some(_) => {}
        })?;
        if unasked { Err("an answer that nobody asked for".to_owned()) } else { Ok(()) }
    }

    /// Gives up what began at `before` or earlier; says whether nobody waits
    /// for anything that is under way any more.
    pub(super) fn expire(
        &mut self,
        before: Option<Duration>,
        mut give_up: impl FnMut(T, Duration),
    ) -> bool {
        let Some(before) = before else { return false };
        let mut all = !self.under_way.is_empty();
        for slot in &mut self.under_way {
            if slot.waiting.is_some() && slot.started > before {
                all = false;
            } else if let Some(waiting) = slot.waiting.take() {
                give_up(waiting, slot.started);
            }
        }
        all
    }

    /// The link is lost: hands on what still waits, in order, with when it
    /// began and whether something of its command may have been sent.
    pub(super) fn end(self, mut left: impl FnMut(T, Duration, bool)) {
        let sent = self.put - self.link.unsent() as u64;
        let mut before = 0;
        for Slot { waiting, started, end } in self.under_way {
            let begun = before < sent;
            before = end;
            if let Some(waiting) = waiting {
                left(waiting, started, begun);
            }
        }
    }
}
