//! Records on one producer, until it is of no more use.

use std::collections::VecDeque;
use std::time::Duration;

use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer as _};

use super::batch::{Batch, RECORDS};
use super::bell::Bell;
use super::client::{self, Producer, Target};
use super::fate::{denied, given_back, is_fatal};
use super::returns::{Delivery, Returns};
use super::topic::Topic;
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};

/// The longest pause between two looks for deliveries, should the bell have
/// been overheard.
const LOOK: Duration = Duration::from_millis(20);

/// Behind a record that does not come back, so many queues full may.
const STRETCH: usize = 4;

/// How a session ended.
pub(super) enum End {
    /// There are no more operations.
    NoMore,
    /// librdkafka has given the producer up, and why.
    Useless(Reason),
}

/// A record that has not come back, or that waits for the ones before it to.
struct Slot {
    /// `None` when it is settled.
    op: Option<Op>,
    started: Duration,
}

impl Slot {
    /// One whose record was not taken.
    fn settled() -> Self {
        Self { op: None, started: Duration::ZERO }
    }
}

struct Session<'a> {
    producer: &'a Producer,
    returns: &'a Returns<'a>,
    topic: Topic<'a>,
    target: &'a Target,
    lane: &'a Lane,
    /// In the order in which they were begun.
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: usize,
    /// Slots that have an operation.
    under_way: usize,
    /// Slots before this one have none: where to look for what is overdue.
    overdue_from: usize,
    /// Operations that were taken and not sent, such as those that did not
    /// fit into librdkafka's queue.
    in_hand: VecDeque<Op>,
    more: bool,
    batch: Batch,
    key: Vec<u8>,
    body: Vec<u8>,
    header: Vec<u8>,
    deliveries: Vec<Delivery>,
    useless: Option<String>,
}

/// Sends operations until there are no more or the producer is of no use.
pub(super) async fn serve(producer: &Producer, target: &Target, lane: &Lane) -> End {
    let Some(returns) = Returns::new(producer) else {
        return End::Useless(Reason::Unreachable("librdkafka has no queue of events".to_owned()));
    };
    let bell = match Bell::new(&returns) {
        Ok(bell) => bell,
        Err(error) => return End::Useless(client::reason(&error.to_string())),
    };
    let topic = match Topic::new(producer, &target.topic) {
        Ok(topic) => topic,
        Err(error) => return End::Useless(Reason::Unreachable(error)),
    };
    let mut session = Session {
        producer,
        returns: &returns,
        topic,
        target,
        lane,
        slots: VecDeque::new(),
        first: 0,
        under_way: 0,
        overdue_from: 0,
        in_hand: VecDeque::new(),
        more: true,
        batch: Batch::default(),
        key: Vec::new(),
        body: Vec::new(),
        header: Vec::new(),
        deliveries: Vec::new(),
        useless: None,
    };
    loop {
        session.take_back();
        session.top_up();
        if let Some(error) = session.useless.take() {
            session.give_up(&error);
            return End::Useless(Reason::Unreachable(error));
        }
        if session.under_way == 0 && session.in_hand.is_empty() {
            if !session.more {
                return End::NoMore;
            }
            // Settled records may still come back, and connections be lost,
            // without anybody asking.
            match lane.next().await {
                Some(op) => session.in_hand.push_back(op),
                None => session.more = false,
            }
            continue;
        }
        let event = async {
            tokio::select! {
                op = lane.next(), if session.has_room() => Some(op),
                () = bell.ring() => None,
            }
        };
        match lane.limit(session.next_look(), event).await {
            Some(Some(Some(op))) => session.in_hand.push_back(op),
            Some(Some(None)) => session.more = false,
            // Something has come back, or is overdue.
            Some(None) | None => {}
        }
    }
}

impl Session<'_> {
    fn has_room(&self) -> bool {
        self.more && self.in_hand.is_empty() && self.room() > 0
    }

    /// How many further records may be under way.
    fn room(&self) -> usize {
        let queue = self.target.queue;
        let slots = queue.saturating_mul(STRETCH).saturating_sub(self.slots.len());
        queue.saturating_sub(self.under_way).min(slots)
    }

    /// When to look even if the bell does not ring.
    fn next_look(&self) -> Duration {
        let oldest = self.slots.get(self.overdue_from.saturating_sub(self.first));
        let overdue = oldest.map_or(Duration::MAX, |slot| slot.started + self.lane.timeout());
        overdue.min(self.lane.now() + LOOK)
    }

    /// Sends what is in hand and what is due already, as long as there is
    /// room. What comes back meanwhile makes none, so that it ends.
    fn top_up(&mut self) {
        let mut left = self.room();
        loop {
            // Once for a batch, before its operations are taken.
            let now = self.lane.now();
            let sent = if self.target.headers.is_empty() {
                self.fill(left, now);
                self.send(now)
            } else {
                self.send_with_headers(left, now)
            };
            left -= sent;
            if sent == 0 {
                return;
            }
            self.take_back();
            if !self.in_hand.is_empty() || self.useless.is_some() {
                return;
            }
        }
    }

    /// The next operation to send: one in hand, or else one that is due.
    fn pick(&mut self) -> Option<Op> {
        let due = || if self.more { self.lane.try_next() } else { None };
        self.in_hand.pop_front().or_else(due)
    }

    /// Fills the batch, with at most so many records.
    fn fill(&mut self, most: usize, now: Duration) {
        let (lane, target) = (self.lane, self.target);
        while self.batch.len() < most
            && self.batch.has_room()
            && let Some(op) = self.pick()
        {
            let value = |op: &Op, out: &mut Vec<u8>| lane.render_body(&target.body, op, now, out);
            let key = |op: &Op, out: &mut Vec<u8>| {
                if let Some(key) = &target.key {
                    lane.render(key, op, now, out);
                }
            };
            self.batch.add(op, value, key);
        }
    }

    /// Sends the batch; says how many records were in it.
    fn send(&mut self, now: Duration) -> usize {
        if self.batch.is_empty() {
            return 0;
        }
        let (from, waiting) = (self.slots.len(), self.in_hand.len());
        let mut batch = std::mem::take(&mut self.batch);
        self.topic.send(self.target.partition, &mut batch, self.first + from);
        let sent = batch.len();
        for (index, (op, error)) in batch.drain().enumerate() {
            self.sent(op, from + index, error, now);
        }
        self.batch = batch;
        // What was not taken is older than what waits.
        self.in_hand.rotate_left(waiting);
        sent
    }

    /// An operation's record was taken for the slot at `index`, or was not.
    fn sent(&mut self, op: Op, index: usize, error: Option<Code>, now: Duration) {
        match error {
            None => {
                // Those before it that were not taken keep their places.
                self.slots.resize_with(index, Slot::settled);
                self.slots.push_back(Slot { op: Some(op), started: now });
                self.under_way += 1;
            }
            Some(Code::QueueFull) => self.in_hand.push_back(op),
            Some(code) if is_fatal(code) => {
                self.in_hand.push_back(op);
                if self.useless.is_none() {
                    self.useless = Some(self.fatal(code));
                }
            }
            Some(code) => {
                let answer = Answer::Failed(Reason::Unsendable(code.to_string()));
                self.lane.settle_at(op, now, now, &answer);
            }
        }
    }

    /// Sends records with headers, at most so many, one by one: librdkafka
    /// takes no batches of them. Says how many there were.
    fn send_with_headers(&mut self, most: usize, now: Duration) -> usize {
        let (lane, target) = (self.lane, self.target);
        let mut sent = 0;
        while sent < most.min(RECORDS)
            && let Some(op) = self.pick()
        {
            self.body.clear();
            lane.render_body(&target.body, &op, now, &mut self.body);
            if let Some(key) = &target.key {
                self.key.clear();
                lane.render(key, &op, now, &mut self.key);
            }
            let (index, waiting) = (self.slots.len(), self.in_hand.len());
            let error = self.send_one(&op, now, self.first + index).err();
            self.sent(op, index, error, now);
            sent += 1;
            if self.in_hand.len() > waiting {
                self.in_hand.rotate_left(waiting);
                break;
            }
        }
        sent
    }

    fn send_one(&mut self, op: &Op, now: Duration, number: usize) -> Result<(), Code> {
        let target = self.target;
        let mut headers = OwnedHeaders::new_with_capacity(target.headers.len());
        for (name, value) in &target.headers {
            self.header.clear();
            self.lane.render(value, op, now, &mut self.header);
            headers = headers.insert(Header { key: name, value: Some(&self.header) });
        }
        let mut record: BaseRecord<'_, [u8], [u8], usize> =
            BaseRecord::with_opaque_to(&target.topic, number)
                .payload(self.body.as_slice())
                .headers(headers);
        if target.key.is_some() {
            record = record.key(self.key.as_slice());
        }
        if let Some(partition) = target.partition {
            record = record.partition(partition);
        }
        let sent = self.producer.send(record);
        sent.map_err(|(error, _)| error.rdkafka_error_code().unwrap_or(Code::InvalidArgument))
    }

    /// Settles what has come back, and what is overdue.
    fn take_back(&mut self) {
        let mut list = std::mem::take(&mut self.deliveries);
        self.returns.take(&mut list);
        let now = self.lane.now();
        let mut delivered = false;
        for (number, error) in list.drain(..) {
            // A slot that is gone, gone back to before the first.
            let Some(slot) =
                number.checked_sub(self.first).and_then(|index| self.slots.get_mut(index))
            else {
                continue;
            };
            delivered |= error.is_none();
            if let Some(code) = error.filter(|&code| is_fatal(code)) {
                self.useless =
                    Some(self.producer.client().fatal_error().map_or_else(
                        || code.to_string(),
                        |(code, text)| format!("{code}: {text}"),
                    ));
            }
            let Some(op) = slot.op.take() else { continue };
            self.under_way -= 1;
            let answer = match error {
                None => Answer::Acked,
                Some(code) => {
                    let said = code.to_string();
                    if let Some(why) = denied(&self.target.at, code, "a record", &said) {
                        self.lane.denied(&why);
                    }
                    let trouble = self.producer.context().trouble();
                    given_back(code, trouble.as_deref())
                }
            };
            self.lane.settle_at(op, slot.started, now, &answer);
        }
        self.deliveries = list;
        if delivered {
            self.producer.context().well();
        } else if self.lane.acked() == 0
            && let Some(why) = self.producer.context().refusal(&self.target.at)
        {
            self.lane.denied(&why);
        }
        self.expire(now);
        while self.slots.front().is_some_and(|slot| slot.op.is_none()) {
            self.slots.pop_front();
            self.first += 1;
        }
    }

    /// Settles what is overdue. librdkafka gives it back some time later.
    fn expire(&mut self, now: Duration) {
        let timeout = self.lane.timeout();
        let mut index = self.overdue_from.saturating_sub(self.first);
        while let Some(slot) = self.slots.get_mut(index)
            && slot.started + timeout <= now
        {
            if let Some(op) = slot.op.take() {
                self.under_way -= 1;
                let trouble = self.producer.context().trouble();
                let answer = given_back(Code::MessageTimedOut, trouble.as_deref());
                self.lane.settle_at(op, slot.started, now, &answer);
            }
            index += 1;
        }
        self.overdue_from = self.first + index;
    }

    fn fatal(&self, code: Code) -> String {
        self.producer
            .client()
            .fatal_error()
            .map_or_else(|| code.to_string(), |(code, text)| format!("{code}: {text}"))
    }

    /// The producer is of no use: settles everything.
    fn give_up(&mut self, error: &str) {
        let now = self.lane.now();
        for slot in self.slots.drain(..) {
            if let Some(op) = slot.op {
                let answer = Answer::Indeterminate(Reason::Lost(error.to_owned()));
                self.lane.settle_at(op, slot.started, now, &answer);
            }
        }
        for op in self.in_hand.drain(..) {
            let answer = Answer::Failed(Reason::Unsendable(error.to_owned()));
            self.lane.settle_at(op, now, now, &answer);
        }
    }
}
