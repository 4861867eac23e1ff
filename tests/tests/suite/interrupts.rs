//! Signals that ask for an end: it comes in good order, with exit code 130, and
//! what was not finished is never held. SIGTERM is in `external`.

use reports::record::Verdict;
use rustix::process::Signal;
use tests::kill::Moment;
use tests::machine::Machine;
use verify::exit;

use crate::support::{expect, sandbox, verify};

const LINE: [&str; 4] = ["--scenario", "channel-leak", "--duration", "60s"];

#[test]
fn interrupted_while_the_broker_starts() {
    let _machine = Machine::acquire().unwrap();
    let sandbox = sandbox();
    let mut run = sandbox.verify(&LINE).unwrap();
    assert!(Moment::Process("rabbitmq").wait(&mut run, &sandbox).unwrap());
    run.signal(Signal::INT).unwrap();
    let ended = run.end().unwrap();
    expect(&ended, exit::INTERRUPTED, &["interrupted"]);
    // There is nothing to tell about a run that never was.
    sandbox.expect_no_trace().unwrap();
}

#[test]
fn interrupted_under_load() {
    let _machine = Machine::acquire().unwrap();
    let sandbox = sandbox();
    let mut run = sandbox.verify(&LINE).unwrap();
    let load = Moment::Event(r#""event":"phase-started","phase":"load""#);
    assert!(load.wait(&mut run, &sandbox).unwrap());
    run.signal(Signal::INT).unwrap();
    let ended = run.end().unwrap();
    expect(&ended, exit::INTERRUPTED, &[]);
    sandbox.expect_nothing_left().unwrap();
    let record = sandbox.record().unwrap();
    assert!(record.run.interrupted);
    assert_eq!(record.verdict, Verdict::Inconclusive, "{}", record.headline);
    assert!(record.workloads.iter().any(|workload| workload.operations.acked > 0));
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&ended.stdout).contains(&words(&record.headline)), "{}", ended.stdout);
    let folder = sandbox.run().unwrap();
    let again = verify(&sandbox, &["recheck", &folder.path().to_string_lossy()]);
    expect(&again, exit::INCONCLUSIVE, &[]);
}

#[test]
fn asked_twice_it_ends_at_once_and_the_lab_clears_itself_away() {
    let _machine = Machine::acquire().unwrap();
    let sandbox = sandbox();
    let mut run = sandbox.verify(&LINE).unwrap();
    assert!(Moment::Process("service-1").wait(&mut run, &sandbox).unwrap());
    run.signal(Signal::INT).unwrap();
    run.signal(Signal::TERM).unwrap();
    let ended = run.end().unwrap();
    assert_eq!(ended.code, Some(i32::from(exit::INTERRUPTED)), "{}", ended.stderr);
    sandbox.expect_nothing_left().unwrap();
}

#[test]
fn asked_twice_under_load_it_still_reports() {
    let _machine = Machine::acquire().unwrap();
    let sandbox = sandbox();
    let mut run = sandbox.verify(&LINE).unwrap();
    let load = Moment::Event(r#""event":"phase-started","phase":"load""#);
    assert!(load.wait(&mut run, &sandbox).unwrap());
    run.signal(Signal::TERM).unwrap();
    run.signal(Signal::INT).unwrap();
    let ended = run.end().unwrap();
    expect(&ended, exit::INTERRUPTED, &[]);
    sandbox.expect_nothing_left().unwrap();
    let record = sandbox.record().unwrap();
    assert!(record.run.interrupted);
    assert_eq!(record.verdict, Verdict::Inconclusive, "{}", record.headline);
}
