//! The stage of all toxics that do something to publishes. A toxic is a
//! [`Fault`]: it says what becomes of a message; this keeps both sides' numbers
//! of the confirms right, for as long as the channel lives.
//!
//! Only channels that were seen to open are touched, and none with
//! transactions. A message that is struck goes on when it is whole; all others
//! go on frame by frame as they came.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use tokio::time::Instant;

use super::super::super::stage::{Ending, Ground, Stage, Turn, Way};
use super::super::super::toxic::Kind;
use super::super::{Outbox, Pick, Picker, TOO_LATE, step_aside};
use super::{
    ACK, CHANNEL_CLOSE, CHANNEL_CLOSE_OK, CHANNEL_OPEN, CONFIRM_SELECT, Confirms, Content, Cutter,
    DELIVER, Frame, GET_OK, Message, NACK, Name, PUBLISH, RETURN, TX_SELECT, put_confirm,
};

/// A longer message is left alone, as is one that would make those that are
/// being kept longer than this together.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// Nothing more is read while messages that come later have so many bytes.
const MOST_LATE: usize = 4 * 1024 * 1024;
/// Nothing more is read while the broker owes so many confirms.
const MOST_OPEN: usize = 16 * 1024 * 1024;
/// Of how many mandatory duplicates a channel awaits returns.
const MOST_PAIRS: usize = 65_536;

/// What becomes of a message. It is recorded before it is said.
pub(crate) enum Fate {
    /// It goes on.
    Pass,
    /// It goes on twice.
    Twice,
    /// It does not go on, and the client is told that the broker has it.
    Never,
    /// Another one goes on in its place.
    Changed(Message),
    /// It goes on at a time, and all of its channel behind it.
    Late(Instant),
    /// It goes on behind the next one to the same place, if that comes in time.
    Behind(Instant),
}

/// What a toxic does to publishes.
pub(crate) trait Fault: Send {
    /// What becomes of a message that was picked.
    fn fate(&mut self, message: &Message, picker: &Picker, turn: &mut Turn<'_>) -> Fate;

    /// The next message may overtake the one that waits, and is about to.
    fn overtakes(&mut self, _waiting: &Message, _picker: &Picker, _turn: &mut Turn<'_>) -> bool {
        false
    }

    /// Takes other attributes of its own kind, and gives those that say which
    /// messages are picked.
    fn retune(&mut self, kind: &Kind) -> Option<Pick>;
}

/// How a channel publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Plain,
    Confirm,
    Transaction,
}

/// A mandatory message that went to the broker twice.
struct Pair {
    /// The broker's number of the original; zero without confirms.
    original: u64,
    likeness: u64,
    is_returned: bool,
}

/// A publish that is not on its way yet, with the client's number of it.
struct Waiting {
    message: Message,
    client: u64,
    until: Instant,
    /// The one that is to go before it is on its way.
    is_overtaken: bool,
}

/// A channel that was seen to open.
#[derive(Default)]
struct Channel {
    mode: Mode,
    confirms: Confirms,
    is_closing: bool,
    upload: Content,
    download: Content,
    /// A message that was picked and is not whole, with its number.
    kept: Option<(Message, u64)>,
    behind: Option<Waiting>,
    late: VecDeque<(Instant, Bytes)>,
    late_bytes: usize,
    pairs: VecDeque<Pair>,
    /// A return that is not whole, and may be that of a duplicate.
    returned: Message,
    /// Confirms of our own that wait until they fit in.
    forged: Vec<u64>,
}

impl Channel {
    /// Hands a frame to the broker, behind what comes later.
    fn emit(&mut self, frame: &Frame, out: &mut Outbox) {
        match self.late.back() {
            Some((until, _)) => self.delay(*until, frame),
            None => out.put(Way::Upstream, &frame.bytes),
        }
    }

    fn delay(&mut self, until: Instant, frame: &Frame) {
        self.late_bytes += frame.bytes.len();
        self.late.push_back((until, frame.bytes.clone()));
    }

    fn emit_all(&mut self, message: &Message, out: &mut Outbox) {
        message.frames.iter().for_each(|frame| self.emit(frame, out));
    }

    /// Counts a publish of the client's; the broker's number of it.
    fn send(&mut self, client: u64) -> u64 {
        if self.mode == Mode::Confirm { self.confirms.send(client) } else { 0 }
    }

    /// Lets go what waits to be overtaken.
    fn let_go(&mut self, out: &mut Outbox) {
        if let Some(waiting) = self.behind.take() {
            self.send(waiting.client);
            self.emit_all(&waiting.message, out);
        }
    }

    /// Lets go a message that is not whole, without anything done to it.
    fn unkeep(&mut self, out: &mut Outbox) {
        if let Some((message, client)) = self.kept.take() {
            self.send(client);
            self.emit_all(&message, out);
        }
    }

    /// Lets go what comes later and is due.
    fn let_late(&mut self, now: Option<Instant>, out: &mut Outbox) {
        let is_due = |(until, _): &mut (Instant, Bytes)| now.is_none_or(|now| *until <= now);
        while let Some((_, bytes)) = self.late.pop_front_if(is_due) {
            self.late_bytes -= bytes.len();
            out.put(Way::Upstream, &bytes);
        }
    }

    fn meet(&mut self, fate: Fate, message: Message, client: u64, out: &mut Outbox) {
        match fate {
            Fate::Pass => {
                self.send(client);
                self.emit_all(&message, out);
            }
            Fate::Changed(other) => {
                self.send(client);
                self.emit_all(&other, out);
            }
            Fate::Twice => {
                let original = self.send(client);
                if self.mode == Mode::Confirm {
                    self.confirms.send_ours();
                }
                if message.address().is_some_and(|(_, _, mandatory)| mandatory) {
                    let likeness = message.likeness();
                    self.pairs.push_back(Pair { original, likeness, is_returned: false });
                    if self.pairs.len() > MOST_PAIRS {
                        self.pairs.pop_front();
                    }
                }
                self.emit_all(&message, out);
                self.emit_all(&message, out);
            }
            Fate::Never => {
                if self.mode == Mode::Confirm {
                    self.confirms.drop_one();
                    self.forged.push(client);
                }
            }
            Fate::Late(until) => {
                self.send(client);
                let until = self.late.back().map_or(until, |(last, _)| until.max(*last));
                message.frames.iter().for_each(|frame| self.delay(until, frame));
            }
            Fate::Behind(until) => {
                self.behind = Some(Waiting { message, client, until, is_overtaken: false });
            }
        }
    }

    /// Tells the client of the messages that were dropped, between two others.
    fn forge(&mut self, number: u16, out: &mut Outbox) {
        if self.download == Content::None {
            for client in self.forged.drain(..) {
                put_confirm(out.at(Way::Downstream), number, ACK, client, false);
            }
        }
    }

    /// Gives a confirm of the broker's to the client, in the client's numbers.
    fn confirm(&mut self, name: Name, frame: &Frame, out: &mut Outbox) {
        let told = frame.method().and_then(|(_, mut f)| Some((f.u64()?, f.u8()? & 1 != 0)));
        let (was_shifted, number) = (self.confirms.is_shifted(), frame.channel);
        if let Some((tag, multiple)) = told {
            self.confirms.settle(tag, multiple, |client, multiple| {
                if was_shifted {
                    put_confirm(out.at(Way::Downstream), number, name, client, multiple);
                }
            });
        }
        if !was_shifted {
            out.put(Way::Downstream, &frame.bytes);
        }
        // A return comes before the confirm.
        let confirms = &self.confirms;
        let is_over = |pair: &mut Pair| {
            pair.original != 0
                && ![pair.original, pair.original + 1].map(|n| confirms.is_open(n)).contains(&true)
        };
        while self.pairs.pop_front_if(is_over).is_some() {}
    }

    /// Whether what came back is the duplicate. Both are the same, so that only
    /// their order tells; returns come in the order of the publishes.
    fn is_duplicate(&mut self, returned: &Message) -> bool {
        let likeness = returned.likeness();
        let Some(at) = self.pairs.iter().position(|pair| pair.likeness == likeness) else {
            return false;
        };
        self.pairs.drain(..at);
        let Some(pair) = self.pairs.front_mut() else { return false };
        let is_over = pair.original != 0 && !self.confirms.is_open(pair.original);
        if pair.is_returned || is_over {
            self.pairs.pop_front();
            return true;
        }
        pair.is_returned = true;
        false
    }
}

/// The stage.
pub(crate) struct Publishes {
    fault: Box<dyn Fault>,
    picker: Picker,
    cutters: [Cutter; 2],
    channels: BTreeMap<u16, Channel>,
    out: Outbox,
    /// Why it is to leave the connection alone, until it has said so.
    excuse: Option<&'static str>,
    is_aside: bool,
    /// The toxic is gone, and only the numbers are kept right.
    is_resting: bool,
    is_full: bool,
    due: Option<Instant>,
}

impl Publishes {
    pub(crate) fn new(fault: impl Fault + 'static, pick: &Pick, ground: &Ground) -> Self {
        let from_start = ground.from_start;
        Self {
            fault: Box::new(fault),
            picker: Picker::new(ground, pick),
            cutters: Default::default(),
            channels: BTreeMap::new(),
            out: Outbox::default(),
            excuse: (!from_start).then_some(TOO_LATE),
            is_aside: !from_start,
            is_resting: false,
            is_full: false,
            due: None,
        }
    }

    fn take_from_client(&mut self, frame: Frame, turn: &mut Turn<'_>) {
        let name = frame.method().map(|(name, _)| name);
        if name == Some(CHANNEL_OPEN) {
            self.channels.insert(frame.channel, Channel::default());
        }
        let Some(channel) = self.channels.get_mut(&frame.channel) else {
            return self.out.put(Way::Upstream, &frame.bytes);
        };
        if name == Some(PUBLISH) {
            return self.publish(frame, turn);
        }
        if name.is_some() {
            channel.unkeep(&mut self.out);
            channel.let_go(&mut self.out);
        }
        match name {
            Some(CONFIRM_SELECT) if channel.mode == Mode::Plain => channel.mode = Mode::Confirm,
            Some(TX_SELECT) => channel.mode = Mode::Transaction,
            Some(CHANNEL_CLOSE | CHANNEL_CLOSE_OK) => channel.is_closing = true,
            _ => {}
        }
        let whole = channel.upload.follow(&frame, false);
        let Some((message, _)) = &mut channel.kept else {
            channel.emit(&frame, &mut self.out);
            if whole && channel.behind.as_ref().is_some_and(|waiting| waiting.is_overtaken) {
                channel.let_go(&mut self.out);
            }
            return;
        };
        let number = frame.channel;
        message.frames.push(frame);
        let has_header = message.frames.len() == 2;
        if whole {
            self.strike(number, turn);
        } else if has_header {
            self.bound(number);
        }
    }

    fn publish(&mut self, frame: Frame, turn: &mut Turn<'_>) {
        let Self { fault, picker, out, .. } = self;
        let Some(channel) = self.channels.get_mut(&frame.channel) else { return };
        channel.unkeep(out);
        channel.upload.follow(&frame, true);
        let client = match channel.mode {
            Mode::Confirm => channel.confirms.publish(),
            Mode::Plain | Mode::Transaction => 0,
        };
        if self.is_resting || channel.is_closing || channel.mode == Mode::Transaction {
            channel.let_go(out);
            channel.send(client);
            return channel.emit(&frame, out);
        }
        let (picked, number) = picker.pick(turn);
        let message = Message { number, frames: vec![frame.clone()] };
        if let Some(waiting) = &mut channel.behind {
            let place = |message: &Message| {
                message.address().map(|(exchange, key, _)| [exchange, key].map(<[u8]>::to_vec))
            };
            let fits = !waiting.is_overtaken && place(&waiting.message) == place(&message);
            if fits && fault.overtakes(&waiting.message, picker, turn) {
                waiting.is_overtaken = true;
                channel.send(client);
                return channel.emit(&frame, out);
            }
            channel.let_go(out);
        }
        if picked {
            channel.kept = Some((message, client));
        } else {
            channel.send(client);
            channel.emit(&frame, out);
        }
    }

    /// Leaves a message alone that would take too much room.
    fn bound(&mut self, number: u16) {
        let kept = self.channels.values().filter_map(|channel| channel.kept.as_ref());
        let sum: u64 = kept.filter_map(|(message, _)| message.size()).fold(0, u64::saturating_add);
        if sum > MOST_BYTES
            && let Some(channel) = self.channels.get_mut(&number)
        {
            channel.unkeep(&mut self.out);
        }
    }

    /// A message that was picked is whole.
    fn strike(&mut self, number: u16, turn: &mut Turn<'_>) {
        let Some(channel) = self.channels.get_mut(&number) else { return };
        let Some((message, client)) = channel.kept.take() else { return };
        let fate = self.fault.fate(&message, &self.picker, turn);
        channel.meet(fate, message, client, &mut self.out);
        channel.forge(number, &mut self.out);
    }

    fn take_from_broker(&mut self, frame: Frame) {
        let (out, number) = (&mut self.out, frame.channel);
        let Some(channel) = self.channels.get_mut(&number) else {
            return out.put(Way::Downstream, &frame.bytes);
        };
        let name = frame.method().map(|(name, _)| name);
        let carries = matches!(name, Some(RETURN | DELIVER | GET_OK));
        let whole = channel.download.follow(&frame, carries);
        match name {
            Some(name @ (ACK | NACK)) if channel.mode == Mode::Confirm => {
                return channel.confirm(name, &frame, out);
            }
            Some(CHANNEL_CLOSE) => channel.is_closing = true,
            Some(CHANNEL_CLOSE_OK) => drop(self.channels.remove(&number)),
            _ => {}
        }
        let Some(channel) = self.channels.get_mut(&number) else {
            return out.put(Way::Downstream, &frame.bytes);
        };
        let is_return = name == Some(RETURN) && !channel.pairs.is_empty();
        if is_return || (name.is_none() && !channel.returned.frames.is_empty()) {
            channel.returned.frames.push(frame);
            let too_long = channel.returned.size().is_some_and(|size| size > MOST_BYTES);
            if whole || too_long {
                let returned = std::mem::take(&mut channel.returned);
                if too_long || !channel.is_duplicate(&returned) {
                    returned.frames.iter().for_each(|f| out.put(Way::Downstream, &f.bytes));
                }
            }
        } else {
            out.put(Way::Downstream, &frame.bytes);
        }
        channel.forge(number, out);
    }

    /// Lets everything go that waits, in its order.
    fn release(&mut self) {
        let out = &mut self.out;
        for channel in self.channels.values_mut() {
            channel.let_late(None, out);
            channel.unkeep(out);
            if !channel.behind.as_ref().is_some_and(|waiting| waiting.is_overtaken) {
                channel.let_go(out);
            }
        }
    }

    /// Leaves the connection alone from here on. That is no longer possible
    /// where the client and the broker count differently.
    fn give_up(&mut self, why: &'static str, turn: &mut Turn<'_>) {
        step_aside(turn, why);
        self.release();
        let is_shifted = self.must_stay();
        for way in Way::BOTH {
            let rest = self.cutters[way as usize].rest();
            self.out.put(way, &rest);
        }
        self.out.flush(turn);
        (self.is_aside, self.due, self.is_full) = (true, None, false);
        if is_shifted {
            turn.cut(Ending::Reset);
        }
    }

    /// Whether somebody must translate for as long as the channels live.
    fn must_stay(&self) -> bool {
        self.channels.values().any(|channel| {
            channel.confirms.is_shifted()
                || channel.behind.is_some()
                || !channel.pairs.is_empty()
                || !channel.returned.frames.is_empty()
        })
    }

    /// Hands out what is ready, and looks at what waits.
    fn finish(&mut self, turn: &mut Turn<'_>) {
        self.out.flush(turn);
        let channels = || self.channels.values();
        let late = channels().filter_map(|channel| channel.late.front());
        let behind = channels().filter_map(|channel| channel.behind.as_ref());
        let behind = behind.filter(|waiting| !waiting.is_overtaken).map(|waiting| waiting.until);
        self.due = late.map(|(until, _)| *until).chain(behind).min();
        self.is_full = channels().map(|channel| channel.late_bytes).sum::<usize>() > MOST_LATE
            || channels().map(|channel| channel.confirms.len()).sum::<usize>() > MOST_OPEN;
    }
}

impl Stage for Publishes {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        if let Some(why) = self.excuse.take() {
            step_aside(turn, why);
        }
        if self.is_aside {
            return turn.forward(way, bytes);
        }
        self.cutters[way as usize].push(&bytes);
        loop {
            match self.cutters[way as usize].next() {
                Ok(Some(frame)) if way == Way::Upstream => self.take_from_client(frame, turn),
                Ok(Some(frame)) => self.take_from_broker(frame),
                Ok(None) => return self.finish(turn),
                Err(why) => return self.give_up(why, turn),
            }
        }
    }

    fn end(&mut self, way: Way, ending: Ending, turn: &mut Turn<'_>) {
        if way == Way::Upstream {
            self.release();
        } else {
            for channel in self.channels.values_mut() {
                let returned = std::mem::take(&mut channel.returned);
                returned.frames.iter().for_each(|frame| self.out.put(way, &frame.bytes));
            }
        }
        let rest = self.cutters[way as usize].rest();
        self.out.put(way, &rest);
        self.finish(turn);
        turn.end(way, ending);
    }

    fn is_open(&self, way: Way) -> bool {
        way == Way::Downstream || !self.is_full
    }

    fn due(&self) -> Option<Instant> {
        self.due
    }

    fn tick(&mut self, turn: &mut Turn<'_>) {
        let now = turn.now();
        for channel in self.channels.values_mut() {
            channel.let_late(Some(now), &mut self.out);
            let is_over = |waiting: &Waiting| !waiting.is_overtaken && waiting.until <= now;
            if channel.behind.as_ref().is_some_and(is_over) {
                channel.let_go(&mut self.out);
            }
        }
        self.finish(turn);
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        self.release();
        self.is_resting = true;
        if !self.is_aside && !self.must_stay() {
            for way in Way::BOTH {
                let rest = self.cutters[way as usize].rest();
                self.out.put(way, &rest);
            }
            self.is_aside = true;
        }
        self.finish(turn);
    }

    fn lingers(&self) -> bool {
        !self.is_aside
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let pick = self.fault.retune(kind);
        pick.map(|pick| self.picker.pick = pick).is_some()
    }

    fn both_ways(&self) -> bool {
        true
    }
}
