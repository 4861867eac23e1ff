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

/// The lab ends with `verify`, and its controller and pods with it; the watchdog, which
/// holds the undo, finds nobody to set anything at, and ends as well.
#[test]
fn killed_while_a_deployment_is_updated() {
    let _machine = Machine::acquire().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rolling.toml");
    std::fs::write(&file, crate::deployments::updated()).unwrap();
    let moment = Moment::Event(r#""event":"deployment-changed""#);
    let line = ["--scenario", file.to_str().unwrap()];
    let left = kill(&moment, Profile::from_environment(), &line).unwrap();
    assert!(!left.was_over, "the moment never came");
    assert_eq!(left.recheck, Some(Verdict::Inconclusive));
}
