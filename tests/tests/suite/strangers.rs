//! Services that are no reference systems, each with a scenario written from the
//! documents. All of them, and the correct ones many times over: `prove strangers`.

use reports::record::Verdict;
use tests::machine::Machine;
use tests::program::Profile;
use tests::stranger::{Kind, Stranger};
use verify::exit;

use crate::support::{finding, not_held, sandbox, verify};

fn judged(kind: Kind, variant: &str) -> (Option<i32>, reports::Record) {
    let stranger = Stranger::start(kind, variant, Profile::from_environment()).unwrap();
    let sandbox = sandbox();
    let line = stranger.arguments();
    let ended = verify(&sandbox, &line.iter().map(String::as_str).collect::<Vec<_>>());
    sandbox.expect_nothing_left().unwrap();
    let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    (ended.code, record)
}

#[test]
fn workers_that_a_shell_starts_again_are_killed_by_their_role_and_judged() {
    let _machine = Machine::acquire().unwrap();
    let (code, record) = judged(Kind::Worker, "correct");
    assert_eq!(code, Some(i32::from(exit::HELD)), "{:#?}", not_held(&record));
    let victims: usize = record.faults.iter().map(|fault| fault.victims.len()).sum();
    assert_eq!(victims, 7, "{:?}", record.faults);

    let (code, record) = judged(Kind::Worker, "forgets");
    assert_eq!(code, Some(i32::from(exit::VIOLATED)), "{}", record.headline);
    assert_eq!(finding(&record, "nothing-lost").verdict, Verdict::Violated);
}

/// Poison that is tried three times makes more errors than are allowed; the load
/// asked for them. How the host fared stands in every run.
#[test]
fn what_the_loads_own_poison_does_is_held_against_nobody() {
    let _machine = Machine::acquire().unwrap();
    let stranger = Stranger::start(Kind::Trier, "correct", Profile::from_environment()).unwrap();
    let sandbox = sandbox();
    let line = stranger.arguments();
    let ended = verify(&sandbox, &line.iter().map(String::as_str).collect::<Vec<_>>());
    sandbox.expect_nothing_left().unwrap();
    let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(ended.code, Some(i32::from(exit::HELD)), "{:#?}", not_held(&record));
    let errors = finding(&record, "errors");
    assert!(record.workloads[0].poison > 0, "{} poisoned", record.workloads[0].poison);
    assert!(errors.why.contains("poison"), "{}", errors.why);

    let host = record.host.as_ref().unwrap();
    assert!(host.cpus.is_some_and(|cpus| cpus >= 1.0), "{host:?}");
    let folder = sandbox.run().unwrap();
    let samples = std::fs::read_to_string(folder.file("samples.csv")).unwrap();
    let seconds = samples.lines().filter(|line| line.contains(",host.window,")).count();
    assert!(seconds >= 6, "the host was looked at {seconds} times in 10 s");
    let summary = std::fs::read_to_string(folder.file("summary.md")).unwrap();
    for shown in [&ended.stdout, &summary] {
        assert!(shown.contains("starved"), "the host is not shown:\n{shown}");
    }
}

/// What is wrong with the new version is told by the check that is for it; that both
/// are slow at the same times is held against nobody.
#[test]
fn a_new_version_is_judged_beside_the_stable_one() {
    let _machine = Machine::acquire().unwrap();
    let (code, record) = judged(Kind::Versions, "noisy");
    assert_eq!(code, Some(i32::from(exit::HELD)), "{:#?}", not_held(&record));
    assert!(finding(&record, "typical").measured.contains("times the stable version's"));

    let (code, record) = judged(Kind::Versions, "one-caller");
    assert_eq!(code, Some(i32::from(exit::VIOLATED)), "{}", record.headline);
    let callers = finding(&record, "callers");
    assert_eq!(callers.verdict, Verdict::Violated);
    assert!(callers.why.contains("caller 7,"), "{}", callers.why);
    for good in ["typical", "tail", "split"] {
        assert_eq!(finding(&record, good).verdict, Verdict::Held, "{:?}", finding(&record, good));
    }
}
