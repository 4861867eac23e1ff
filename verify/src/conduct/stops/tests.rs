//! A stop condition against a folder that is written by hand, with a fault that
//! is due in an hour.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos::conduct::{Entry, Setting, Step, conduct};
use chaos::{Aim, FaultError, Journal, Limits, Planned, Process, Scene, World};
use scenarios::plan::check::{Absence, CheckKind};
use scenarios::redact::Secrets;
use scenarios::{Settings, plan};

use super::*;
use crate::clock::Clock;
use crate::conduct::breaches::Watch;
use crate::folder::follow::Follower;
use crate::folder::write::Writer;
use crate::history::Sample;
use crate::observe::Observed;

const SCENARIO: &str = r#"
name = "stops"
title = "the broker has few channels"

[system]
reference = "publisher"

[system.targets.metrics]
help = "the broker's metrics"
schemes = ["http"]

[system.targets.management]
help = "the broker's management API"
schemes = ["http"]

[[phase]]
name = "load"
for = "2h"

[[fault]]
name = "late"
phase = "load"
at = "1h"
run_command = { inject = "false", confirm = "false", undo = "false", for = "1s" }

[safety]
stop_if = ["few"]

[[probe]]
name = "broker"
rabbitmq = { metrics = "${target.metrics}", management = "${target.management}" }

[[check]]
name = "few"
title = "there are at most 10 channels"
bound = { series = "broker.channels", phases = ["load"], max = 10 }
"#;

struct Nobody;

impl World for Nobody {
    fn processes(&self, _: &str) -> Vec<Process> {
        Vec::new()
    }

    fn may_hit(&self, _: &Process) -> Result<(), FaultError> {
        Ok(())
    }

    fn may_reach(&self, _: &Aim) -> Result<(), FaultError> {
        Ok(())
    }
}

#[derive(Default)]
struct Silent;

impl chaos::conduct::Watch for Silent {
    fn see(&self, _: &Planned, _: &Step) {}
}

fn breaking(plan: &Plan, journal: &std::path::Path, clock: Clock) -> Breaking {
    let scene = Scene {
        world: Arc::new(Nobody),
        journal: Arc::new(Journal::open(journal, "r").unwrap()),
        http: chaos::http_client().unwrap(),
        limits: Arc::new(Limits::default()),
    };
    let timetable = chaos::expand(&plan.faults, &plan.timeline(), plan.seed).unwrap();
    let entries = timetable.into_iter().map(|planned| Entry::new(planned, &BTreeMap::new()));
    let zero = clock.at(Duration::ZERO);
    let setting = Setting {
        zero,
        seed: plan.seed,
        allowed: Vec::new(),
        acked: None,
        steps: None,
        watch: Arc::new(Silent),
    };
    Breaking::of(conduct(entries.collect(), &scene, setting))
}

fn sample(writer: &mut Writer, at: f64, value: f64) {
    let sample = Sample { at, label: "".into(), value };
    writer.sample("broker.channels", &sample).unwrap();
    writer.flush().unwrap();
}

#[tokio::test]
async fn a_breach_stops_the_run_and_says_when() {
    let out = tempfile::tempdir().unwrap();
    let plan = plan("f", SCENARIO, &Settings::default()).unwrap();
    let folder = Folder::create(out.path(), "stops", "t", "r").unwrap();
    let mut writer = Writer::open(folder.clone(), "r", &plan, Secrets::default()).unwrap();
    writer.start("0.1.0", "verify").unwrap();
    let clock = Clock::starting_in(Duration::ZERO);
    writer.begin(clock).unwrap();
    let (observer, mut observed) = Observer::new(clock);
    let mut breaking = breaking(&plan, &folder.journal(), clock);
    let mut stops = Stops::start(&plan, &folder).unwrap();
    let stop = Cancel::default();
    sample(&mut writer, 0.5, 10.0);
    sample(&mut writer, 1.5, 11.0);
    let stopped = async {
        tokio::select! {
            () = stops.watch(&mut breaking, &observer, &stop) => {}
            () = stop.cancelled() => {}
        }
    };
    tokio::time::timeout(Duration::from_secs(60), stopped).await.unwrap();
    let Some(Observed::Event(event)) = observed.recv().await else { panic!("no event") };
    let Event::RunStopped { stop } = *event else { panic!("another event") };
    assert_eq!(stop.check, "few");
    assert!(stop.why.starts_with("11, where at most 10 is allowed."), "{}", stop.why);
    assert!((1.5..1.6).contains(&stop.judged_to), "{}", stop.judged_to);
    // The fault does not come any more.
    breaking.finish(&Cancel::default()).await;
    writer.event(Event::RunStopped { stop }).unwrap();
    writer
        .event(Event::RunEnded { interrupted: false, seconds: 2.0, written: None, samples: None })
        .unwrap();
    let told = crate::folder::read::read(&folder).unwrap();
    assert!(told.facts.warnings[0].starts_with("Stopped by few at"), "{:?}", told.facts.warnings);
    let judged = crate::judge::judge(&told.plan, &told.history);
    assert_eq!(judged.verdict, reports::record::Verdict::Violated);
}

#[test]
fn what_a_fault_may_excuse_is_looked_at_twice() {
    let mut plan = plan("f", SCENARIO, &Settings::default()).unwrap();
    plan.checks[0].kind = CheckKind::Absence(Absence {
        series: "broker.channels".to_owned(),
        phases: vec!["load".to_owned()],
        excused_by: vec!["late".to_owned()],
        samples: 2,
    });
    let out = tempfile::tempdir().unwrap();
    let folder = Folder::create(out.path(), "stops", "t", "r").unwrap();
    let mut writer = Writer::open(folder.clone(), "r", &plan, Secrets::default()).unwrap();
    writer.start("0.1.0", "verify").unwrap();
    let mut follower = Follower::new(&folder, &plan, &plan.checks);
    let mut watch = Watch { checks: plan.checks.clone(), plan, suspected: None };
    sample(&mut writer, 0.5, 1.0);
    sample(&mut writer, 1.0, 2.0);
    follower.catch_up().unwrap();
    assert!(watch.look(&follower).is_none());
    assert!(watch.look(&follower).is_some());
}
