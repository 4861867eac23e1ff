//! The scenario of the ingest, in a lab and against somebody's own.

use lab::reference::System;
use reports::Record;
use reports::record::Verdict;
use scenarios::plan::Place;
use tests::machine::Machine;
use tests::matrix::Case;
use tests::program::Profile;
use tests::sandbox::Sandbox;
use tests::system::OwnSystem;
use verify::exit;

use crate::support::{finding, not_held, sandbox, verify, words};

/// What a machine that is not the lab's cannot suffer.
const LAB_FAULTS: [&str; 6] = [
    "kill-workers",
    "stop-workers",
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

/// Runs against a system with a short load; gives the record, and what must be
/// true of every such run has been looked at.
fn judged(system: &OwnSystem, sandbox: &Sandbox, parts: &[&str], more: &[&str]) -> Record {
    let targets = system.arguments(parts).unwrap();
    let mut line = vec!["--scenario", "idempotent-ingest", "--duration", "8s"];
    line.extend(more);
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
    let hit: Vec<&str> = record.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(hit, ["redis-hangs-up", "database-hangs-up"]);
    for fault in LAB_FAULTS.iter().chain(&["slow-network"]) {
        assert!(record.left_out.iter().any(|item| item.name == *fault), "{fault} is not told");
    }
    assert!(system.is_whole(), "a process of the system was hit");
    record
}

#[test]
fn rows_alone_tell_that_messages_are_stored_twice() {
    let _machine = Machine::acquire().unwrap();
    let profile = Profile::from_environment();
    let system = OwnSystem::start(System::Ingest, "no-dedupe", profile).unwrap();
    let sandbox = sandbox();
    let record =
        judged(&system, &sandbox, &["service", "redis", "database"], &["--set", "metrics=off"]);
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
        assert!(record.left_out.iter().any(|item| item.name == check), "{check} is not told");
    }
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn somebodys_correct_ingest_is_held_and_lacking_figures_are_no_proof() {
    let _machine = Machine::acquire().unwrap();
    let profile = Profile::from_environment();
    let system = OwnSystem::start(System::Ingest, "correct", profile).unwrap();

    let with_all = sandbox();
    let parts = ["service", "redis", "database", "metrics"];
    let record = judged(&system, &with_all, &parts, &[]);
    assert_eq!(record.verdict, Verdict::Held, "{:#?}", not_held(&record));
    assert_eq!(finding(&record, "duplicates-seen").verdict, Verdict::Held);

    let without = sandbox();
    let record = judged(&system, &without, &parts[..3], &[]);
    assert_eq!(record.verdict, Verdict::Inconclusive, "{:#?}", not_held(&record));
    assert_eq!(finding(&record, "enqueue-rate").verdict, Verdict::Inconclusive);
    assert_eq!(finding(&record, "stored-once").verdict, Verdict::Held);
}
