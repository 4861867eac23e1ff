//! SIGKILL of `verify` at the three moments that differ: while the lab is being
//! set up, under load, and after the load. Random moments are `cargo prove
//! kills`.

use reports::record::Verdict;
use tests::kill::{Aftermath, Moment, kill};
use tests::machine::Machine;
use tests::program::Profile;

fn aftermath(moment: &Moment, duration: &str) -> Aftermath {
    let _machine = Machine::acquire().unwrap();
    let line = ["--scenario", "channel-leak", "--duration", duration];
    let left = kill(moment, Profile::from_environment(), &line).unwrap();
    assert!(!left.was_over, "the moment never came");
    left
}

#[test]
fn killed_while_the_broker_starts() {
    let left = aftermath(&Moment::Process("rabbitmq"), "10s");
    assert_eq!(left.recheck, Some(Verdict::Inconclusive));
}

#[test]
fn killed_under_load() {
    let left = aftermath(&Moment::Event(r#""event":"phase-started","phase":"load""#), "10s");
    assert_eq!(left.recheck, Some(Verdict::Inconclusive));
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn killed_after_the_load() {
    let left = aftermath(&Moment::Event(r#""event":"workload-ended""#), "1s");
    assert!(left.recheck.is_some());
}
