//! The Kubernetes cluster for tests: nothing is left of it, whatever ends it. Needs the
//! programs of a control plane, so that `scripts/test-kubernetes` runs these.

use std::process::Command;

use chaos::Process;
use chaos::victim::{Signal, Victim};
use machine::process::children;
use tests::program::Profile;
use tests::run::Run;
use tests::sandbox::Sandbox;

/// Starts a cluster with a command that goes on; `None` where nobody has built one.
fn start(sandbox: &Sandbox) -> Option<Run> {
    if std::env::var_os("SHAKEDOWN_CONTROL_PLANE").is_none() {
        eprintln!("left out: scripts/test-kubernetes --own runs it");
        return None;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_control-plane"));
    command.args(["--nodes", "1", "--", "sh", "-c", "echo up >&2; exec sleep 600"]);
    sandbox.dress(&mut command);
    let mut run = Run::start(&mut command).unwrap();
    let is_up = |run: &mut Run| run.said().is_ok_and(|said| said.lines().any(|line| line == "up"));
    assert!(run.wait_for("the cluster", is_up).unwrap(), "{}", run.said().unwrap());
    Some(run)
}

#[test]
#[ignore = "needs a control plane: run scripts/test-kubernetes --own"]
fn nothing_is_left_of_a_cluster_whose_program_is_killed() {
    let sandbox = Sandbox::new(Profile::from_environment()).unwrap();
    let Some(mut run) = start(&sandbox) else { return };
    run.signal(Signal::KILL).unwrap();
    assert_eq!(run.end().unwrap().signal, Some(9));
    sandbox.expect_nothing_left().unwrap();
}

#[test]
#[ignore = "needs a control plane: run scripts/test-kubernetes --own"]
fn a_cluster_whose_keeper_is_killed_ends_its_command() {
    let sandbox = Sandbox::new(Profile::from_environment()).unwrap();
    let Some(run) = start(&sandbox) else { return };
    let below = children(run.id()).unwrap();
    let is_keeper = |process: &Process| {
        machine::process::command_line(process.pid).iter().any(|word| word == "__keeper")
    };
    let keeper = below.into_iter().filter_map(Process::find).find(is_keeper).unwrap();
    Victim::pin(keeper).unwrap().signal(Signal::KILL).unwrap();
    let ended = run.end().unwrap();
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("the cluster has ended"), "{ended:?}");
    sandbox.expect_nothing_left().unwrap();
}
