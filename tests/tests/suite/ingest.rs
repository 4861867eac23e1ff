//! The scenario of the ingest, in a lab and against somebody's own.

use reports::Record;
use reports::record::Verdict;
use scenarios::plan::Place;
use tests::machine::Machine;
use tests::matrix::Case;
use tests::program::Profile;
use tests::sandbox::Sandbox;
use tests::system::OwnSystem;
use verify::exit;

use crate::support::{expect, finding, not_held, sandbox, shortened, verify, words};

/// The faults that somebody's system does not suffer.
const LAB: [&str; 7] = [
    "kill-workers",
    "stop-workers",
    "slow-network",
    "redis-dies",
    "database-away",
    "kill-workers-again",
    "ingress-dies",
];

#[test]
fn the_correct_ingest_is_held_with_all_faults() {
    let _machine = Machine::acquire().unwrap();
    let case = Case::find("idempotent-ingest", "correct").unwrap();
    let tried = case.attempt(Profile::from_environment(), &[]).unwrap();
    assert!(tried.misses.is_empty(), "{}", tried.misses.join("\n"));
}

/// Runs a scenario against a system; gives the record, and what must be true of
/// every such run has been looked at.
fn judged(
    system: &OwnSystem,
    sandbox: &Sandbox,
    scenario: &str,
    parts: &[&str],
    more: &[&str],
) -> Record {
    let targets = system.arguments(parts).unwrap();
    let line = [&["--scenario", scenario], more].concat();
    let ended = verify(sandbox, &words(&line, &targets));
    sandbox.expect_nothing_left().unwrap();
    let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    let code = match record.verdict {
        Verdict::Held => exit::HELD,
        Verdict::Violated => exit::VIOLATED,
        Verdict::Inconclusive => exit::INCONCLUSIVE,
    };
    assert_eq!(ended.code, Some(i32::from(code)));
    assert_eq!(record.run.place, Place::Targets);
    // What only a lab can do is left out.
    let hit: Vec<&str> = record.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(hit, ["redis-hangs-up", "database-hangs-up"]);
    assert!(system.is_whole(), "a process of the system was hit");
    record
}

fn is_told(record: &Record, name: &str) -> bool {
    record.left_out.iter().any(|item| item.name == name)
}

#[test]
fn rows_alone_tell_that_messages_are_stored_twice() {
    let _machine = Machine::acquire().unwrap();
    let profile = Profile::from_environment();
    let system = OwnSystem::start("ingest", "no-dedupe", profile).unwrap();
    let sandbox = sandbox();
    let lengths = [
        ("warm-up", "1s"),
        ("rest", "1s"),
        ("load", "8s"),
        ("pause", "4s"),
        ("faults", "6s"),
        ("healing", "2s"),
        ("recovery", "4s"),
        ("settle", "3s"),
    ];
    // Those of the lab only have to fit into their phase.
    let mut times = vec![("redis-hangs-up", "1s"), ("database-hangs-up", "3s")];
    times.extend(LAB.map(|fault| (fault, "0s")));
    let scenario = shortened(&sandbox, "idempotent-ingest", &lengths, &times);
    let parts = ["service", "redis", "database"];
    let record = judged(&system, &sandbox, &scenario, &parts, &["--set", "metrics=off"]);
    assert_eq!(record.verdict, Verdict::Violated, "{}", record.headline);
    for check in ["stored-once", "receipts", "same-answer", "same-answer-later"] {
        assert_eq!(finding(&record, check).verdict, Verdict::Violated, "{check}");
    }
    for check in ["in-order", "lag", "drained", "recovers"] {
        assert_eq!(finding(&record, check).verdict, Verdict::Held, "{check}");
    }
    // What was switched off is not judged, and said to be.
    for check in ["enqueue-rate", "dead-letters-told", "processing-time", "works-off"] {
        assert!(record.findings.iter().all(|finding| finding.check != check), "{check}");
        assert!(is_told(&record, check), "{check} is not told");
    }
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn somebodys_correct_ingest_is_held_and_lacking_figures_are_told_first() {
    let _machine = Machine::acquire().unwrap();
    let profile = Profile::from_environment();
    let system = OwnSystem::start("ingest", "correct", profile).unwrap();

    let with_all = sandbox();
    let parts = ["service", "redis", "database", "metrics"];
    let record = judged(&system, &with_all, "idempotent-ingest", &parts, &[]);
    assert_eq!(record.verdict, Verdict::Held, "{:#?}", not_held(&record));
    assert_eq!(finding(&record, "duplicates-seen").verdict, Verdict::Held);
    for fault in LAB {
        assert!(is_told(&record, fault), "{fault} is not told");
    }

    // Without the figures there is no run, unless they are left out by name.
    let without = sandbox();
    let targets = system.arguments(&parts[..3]).unwrap();
    let refused = verify(&without, &words(&["--scenario", "idempotent-ingest"], &targets));
    let says = ["--target metrics=http", "--set metrics=off", "enqueue-rate"];
    expect(&refused, exit::USAGE, &says);
    without.expect_no_trace().unwrap();
}
