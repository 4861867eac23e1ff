//! Things whose undo runs this program again: another program plays them.

use std::path::PathBuf;
use std::process::Command;

/// The example, which cargo builds with the tests.
fn overlaps(what: &str) {
    let chaos = PathBuf::from(env!("CARGO_BIN_EXE_chaos"));
    let program = chaos.with_file_name("examples").join("overlaps");
    let state = tempfile::tempdir().unwrap();
    let output = Command::new(program).arg(what).env("XDG_STATE_HOME", state.path()).output();
    let output = output.unwrap();
    let (out, err) = (&output.stdout, &output.stderr);
    let told = format!("{}{}", String::from_utf8_lossy(out), String::from_utf8_lossy(err));
    assert!(output.status.success() && told.contains("all restored"), "{told}");
    println!("{told}");
    // Nothing is held any more.
    let held = std::fs::read_dir(state.path().join("shakedown/held")).unwrap();
    assert_eq!(held.count(), 0);
}

#[test]
fn processes_that_several_faults_end_are_all_there_in_the_end() {
    overlaps("start");
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn thresholds_of_rabbitmq_that_several_faults_set_are_right_in_the_end() {
    overlaps("rabbitmq");
}
