//! Load that runs a program for each operation.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use loadgen::{Command, Fate, Job, Report, Schedule, Transport, identity};
use machine::process;
use scenarios::units::Rate;

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn run(command: Command, operations: u32, timeout: Duration) -> Report {
    let length = Duration::from_secs(1) * operations / 50;
    let schedule = Schedule::constant(Rate(50.0), length).unwrap();
    let job = Job {
        connections: 4,
        timeout,
        grace: PATIENCE,
        ..Job::new("test", "command", schedule, Transport::Command(command))
    };
    let running = loadgen::start(job, Instant::now(), SystemTime::UNIX_EPOCH).unwrap();
    let report = running.wait().unwrap();
    assert!(report.ledger.is_complete());
    assert_eq!(report.totals.due, u64::from(operations));
    report
}

fn command<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Command {
    let words = words.into_iter().map(Into::into).collect();
    Command { words, refused: vec![3], body: "".into() }
}

/// The numbers of the processes whose command line has this text.
fn processes(text: &str) -> Vec<u32> {
    let has = |word: &OsString| word.to_string_lossy().contains(text);
    let pids = process::pids().unwrap().into_iter();
    pids.filter(|&pid| process::command_line(pid).iter().any(has)).collect()
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(ToOwned::to_owned).collect()
}

#[test]
fn each_operation_runs_the_program_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("seen");
    let script = r#"read body; echo "$SHAKEDOWN_ID $body $0" >> "$1""#;
    let report = run(
        Command {
            body: "n=@{seq}\n".into(),
            ..command(["sh", "-c", script, "@{id}", &file.display().to_string()])
        },
        20,
        PATIENCE,
    );
    assert_eq!(report.totals.acked, 20);
    let seen: BTreeSet<u64> = lines(&file)
        .iter()
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let id = identity::parse(words[0].as_bytes()).unwrap();
            assert_eq!((id.run, id.workload), ("test", "command"));
            assert_eq!(words[1], format!("n={}", id.sequence));
            assert_eq!(words[2], words[0]);
            id.sequence
        })
        .collect();
    assert_eq!(seen, (0..20).collect());
}

#[test]
fn exit_codes_decide_the_outcome() {
    let report = run(command(["sh", "-c", "exit $((@{seq} % 5))"]), 10, PATIENCE);
    for (seq, fate) in [
        (0, Fate::Acked),
        (1, Fate::Indeterminate),
        (3, Fate::Failed),
        (4, Fate::Indeterminate),
        (5, Fate::Acked),
    ] {
        assert_eq!(report.ledger.fate(seq), Some(fate), "{seq}");
    }
}

#[test]
fn a_program_that_cannot_be_started_has_failed() {
    let report = run(command(["/no/such/program"]), 5, PATIENCE);
    assert_eq!(report.totals.failed, 5);
    assert!(report.never_reached());
}

#[test]
fn an_overdue_program_is_killed_with_its_children() {
    let folder = tempfile::tempdir().unwrap();
    let mark = folder.path().join("kept").display().to_string();
    // Both the shell and its child carry the mark on their command line.
    let script = format!("sh -c 'while :; do sleep 60; done' {mark}; true");
    let report = run(command(["sh", "-c", &script, &mark]), 5, Duration::from_millis(300));
    assert_eq!(report.totals.indeterminate, 5, "{:?}", report.errors);
    let start = Instant::now();
    while !processes(&mark).is_empty() {
        assert!(start.elapsed() < PATIENCE, "{:?} still run", processes(&mark));
        std::thread::yield_now();
    }
}
