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
