//! Nothing outlives a lab, however it ends; what should live is restarted.

use std::fs;
use std::path::Path;
use std::process::Command;

use lab::{Event, LabError, LabOptions, ProcessSpec, Restart};
use rustix::process::Signal;

use crate::support::{HOST, Host, is_alive, kill, lab, mentioning, patience, until};

/// `hold` prints a line for the lab, one for each of three children, and
/// `ready`: the parent is killed after each of them, and before the first.
#[test]
fn a_killed_parent_leaves_no_process_and_no_folder() {
    for lines_before_the_kill in 0..=5 {
        let mut host = Host::start("hold", &[]);
        for _ in 0..lines_before_the_kill {
            host.line();
        }
        host.child.kill().unwrap();
        host.expect_nothing_left();
    }
}

#[test]
fn a_parent_that_ends_by_itself_leaves_nothing() {
    let mut host = Host::start("hold", &[]);
    until("ready", || (host.line() == ["ready"]).then_some(()));
    assert!(!mentioning(host.folder.path()).is_empty());
    drop(host.child.stdin.take());
    assert!(host.child.wait().unwrap().success());
    assert_eq!(host.left_behind(), Vec::<std::path::PathBuf>::new());
    host.expect_nothing_left();
}

#[test]
fn a_killed_keeper_takes_its_children_along_and_the_parent_tidies_up() {
    let mut host = Host::start("hold", &[]);
    let keeper: u32 = host.line()[1].parse().unwrap();
    let children: Vec<u32> = (0..3).map(|_| host.line()[2].parse().unwrap()).collect();
    assert_eq!(host.line(), ["ready"]);
    kill(keeper, Signal::KILL);
    for child in children {
        until("the child's end", || (!is_alive(child)).then_some(()));
    }
    drop(host.child.stdin.take());
    host.expect_nothing_left();
}

#[test]
fn the_next_lab_sweeps_what_a_killed_keeper_and_parent_left() {
    let mut host = Host::start("hold", &[]);
    let keeper: u32 = host.line()[1].parse().unwrap();
    until("ready", || (host.line() == ["ready"]).then_some(()));
    host.child.kill().unwrap();
    kill(keeper, Signal::KILL);
    host.child.wait().unwrap();
    until("the keeper's end", || (!is_alive(keeper)).then_some(()));

    let Host { folder, .. } = host;
    let mut next = Host::start_in(folder, "hold", &[]);
    let scratch = next.line()[2].clone();
    let stale: Vec<_> = next.left_behind();
    assert_eq!(stale, [Path::new(&scratch)], "only the new lab's folder is there");
    next.child.kill().unwrap();
    next.expect_nothing_left();
}

#[test]
fn the_keeper_ignores_an_interrupt_and_ends_in_order_on_sigterm() {
    let mut host = Host::start("hold", &[]);
    let keeper: u32 = host.line()[1].parse().unwrap();
    let child: u32 = host.line()[2].parse().unwrap();
    let session = rustix::process::getsid(rustix::process::Pid::from_raw(keeper.cast_signed()));
    assert_eq!(session.unwrap().as_raw_nonzero().get().cast_unsigned(), keeper);
    for signal in [Signal::INT, Signal::HUP, Signal::QUIT] {
        kill(keeper, signal);
    }
    until("ready", || (host.line() == ["ready"]).then_some(()));
    assert!(is_alive(child));
    kill(keeper, Signal::TERM);
    until("no folder left", || host.left_behind().is_empty().then_some(()));
    assert!(!is_alive(child));
    host.child.kill().unwrap();
    host.expect_nothing_left();
}

#[test]
fn a_crashing_process_is_restarted_and_counted() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let events = lab.events();
    let spec = ProcessSpec::new("crasher", "test", ["/bin/sh", "-c", "echo again; exit 3"]);
    lab.run(spec.restart(Restart::Always), patience()).unwrap();
    until("three restarts", || (lab.process("crasher")?.restarts >= 3).then_some(()));
    let state = lab.process("crasher").unwrap();
    assert_eq!((state.role.as_str(), state.last_exit.as_deref()), ("test", Some("exit code 3")));
    lab.stop_process("crasher", patience()).unwrap();
    let stopped_at = lab.process("crasher").unwrap().restarts;
    lab.stop().unwrap();

    let pauses: Vec<u64> = events
        .iter()
        .filter_map(|event| match event {
            Event::Restarting { in_ms, .. } => Some(in_ms),
            _ => None,
        })
        .collect();
    assert_eq!(pauses[..3], [250, 500, 1000]);
    assert_eq!(lab.process("crasher").unwrap().restarts, stopped_at);
    let log = fs::read_to_string(lab.log("crasher")).unwrap();
    assert!(log.lines().count() >= 4, "{log}");
}

#[test]
fn a_killed_process_comes_back_as_another_process() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let spec = ProcessSpec::new("sleeper", "test", ["/bin/sleep", "1000"]);
    let pid = lab.run(spec.restart(Restart::Always), patience()).unwrap();
    let first = lab.process("sleeper").unwrap();
    assert_eq!(first.pid, Some(pid));
    kill(pid, Signal::KILL);
    let second = until("the restart", || {
        lab.process("sleeper").filter(|state| state.restarts == 1 && state.pid.is_some())
    });
    assert!(second.pid != first.pid && second.start_time >= first.start_time);
    assert_eq!(second.last_exit.as_deref(), Some("killed by signal 9 (SIGKILL)"));
}

#[test]
fn a_program_that_is_not_there_is_an_error_and_its_name_is_free_again() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let absent = ProcessSpec::new("absent", "test", ["/nonexistent/program"]);
    let error = lab.run(absent.restart(Restart::Always), patience()).unwrap_err();
    assert!(matches!(&error, LabError::Spawn { name, .. } if name == "absent"), "{error}");
    assert!(error.to_string().contains("/nonexistent/program"), "{error}");
    lab.run(ProcessSpec::new("absent", "test", ["/bin/sleep", "1000"]), patience()).unwrap();
}

#[test]
fn a_process_sees_only_the_environment_that_it_was_given() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let spec = ProcessSpec::new("env", "test", ["/usr/bin/env"]).env("GREETING", "hello");
    lab.run(spec, patience()).unwrap();
    until("its end", || lab.process("env")?.last_exit);
    let log = fs::read_to_string(lab.log("env")).unwrap();
    let mut lines: Vec<&str> = log.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["GREETING=hello", &format!("SHAKEDOWN_LAB={}", lab.scratch().display())]);
}

#[test]
fn a_kept_lab_leaves_its_folder_but_no_process() {
    let logs = tempfile::tempdir().unwrap();
    let options = LabOptions { exe: HOST.into(), keep: true, ..LabOptions::new(logs.path()) };
    let lab = options.start().unwrap();
    let scratch = lab.scratch().to_owned();
    fs::write(scratch.join("data"), "precious").unwrap();
    lab.run(ProcessSpec::new("sleeper", "test", ["/bin/sleep", "1000"]), patience()).unwrap();
    lab.stop().unwrap();
    assert!(mentioning(&scratch).is_empty());
    // The next lab's sweep must not take it either.
    drop(crate::support::lab(logs.path()));
    assert_eq!(fs::read_to_string(scratch.join("data")).unwrap(), "precious");
    fs::remove_dir_all(scratch).unwrap();
}

#[test]
fn a_released_lab_goes_on_until_it_is_stopped() {
    let logs = tempfile::tempdir().unwrap();
    let lab = lab(logs.path());
    let spec = ProcessSpec::new("sleeper", "test", ["/bin/sleep", "1000"]);
    let pid = lab.run(spec.restart(Restart::Always), patience()).unwrap();
    let released = lab.release().unwrap();
    // The keeper has seen its input end once it has restarted the child after.
    kill(pid, Signal::KILL);
    until("the restart", || mentioning(&released.scratch).into_iter().find(|p| *p != pid));
    released.stop(patience()).unwrap();
    assert!(mentioning(&released.scratch).is_empty() && !released.scratch.exists());
}

#[test]
fn a_wrong_executable_is_reported() {
    let logs = tempfile::tempdir().unwrap();
    let start = |exe: &str| LabOptions { exe: exe.into(), ..LabOptions::new(logs.path()) }.start();
    let error = start("/nonexistent").unwrap_err().to_string();
    assert!(error.contains("/nonexistent") && error.contains("keeper.log"), "{error}");
    // A program that does not know the hidden subcommand ends at once.
    let error = start("/bin/true").unwrap_err().to_string();
    assert!(error.contains("ended at once"), "{error}");
    assert!(!Command::new(HOST).arg("__keeper").output().unwrap().status.success());
}

#[test]
fn a_held_process_stays_down_until_it_is_let_go() {
    let folder = tempfile::tempdir().unwrap();
    let lab = lab(folder.path());
    let spec = ProcessSpec::new("worker", "service", ["sleep", "1000"])
        .env("PATH", "/usr/bin:/bin")
        .restart(Restart::Always);
    let first = lab.run(spec, patience()).unwrap();
    assert!(matches!(lab.hold("nobody", patience()), Err(LabError::Spawn { .. })));
    lab.hold("worker", patience()).unwrap();
    let events = lab.events();
    kill(first, Signal::TERM);
    until("the end", || lab.process("worker").unwrap().pid.is_none().then_some(()));
    lab.let_go("worker").unwrap();
    until("the next start", || lab.process("worker").unwrap().pid.filter(|&pid| pid != first));
    let planned = |event: &Event| matches!(event, Event::Restarting { .. });
    assert!(!events.try_iter().any(|event| planned(&event)), "nobody but us starts it");
}
