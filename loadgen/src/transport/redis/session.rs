//! Commands and answers on one connection, until it is lost.

use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::link::Link;
use super::pipe::Pipe;
use super::reply::Reply;
use super::{Target, answer, denied};
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::reach::Unready;

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

/// What happens next.
enum Event {
    Op(Option<Op>),
    /// Something was read.
    Read,
    Lost(String),
}

struct Session<'a> {
    pipe: Pipe<Op>,
    target: &'a Target,
    lane: &'a Lane,
    scratch: Vec<u8>,
    more: bool,
}

/// Sends operations, `first` before any other, until there are no more or the
/// connection is lost.
pub(super) async fn serve(link: Link, target: &Target, lane: &Lane, first: Vec<Op>) -> End {
    let pipe = Pipe::new(link, target.pipeline);
    let mut session = Session { pipe, target, lane, scratch: Vec::new(), more: true };
    let now = lane.now();
    for op in first {
        session.put(op, now);
    }
    loop {
        session.top_up();
        if !session.more && session.pipe.is_empty() {
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
        self.more && self.pipe.has_room()
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
        let template = &self.target.template;
        self.pipe.put(now, |out| {
            let part = template.part(self.lane, &op);
            template.write(part, self.lane, &op, now, &mut self.scratch, out);
            Some(op)
        });
    }

    fn deadline(&self) -> Duration {
        self.pipe.oldest().map_or(Duration::MAX, |started| started + self.lane.timeout())
    }

    async fn event(&mut self) -> Event {
        let room = self.has_room();
        let mut next = pin!(self.lane.next());
        poll_fn(|cx| {
            match self.pipe.poll(cx) {
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
        let (lane, now) = (self.lane, self.lane.now());
        let target = self.target;
        self.pipe.take(|op, started, reply| {
            if let Reply::Error(text) = reply
                && text.starts_with(b"NOPERM")
            {
                let said = String::from_utf8_lossy(text).into_owned();
                if let Unready::Denied(trouble) = denied(target, "a command", said) {
                    lane.denied(&trouble);
                }
            }
            lane.settle_at(op, started, now, &outcome(reply));
        })
    }

    /// Settles what is overdue; says whether that is everything that was sent.
    fn expire(&mut self) -> bool {
        let (lane, now) = (self.lane, self.lane.now());
        self.pipe.expire(now.checked_sub(lane.timeout()), |op, started| {
            lane.settle_at(op, started, now, &Answer::Indeterminate(Reason::Timeout));
        })
    }

    /// The connection is lost: settles everything that may have been sent.
    fn end(mut self, error: &str) -> End {
        // Answers that came before the loss count.
        let _ = self.take();
        let (lane, now) = (self.lane, self.lane.now());
        let mut unsent = Vec::new();
        self.pipe.end(|op, started, begun| {
            if begun {
                let answer = Answer::Indeterminate(Reason::Lost(error.to_owned()));
                lane.settle_at(op, started, now, &answer);
            } else {
                unsent.push(op);
            }
        });
        End::Lost { unsent }
    }
}

/// What an answer means to an operation, where no other node is asked.
fn outcome(reply: &Reply<'_>) -> Answer {
    match reply {
        // The text names slot and node: it would be another reason each time.
        Reply::Error(text) if text.starts_with(b"MOVED ") || text.starts_with(b"ASK ") => {
            let why = "the server is a node of a cluster and does not serve the key; use --cluster";
            Answer::Failed(Reason::Refused(why.to_owned()))
        }
        reply => answer(reply),
    }
}
