//! A model of a publisher and of a broker with the toxics between them: whatever
//! the frames, the splits of the bytes and the order of the confirms, each side
//! sees a correct other side.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::super::stage::Way;
use super::super::TOO_LATE;
use super::super::link::{Link, toxic};
use super::*;

const SELECT_OK: Name = (85, 11);
const OPEN_OK: Name = (20, 11);
const QOS: Name = (60, 10);

impl Link {
    /// How often each message was struck.
    fn struck(&self, what: &str) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        for (done, id) in self.told() {
            assert_eq!(done, what);
            *counts.entry(id.as_str().unwrap().to_owned()).or_default() += 1;
        }
        counts
    }
}

fn short(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

fn frame(kind: u8, channel: u16, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&channel.to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(payload.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes.push(END);
    bytes
}

fn method(channel: u16, name: Name, arguments: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_method(&mut bytes, channel, name, arguments);
    bytes
}

/// The header and body frames of a message, with frames of at most `most`.
fn content(channel: u16, id: &str, body: &[u8], most: usize) -> Vec<Vec<u8>> {
    let mut header = vec![0, 60, 0, 0];
    header.extend_from_slice(&(body.len() as u64).to_be_bytes());
    header.extend_from_slice(&(1_u16 << 12 | 1 << 7).to_be_bytes());
    header.push(2);
    header.extend_from_slice(&short(id));
    let bodies = body.chunks(most).map(|chunk| frame(BODY, channel, chunk));
    std::iter::once(frame(HEADER, channel, &header)).chain(bodies).collect()
}

fn publish(channel: u16, key: &str, mandatory: bool) -> Vec<u8> {
    let arguments = [&[0, 0][..], &short("ex"), &short(key), &[mandatory.into()]].concat();
    method(channel, PUBLISH, &arguments)
}

/// What a client knows of a channel, and what it still has to send there.
#[derive(Default)]
struct ClientChannel {
    frames: std::collections::VecDeque<Vec<u8>>,
    confirms: bool,
    is_closing: bool,
    /// The identities in the order of the publishes.
    published: Vec<String>,
    open: BTreeSet<u64>,
}

#[derive(Default)]
struct BrokerChannel {
    confirms: bool,
    message: Message,
    content: Content,
    next: u64,
    /// Not confirmed yet, with the identity.
    open: BTreeMap<u64, String>,
}

/// A confirm as either side saw it: the messages, and whether they were taken.
type Told = (u16, Vec<String>, bool);

struct World {
    rng: fastrand::Rng,
    link: Link,
    wires: [Vec<u8>; 2],
    cutters: [Cutter; 2],
    client: BTreeMap<u16, ClientChannel>,
    broker: BTreeMap<u16, BrokerChannel>,
    /// What the client has sent and the broker has got: identity and body.
    sent: Vec<(String, Vec<u8>)>,
    arrived: Vec<(String, Vec<u8>)>,
    unroutable: Vec<String>,
    returned: Vec<String>,
    given: Vec<Told>,
    taken: Vec<Told>,
    returning: Option<(u16, Message, Content)>,
}

impl World {
    fn new(link: Link, seed: u64) -> Self {
        let mut world = Self {
            rng: fastrand::Rng::with_seed(seed),
            link,
            wires: [PREFACE.to_vec(), Vec::new()],
            cutters: Default::default(),
            client: BTreeMap::new(),
            broker: BTreeMap::new(),
            sent: Vec::new(),
            arrived: Vec::new(),
            unroutable: Vec::new(),
            returned: Vec::new(),
            given: Vec::new(),
            taken: Vec::new(),
            returning: None,
        };
        for number in 1..=3 {
            world.open(number);
        }
        world
    }

    fn open(&mut self, number: u16) {
        let mut channel = ClientChannel { confirms: number != 3, ..Default::default() };
        channel.frames.push_back(method(number, CHANNEL_OPEN, &[0]));
        if channel.confirms {
            channel.frames.push_back(method(number, CONFIRM_SELECT, &[0]));
        }
        self.client.insert(number, channel);
    }

    /// The client decides to do something on a channel.
    fn client_acts(&mut self) {
        let number = self.rng.u16(1..=3);
        let Some(channel) = self.client.get_mut(&number) else { return };
        if channel.is_closing || channel.frames.len() > 20 {
            return;
        }
        match self.rng.u32(0..40) {
            0 => {
                channel.is_closing = true;
                channel.frames.push_back(method(number, CHANNEL_CLOSE, &[0; 7]));
            }
            1..=3 => channel.frames.push_back(method(number, QOS, &[0; 7])),
            _ => {
                let id = format!("m{}", self.sent.len());
                let body: Vec<u8> =
                    (0..self.rng.usize(0..60)).map(|_| self.rng.u8(b'a'..=b'z')).collect();
                let key = ["a", "b", "nowhere"][self.rng.usize(0..3)];
                let mandatory = self.rng.u8(0..3) == 0;
                if key == "nowhere" && mandatory {
                    self.unroutable.push(id.clone());
                }
                channel.frames.push_back(publish(number, key, mandatory));
                let most = self.rng.usize(1..40);
                channel.frames.extend(content(number, &id, &body, most));
                channel.published.push(id.clone());
                if channel.confirms {
                    channel.open.insert(channel.published.len() as u64);
                }
                self.sent.push((id, body));
            }
        }
    }

    /// Frames of all channels go out in any order among channels.
    fn client_writes(&mut self) {
        let number = self.rng.u16(1..=3);
        if let Some(channel) = self.client.get_mut(&number)
            && let Some(frame) = channel.frames.pop_front()
        {
            self.wires[0].extend(frame);
        }
    }

    /// The network brings some bytes of a direction.
    fn network(&mut self, way: Way) {
        let wire = &mut self.wires[way as usize];
        let count = self.rng.usize(0..=wire.len().min(70));
        let bytes: Vec<u8> = wire.drain(..count).collect();
        self.link.push(way, &bytes);
        assert!(self.link.pipeline.tail.cut.is_none());
        let bytes = self.link.written(way);
        self.cutters[way as usize].push(&bytes);
        while let Some(frame) = self.cutters[way as usize].next().unwrap() {
            match way {
                Way::Upstream => self.broker_reads(&frame),
                Way::Downstream => self.client_reads(&frame),
            }
        }
    }

    fn broker_reads(&mut self, frame: &Frame) {
        let number = frame.channel;
        let name = frame.method().map(|(name, _)| name);
        if name == Some(CHANNEL_OPEN) {
            self.broker.insert(number, BrokerChannel { next: 1, ..Default::default() });
            self.wires[1].extend(method(number, OPEN_OK, &[0; 4]));
        }
        let Some(channel) = self.broker.get_mut(&number) else {
            return assert_eq!(frame.kind, BEGIN);
        };
        // No other method may come before a message is whole.
        assert_eq!(channel.content == Content::None, frame.kind == METHOD);
        let whole = channel.content.follow(frame, name == Some(PUBLISH));
        match name {
            Some(CONFIRM_SELECT) => {
                channel.confirms = true;
                self.wires[1].extend(method(number, SELECT_OK, &[]));
            }
            Some(CHANNEL_CLOSE) => {
                self.broker.remove(&number);
                return self.wires[1].extend(method(number, CHANNEL_CLOSE_OK, &[]));
            }
            Some(PUBLISH) => channel.message = Message::default(),
            _ => {}
        }
        channel.message.frames.push(frame.clone());
        if whole {
            self.broker_gets(number);
        }
    }

    fn broker_gets(&mut self, number: u16) {
        let Some(channel) = self.broker.get_mut(&number) else { return };
        let message = std::mem::take(&mut channel.message);
        let id = message.id(&Identity::Usual).as_str().unwrap().to_owned();
        let again = self.arrived.iter().any(|(other, _)| *other == id);
        self.arrived.push((id.clone(), message.body()));
        if channel.confirms {
            let name = if again { format!("again {id}") } else { id.clone() };
            channel.open.insert(channel.next, name);
            channel.next += 1;
        }
        let (_, key, mandatory) = message.address().unwrap();
        if key == b"nowhere" && mandatory {
            let reason = [&[1, 56][..], &short("NO_ROUTE"), &short("ex"), &short("nowhere")];
            self.wires[1].extend(method(number, RETURN, &reason.concat()));
            let most = self.rng.usize(1..40);
            let frames = content(number, &id, &message.body(), most);
            self.wires[1].extend(frames.concat());
        }
    }

    /// The broker confirms something, or delivers something.
    fn broker_acts(&mut self) {
        let number = self.rng.u16(1..=3);
        let Some(channel) = self.broker.get_mut(&number) else { return };
        if self.rng.u8(0..6) == 0 {
            let deliver =
                [&short("tag")[..], &[0; 8], &[0], &short("ex"), &short("nowhere")].concat();
            self.wires[1].extend(method(number, DELIVER, &deliver));
            let frames = content(number, "delivered", b"some body", 4);
            return self.wires[1].extend(frames.concat());
        }
        let tags: Vec<u64> = channel.open.keys().copied().collect();
        if tags.is_empty() {
            return;
        }
        let (tag, multiple) = (tags[self.rng.usize(0..tags.len())], self.rng.bool());
        let is_settled = |other: &u64| if multiple { *other <= tag } else { *other == tag };
        let settled: Vec<u64> = tags.into_iter().filter(is_settled).collect();
        let ids = settled.iter().filter_map(|tag| channel.open.remove(tag)).collect();
        let taken = self.rng.u8(0..4) > 0;
        put_confirm(&mut self.wires[1], number, if taken { ACK } else { NACK }, tag, multiple);
        self.given.push((number, ids, taken));
    }

    fn client_reads(&mut self, frame: &Frame) {
        let number = frame.channel;
        let method = frame.method();
        if let Some((returning, message, content)) = &mut self.returning
            && *returning == number
        {
            message.frames.push(frame.clone());
            if content.follow(frame, false) {
                let id = message.id(&Identity::Usual).as_str().unwrap().to_owned();
                let is_return = message.frames[0].method().unwrap().0 == RETURN;
                self.returned.extend(is_return.then_some(id));
                self.returning = None;
            }
            return assert_ne!(frame.kind, METHOD);
        }
        let Some((name, mut fields)) = method else { panic!("{frame:?} is not expected") };
        let channel = self.client.get_mut(&number).unwrap();
        match name {
            CHANNEL_CLOSE_OK => self.open(number),
            RETURN | DELIVER => {
                let message = Message { number: 0, frames: vec![frame.clone()] };
                self.returning = Some((number, message, Content::Header));
            }
            ACK | NACK => {
                let (tag, multiple) = (fields.u64().unwrap(), fields.u8().unwrap() != 0);
                // Never anything that is not waited for.
                assert!(channel.open.contains(&tag), "{tag} on {number}");
                let last = if multiple { 0..=tag } else { tag..=tag };
                let settled: Vec<u64> = channel.open.range(last).copied().collect();
                channel.open.retain(|tag| !settled.contains(tag));
                let id = |tag: &u64| channel.published[usize::try_from(*tag).unwrap() - 1].clone();
                self.taken.push((number, settled.iter().map(id).collect(), name == ACK));
            }
            _ => {}
        }
    }

    fn step(&mut self, active: bool) {
        self.link.now += Duration::from_millis(self.rng.u64(0..3));
        match self.rng.u32(0..10) {
            0 | 1 if active => self.client_acts(),
            0..=4 => self.client_writes(),
            5 | 6 => self.network(Way::Upstream),
            7 | 8 => self.network(Way::Downstream),
            _ => self.broker_acts(),
        }
    }

    fn is_quiet(&self) -> bool {
        self.wires.iter().all(Vec::is_empty)
            && self.client.values().all(|c| c.frames.is_empty() && c.open.is_empty())
            && self.broker.values().all(|c| c.open.is_empty())
            && self.link.pipeline.due().is_none()
            && Way::BOTH.iter().all(|way| self.link.pipeline.front(*way).is_none())
    }

    fn run(kind: &str, attributes: Value, seed: u64, removed_at: Option<usize>) -> Self {
        Self::run_on(Link::new(kind, attributes, seed), seed, removed_at)
    }

    fn run_on(link: Link, seed: u64, removed_at: Option<usize>) -> Self {
        let mut world = Self::new(link, seed);
        for step in 0..1500 {
            if removed_at == Some(step) {
                world.link.refit(&[]);
            }
            world.step(true);
        }
        for _ in 0..200_000 {
            if world.is_quiet() {
                return world;
            }
            world.step(false);
        }
        panic!(
            "the client waits for {:?}",
            world.client.values().map(|c| &c.open).collect::<Vec<_>>()
        );
    }

    /// The client was told what the broker said of each of its messages, in its
    /// order, once each, and of dropped ones what the broker never said.
    fn check_confirms(&self, dropped: &BTreeMap<String, u64>) {
        let is_real = |(_, ids, _): &&Told| !dropped.contains_key(&ids[0]);
        let mut taken = self.taken.iter().filter(is_real);
        for (number, ids, ack) in &self.given {
            // Those of the toxic's own are nothing to the client.
            let mut ids: BTreeSet<&String> =
                ids.iter().filter(|id| !id.starts_with("again ")).collect();
            // What the broker says at once the client may hear piece by piece.
            while !ids.is_empty() {
                let (at, told, how) = taken.next().expect("a confirm is missing");
                assert_eq!((at, how), (number, ack));
                told.iter().for_each(|id| assert!(ids.remove(id), "{id} was not confirmed"));
            }
        }
        assert_eq!(taken.next(), None);
    }

    fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts = BTreeMap::new();
        self.arrived.iter().for_each(|(id, _)| *counts.entry(id.clone()).or_default() += 1);
        counts
    }
}

fn sorted(mut all: Vec<String>) -> Vec<String> {
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Every confirm arrives once, in the broker's order; the broker has each
    /// message once, and once more for each record; nothing else changes.
    #[test]
    fn duplicates_are_those_of_the_record(seed: u64, share in 0.0..1.0, stop in 0_usize..3000) {
        let world = World::run("amqp_duplicate", json!({"share": share}), seed, Some(stop));
        let struck = world.link.struck("duplicated");
        let mut expected: BTreeMap<String, u64> = struck.clone();
        world.sent.iter().for_each(|(id, _)| *expected.entry(id.clone()).or_default() += 1);
        prop_assert_eq!(world.counts(), expected);
        let sent: BTreeMap<_, _> = world.sent.iter().cloned().collect();
        world.arrived.iter().for_each(|(id, body)| assert_eq!(sent[id], *body));
        world.check_confirms(&BTreeMap::new());
        prop_assert_eq!(sorted(world.returned), sorted(world.unroutable));
    }

    /// Several toxics on one connection each see what the others make of it.
    #[test]
    fn toxics_stand_behind_each_other(seed: u64, other in 0_usize..4, stop in 0_usize..3000) {
        let other = ["amqp_reorder", "amqp_delay", "amqp_duplicate", "amqp_withhold_ack"][other];
        let attributes = match other {
            "amqp_withhold_ack" => json!({}),
            _ => json!({"share": 0.4}),
        };
        let toxics = [(other, attributes), ("amqp_duplicate", json!({"share": 0.4}))];
        let world = World::run_on(Link::with(&toxics, seed), seed, Some(stop));
        let ids = world.sent.iter().map(|(id, _)| (id.clone(), 1));
        let mut expected: BTreeMap<String, u64> = ids.collect();
        for (what, id) in world.link.told() {
            if what == "duplicated" {
                *expected.get_mut(id.as_str().unwrap()).unwrap() += 1;
            }
        }
        prop_assert_eq!(world.counts(), expected);
        world.check_confirms(&BTreeMap::new());
    }

    /// Confirms are swallowed of messages that the broker has, however the bytes
    /// are cut, and the client has heard of all others.
    #[test]
    fn swallowed_confirms_are_those_of_the_record(
        window in 1_u64..30,
        struck in 1_u64..30,
        size in 1_usize..60,
        settled in 0_u64..30,
    ) {
        let attributes = json!({"from": struck, "count": 1, "settle": 50});
        let mut link = Link::new("amqp_swallow_confirm", attributes, 1);
        let mut stream = [PREFACE.to_vec(), method(1, CHANNEL_OPEN, &[0])].concat();
        stream.extend(method(1, CONFIRM_SELECT, &[0]));
        for number in 1..=window {
            stream.extend(publish(1, "a", false));
            stream.extend(content(1, &format!("m{number}"), b"body", 3).concat());
        }
        stream.chunks(size).for_each(|part| link.push(Way::Upstream, part));
        let mut cutter = Cutter::default();
        cutter.push(&link.written(Way::Upstream));
        let mut unconfirmed = Unconfirmed::default();
        while let Some(frame) = cutter.next().unwrap() {
            unconfirmed.send(&frame, |message| message.id(&Identity::Usual));
        }
        // Nothing goes to the broker behind the one that is struck.
        let sent = window.min(struck);
        prop_assert_eq!(unconfirmed.len() as u64, sent);
        let settled = settled.min(sent);
        let mut confirms = Vec::new();
        (1..=settled).for_each(|tag| put_confirm(&mut confirms, 1, ACK, tag, tag % 3 == 0));
        confirms.chunks(size).for_each(|part| link.push(Way::Downstream, part));
        if struck > window {
            prop_assert_eq!(link.written(Way::Downstream), confirms);
            prop_assert_eq!(link.told(), []);
            return Ok(());
        }
        prop_assert_eq!(link.written(Way::Downstream), b"");
        prop_assert_eq!(link.has_ended(Way::Downstream), settled == sent);
        link.now += Duration::from_millis(50);
        link.pipeline.run(link.now);
        prop_assert!(link.has_ended(Way::Downstream));
        let mut expected = Vec::new();
        let what = |tag| if tag <= settled { "confirm_swallowed" } else { "unconfirmed" };
        (1..=sent).for_each(|tag| expected.push((what(tag), json!(format!("m{tag}")))));
        prop_assert_eq!(link.told(), expected);
    }

    /// What is dropped is confirmed and never arrives; all else does.
    #[test]
    fn drops_are_those_of_the_record(seed: u64, share in 0.0..1.0, stop in 0_usize..3000) {
        let world = World::run("amqp_drop", json!({"share": share}), seed, Some(stop));
        let dropped = world.link.struck("dropped");
        let kept = world.sent.iter().filter(|(id, _)| !dropped.contains_key(id));
        let expected: BTreeMap<String, u64> = kept.map(|(id, _)| (id.clone(), 1)).collect();
        prop_assert_eq!(world.counts(), expected);
        world.check_confirms(&dropped);
    }

    /// What is swapped is confirmed by the client's numbers; all arrive once.
    #[test]
    fn swaps_keep_the_numbers(seed: u64, share in 0.0..1.0, stop in 0_usize..3000) {
        let attributes = json!({"share": share, "wait": 5});
        let world = World::run("amqp_reorder", attributes, seed, Some(stop));
        prop_assert!(world.counts().values().all(|count| *count == 1));
        prop_assert_eq!(world.arrived.len(), world.sent.len());
        world.check_confirms(&BTreeMap::new());
    }

    /// What is late arrives, in the order of its channel.
    #[test]
    fn delays_lose_and_swap_nothing(seed: u64, share in 0.0..1.0, stop in 0_usize..3000) {
        let attributes = json!({"share": share, "delay": 20});
        let world = World::run("amqp_delay", attributes, seed, Some(stop));
        prop_assert!(world.counts().values().all(|count| *count == 1));
        prop_assert_eq!(world.arrived.len(), world.sent.len());
        world.check_confirms(&BTreeMap::new());
    }

    /// What is poisoned has its length and nothing else of its body.
    #[test]
    fn poison_is_where_the_record_says(seed: u64, share in 0.0..1.0) {
        let world = World::run("amqp_poison", json!({"share": share}), seed, None);
        let struck = world.link.struck("poisoned");
        let sent: BTreeMap<_, _> = world.sent.iter().cloned().collect();
        for (id, body) in &world.arrived {
            prop_assert_eq!(body.len(), sent[id].len());
            prop_assert_eq!(std::str::from_utf8(body).is_err(), struck.contains_key(id));
        }
        world.check_confirms(&BTreeMap::new());
    }

    /// Bytes that are no AMQP go through as they are, whatever they are and
    /// wherever they begin.
    #[test]
    fn what_is_not_understood_goes_through(
        begins in 0_usize..4,
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        cuts in proptest::collection::vec(1_usize..40, 1..20),
    ) {
        let start = [&b""[..], PREFACE, b"AMQP\x00\x01\x00\x00", b"GET / HTTP/1.1\r\n"][begins];
        let bytes = [start, &bytes].concat();
        let mut link = Link::new("amqp_duplicate", json!({}), 1);
        let (mut rest, mut out) = (&bytes[..], Vec::new());
        for cut in cuts.iter().cycle() {
            let (piece, later) = rest.split_at((*cut).min(rest.len()));
            link.push(Way::Upstream, piece);
            link.push(Way::Downstream, piece);
            out.extend(link.written(Way::Upstream));
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        link.refit(&[]);
        out.extend(link.written(Way::Upstream));
        prop_assert_eq!(out, bytes);
        prop_assert!(link.effects().len() <= 1);
    }
}

/// The same stream, cut anywhere, makes the same stream.
#[test]
fn cuts_change_nothing() {
    let mut stream = [PREFACE.to_vec(), method(1, CHANNEL_OPEN, &[0])].concat();
    for number in 0..6 {
        stream.extend(publish(1, "a", false));
        stream.extend(content(1, &format!("m{number}"), b"a body in frames", 5).concat());
    }
    let through = |size: usize| {
        let mut link = Link::new("amqp_duplicate", json!({"share": 0.5}), 5);
        stream.chunks(size).for_each(|piece| link.push(Way::Upstream, piece));
        (link.written(Way::Upstream), link.struck("duplicated"))
    };
    let whole = through(stream.len());
    assert!(!whole.1.is_empty() && whole.0.len() > stream.len());
    for size in 1..40 {
        assert_eq!(through(size), whole, "in pieces of {size}");
    }
}

#[test]
fn from_and_count_say_which_publishes_are_struck() {
    let mut link = Link::new("amqp_duplicate", json!({"from": 3, "count": 2}), 1);
    link.push(Way::Upstream, &[PREFACE.to_vec(), method(1, CHANNEL_OPEN, &[0])].concat());
    for number in 1..=9 {
        let id = format!("m{number}");
        link.push(Way::Upstream, &publish(1, "a", false));
        link.push(Way::Upstream, &content(1, &id, b"", 1).concat());
    }
    let struck: Vec<String> = link.struck("duplicated").into_keys().collect();
    assert_eq!(struck, ["m3", "m4"]);
    let identity = &link.effects()[0].identity;
    let expected =
        json!({"id": "m3", "number": 3, "channel": 1, "exchange": "ex", "routing_key": "a"});
    assert_eq!(*identity, expected);
}

#[test]
fn a_publish_swaps_with_the_next_one_to_the_same_place() {
    let mut link = Link::new("amqp_reorder", json!({"count": 1, "wait": 10}), 1);
    let start = [method(1, CHANNEL_OPEN, &[0]), method(1, CONFIRM_SELECT, &[0])].concat();
    link.push(Way::Upstream, &[PREFACE.to_vec(), start].concat());
    link.written(Way::Upstream);
    let message = |key: &str, id: &str| {
        [publish(1, key, false), content(1, id, b"body", 4).concat()].concat()
    };
    // Another place lets it go, and so does the time.
    link.push(Way::Upstream, &message("a", "m1"));
    link.push(Way::Upstream, &message("b", "m2"));
    assert_eq!(link.written(Way::Upstream), message("a", "m1"));
    link.now += Duration::from_millis(10);
    link.pipeline.run(link.now);
    assert_eq!(link.written(Way::Upstream), message("b", "m2"));
    link.push(Way::Upstream, &[message("a", "m3"), message("a", "m4")].concat());
    assert_eq!(link.written(Way::Upstream), [message("a", "m4"), message("a", "m3")].concat());
    assert_eq!(link.struck("reordered").into_keys().collect::<Vec<_>>(), ["m3"]);
    // The broker's third is the client's fourth.
    let confirm = |tag, multiple| {
        let mut bytes = Vec::new();
        put_confirm(&mut bytes, 1, ACK, tag, multiple);
        bytes
    };
    link.push(Way::Downstream, &confirm(3, true));
    assert_eq!(link.written(Way::Downstream), [confirm(2, true), confirm(4, false)].concat());
    link.push(Way::Downstream, &confirm(4, false));
    assert_eq!(link.written(Way::Downstream), confirm(3, false));
}

#[test]
fn transactions_are_left_alone() {
    let mut link = Link::new("amqp_duplicate", json!({}), 1);
    let mut stream = [PREFACE.to_vec(), method(1, CHANNEL_OPEN, &[0])].concat();
    stream.extend(method(1, TX_SELECT, &[]));
    stream.extend(publish(1, "a", false));
    stream.extend(content(1, "m", b"body", 4).concat());
    link.push(Way::Upstream, &stream);
    assert_eq!(link.written(Way::Upstream), stream);
    assert_eq!(link.effects(), []);
}

#[test]
fn a_connection_that_was_open_before_is_left_alone() {
    let mut link = Link::bare(1);
    link.refit(&[]);
    link.refit(&[toxic("amqp_duplicate", json!({}))]);
    let stream = [publish(1, "a", false), content(1, "m", b"body", 4).concat()].concat();
    for _ in 0..2 {
        link.push(Way::Upstream, &stream);
        assert_eq!(link.written(Way::Upstream), stream);
    }
    let [effect] = &link.effects()[..] else { panic!() };
    assert_eq!((effect.what, &effect.identity["why"]), ("stepped_aside", &json!(TOO_LATE)));
}

#[test]
fn garbage_after_duplicates_ends_the_connection() {
    let mut link = Link::new("amqp_duplicate", json!({}), 1);
    let mut stream = [PREFACE.to_vec(), method(1, CHANNEL_OPEN, &[0])].concat();
    stream.extend(method(1, CONFIRM_SELECT, &[0]));
    stream.extend(publish(1, "a", false));
    stream.extend(content(1, "m", b"body", 4).concat());
    link.push(Way::Upstream, &stream);
    link.push(Way::Downstream, b"HTTP");
    assert!(link.pipeline.tail.cut.is_some());
}

/// A message is known by its properties, a header, or something in its body.
#[test]
fn a_message_is_known_by_what_is_asked_for() {
    let mut header = vec![0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20];
    header.extend_from_slice(&(1_u16 << 15 | 1 << 13 | 1 << 12).to_be_bytes());
    header.extend_from_slice(&short("application/json"));
    let number = [&short("n")[..], b"I", &7_i32.to_be_bytes()].concat();
    let name = [&short("key")[..], b"S", &1_u32.to_be_bytes(), b"k"].concat();
    let table = [number, name].concat();
    header.extend_from_slice(&u32::try_from(table.len()).unwrap().to_be_bytes());
    header.extend_from_slice(&table);
    header.push(2);
    let body = br#"{"id":5,"a":{"b":1}}"#;
    let all = [publish(1, "a", false), frame(HEADER, 1, &header), frame(BODY, 1, body)].concat();
    let mut cutter = Cutter::default();
    cutter.push(&all);
    let frames = std::iter::from_fn(|| cutter.next().unwrap()).collect();
    let message = Message { number: 1, frames };
    for (asked, found) in [
        ("", json!(5)),
        ("/a/b", json!(1)),
        ("/none", json!(null)),
        ("header:n", json!(7)),
        ("header:key", json!("k")),
        ("header:none", json!(null)),
    ] {
        let identity = Identity::try_from(asked.to_owned()).unwrap();
        assert_eq!(message.id(&identity), found, "{asked}");
    }
}

/// What a broker delivers, by its consumer.
fn delivery(consumer: &str, tag: u64, id: &str) -> Vec<u8> {
    let place = [short("ex"), short("a")].concat();
    let arguments = [&short(consumer)[..], &tag.to_be_bytes(), &[0], &place].concat();
    [method(1, DELIVER, &arguments), content(1, id, b"body", 3).concat()].concat()
}

fn ack(tag: u64, multiple: bool) -> Vec<u8> {
    method(1, ACK, &[&tag.to_be_bytes()[..], &[multiple.into()]].concat())
}

#[test]
fn a_withheld_acknowledgement_ends_the_connection_behind_the_others() {
    for size in [1, 5, 1000] {
        let mut link = Link::new("amqp_withhold_ack", json!({"from": 2}), 1);
        let start = [PREFACE.to_vec(), method(1, CHANNEL_OPEN, &[0])].concat();
        // The first consumer acknowledges nothing; the broker names the other.
        let consume = |tag: &str, bits| {
            method(1, (60, 20), &[&[0, 0][..], &short("q"), &short(tag), &[bits]].concat())
        };
        let start = [start, consume("careless", 2), consume("", 0)].concat();
        start.chunks(size).for_each(|part| link.push(Way::Upstream, part));
        let named = |tag: &str| method(1, (60, 21), &short(tag));
        let deliveries = [
            named("careless"),
            named("ctag"),
            delivery("careless", 1, "m1"),
            delivery("ctag", 2, "m2"),
            delivery("ctag", 3, "m3"),
            delivery("ctag", 4, "m4"),
            delivery("ctag", 5, "m5"),
        ];
        deliveries.concat().chunks(size).for_each(|part| link.push(Way::Downstream, part));
        assert_eq!(link.written(Way::Downstream), deliveries.concat());
        let acks = [ack(2, false), ack(4, true), ack(5, false)].concat();
        acks.chunks(size).for_each(|part| link.push(Way::Upstream, part));
        assert_eq!(link.written(Way::Upstream), [start, ack(2, false)].concat());
        assert!(link.has_ended(Way::Upstream));
        let expected = [("ack_withheld", "m3"), ("ack_withheld", "m4"), ("unacked", "m5")];
        assert_eq!(link.told(), expected.map(|(what, id)| (what, json!(id))));
    }
}

#[test]
fn no_message_is_withheld_more_often_than_allowed() {
    let toxic = toxic("amqp_withhold_ack", json!({"most": 2}));
    let start = [PREFACE.to_vec(), method(1, CHANNEL_OPEN, &[0])].concat();
    for round in 1..=3 {
        let mut link = Link::bare(1);
        link.refit(std::slice::from_ref(&toxic));
        link.push(Way::Upstream, &start);
        link.push(Way::Downstream, &delivery("ctag", 1, "m1"));
        link.written(Way::Upstream);
        link.push(Way::Upstream, &ack(1, false));
        assert_eq!(link.has_ended(Way::Upstream), round <= 2);
        if round == 3 {
            assert_eq!(link.written(Way::Upstream), ack(1, false));
            // What is known by nothing is left alone.
            let arguments = [&short("ctag")[..], &2_u64.to_be_bytes(), &[0; 3]].concat();
            let bare = frame(HEADER, 1, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            link.push(Way::Downstream, &[method(1, DELIVER, &arguments), bare].concat());
            link.push(Way::Upstream, &ack(2, false));
            assert_eq!(link.written(Way::Upstream), ack(2, false));
        }
    }
}

/// A share that was nothing may be raised on connections that exist.
#[test]
fn a_raised_share_strikes_what_exists() {
    let mut link = Link::new("amqp_duplicate", json!({"share": 0.0}), 1);
    let start = [method(1, CHANNEL_OPEN, &[0]), method(1, CONFIRM_SELECT, &[0])].concat();
    link.push(Way::Upstream, &[PREFACE.to_vec(), start].concat());
    let message = |id: &str| [publish(1, "a", false), content(1, id, b"body", 4).concat()].concat();
    // In the middle of a message, and with a confirm to come.
    let (first, rest) = (message("m1"), message("m2"));
    let rest = rest.split_at(30);
    link.push(Way::Upstream, &[&first, rest.0].concat());
    link.written(Way::Upstream);
    link.refit(&[toxic("amqp_duplicate", json!({"share": 1.0}))]);
    link.push(Way::Upstream, &[rest.1, &message("m3")[..]].concat());
    assert_eq!(link.told(), [("duplicated", json!("m3"))]);
    let mut confirms = Vec::new();
    put_confirm(&mut confirms, 1, ACK, 4, true);
    link.push(Way::Downstream, &confirms);
    let mut expected = Vec::new();
    put_confirm(&mut expected, 1, ACK, 3, true);
    assert_eq!(link.written(Way::Downstream), expected);
}

#[test]
fn what_waits_is_bounded() {
    let mut link = Link::new("amqp_delay", json!({"delay": 60_000}), 1);
    link.push(Way::Upstream, &[PREFACE.to_vec(), method(1, CHANNEL_OPEN, &[0])].concat());
    let message = [publish(1, "a", false), content(1, "m", &[7; 9000], 4000).concat()].concat();
    let mut pushed = 0;
    for _ in 0..10_000 {
        if link.pipeline.wants(Way::Upstream) {
            link.push(Way::Upstream, &message);
            pushed += message.len();
        }
    }
    assert!(pushed < 5_000_000, "{pushed} bytes wait");
    link.refit(&[]);
    assert!(link.written(Way::Upstream).len() > pushed);
}

/// A message that is too long to keep goes through as it comes.
#[test]
fn a_message_that_is_too_long_is_left_alone() {
    let mut link = Link::new("amqp_duplicate", json!({}), 1);
    link.push(Way::Upstream, &[PREFACE.to_vec(), method(1, CHANNEL_OPEN, &[0])].concat());
    link.written(Way::Upstream);
    let mut header = content(1, "m", b"", 1).concat();
    header[11..19].copy_from_slice(&(17_u64 << 20).to_be_bytes());
    let part = frame(BODY, 1, &vec![1; 1 << 20]);
    link.push(Way::Upstream, &[publish(1, "a", false), header].concat());
    for _ in 0..17 {
        link.written(Way::Upstream);
        link.push(Way::Upstream, &part);
        assert_eq!(link.written(Way::Upstream), part);
    }
    assert_eq!(link.told(), []);
}
