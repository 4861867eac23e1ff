//! Commands and answers on one connection, until it is lost.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::Target;
use super::link::Link;
use super::reply::Reply;
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};

/// No more commands are written while this many bytes wait to be.
const MOST_UNSENT: usize = 256 * 1024;

/// How a session ended.
pub(super) enum End {
    /// There are no more operations.
    NoMore,
    /// The connection was lost. Everything that may have been sent is settled.
    Lost {
        /// Operations that were taken and of which nothing was sent.
        unsent: Vec<Op>,
    },
}

/// A command that is not answered yet.
struct Slot {
    /// `None` when it was overdue and is settled.
    op: Option<Op>,
    started: Duration,
    /// Where its command ends, in bytes since the beginning of the session.
    end: u64,
}

/// What happens next.
enum Event {
    Op(Option<Op>),
    /// Something was read.
    Read,
    Lost(String),
}

struct Session<'a> {
    link: Link,
    target: &'a Target,
    lane: &'a Lane,
    under_way: VecDeque<Slot>,
    /// Bytes that were put into the link's buffer since the beginning.
    put: u64,
    scratch: Vec<u8>,
    more: bool,
}

/// Sends operations, `first` before any other, until there are no more or the
/// connection is lost.
pub(super) async fn serve(link: Link, target: &Target, lane: &Lane, first: Vec<Op>) -> End {
    let mut session = Session {
        link,
        target,
        lane,
        under_way: VecDeque::with_capacity(target.pipeline),
        put: 0,
        scratch: Vec::new(),
        more: true,
    };
    let now = lane.now();
    for op in first {
        session.put(op, now);
    }
    loop {
        session.top_up();
        if !session.more && session.under_way.is_empty() {
            return End::NoMore;
        }
        let event = lane.limit(session.deadline(), session.event()).await;
        let trouble = match event {
            Some(Event::Op(Some(op))) => {
                session.put(op, lane.now());
                None
            }
            Some(Event::Op(None)) => {
                session.more = false;
                None
            }
            Some(Event::Read) => session.take().err(),
            Some(Event::Lost(error)) => Some(error),
            None => session.expire().then(|| "no answer within the timeout".to_owned()),
        };
        if let Some(error) = trouble {
            return session.end(&error);
        }
    }
}

impl Session<'_> {
    fn has_room(&self) -> bool {
        self.more && self.under_way.len() < self.target.pipeline && self.link.unsent() < MOST_UNSENT
    }

    /// Takes what is due already; all of it is written at once.
    fn top_up(&mut self) {
        if !self.has_room() {
            return;
        }
        let now = self.lane.now();
        while self.has_room()
            && let Some(op) = self.lane.try_next()
        {
            self.put(op, now);
        }
    }

    fn put(&mut self, op: Op, now: Duration) {
        let before = self.link.out.len();
        self.target.template.write(self.lane, &op, now, &mut self.scratch, &mut self.link.out);
        self.put += (self.link.out.len() - before) as u64;
        self.under_way.push_back(Slot { op: Some(op), started: now, end: self.put });
    }

    fn deadline(&self) -> Duration {
        let waiting = self.under_way.iter().find(|slot| slot.op.is_some());
        waiting.map_or(Duration::MAX, |slot| slot.started + self.lane.timeout())
    }

    async fn event(&mut self) -> Event {
        let room = self.has_room();
        let mut next = pin!(self.lane.next());
        poll_fn(|cx| {
            if self.link.unsent() > 0
                && let Poll::Ready(Err(error)) = self.link.poll_send(cx)
            {
                return Poll::Ready(Event::Lost(error));
            }
            match self.link.poll_fill(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Event::Read),
                Poll::Ready(Err(error)) => return Poll::Ready(Event::Lost(error)),
                Poll::Pending => {}
            }
            if room { next.as_mut().poll(cx).map(Event::Op) } else { Poll::Pending }
        })
        .await
    }

    /// Settles what was answered.
    fn take(&mut self) -> Result<(), String> {
        let now = self.lane.now();
        let (lane, under_way) = (self.lane, &mut self.under_way);
        let mut unasked = false;
        self.link.answers(|reply| match under_way.pop_front() {
            None => unasked = true,
            Some(Slot { op: Some(op), started, .. }) => {
                lane.settle_at(op, started, now, &answer(reply));
            }
            Some(_) => {}
        })?;
        if unasked { Err("an answer that nobody asked for".to_owned()) } else { Ok(()) }
    }

    /// Settles what is overdue; says whether that is everything that was sent.
    fn expire(&mut self) -> bool {
        let now = self.lane.now();
        let timeout = self.lane.timeout();
        for slot in &mut self.under_way {
            if slot.started + timeout > now {
                return false;
            }
            if let Some(op) = slot.op.take() {
                let answer = Answer::Indeterminate(Reason::Timeout);
                self.lane.settle_at(op, slot.started, now, &answer);
            }
        }
        true
    }

    /// The connection is lost: settles everything that may have been sent.
    fn end(mut self, error: &str) -> End {
        // Answers that came before the loss count.
        let _ = self.take();
        let sent = self.put - self.link.unsent() as u64;
        let mut before = 0;
        let now = self.lane.now();
        let mut unsent = Vec::new();
        for Slot { op, started, end } in self.under_way {
            let begun = before < sent;
            before = end;
            let Some(op) = op else { continue };
            if begun {
                let answer = Answer::Indeterminate(Reason::Lost(error.to_owned()));
                self.lane.settle_at(op, started, now, &answer);
            } else {
                unsent.push(op);
            }
        }
        End::Lost { unsent }
    }
}

fn answer(reply: &Reply<'_>) -> Answer {
    match reply {
        Reply::Error(text) => {
            Answer::Failed(Reason::Refused(String::from_utf8_lossy(text).into_owned()))
        }
        Reply::Nil => Answer::Failed(Reason::Refused("the stream does not exist".to_owned())),
        _ => Answer::Acked,
    }
}
