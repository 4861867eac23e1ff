//! One node of a cluster as one connection of the job sees it: its link, and
//! the operations that wait for it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::MOST_HELD;
use crate::backoff::Backoff;
use crate::feed::Op;
use crate::lane::{Lane, Standing};
use crate::outcome::{Answer, Reason};
use crate::reach::Unready;
use crate::transport::redis::link::Link;
use crate::transport::redis::pipe::Pipe;
use crate::transport::redis::reply::Reply;
use crate::transport::redis::topology::{Endpoint, Refusal};
use crate::transport::redis::{Target, answer};
use crate::transport::stream::Address;

/// Work beside the operations, such as making a link.
pub(super) type Work<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// An operation that was taken and is not settled.
pub(super) struct Held {
    pub(super) op: Op,
    /// Which of the keys it goes to.
    pub(super) part: usize,
    /// When it was sent first or, until it is, when it was taken, after T0.
    pub(super) since: Duration,
    pub(super) sent: bool,
    /// It is sent to a node that does not own its slot yet, which must be told
    /// so.
    pub(super) asking: bool,
    /// How often a node refused it.
    pub(super) refused: u8,
    /// Not to be sent again before this time after T0.
    pub(super) at: Duration,
    /// Why it is not done yet.
    pub(super) why: Option<Reason>,
}

impl Held {
    /// Settles an operation that was definitely not done.
    pub(super) fn fail(self, lane: &Lane, now: Duration) {
        let why = self.why.unwrap_or_else(|| lane.unsent());
        lane.settle_at(self.op, self.since, now, &Answer::Failed(why));
    }
}

/// A node.
pub(super) struct Node<'a> {
    pub(super) endpoint: Endpoint,
    address: Rc<Address>,
    state: State<'a>,
    backoff: Backoff,
    /// Make the link although nothing waits for it.
    eager: bool,
    /// Operations that wait for the link, or for room on it.
    queue: VecDeque<Held>,
}

enum State<'a> {
    /// There is no link, and none is made before this time after T0.
    Down(Duration),
    /// A link is being made, and given up at this time after T0.
    Dialling(Work<'a, Result<Link, Unready>>, Duration),
    Up(Box<Pipe<Held>>, #[expect(dead_code, reason = "it counts while it lives")] Standing),
}

/// What happened at a node.
pub(super) enum Event {
    /// A link was made, or not.
    Dialled(Result<Link, Unready>),
    /// Something was read.
    Read,
    /// The link is lost.
    Lost(String),
}

impl<'a> Node<'a> {
    pub(super) fn new(target: &Target, endpoint: &Endpoint) -> Result<Self, String> {
        Ok(Self {
            endpoint: endpoint.clone(),
            address: Rc::new(target.address.of(&endpoint.host, endpoint.port)?),
            state: State::Down(Duration::ZERO),
            backoff: Backoff::default(),
            eager: true,
            queue: VecDeque::new(),
        })
    }

    /// The link, while there is one.
    pub(super) fn pipe(&self) -> Option<&Pipe<Held>> {
        match &self.state {
            State::Up(pipe, _) => Some(pipe),
            _ => None,
        }
    }

    /// The link, while there is one.
    pub(super) fn pipe_mut(&mut self) -> Option<&mut Pipe<Held>> {
        match &mut self.state {
            State::Up(pipe, _) => Some(pipe),
            _ => None,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.pipe().is_some()
    }

    /// Whether somebody waits for an answer of it.
    pub(super) fn is_awaited(&self) -> bool {
        self.pipe().is_some_and(Pipe::is_awaited)
    }

    /// Whether something is to be looked after before an answer comes.
    pub(super) fn is_troubled(&self) -> bool {
        !self.queue.is_empty() || matches!(self.state, State::Dialling(..))
    }

    /// How many operations wait for the link.
    pub(super) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Since when, after T0, the first of them waits.
    pub(super) fn waits_since(&self) -> Option<Duration> {
        self.queue.front().map(|held| held.since)
    }

    /// Gives back everything that waits for the link, in order.
    pub(super) fn empty(&mut self) -> VecDeque<Held> {
        std::mem::take(&mut self.queue)
    }

    /// The next operation that can be put into the link.
    pub(super) fn pop_sendable(&mut self) -> Option<Held> {
        if self.pipe()?.has_room() { self.queue.pop_front() } else { None }
    }

    /// Whether an operation can be put into the link before any that waits.
    pub(super) fn can_send(&self) -> bool {
        self.queue.is_empty() && self.pipe().is_some_and(Pipe::has_room)
    }

    /// Lets an operation wait. While there is no link no more than so many do:
    /// then the oldest has failed.
    pub(super) fn queue(&mut self, held: Held, lane: &Lane, now: Duration) {
        self.queue.push_back(held);
        if !self.is_up()
            && self.queue.len() > MOST_HELD
            && let Some(oldest) = self.queue.pop_front()
        {
            oldest.fail(lane, now);
        }
    }

    /// Fails what waits for a link, or has begun elsewhere, since `before` or
    /// earlier. What only waits for room waits like operations that nobody has
    /// taken.
    pub(super) fn expire_queue(&mut self, before: Option<Duration>, lane: &Lane, now: Duration) {
        let up = self.is_up();
        let overdue =
            |held: &Held| (held.sent || !up) && before.is_some_and(|before| held.since <= before);
        for _ in 0..self.queue.len() {
            match self.queue.pop_front() {
                Some(held) if overdue(&held) => held.fail(lane, now),
                held => self.queue.extend(held),
            }
        }
    }

    /// Begins to make a link, if one is wanted and it is time.
    pub(super) fn dial(&mut self, target: &'a Target, lane: &Lane, now: Duration) {
        let State::Down(at) = self.state else { return };
        if at > now || !self.eager && self.queue.is_empty() {
            return;
        }
        self.eager = false;
        let address = Rc::clone(&self.address);
        let name = format!("shakedown:loadgen:{}", lane.workload());
        let work = Box::pin(async move { Link::open(target, &address, &name).await });
        self.state = State::Dialling(work, now + lane.timeout());
    }

    /// The time after T0 at which the link that is being made is given up.
    pub(super) fn dial_end(&self) -> Option<Duration> {
        match self.state {
            State::Dialling(_, until) => Some(until),
            _ => None,
        }
    }

    /// The link is made.
    pub(super) fn up(&mut self, link: Link, target: &Target, lane: &Lane) {
        self.backoff.reset();
        self.state = State::Up(Box::new(Pipe::new(link, target.pipeline)), lane.standing());
    }

    /// No link could be made: one operation that waited for it has failed, and
    /// the others wait for another attempt.
    pub(super) fn refused(&mut self, error: Unready, lane: &Lane, now: Duration) {
        self.state = State::Down(now + self.backoff.pause());
        let reason = lane.unmade(&error.at(&self.endpoint));
        lane.refused(&reason);
        if let Some(mut first) = self.queue.pop_front() {
            first.why = Some(reason);
            first.fail(lane, now);
        }
    }

    /// The node may not be reached: whatever waits for it has failed.
    pub(super) fn forbidden(&mut self, why: &str, lane: &Lane, now: Duration) {
        self.state = State::Down(now + self.backoff.pause());
        let reason = Reason::Forbidden(why.to_owned());
        lane.refused(&reason);
        for mut held in self.queue.drain(..) {
            held.why = Some(reason.clone());
            held.fail(lane, now);
        }
    }

    /// Settles what was answered; adds to `back` what was refused and may be
    /// sent again.
    pub(super) fn take(
        &mut self,
        lane: &Lane,
        now: Duration,
        back: &mut Vec<(Held, Refusal)>,
    ) -> Result<(), String> {
        let State::Up(pipe, _) = &mut self.state else { return Ok(()) };
        pipe.take(|mut held, since, reply| {
            if let Reply::Error(text) = reply
                && let Some(refusal) = Refusal::parse(text, &self.endpoint)
            {
                held.why = Some(Reason::Refused(String::from_utf8_lossy(text).into_owned()));
                back.push((held, refusal));
            } else {
                lane.settle_at(held.op, since, now, &answer(reply));
            }
        })
    }

    /// The link is lost: what may have been sent is indeterminate, the rest
    /// waits before everything else.
    pub(super) fn lost(&mut self, error: &str, lane: &Lane, now: Duration) {
        let State::Up(pipe, _) = std::mem::replace(&mut self.state, State::Down(now)) else {
            return;
        };
        let mut unsent = VecDeque::new();
        pipe.end(|held, _, begun| {
            if begun {
                let answer = Answer::Indeterminate(Reason::Lost(error.to_owned()));
                lane.settle_at(held.op, held.since, now, &answer);
            } else {
                unsent.push_back(held);
            }
        });
        unsent.append(&mut self.queue);
        self.queue = unsent;
    }

    /// Ready when something happened.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        match &mut self.state {
            State::Down(_) => Poll::Pending,
            State::Dialling(work, _) => work.as_mut().poll(cx).map(Event::Dialled),
            State::Up(pipe, _) => pipe.poll(cx).map(|read| match read {
                Ok(()) => Event::Read,
                Err(error) => Event::Lost(error),
            }),
        }
    }
}
