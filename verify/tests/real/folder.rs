//! A run's folder tells everything that the new checks need, so that a recheck
//! comes to the same verdict.

use std::collections::BTreeMap;

use loadgen::{Fate, Ledger};
use reports::record::Verdict;
use scenarios::redact::Secrets;
use verify::clock::Clock;
use verify::effects::order::Reader;
use verify::event::{AggregatesRead, Event, PartRead, TimesRead, WorkloadSummary};
use verify::folder::write::Writer;
use verify::folder::{Folder, read};
use verify::history::{
    Aggregated, Aggregates, ClockOffset, Conformity, Dead, DeadTries, Departure, EffectTimes,
    Order, Sample, Seen, SeenWorkload, Tally, TimedSecond, Times, Timing, ValueFinding,
};
use verify::judge::judge;

const SCENARIO: &str = r#"
name = "ingest"
title = "what is accepted is stored"

[system]
reference = "publisher"

[system.targets.ingress]
help = "the service"
schemes = ["http"]

[system.targets.redis]
help = "the streams"
schemes = ["redis"]

[system.targets.postgres]
help = "the rows"
schemes = ["postgres"]

[[phase]]
name = "load"
for = "10s"

[[phase]]
name = "settle"
for = "10s"

[[workload]]
name = "publish"
rate = "50/s"
phases = ["load"]
http = { url = "${target.ingress}/messages" }

[[probe]]
name = "streams"
redis_streams = { url = "${target.redis}", streams = "msg:stream:", partitions = 16, group = "workers" }

[[probe]]
name = "stored"
sql = { url = "${target.postgres}", query = "select count(*) from messages", counter = true }

[[probe]]
name = "server"
promql = { url = "${target.ingress}", query = "sum(rate(x[1m]))", unit = "per_second" }

[[probe]]
name = "ingress"
[probe.prometheus]
url = ["${target.ingress}/metrics"]
[probe.prometheus.metric.enqueued]
metric = "stream_enqueue_total"
labels = { operation = "post" }
counter = true
absent_is_zero = true
[probe.prometheus.metric.p95]
metric = "processing_seconds"
quantile = "95%"
over = "10s"
unit = "seconds"
by = "partition"

[[probe]]
name = "errors"
logs = { role = "publisher", json = { level = "error" } }

[[effects]]
name = "rows"
settle = "30s"
[effects.sql]
url = "${target.postgres}"
query = "select id from messages"
order = "select conversation, id from messages order by conversation, place"
[effects.dead.redis_stream]
url = "${target.redis}"
stream = "msg:dlq"
field = "payload"
identity = "/id"

[[check]]
name = "stored-once"
title = "all is stored"
effects = { source = "rows", workloads = ["publish"], dead_letters = "allowed" }

[[check]]
name = "in-order"
title = "in order"
order = { source = "rows", workloads = ["publish"], at_least = 50 }

[[check]]
name = "drains"
title = "the streams drain"
drain = { series = "streams.total_backlog", to = 0, phase = "load", within = "5s" }

[[check]]
name = "counted"
title = "counts agree"
equal = { counts = ["publish.acked", "stored.value"] }

[[check]]
name = "fast"
title = "processing is fast"
optional = true
bound = { series = "ingress.p95", phases = ["load"], max = "100ms" }
"#;

/// Records of which one departs from the schema.
fn departing(checked: u64) -> Conformity {
    let example = Departure {
        identity: Some("r/publish/7".to_owned()),
        at: "/content".to_owned(),
        what: "\"content\" is missing".to_owned(),
    };
    let own = Tally { checked, invalid: 1, examples: vec![example] };
    Conformity { own, ..Conformity::default() }
}

const CLOCK: Option<ClockOffset> = Some(ClockOffset { offset_ms: -0.5, error_ms: 1.25 });

/// What a source may tell, all of it.
fn seen() -> Seen {
    let workloads = ["publish".to_owned()];
    let mut reader = Reader::new("r", &workloads);
    for key in 0..250 {
        for sequence in [key, key + 250] {
            // One key is stored the wrong way round, five seconds apart.
            let sequence = if key == 3 { 256 - sequence } else { sequence };
            reader.take(&format!("key-{key}"), &format!("r/publish/{sequence}"));
        }
    }
    let clock = CLOCK;
    let second = TimedSecond { second: 5, acked: 2, times: Times::from_counts(vec![(900, 2)]) };
    let times =
        EffectTimes { seconds: vec![second], untimed: 1, early: 0, earliest_us: 0, latest_us: 0 };
    let value = Some(ValueFinding::Wrong("it is 3 instead of 4".to_owned()));
    let told = Aggregated { count: Some(4.0), value, ..Aggregated::default() };
    let mut tries = DeadTries::default();
    tries.workloads.entry("publish".to_owned()).or_default().add(499, Some(5));
    Seen {
        workloads: [(
            "publish".to_owned(),
            SeenWorkload { once: (0..499).collect(), more: BTreeMap::new() },
        )]
        .into(),
        dead: Some(Dead {
            workloads: [("publish".to_owned(), [499].into_iter().collect())].into(),
            trouble: None,
            tries: Some(tries),
        }),
        order: Some(Order { workloads: reader.finish(), trouble: None }),
        times: Some(Timing {
            workloads: [("publish".to_owned(), times)].into(),
            clock,
            trouble: None,
        }),
        aggregates: Some(Aggregates {
            keys: [(7, Aggregated { key: 7, name: "user-7".to_owned(), records: 1, ..told })]
                .into(),
            strangers: 2,
            trouble: None,
        }),
        schema: Some(departing(499)),
        ..Seen::default()
    }
}

/// The event of its reading.
fn effects_read(clock: Option<ClockOffset>) -> Event {
    Event::EffectsRead {
        source: "rows".to_owned(),
        place: "postgres://h/d".to_owned(),
        error: None,
        blind: None,
        foreign: Vec::new(),
        foreign_count: 0,
        workloads: Some(vec!["publish".to_owned()]),
        dead: Some(PartRead::default()),
        tries: Some(PartRead::default()),
        order: Some(PartRead::default()),
        schema: Some(PartRead::default()),
        absent: Vec::new(),
        nameless: 0,
        times: Some(Box::new(TimesRead { error: None, clock })),
        dead_times: None,
        aggregates: Some(AggregatesRead { error: None, strangers: 2 }),
    }
}

#[test]
fn a_folder_tells_what_was_judged() {
    let plan = scenarios::plan("ingest", SCENARIO, &scenarios::Settings::default()).unwrap();
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(place.path(), "ingest", "now", "r").unwrap();
    let mut writer = Writer::open(folder.clone(), "r", &plan, Secrets::default()).unwrap();
    writer.start("0.1.0", "verify").unwrap();
    writer.begin(Clock::starting_in(std::time::Duration::ZERO)).unwrap();
    for (phase, from, to) in [("load", 0.0, 10.0), ("settle", 10.0, 20.0)] {
        writer.event(Event::PhaseEnded { phase: phase.to_owned(), from, to }).unwrap();
    }
    for half in -1..=42 {
        let at = f64::from(half) / 2.0;
        let count = (at.clamp(0.0, 10.0) * 50.0).floor();
        let mut put = |series: &str, at: f64, value: f64| {
            writer.sample(series, &Sample { at, label: "".into(), value }).unwrap();
        };
        put("streams.total_backlog", at, if at < 12.0 { 3.0 } else { 0.0 });
        put("stored.value", at, count);
        if half % 2 == 0 && half >= 0 {
            put("publish.due", at, count);
            put("publish.acked", at, count);
        }
    }
    let mut ledger = Ledger::new("r", "publish");
    ledger.add_due(500);
    (0..500).for_each(|sequence| ledger.record(sequence, Fate::Acked));
    writer.ledger("publish", &ledger).unwrap();
    let summary = WorkloadSummary::default();
    writer
        .event(Event::WorkloadEnded { workload: "publish".to_owned(), summary: Box::new(summary) })
        .unwrap();
    for second in 0..10 {
        let mut told = loadgen::Second::empty(second);
        told.latency.response.record(3_000).unwrap();
        writer.latency("publish", &told).unwrap();
    }

    let seen = seen();
    writer.effects("rows", &["publish".to_owned()], &seen).unwrap();
    let event = effects_read(CLOCK);
    writer.event(event).unwrap();
    let samples = Some(writer.samples_digest());
    let ended = Event::RunEnded { samples, interrupted: false, seconds: 20.0, written: None };
    writer.event(ended).unwrap();
    writer.flush().unwrap();

    let told = read::read(&folder).unwrap();
    assert_eq!(told.plan, plan, "the plan reads back");
    assert_eq!(told.history.effects["rows"], Ok(seen), "so do the effects");
    let judgement = judge(&told.plan, &told.history);
    let finding = |name: &str| judgement.findings.iter().find(|f| f.check == name).unwrap();
    assert_eq!(finding("stored-once").verdict, Verdict::Held, "{}", finding("stored-once").why);
    assert_eq!(finding("in-order").verdict, Verdict::Violated, "{}", finding("in-order").why);
    assert_eq!(finding("in-order").evidence[0].what, "operation publish/3");
    assert_eq!(finding("drains").measured, "2 s", "{}", finding("drains").why);
    assert_eq!(finding("counted").verdict, Verdict::Held, "{}", finding("counted").why);
}
