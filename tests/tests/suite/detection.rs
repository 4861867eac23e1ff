//! A part of the detection matrix, small enough for every change: the correct
//! system, and a bug that leaks and loses. The whole of it is `cargo prove
//! matrix`.

use tests::machine::Machine;
use tests::matrix::Case;
use tests::program::Profile;

fn detect(variant: &str, arguments: &[&str]) {
    let _machine = Machine::acquire().unwrap();
    let case = Case::find("channel-leak", variant).unwrap();
    let tried = case.attempt(Profile::from_environment(), arguments).unwrap();
    assert!(tried.misses.is_empty(), "{variant}:\n{}", tried.misses.join("\n"));
}

#[test]
fn the_correct_publisher_is_held() {
    detect("correct", &["--duration", "12s"]);
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn messages_that_are_lost_are_caught_by_their_identities() {
    // Long enough for both replicas to come to the end of their channels.
    detect("lose-on-exhaustion", &["--duration", "24s"]);
}
