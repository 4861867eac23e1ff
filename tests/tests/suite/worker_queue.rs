//! The scenario of workers that update documents, in a lab and against somebody's
//! own. The whole matrix of its variants is `cargo prove matrix --scenario worker-queue`.

use reports::record::Verdict;
use scenarios::plan::Place;
use tests::machine::Machine;
use tests::matrix::Case;
use tests::program::Profile;
use tests::system::OwnSystem;
use verify::exit;

use crate::support::{finding, sandbox, shortened, verify, words};

#[test]
fn the_correct_workers_are_held_with_all_faults() {
    let _machine = Machine::acquire().unwrap();
    let case = Case::find("worker-queue", "correct").unwrap();
    let tried = case.attempt(Profile::from_environment(), &[]).unwrap();
    assert!(tried.misses.is_empty(), "{}", tried.misses.join("\n"));
}

/// The faults that somebody's system does not suffer.
const LAB: [&str; 5] =
    ["kill-a-worker", "broker-dies", "database-away", "kill-workers", "end-a-worker"];

#[test]
fn documents_alone_tell_that_events_count_twice() {
    let _machine = Machine::acquire().unwrap();
    let profile = Profile::from_environment();
    let system = OwnSystem::start("worker-queue", "no-dedupe", profile).unwrap();
    let sandbox = sandbox();
    let lengths = [
        ("smoke", "3s"),
        ("retries", "4s"),
        ("burst", "1s"),
        ("work-off", "2s"),
        ("bulk", "3s"),
        ("steady", "5s"),
        ("faults", "9s"),
        ("recovery", "3s"),
        ("settle", "3s"),
    ];
    let mut times = vec![
        ("acks-withheld", "0s"),
        ("broker-hangs-up", "1s"),
        ("published-twice", "0s"),
        ("copies", "3s"),
    ];
    times.extend(LAB.map(|fault| (fault, "0s")));
    let scenario = shortened(&sandbox, "worker-queue", &lengths, &times);
    let targets = system.arguments(&["rabbitmq", "management", "database"]).unwrap();
    let line = ["--scenario", &scenario, "--set", "metrics=off", "--set", "requests=off"];
    let ended = verify(&sandbox, &words(&line, &targets));
    sandbox.expect_nothing_left().unwrap();
    let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(ended.code, Some(i32::from(exit::VIOLATED)), "{}", record.headline);
    assert_eq!(record.run.place, Place::Targets);
    for check in ["updated-once", "documents"] {
        assert_eq!(finding(&record, check).verdict, Verdict::Violated, "{check}");
    }
    for check in ["smoke", "document-format", "published", "in-time", "fair"] {
        let finding = finding(&record, check);
        assert_eq!(finding.verdict, Verdict::Held, "{check}: {}", finding.why);
    }
    let hit: Vec<&str> = record.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(hit, ["broker-hangs-up", "copies"]);
    assert!(system.is_whole(), "a process of the system was hit");
}
