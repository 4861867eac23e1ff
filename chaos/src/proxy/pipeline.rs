//! The stages of one connection, and what is between them. No socket and no
//! clock: what is read is pushed in, what is to be written is popped out, and
//! the time is a value.
//!
//! Nothing is lost or swapped unless a stage does it, also when toxics come,
//! change and go. What is kept is bounded: a direction is only read from while
//! little waits between its stages and the first of them is open.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::chance::{Dice, Draw};
use super::stage::{Ending, Ground, Place, Side, Stage, Turn, Way};
use super::toxic::{Per, Toxic};

/// Nothing more is read while so many bytes wait between stages.
const WAITING: usize = 64 * 1024;
/// Nor while the opposite direction, into which stages may put answers, is so
/// far behind.
const ANSWERS: usize = 1024 * 1024;

/// What flows in a direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    Bytes(Bytes),
    End(Ending),
}

/// Items in their order.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    items: VecDeque<Item>,
    bytes: usize,
}

impl Queue {
    fn push(&mut self, item: Item) {
        if let Item::Bytes(bytes) = &item {
            self.bytes += bytes.len();
        }
        self.items.push_back(item);
    }

    fn pop(&mut self) -> Option<Item> {
        let item = self.items.pop_front()?;
        if let Item::Bytes(bytes) = &item {
            self.bytes -= bytes.len();
        }
        Some(item)
    }
}

/// A stage and what waits for it.
pub(crate) struct Slot {
    toxic: Arc<Toxic>,
    stage: Box<dyn Stage>,
    dice: Dice,
    inbox: [Queue; 2],
    /// The toxic does not hold the connection any more; the stage lingers.
    is_left: bool,
}

impl Slot {
    fn stands_in(&self, way: Way) -> bool {
        self.toxic.stream == way || self.stage.both_ways()
    }

    fn is_due(&self, now: Instant) -> bool {
        self.stage.due().is_some_and(|due| due <= now)
    }

    /// Lets the stage do all that it can do now; whether it took anything.
    fn work(&mut self, now: Instant, others: Others<'_>, tail: &mut Tail, place: &Place) -> bool {
        let Self { toxic, stage, dice, inbox, .. } = self;
        let mut turn = Turn { now, toxic, dice, others, tail, place };
        let mut worked = false;
        loop {
            if stage.due().is_some_and(|due| due <= now) {
                stage.tick(&mut turn);
            }
            let mut moved = false;
            for way in Way::BOTH {
                if turn.tail.cut.is_some() {
                    return false;
                }
                if !stage.is_open(way) {
                    continue;
                }
                match inbox[way as usize].pop() {
                    Some(Item::Bytes(bytes)) => stage.take(way, bytes, &mut turn),
                    Some(Item::End(ending)) => stage.end(way, ending, &mut turn),
                    None => continue,
                }
                moved = true;
            }
            if !moved {
                return worked;
            }
            worked = true;
        }
    }

    /// Lets the stage go, and then what still waits for it. False if it lingers.
    fn leave(&mut self, now: Instant, others: Others<'_>, tail: &mut Tail, place: &Place) -> bool {
        let Self { toxic, stage, dice, inbox, is_left } = self;
        let mut turn = Turn { now, toxic, dice, others, tail, place };
        if !*is_left {
            *is_left = true;
            stage.leave(&mut turn);
        }
        if stage.lingers() {
            return false;
        }
        for way in Way::BOTH {
            while let Some(item) = inbox[way as usize].pop() {
                turn.others.hand_on(turn.tail, way, item);
            }
        }
        true
    }
}

/// The stages around one: those before and those after it in the list, and
/// whether it stands in both directions. Upstream goes along the list.
/// Downstream goes first through the stages that stand in both directions,
/// against the list, and then along the list through the others.
pub(crate) struct Others<'a> {
    earlier: &'a mut [Slot],
    later: &'a mut [Slot],
    is_both: bool,
}

impl Others<'_> {
    /// To the next stage in this direction, or out.
    pub(crate) fn hand_on(&mut self, tail: &mut Tail, way: Way, item: Item) {
        let Self { earlier, later, is_both } = self;
        let both = |slot: &&mut Slot| slot.stage.both_ways();
        let single = |slot: &&mut Slot| slot.toxic.stream == way && !slot.stage.both_ways();
        let next = match (way, *is_both) {
            (Way::Upstream, _) => later.iter_mut().find(|slot| slot.stands_in(way)),
            (Way::Downstream, false) => later.iter_mut().find(single),
            (Way::Downstream, true) if earlier.iter().any(|slot| slot.stage.both_ways()) => {
                earlier.iter_mut().rev().find(both)
            }
            (Way::Downstream, true) => earlier.iter_mut().chain(later.iter_mut()).find(single),
        };
        match next {
            Some(slot) => slot.inbox[way as usize].push(item),
            None => tail.put(way, item),
        }
    }
}

/// The stage at a place, and those around it.
fn split(slots: &mut [Slot], at: usize) -> (&mut Slot, Others<'_>) {
    let (earlier, rest) = slots.split_at_mut(at);
    let (slot, later) = rest.split_at_mut(1);
    let slot = &mut slot[0];
    let is_both = slot.stage.both_ways();
    (slot, Others { earlier, later, is_both })
}

/// The first stage in a direction.
fn entry(slots: &[Slot], way: Way) -> Option<usize> {
    let both = || slots.iter().rposition(|slot| slot.stage.both_ways());
    let first = || slots.iter().position(|slot| slot.stands_in(way));
    if way == Way::Downstream { both().or_else(first) } else { first() }
}

/// What comes after the last stage.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    out: [Queue; 2],
    /// Something came out since the last look.
    is_fed: bool,
    /// Set by a stage that ends the connection.
    pub(crate) cut: Option<Ending>,
    /// The sockets that stages close.
    pub(crate) closes: Vec<(Side, Ending)>,
}

impl Tail {
    fn put(&mut self, way: Way, item: Item) {
        self.out[way as usize].push(item);
        self.is_fed = true;
    }
}

/// The stages of a connection in their order.
pub(crate) struct Pipeline {
    seed: u64,
    place: Place,
    slots: Vec<Slot>,
    /// Nothing has been read before the toxics of now were asked for.
    is_fresh: bool,
    pub(crate) tail: Tail,
}

impl Pipeline {
    pub(crate) fn new(seed: u64, place: Place) -> Self {
        Self { seed, place, slots: Vec::new(), is_fresh: true, tail: Tail::default() }
    }

    /// Whether there is no stage at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether bytes of this direction may go from socket to socket.
    pub(crate) fn is_direct(&self, way: Way) -> bool {
        self.tail.out[way as usize].items.is_empty()
            && !self.slots.iter().any(|slot| slot.stands_in(way))
    }

    /// Whether more of this direction is to be read.
    pub(crate) fn wants(&self, way: Way) -> bool {
        let index = way as usize;
        if self.slots.is_empty() {
            return self.tail.out[index].items.is_empty();
        }
        let inboxes = self.slots.iter().map(|slot| slot.inbox[index].bytes);
        let first = entry(&self.slots, way).map(|at| &self.slots[at]);
        self.tail.out[index].bytes + inboxes.sum::<usize>() < WAITING
            && self.tail.out[way.opposite() as usize].bytes < ANSWERS
            && first.is_none_or(|s| s.inbox[index].items.is_empty() && s.stage.is_open(way))
    }

    /// Takes what was read.
    pub(crate) fn push(&mut self, way: Way, item: Item) {
        match entry(&self.slots, way) {
            Some(at) => self.slots[at].inbox[way as usize].push(item),
            None => self.tail.put(way, item),
        }
    }

    /// What is to be written next.
    pub(crate) fn front(&self, way: Way) -> Option<&Item> {
        self.tail.out[way as usize].items.front()
    }

    /// So many bytes of [`Pipeline::front`] are written, or it was an end.
    pub(crate) fn written(&mut self, way: Way, count: usize) {
        let out = &mut self.tail.out[way as usize];
        if let Some(Item::Bytes(bytes)) = out.items.front_mut()
            && count < bytes.len()
        {
            bytes::Buf::advance(bytes, count);
            out.bytes -= count;
            return;
        }
        out.pop();
    }

    /// Throws away what is to be written: nobody reads it any more.
    pub(crate) fn discard(&mut self, way: Way) {
        self.tail.out[way as usize] = Queue::default();
    }

    /// Moves on whatever can move at this time; whether something came out.
    pub(crate) fn run(&mut self, now: Instant) -> bool {
        let Self { slots, tail, place, .. } = self;
        // What goes downstream may come back to a stage that was already asked.
        let mut moved = true;
        while std::mem::take(&mut moved) {
            for at in 0..slots.len() {
                let (slot, others) = split(slots, at);
                let idle = slot.inbox.iter().all(|inbox| inbox.items.is_empty());
                if !idle || slot.is_due(now) {
                    moved |= slot.work(now, others, tail, place);
                }
                if tail.cut.is_some() {
                    return std::mem::take(&mut tail.is_fed);
                }
            }
        }
        std::mem::take(&mut tail.is_fed)
    }

    /// When [`Pipeline::run`] is next to be called if nothing else happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.slots.iter().filter_map(|slot| slot.stage.due()).min()
    }

    /// Makes the stages those of `toxics` as far as these take hold of this
    /// connection, and gives the names of those that do.
    pub(crate) fn refit(&mut self, toxics: &[Arc<Toxic>], now: Instant) -> Vec<Arc<str>> {
        let (seed, proxy, connection) =
            (self.seed, self.place.proxy.clone(), self.place.connection);
        let draw = |toxic: &Toxic| Draw::new(seed, &proxy, &toxic.name, connection);
        let wanted: Vec<&Arc<Toxic>> = toxics
            .iter()
            .filter(|toxic| toxic.per == Per::Chunk || draw(toxic).takes_hold(toxic.toxicity))
            .collect();
        self.drop_unwanted(&wanted, now);
        // What is left has the order of the list: toxics never change places.
        let mut at = 0;
        for toxic in &wanted {
            while self.slots.get(at).is_some_and(|slot| slot.is_left) {
                at += 1;
            }
            let draw = draw(toxic);
            match self.slots.get(at) {
                Some(slot) if slot.toxic.id == toxic.id => self.change(at, toxic, draw, now),
                _ => self.slots.insert(at, slot(toxic, draw, now, self.is_fresh)),
            }
            at += 1;
        }
        self.is_fresh = false;
        self.run(now);
        wanted.iter().map(|toxic| toxic.name.clone()).collect()
    }

    fn drop_unwanted(&mut self, wanted: &[&Arc<Toxic>], now: Instant) {
        let Self { slots, tail, place, .. } = self;
        let mut at = 0;
        while at < slots.len() {
            let (slot, others) = split(slots, at);
            let is_wanted = wanted.iter().any(|toxic| toxic.id == slot.toxic.id);
            if (is_wanted && !slot.is_left) || !slot.leave(now, others, tail, place) {
                at += 1;
            } else {
                slots.remove(at);
            }
        }
    }

    /// Changes one stage with its toxic. What waits for it goes on waiting.
    fn change(&mut self, at: usize, toxic: &Arc<Toxic>, draw: Draw, now: Instant) {
        let Self { slots, tail, place, .. } = self;
        let (old, others) = split(slots, at);
        if Arc::ptr_eq(&old.toxic, toxic) {
            return;
        }
        let fresh = slot(toxic, draw, now, false);
        if old.toxic.kind != toxic.kind {
            let Slot { toxic: before, stage, dice, .. } = old;
            let mut turn = Turn { now, toxic: before, dice, others, tail, place };
            if !stage.retune(&toxic.kind, &mut turn) {
                stage.leave(&mut turn);
                *stage = fresh.stage;
            }
        }
        (old.toxic, old.dice) = (fresh.toxic, fresh.dice);
    }
}

fn slot(toxic: &Arc<Toxic>, draw: Draw, now: Instant, from_start: bool) -> Slot {
    let mut rng = draw.rng();
    let dice = match toxic.per {
        Per::Connection => Dice::Loaded,
        Per::Chunk => Dice::Fair { rng: rng.fork(), toxicity: toxic.toxicity },
    };
    let (stream, tally) = (toxic.stream, toxic.tally.clone());
    let stage = toxic.kind.stage(Ground { now, stream, rng, from_start, tally });
    Slot { toxic: toxic.clone(), stage, dice, inbox: Default::default(), is_left: false }
}

#[cfg(test)]
mod tests;
