//! Publishes on the channels of one connection, until it is lost.

use std::collections::VecDeque;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::Target;
use super::beat::{Beat, SILENT};
use super::frame::{
    self, ACK, CHANNEL_CLOSE, CONNECTION_BLOCKED, CONNECTION_CLOSE, CONNECTION_CLOSE_OK,
    CONNECTION_UNBLOCKED, Fields, Frame, HEADER, HEARTBEAT, NACK, RETURN,
};
use super::opening;
use super::publish::Text;
use super::window::Window;
use super::wire::Wire;
use crate::feed::Op;
use crate::identity::{self, IdentityRef};
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::payload::Payload;
use crate::reach::Unready;

/// No more messages are put together while this many bytes wait to be written.
const MOST_UNSENT: usize = 256 * 1024;

/// How long the broker may take to say goodbye.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How often it is looked whether the run has begun.
const GLANCE: Duration = Duration::from_millis(20);

/// How a session ended.
pub(super) enum End {
    /// There are no more operations.
    NoMore,
    /// The connection was lost. Everything that may have been sent is settled.
    Lost {
        /// Operations that were taken and of which nothing was sent, in order.
        unsent: VecDeque<Op>,
    },
}

/// What happens next.
enum Event {
    Op(Option<Op>),
    Written,
    Read,
    Lost(String),
}

pub(super) struct Session<'a> {
    wire: Wire,
    target: &'a Target,
    lane: &'a Lane,
    channels: Vec<Channel>,
    /// The channel whose turn it is.
    turn: usize,
    more: bool,
    beat: Beat,
    /// Why the broker takes no messages for now.
    blocked: Option<String>,
}

struct Channel {
    window: Window,
    /// Why the message whose header comes next was given back.
    returned: Option<String>,
}

/// The text of one message.
struct Message<'a> {
    lane: &'a Lane,
    op: &'a Op,
    now: Duration,
    body: &'a Payload,
}

impl Text for Message<'_> {
    fn identity(&self) -> IdentityRef<'_> {
        self.lane.identity(self.op)
    }

    fn render(&self, payload: &Payload, out: &mut Vec<u8>) {
        self.lane.render(payload, self.op, self.now, out);
    }

    fn body(&self, out: &mut Vec<u8>) {
        self.lane.render_body(self.body, self.op, self.now, out);
    }
}

impl<'a> Session<'a> {
    pub(super) fn new(wire: Wire, every: Duration, target: &'a Target, lane: &'a Lane) -> Self {
        let now = lane.now();
        let size = target.window.unwrap_or(usize::MAX);
        let channel = |_| Channel { window: Window::new(size), returned: None };
        Self {
            wire,
            target,
            lane,
            channels: (0..target.channels).map(channel).collect(),
            turn: 0,
            more: true,
            beat: Beat::new(every, now),
            blocked: None,
        }
    }

    /// Publishes operations, `first` before any other, until there are no more
    /// or the connection is lost.
    pub(super) async fn serve(mut self, first: VecDeque<Op>) -> End {
        if let Err(error) = self.await_start().await {
            return self.end(&error);
        }
        let now = self.lane.now();
        for op in first {
            self.put(op, now);
        }
        loop {
            self.top_up();
            if !self.more && self.is_settled() {
                self.close().await;
                return End::NoMore;
            }
            let deadline = self.deadline();
            let event = self.lane.limit(deadline, self.event()).await;
            let trouble = match event {
                Some(Event::Op(Some(op))) => {
                    let now = self.lane.now();
                    self.put(op, now);
                    None
                }
                Some(Event::Op(None)) => {
                    self.more = false;
                    None
                }
                Some(Event::Written) => {
                    self.written();
                    None
                }
                Some(Event::Read) => self.read().err(),
                Some(Event::Lost(error)) => Some(error),
                None => self.look_at_clock().err(),
            };
            if let Some(error) = trouble {
                return self.end(&error);
            }
        }
    }

    /// Shows signs of life until T0, before which the run's clock stands still.
    async fn await_start(&mut self) -> Result<(), String> {
        let mut waited = Duration::ZERO;
        while let Some(left) = self.lane.until_start()
            && !self.lane.is_closing()
        {
            let pause = left.min(GLANCE);
            let read = poll_fn(|cx| self.wire.poll_read(cx));
            match tokio::time::timeout(pause, read).await {
                Ok(read) => {
                    read.map_err(|error| error.to_string())?;
                    self.read()?;
                    self.beat.heard(waited);
                }
                Err(_) => waited += pause,
            }
            self.show_life(waited)?;
            self.wire.flush().await?;
        }
        self.beat.restart(self.lane.now());
        Ok(())
    }

    fn room(&self) -> bool {
        self.more
            && self.blocked.is_none()
            && self.wire.unsent() < MOST_UNSENT
            && self.channels.iter().any(|channel| channel.window.room() > 0)
    }

    fn is_settled(&mut self) -> bool {
        self.channels.iter_mut().all(|channel| channel.window.is_settled())
    }

    /// Takes what is due already; all of it is written at once.
    fn top_up(&mut self) {
        if !self.room() {
            return;
        }
        let now = self.lane.now();
        while self.room()
            && let Some(op) = self.lane.try_next()
        {
            self.put(op, now);
        }
    }

    fn put(&mut self, op: Op, now: Duration) {
        let count = self.channels.len();
        let turn = (0..count).map(|step| (self.turn + step) % count);
        let mut free = turn.filter(|&at| self.channels[at].window.room() > 0);
        let at = free.next().unwrap_or(self.turn);
        self.turn = (at + 1) % count;
        let message = Message { lane: self.lane, op: &op, now, body: &self.target.body };
        let begin = self.wire.length();
        let longest = self.wire.longest;
        let put = self.target.publish.put(self.wire.out(), at as u16 + 1, longest, &message);
        match put {
            Ok(()) => {
                let bytes = (begin, self.wire.length());
                self.channels[at].window.push(op, now, bytes);
            }
            Err(why) => {
                let answer = Answer::Failed(Reason::Unsendable(why.to_owned()));
                self.lane.settle_at(op, now, now, &answer);
            }
        }
    }

    /// When something is to be done although nothing happens.
    fn deadline(&mut self) -> Duration {
        let oldest = self.channels.iter_mut().filter_map(|channel| channel.window.deadline()).min();
        let overdue = oldest.map_or(Duration::MAX, |started| started + self.lane.timeout());
        overdue.min(self.beat.deadline())
    }

    async fn event(&mut self) -> Event {
        let room = self.room();
        let plain = self.target.window.is_none();
        let mut next = pin!(self.lane.next());
        poll_fn(|cx| {
            if self.wire.unsent() > 0 {
                let before = self.wire.written();
                match self.wire.poll_write(cx) {
                    Poll::Ready(Err(error)) => return Poll::Ready(Event::Lost(error.to_string())),
                    // Without confirms, what is written is settled.
                    _ if plain && self.wire.written() > before => {
                        return Poll::Ready(Event::Written);
                    }
                    _ => {}
                }
            }
            match self.wire.poll_read(cx) {
                Poll::Ready(Ok(())) => return Poll::Ready(Event::Read),
                Poll::Ready(Err(error)) => return Poll::Ready(Event::Lost(error.to_string())),
                Poll::Pending => {}
            }
            if room { next.as_mut().poll(cx).map(Event::Op) } else { Poll::Pending }
        })
        .await
    }

    fn written(&mut self) {
        let (lane, written) = (self.lane, self.wire.written());
        let now = lane.now();
        for channel in &mut self.channels {
            channel.window.written(written, |op, started, answer| {
                lane.settle_at(op, started, now, answer);
            });
        }
    }

    /// Settles what was confirmed.
    fn read(&mut self) -> Result<(), String> {
        let lane = self.lane;
        let now = lane.now();
        self.beat.heard(now);
        // Where there is always something to read the clock is not looked at.
        self.show_life(now)?;
        let (wire, channels) = (&mut self.wire, &mut self.channels);
        wire.frames(|frame| {
            match frame.method() {
                Some((CONNECTION_BLOCKED, mut fields)) => {
                    let why = fields.short().unwrap_or(b"it does not say why");
                    self.blocked = Some(String::from_utf8_lossy(why).into_owned());
                }
                Some((CONNECTION_UNBLOCKED, _)) => self.blocked = None,
                _ => {}
            }
            take(frame, channels, |op, started, answer| {
                lane.settle_at(op, started, now, answer);
            })
        })
    }

    /// Ends overdue messages; shows that we live; notices that the broker does
    /// not.
    fn look_at_clock(&mut self) -> Result<(), String> {
        let lane = self.lane;
        let now = lane.now();
        if let Some(before) = now.checked_sub(lane.timeout()) {
            let blocked = self.blocked.clone().map_or(Reason::Timeout, Reason::Blocked);
            let answer = Answer::Indeterminate(blocked);
            for channel in &mut self.channels {
                channel.window.expire(before, &answer, |op, started, answer| {
                    lane.settle_at(op, started, now, answer);
                });
            }
        }
        self.show_life(now)
    }

    /// Shows that we live, if it is time to; notices that the broker does not.
    fn show_life(&mut self, now: Duration) -> Result<(), String> {
        if self.beat.is_dead(now) {
            return Err(SILENT.to_owned());
        }
        // A broker that reads nothing needs no more of them.
        if self.beat.send(now) && self.wire.unsent() < MOST_UNSENT {
            frame::put(self.wire.out(), HEARTBEAT, 0, |_| {});
        }
        Ok(())
    }

    /// Says goodbye; the broker's answer shows that it took in everything.
    async fn close(mut self) {
        frame::put_method(self.wire.out(), 0, CONNECTION_CLOSE, |out| {
            out.extend_from_slice(&200_u16.to_be_bytes());
            frame::put_short(out, |out| out.extend_from_slice(b"the load has ended"));
            out.extend_from_slice(&[0; 4]);
        });
        let until = self.lane.now() + LAST_WORDS;
        // A broker that does not answer has nothing more to tell.
        let _ = self.lane.limit(until, self.wire.call(0, CONNECTION_CLOSE_OK)).await;
    }

    /// The connection is lost: settles what may have been sent.
    fn end(mut self, error: &str) -> End {
        if let Unready::Denied(trouble) =
            opening::denied(&self.target.given, "a publish", error.to_owned())
        {
            self.lane.denied(&trouble);
        }
        let (lane, written) = (self.lane, self.wire.written());
        let now = lane.now();
        let lost = Answer::Indeterminate(Reason::Lost(error.to_owned()));
        let mut unsent = VecDeque::new();
        for channel in &mut self.channels {
            channel.window.end(written, &lost, &mut unsent, |op, started, answer| {
                lane.settle_at(op, started, now, answer);
            });
        }
        unsent.make_contiguous().sort_by_key(|op| op.seq);
        End::Lost { unsent }
    }
}

/// Takes in one frame of the broker's.
fn take(
    frame: Frame<'_>,
    channels: &mut [Channel],
    settle: impl FnMut(Op, Duration, &Answer),
) -> Result<(), String> {
    let at = usize::from(frame.channel).checked_sub(1);
    let channel = at.and_then(|at| channels.get_mut(at));
    if let Some((name, mut fields)) = frame.method() {
        return match (name, channel) {
            (ACK | NACK, Some(channel)) => {
                let (Some(tag), Some(bits)) = (fields.u64(), fields.u8()) else {
                    return Err("the broker sent a confirm without a tag".to_owned());
                };
                let nacked = Answer::Indeterminate(Reason::Nacked);
                let answer = if name == ACK { Answer::Acked } else { nacked };
                channel.window.confirm(tag, bits & 1 != 0, &answer, settle);
                Ok(())
            }
            (RETURN, Some(channel)) => {
                channel.returned = Some(fields.reason());
                Ok(())
            }
            (CONNECTION_CLOSE | CHANNEL_CLOSE, _) => Err(fields.reason()),
            _ => Ok(()),
        };
    }
    if let Some(channel) = channel.filter(|_| frame.kind == HEADER)
        && let Some(why) = channel.returned.take()
        && let Some(id) = Fields(frame.payload).message_id()
        && let Some(identity) = identity::parse(id)
    {
        channel.window.give_back(identity.sequence, &why);
    }
    Ok(())
}
