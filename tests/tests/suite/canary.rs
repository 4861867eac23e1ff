//! The scenario of a new version beside the stable one. The whole matrix of its
//! variants is `cargo prove matrix --scenario canary`.

use reports::record::{StepAdvice, Verdict};
use tests::machine::Machine;
use tests::matrix::Case;
use tests::program::Profile;
use verify::exit;

use crate::support::{finding, sandbox, verify};

/// On a machine of which nobody knows how fast it is.
#[test]
fn the_correct_version_is_held() {
    let _machine = Machine::acquire().unwrap();
    let case = Case::find("canary", "correct").unwrap();
    let slow = ["--set", "response_time=25ms"];
    let tried = case.attempt(Profile::from_environment(), &slow).unwrap();
    assert!(tried.misses.is_empty(), "{}", tried.misses.join("\n"));
}

/// Long before its end, with the stable version at all of the traffic again.
#[test]
fn a_version_that_fails_is_aborted_and_its_traffic_taken_away() {
    let _machine = Machine::acquire().unwrap();
    let sandbox = sandbox();
    let said = sandbox.path().join("said");
    let tell = format!("on_abort=echo aborted > {}", said.display());
    let ended = verify(
        &sandbox,
        &["--scenario", "canary", "--variant", "health-lies", "--abort-on-fail", "--set", &tell],
    );
    sandbox.expect_nothing_left().unwrap();
    let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(record.verdict, Verdict::Violated, "{}", record.headline);
    assert_eq!(ended.code, Some(i32::from(exit::VIOLATED)));
    assert_eq!(finding(&record, "errors").verdict, Verdict::Violated);
    assert_eq!(std::fs::read_to_string(said).unwrap(), "aborted\n");
    let last = record.steps.last().unwrap();
    assert_eq!(last.advice, StepAdvice::RollBack, "{last:?}");
    assert!(record.phases.iter().all(|phase| phase.name != "step-100"), "{:?}", record.phases);
    let step = record.faults.iter().find(|fault| fault.name == "to-5").unwrap();
    assert!(step.undone.is_some() && step.healed.is_some(), "{step:?}");
    let took_back = |text: &String| text.contains("on_abort was run");
    assert!(record.warnings.iter().any(took_back), "{:?}", record.warnings);
}
