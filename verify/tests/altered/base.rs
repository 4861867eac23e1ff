//! A run's folder, written as the conductor writes it, without a run.

use std::collections::BTreeMap;
use std::time::Duration;

use loadgen::answers::{Flaw, Guilty};
use loadgen::{Compared, Fate, Ledger, Resent, Second, Shape, Tally};
use reports::record::FaultRecord;
use scenarios::{Plan, Settings};
use verify::clock::Clock;
use verify::effects::order::Reader;
use verify::event::{Event, PartRead, WorkloadSummary};
use verify::folder::Folder;
use verify::folder::write::Writer;
use verify::history::{
    Conformity, Dead, DeadTries, Departure, Line, Order, PumpHistory, Sample, Seen, Stopped,
    Tally as Held,
};

use crate::files::Files;
use crate::world::{self, FAULT, PHASES, World};

const SCENARIO: &str = include_str!("scenario.toml");

/// The plan of the run.
pub(crate) fn plan(seed: u64) -> Plan {
    let settings = Settings { seed, ..Settings::default() };
    scenarios::plan("altered", SCENARIO, &settings).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The folder of a run, as its files.
pub(crate) fn folder(world: &World, run: &str, seed: u64) -> Files {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::create(place.path(), "altered", "now", run).unwrap();
    let writing = Writing { world, run, plan: plan(seed) };
    writing.write(&folder);
    Files::read(folder.path())
}

/// What became of one workload.
struct Done {
    ledger: Ledger,
    shape: Shape,
    seconds: Vec<Second>,
    compared: Option<Compared>,
    guilty: Vec<Guilty>,
}

struct Writing<'a> {
    world: &'a World,
    run: &'a str,
    plan: Plan,
}

impl Writing<'_> {
    fn write(&self, folder: &Folder) {
        let mut writer = Writer::open(
            folder.clone(),
            self.run,
            &self.plan,
            scenarios::redact::Secrets::default(),
        )
        .unwrap();
        let tell = |writer: &mut Writer, event| writer.event(event).unwrap();
        writer.start("0.1.0", "verify --scenario altered.toml").unwrap();
        let targets = [("service".to_owned(), "http://127.0.0.1:1".to_owned())].into();
        let brokers = vec!["RabbitMQ 3.10.8".to_owned()];
        tell(&mut writer, Event::SystemReady { targets, brokers, seconds: 1.0 });
        writer.begin(Clock::starting_in(Duration::ZERO)).unwrap();
        tell(&mut writer, Event::FaultPlanned { fault: self.fault(0) });

        let done: BTreeMap<&str, Done> =
            ["publish", "stable", "in-turn"].map(|name| (name, self.load(name))).into();
        self.samples(&mut writer, &done);
        // No check reads the others, and they take most of the time of the test.
        for (name, told) in done.iter().filter(|(name, _)| **name != "in-turn") {
            let judged = told.seconds.iter().filter(|second| (6..22).contains(&second.second));
            judged.for_each(|second| writer.latency(name, second).unwrap());
        }
        let end = self.world.end();
        for (name, from, to) in PHASES.iter().filter(|(_, from, _)| *from < end) {
            let phase = (*name).to_owned();
            tell(&mut writer, Event::PhaseStarted { phase: phase.clone() });
            let (from, to) = (*from as f64, (*to).min(end) as f64);
            if *name == "faults" {
                for step in 1..=3 {
                    tell(&mut writer, Event::FaultChanged { fault: self.fault(step) });
                }
            }
            tell(&mut writer, Event::PhaseEnded { phase, from, to });
        }
        if self.world.stopped.is_some() {
            let mut fault = self.fault(0);
            fault.problem = Some("the run ended first".to_owned());
            tell(&mut writer, Event::FaultChanged { fault });
            tell(&mut writer, Event::RunStopped { stop: self.stop() });
        }
        for line in self.lines() {
            tell(&mut writer, Event::LogLine { probe: "errors".to_owned(), line });
        }
        let (probe, thing) = ("streams".to_owned(), "s:0".to_owned());
        let what = "stream s:0".to_owned();
        tell(&mut writer, Event::Absent { probe: probe.clone(), thing: thing.clone(), what });
        tell(&mut writer, Event::Appeared { probe, thing });
        let text = "something to know".to_owned();
        tell(&mut writer, Event::Warning { text, awaited_by: Vec::new() });
        for (name, told) in &done {
            writer.ledger(name, &told.ledger).unwrap();
            if told.compared.is_some() {
                writer.answers(name, told.guilty.iter().cloned()).unwrap();
            }
            let (workload, summary) = ((*name).to_owned(), Box::new(self.summary(told)));
            tell(&mut writer, Event::WorkloadEnded { workload, summary });
        }
        let names: Vec<String> = self.plan.workloads.iter().map(|w| w.name.clone()).collect();
        writer.effects("rows", &names, &self.seen(&done, &names)).unwrap();
        let read = Event::EffectsRead {
            source: "rows".to_owned(),
            place: "postgres://h/d".to_owned(),
            error: None,
            blind: None,
            foreign: Vec::new(),
            foreign_count: 0,
            workloads: Some(names),
            dead: Some(PartRead::default()),
            tries: Some(PartRead::default()),
            order: Some(PartRead::default()),
            schema: Some(PartRead::default()),
            absent: Vec::new(),
            nameless: 0,
            times: None,
            dead_times: None,
            aggregates: None,
        };
        tell(&mut writer, read);
        let written = Some(writer.written());
        let seconds = self.world.end() as f64;
        let samples = Some(writer.samples_digest());
        tell(&mut writer, Event::RunEnded { samples, interrupted: false, seconds, written });
        writer.flush().unwrap();
    }

    /// The fault: planned, injected, confirmed, healed.
    fn fault(&self, step: u32) -> FaultRecord {
        let victim = "service-1 (pid 17)".to_owned();
        FaultRecord {
            name: "kill".to_owned(),
            turn_of: None,
            kind: "kill_process".to_owned(),
            planned: 23.0,
            injected: (step > 0).then_some(FAULT.0),
            confirmed: (step > 1).then_some(FAULT.0 + 0.08),
            healed: (step > 2).then_some(FAULT.1),
            victims: if step > 0 { vec![victim] } else { Vec::new() },
            blocked: false,
            undone: None,
            still_there: false,
            unhealed: false,
            problem: None,
        }
    }

    fn stop(&self) -> Stopped {
        Stopped {
            check: "connection-channels".to_owned(),
            at: self.world.end() as f64,
            judged_to: self.world.end() as f64 - 0.3,
            why: "94, where at most 50 is allowed".to_owned(),
        }
    }

    fn lines(&self) -> Vec<Line> {
        let line = |number| Line {
            at_ms: 18_600,
            source: "service-2".to_owned(),
            text: format!("ERROR number {number}"),
        };
        (0..self.world.severity_of("no-errors")).map(line).collect()
    }

    fn load(&self, name: &str) -> Done {
        let planned = self.plan.workloads.iter().find(|planned| planned.name == name).unwrap();
        let shape = Shape::from_plan(planned, self.plan.seed);
        let is_compared = name == "publish";
        let mut ledger = Ledger::new(self.run, name);
        let mut compared = Compared::default();
        let mut seconds = Vec::new();
        let mut guilty = Vec::new();
        for (second, due) in world::due(name, self.world.end()) {
            let mut told = Second::empty(second);
            for sequence in due {
                let (fate, micros) = self.world.answer(name, second, sequence);
                ledger.add_due(1);
                ledger.record(sequence, fate);
                told.tally.due += 1;
                match fate {
                    Fate::Acked => told.tally.acked += 1,
                    Fate::Failed => told.tally.failed += 1,
                    _ => told.tally.indeterminate += 1,
                }
                if matches!(fate, Fate::Acked | Fate::Indeterminate) {
                    told.latency.response.record(micros).unwrap();
                }
                if !(is_compared && shape.is_twin(sequence)) {
                    continue;
                }
                told.tally.resent += 1;
                if fate != Fate::Acked {
                    continue;
                }
                told.tally.resent_acked += 1;
                told.tally.hits += 1;
                compared.pairs += 1;
                compared.marked += 1;
                if compared.disagreed < u64::from(self.world.severity_of("same-answer")) {
                    told.tally.disagreed += 1;
                    compared.disagreed += 1;
                    guilty.push(Guilty {
                        id: format!("{}/{name}/{sequence}", self.run),
                        kind: Flaw::Disagreed,
                        first: Some("\"a\"".to_owned()),
                        second: Some("\"b\"".to_owned()),
                    });
                } else {
                    compared.agreed += 1;
                }
            }
            seconds.push(told);
        }
        let compared = is_compared.then_some(compared);
        Done { ledger, shape, seconds, compared, guilty }
    }

    fn summary(&self, told: &Done) -> WorkloadSummary {
        let due_seconds = told.seconds.len() as f64;
        let sent = told.seconds.iter().map(|second| second.tally.resent).sum::<u64>();
        let acked = told.compared.map_or(0, |compared| compared.pairs);
        WorkloadSummary {
            target: "POST http://127.0.0.1:1/".to_owned(),
            due_seconds,
            pump: PumpHistory { due_seconds, lost_seconds: 0.1, worst_seconds: 0.02 },
            resent: Resent { acked, failed: sent - acked, ..Resent::default() },
            answers: told.compared,
            ..WorkloadSummary::default()
        }
    }

    /// Every sample of the run: of the load at whole seconds, of the probes each
    /// half second, until a little after the end.
    fn samples(&self, writer: &mut Writer, done: &BTreeMap<&str, Done>) {
        let end = self.world.end();
        for (name, told) in done {
            let mut total = Tally::default();
            let at_second = |writer: &mut Writer, at: u64, total: Tally| {
                let counts = [
                    ("due", total.due),
                    ("acked", total.acked),
                    ("failed", total.failed),
                    ("indeterminate", total.indeterminate),
                    ("dropped", 0),
                    ("unsuccessful", total.failed + total.indeterminate),
                ];
                for (count, value) in counts {
                    let sample = Sample { at: at as f64, label: "".into(), value: value as f64 };
                    writer.sample(&format!("{name}.{count}"), &sample).unwrap();
                }
            };
            at_second(writer, 0, total);
            let last = told.seconds.last().map_or(0, |second| second.second);
            for second in 0..=last {
                if let Some(told_second) = told.seconds.iter().find(|s| s.second == second) {
                    total += told_second.tally;
                }
                at_second(writer, second + 1, total);
            }
        }
        for second in 0..=end {
            for (series, value) in self.world.host(second) {
                let sample = Sample { at: second as f64 + 0.3, label: "".into(), value };
                writer.sample(series, &sample).unwrap();
            }
        }
        let mut half = -1;
        loop {
            let at = f64::from(half) * 0.5 + 0.1;
            if at > end as f64 + 0.7 {
                break;
            }
            let acked = acked_before(&done["publish"], at);
            for (series, sample) in self.world.samples(at, acked) {
                writer.sample(series, &sample).unwrap();
            }
            half += 1;
        }
    }

    fn conformity(&self, seen: &Seen) -> Conformity {
        let invalid = u64::from(self.world.severity_of("follows-schema"));
        let departure = |sequence| Departure {
            identity: Some(format!("{}/publish/{sequence}", self.run)),
            at: "/content".to_owned(),
            what: "7 is an integer, and must be string".to_owned(),
        };
        let checked = seen.workloads.values().map(|told| told.once.len()).sum();
        let own = Held { checked, invalid, examples: (0..invalid).map(departure).collect() };
        Conformity { own, foreign: 3, poison: 2, ..Conformity::default() }
    }

    fn seen(&self, done: &BTreeMap<&str, Done>, names: &[String]) -> Seen {
        let mut seen = Seen::default();
        let mut dead = Dead::default();
        let mut tries = DeadTries::default();
        let mut rows: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for name in names {
            let told = &done[name.as_str()];
            for sequence in 0..told.ledger.due() {
                let fate = told.ledger.fate(sequence).unwrap();
                let is_poison = told.shape.is_poison(sequence);
                if is_poison && fate == Fate::Acked {
                    dead.workloads.entry(name.clone()).or_default().insert(sequence);
                    let tried = tries.workloads.entry(name.clone()).or_default();
                    tried.add(sequence, self.world.tries(tried.letters()));
                }
                let effects = self.world.effects(name, sequence, fate, is_poison);
                let workload = seen.workloads.entry(name.clone()).or_default();
                (0..effects).for_each(|_| workload.add(sequence));
                if name == "in-turn" {
                    rows.entry(world::key(&told.shape, sequence)).or_default().push(sequence);
                }
            }
        }
        let mut reader = Reader::new(self.run, names);
        for (key, sequences) in rows {
            for sequence in self.world.ordered(key, sequences) {
                let identity = format!("{}/in-turn/{sequence}", self.run);
                reader.take(&format!("key-{key}"), &identity);
            }
        }
        seen.dead = Some(Dead { tries: Some(tries), ..dead });
        seen.order = Some(Order { workloads: reader.finish(), trouble: None });
        seen.schema = Some(self.conformity(&seen));
        seen
    }
}

/// The acked operations that had come due before a time.
fn acked_before(told: &Done, at: f64) -> u64 {
    let mut before = 0;
    for second in &told.seconds {
        let share = (at - second.second as f64).clamp(0.0, 1.0);
        before += (second.tally.acked as f64 * share).floor() as u64;
    }
    before
}
