//! The stages without sockets, in a time of the test's own: nothing is lost or
//! swapped, what waits is bounded, and a stage that knows a protocol can do all
//! that it is promised.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::super::effects::Effects;
use super::super::toxic::Kind;
use super::*;

fn pipeline(effects: Arc<Effects>) -> Pipeline {
    Pipeline::new(7, Place { proxy: "p".into(), connection: 1, effects })
}

fn toxic(id: u64, stream: Way, kind: &str, attributes: Value) -> Arc<Toxic> {
    let attributes: Map<String, Value> = serde_json::from_value(attributes).unwrap();
    let kind = Kind::read(kind, attributes).unwrap();
    let name = format!("{id}").into();
    let (toxicity, per, tally) = (1.0, Per::Connection, Arc::default());
    Arc::new(Toxic { id, name, stream, toxicity, per, life: None, kind, tally })
}

/// Takes all that is ready to be written, at most `most` bytes.
fn written(pipeline: &mut Pipeline, way: Way, most: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(Item::Bytes(bytes)) = pipeline.front(way) {
        let count = bytes.len().min(most - all.len());
        all.extend_from_slice(&bytes[..count]);
        pipeline.written(way, count);
        if all.len() == most {
            break;
        }
    }
    all
}

/// What may happen to a connection.
#[derive(Debug, Clone)]
enum Step {
    Read(Way, usize),
    Write(Way, usize),
    Wait(u64),
    Add(Way, u8, u64),
    Change(usize, u64),
    Remove(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let way = prop_oneof![Just(Way::Upstream), Just(Way::Downstream)];
    let step = prop_oneof![
        4 => (way.clone(), 1_usize..9000).prop_map(|(way, size)| Step::Read(way, size)),
        3 => (way.clone(), 1_usize..20_000).prop_map(|(way, size)| Step::Write(way, size)),
        3 => (0_u64..80).prop_map(Step::Wait),
        2 => (way, 0_u8..5, 0_u64..60).prop_map(|(way, kind, n)| Step::Add(way, kind, n)),
        1 => (0_usize..8, 0_u64..60).prop_map(|(at, n)| Step::Change(at, n)),
        1 => (0_usize..8).prop_map(Step::Remove),
    ];
    proptest::collection::vec(step, 1..80)
}

fn harmless(id: u64, way: Way, kind: u8, n: u64) -> Arc<Toxic> {
    match kind {
        0 => toxic(id, way, "latency", json!({"latency": n, "jitter": n / 2})),
        1 => toxic(id, way, "bandwidth", json!({"rate": n * 10})),
        2 => toxic(
            id,
            way,
            "slicer",
            json!({"average_size": n * 8, "size_variation": n, "delay": n * 20}),
        ),
        3 => toxic(id, way, "slow_close", json!({"delay": n})),
        _ => toxic(id, way, "partition", json!({})),
    }
}

/// Both directions as they were read and as they were written.
#[derive(Default)]
struct Seen {
    read: [Vec<u8>; 2],
    written: [Vec<u8>; 2],
    next: u32,
}

impl Seen {
    /// A chunk whose bytes occur nowhere else at the same place.
    fn chunk(&mut self, way: Way, size: usize) -> Bytes {
        let mut bytes = Vec::with_capacity(size + 4);
        while bytes.len() < size {
            self.next += 1;
            bytes.extend_from_slice(&self.next.to_le_bytes());
        }
        bytes.truncate(size);
        self.read[way as usize].extend_from_slice(&bytes);
        bytes.into()
    }

    fn take(&mut self, pipeline: &mut Pipeline, way: Way, most: usize) {
        let bytes = written(pipeline, way, most);
        self.written[way as usize].extend(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// With any toxics that keep the data, coming, changing and going at any
    /// time, the bytes that arrive are those that were sent, in their order.
    #[test]
    fn what_arrives_is_what_was_sent(steps in steps()) {
        let mut pipeline = pipeline(Arc::default());
        let (mut now, mut seen) = (Instant::now(), Seen::default());
        let mut toxics: Vec<Arc<Toxic>> = Vec::new();
        for (id, step) in (0_u64..).zip(steps) {
            match step {
                Step::Read(way, size) if pipeline.wants(way) => {
                    let chunk = seen.chunk(way, size);
                    pipeline.push(way, Item::Bytes(chunk));
                }
                Step::Read(..) => {}
                Step::Write(way, most) => seen.take(&mut pipeline, way, most),
                Step::Wait(millis) => now += Duration::from_millis(millis),
                Step::Add(way, kind, n) => toxics.push(harmless(id, way, kind, n)),
                Step::Change(at, n) => {
                    if let Some(old) = toxics.get_mut(at) {
                        let kind = u8::try_from(n % 3).unwrap();
                        *old = harmless(old.id, old.stream, kind, n);
                    }
                }
                Step::Remove(at) if at < toxics.len() => drop(toxics.remove(at)),
                Step::Remove(_) => {}
            }
            pipeline.refit(&toxics, now);
            prop_assert!(pipeline.tail.cut.is_none());
        }
        for way in Way::BOTH {
            pipeline.push(way, Item::End(Ending::Finished));
        }
        // Even without anybody's removing them, all but partitions and a
        // bandwidth of nothing let everything through in the end.
        toxics.retain(|toxic| !matches!(&toxic.kind, Kind::Partition(_) | Kind::Bandwidth(_)));
        pipeline.refit(&toxics, now);
        for _ in 0..100_000 {
            for way in Way::BOTH {
                seen.take(&mut pipeline, way, usize::MAX);
            }
            let Some(due) = pipeline.due() else { break };
            // Small pieces with pauses take long, in a time that costs nothing.
            now = due.max(now + Duration::from_millis(50));
            pipeline.run(now);
        }
        for way in Way::BOTH {
            prop_assert!(seen.read[way as usize] == seen.written[way as usize]);
            prop_assert_eq!(pipeline.front(way), Some(&Item::End(Ending::Finished)));
        }
    }
}

/// However long a sender could send, what waits in a direction stays small.
#[test]
fn what_waits_is_bounded() {
    for kinds in [
        vec![toxic(1, Way::Upstream, "bandwidth", json!({"rate": 1}))],
        vec![toxic(1, Way::Upstream, "latency", json!({"latency": 60_000}))],
        vec![toxic(1, Way::Upstream, "slicer", json!({"average_size": 1, "delay": 1000}))],
        vec![
            toxic(1, Way::Upstream, "latency", json!({"latency": 5})),
            toxic(2, Way::Upstream, "partition", json!({})),
        ],
        vec![],
    ] {
        let mut pipeline = pipeline(Arc::default());
        let mut now = Instant::now();
        pipeline.refit(&kinds, now);
        let mut pushed = 0;
        for _ in 0..10_000 {
            now += Duration::from_millis(10);
            if pipeline.wants(Way::Upstream) {
                pipeline.push(Way::Upstream, Item::Bytes(vec![0; 32 * 1024].into()));
                pushed += 32 * 1024;
            }
            pipeline.run(now);
        }
        assert!(pushed < 5_000_000, "{kinds:?} keeps {pushed}");
    }
}

/// A protocol of lines: doubles a line "twice", swallows a line "never", answers
/// a line "ping" itself, and gives up on a line "die".
#[derive(Default)]
struct Lines {
    rest: [Vec<u8>; 2],
    /// Requests that the server has not answered: known in both directions.
    pending: u32,
}

impl Lines {
    fn line(&mut self, way: Way, line: &[u8], turn: &mut Turn<'_>) {
        let bytes = Bytes::copy_from_slice(line);
        match (way, line) {
            (Way::Upstream, b"twice\n") => {
                if turn.record(way, "duplicated", json!("twice")) {
                    turn.forward(way, bytes.clone());
                }
                turn.forward(way, bytes);
            }
            (Way::Upstream, b"never\n") => assert!(turn.record(way, "swallowed", json!("never"))),
            (Way::Upstream, b"ping\n") => {
                turn.forward(way.opposite(), Bytes::from_static(b"pong\n"));
            }
            (_, b"die\n") => turn.cut(Ending::Reset),
            (Way::Upstream, _) => {
                self.pending += 1;
                turn.forward(way, bytes);
            }
            (Way::Downstream, _) => {
                self.pending -= 1;
                turn.forward(way, bytes);
            }
        }
    }
}

impl Stage for Lines {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        let mut rest = std::mem::take(&mut self.rest[way as usize]);
        rest.extend_from_slice(&bytes);
        for line in rest.split_inclusive(|byte| *byte == b'\n') {
            if line.ends_with(b"\n") {
                self.line(way, line, turn);
            } else {
                self.rest[way as usize] = line.to_vec();
            }
        }
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        for way in Way::BOTH {
            turn.forward(way, std::mem::take(&mut self.rest[way as usize]).into());
        }
    }

    fn both_ways(&self) -> bool {
        true
    }
}

/// A connection with the stage of lines, then latency for answers.
fn talk(effects: Arc<Effects>, now: Instant) -> Pipeline {
    let mut pipeline = pipeline(effects);
    let delay = toxic(2, Way::Downstream, "latency", json!({"latency": 50}));
    pipeline.refit(&[delay], now);
    let toxic = toxic(1, Way::Upstream, "partition", json!({}));
    let stage = Box::new(Lines::default());
    let dice = Dice::Loaded;
    let lines = Slot { toxic, stage, dice, inbox: Default::default(), is_left: false };
    pipeline.slots.insert(0, lines);
    pipeline
}

fn say(pipeline: &mut Pipeline, way: Way, text: &'static str, now: Instant) {
    pipeline.push(way, Item::Bytes(Bytes::from_static(text.as_bytes())));
    pipeline.run(now);
}

#[test]
fn a_protocol_stage_doubles_swallows_and_records() {
    let (effects, now) = (Arc::<Effects>::default(), Instant::now());
    let mut pipeline = talk(effects.clone(), now);
    say(&mut pipeline, Way::Upstream, "a\ntwi", now);
    say(&mut pipeline, Way::Upstream, "ce\nnever\nb", now);
    assert_eq!(written(&mut pipeline, Way::Upstream, 100), b"a\ntwice\ntwice\n");
    let page = effects.page(0, 10);
    let told: Vec<_> = page.effects.iter().map(|e| (e.sequence, e.what)).collect();
    assert_eq!(told, [(1, "duplicated"), (2, "swallowed")]);
    assert_eq!((&*page.effects[0].proxy, page.effects[0].connection), ("p", 1));
    assert_eq!(effects.page(1, 10).effects.len(), 1);
    // The stage leaves: what it kept of a message goes on.
    pipeline.refit(&[], now);
    assert_eq!(written(&mut pipeline, Way::Upstream, 100), b"b");
}

#[test]
fn a_protocol_stage_answers_itself_between_whole_answers() {
    let now = Instant::now();
    let mut pipeline = talk(Arc::default(), now);
    say(&mut pipeline, Way::Upstream, "x\n", now);
    say(&mut pipeline, Way::Downstream, "answ", now);
    say(&mut pipeline, Way::Upstream, "ping\n", now);
    say(&mut pipeline, Way::Downstream, "er\n", now);
    // Answers go through the stages that come later in their direction.
    assert_eq!(pipeline.front(Way::Downstream), None);
    assert_eq!(pipeline.due(), Some(now + Duration::from_millis(50)));
    pipeline.run(now + Duration::from_millis(50));
    assert_eq!(written(&mut pipeline, Way::Downstream, 100), b"pong\nanswer\n");
    assert_eq!(written(&mut pipeline, Way::Upstream, 100), b"x\n");
}

#[test]
fn a_protocol_stage_cuts_the_connection() {
    let now = Instant::now();
    let mut pipeline = talk(Arc::default(), now);
    say(&mut pipeline, Way::Downstream, "die\n", now);
    assert_eq!(pipeline.tail.cut, Some(Ending::Reset));
}

#[test]
fn an_effect_that_cannot_be_recorded_is_not_carried_out() {
    let book = super::super::effects::Book::open(std::path::Path::new("/dev/full")).unwrap();
    let (effects, now) = (Arc::new(Effects::new(Some(Arc::new(book)))), Instant::now());
    let mut pipeline = talk(effects.clone(), now);
    say(&mut pipeline, Way::Upstream, "twice\n", now);
    assert_eq!(written(&mut pipeline, Way::Upstream, 100), b"twice\n");
    assert_eq!(effects.page(0, 10).refused, 1);
}
