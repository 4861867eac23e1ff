//! What keeps a run from taking place: each is told apart by its exit code,
//! said in words that help, and leaves nothing behind but, where the surroundings are
//! wrong, a JUnit file that says so.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use tests::program::Program;
use tests::run::{Ended, Run};
use tests::sandbox::Sandbox;
use verify::exit;

use crate::support::{expect, sandbox, verify};

/// Runs the shipped scenario with these arguments, which must not get as far as
/// a run.
#[track_caller]
fn refused(arguments: &[&str], code: u8, says: &[&str]) {
    let sandbox = sandbox();
    let line = [&["--scenario", "channel-leak"], arguments].concat();
    let ended = verify(&sandbox, &line);
    expect(&ended, code, says);
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    sandbox.expect_no_trace().unwrap();
}

#[test]
fn words_that_nobody_knows_are_answered_with_those_that_are_known() {
    refused(&["--variant", "slow-leek"], exit::USAGE, &["slow-leek", "slow-leak"]);
    refused(&["--set", "rat=5/s"], exit::USAGE, &["rat", "rate"]);
    refused(&["--set", "rate"], exit::USAGE, &["NAME=VALUE", "--set rate=100/s"]);
    refused(&["--set", "rate=fast"], exit::USAGE, &["fast", "/s"]);
    refused(&["--duration", "soon"], exit::USAGE, &["--duration", "soon"]);
    refused(&["--seed", "x"], exit::USAGE, &["--seed", "x"]);
    refused(&["--skip", "resonse-time"], exit::USAGE, &["resonse-time", "response-time"]);
    refused(
        &["--skip-fault", "kill-one"],
        exit::USAGE,
        &["--skip-fault kill-one", "kill-one-process"],
    );
    refused(&["--sed", "1"], exit::USAGE, &["--sed", "--seed"]);
    let sandbox = sandbox();
    let unknown = verify(&sandbox, &["--scenario", "channel-leek"]);
    expect(&unknown, exit::USAGE, &["channel-leek", "channel-leak"]);
    let missing = verify(&sandbox, &["--scenario", "./mine.toml"]);
    expect(&missing, exit::USAGE, &["./mine.toml", "No such file"]);
    sandbox.expect_no_trace().unwrap();
}

/// 192.0.2.0/24 is nobody's; an attempt to connect would take its time.
#[test]
fn what_is_not_this_machine_is_refused_before_anything_runs() {
    let far = |key: &str, scheme: &str| format!("{key}={scheme}://joe:hidden@192.0.2.7:1");
    let (service, rabbitmq) = (far("service", "http"), far("rabbitmq", "amqp"));
    let management = "management=http://guest:hidden@198.51.100.7:1";
    let all = ["--target", &service, "--target", &rabbitmq, "--target", management];
    let hosts = ["--allow 192.0.2.7", "--allow 198.51.100.7", "workload", "fault"];
    refused(&all, exit::USAGE, &hosts);
    let one = [&all[..], &["--allow", "192.0.2.7"]].concat();
    refused(&one, exit::USAGE, &["198.51.100.7 is not on this machine"]);
}

#[test]
fn addresses_that_cannot_be_used_are_refused_before_anything_runs() {
    let service = "service=http://127.0.0.1:1";
    let rabbitmq = "rabbitmq=amqp://guest:hidden@127.0.0.1:1/%2f";
    let management = "management=http://guest:hidden@127.0.0.1:1";
    let all = ["--target", service, "--target", rabbitmq, "--target", management];
    let and = |more: &[&'static str]| [&all[..], more].concat();
    refused(&["--target", service], exit::USAGE, &["rabbitmq", "management", "amqp://"]);
    refused(&and(&["--target", "servise=http://h"]), exit::USAGE, &["servise", "service"]);
    refused(&and(&["--target", "service=http://h"]), exit::USAGE, &["service", "twice"]);
    refused(&and(&["--target", "stable"]), exit::USAGE, &["KEY=URL"]);
    refused(&and(&["--target", "stable=amqp://h"]), exit::USAGE, &["stable", "http"]);
    refused(&and(&["--target", "stable=localhost"]), exit::USAGE, &["stable", "http://"]);
    refused(&and(&["--variant", "slow-leak"]), exit::USAGE, &["--variant", "lab"]);
    refused(&and(&["--targets", "none.toml"]), exit::USAGE, &["none.toml"]);
}

#[test]
fn a_target_that_nobody_listens_at_is_named_without_its_password() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let addresses = [
        format!("service=http://127.0.0.1:{port}"),
        format!("rabbitmq=amqp://guest:hidden@127.0.0.1:{port}/%2f"),
        format!("management=http://guest:hidden@127.0.0.1:{port}"),
    ];
    let sandbox = sandbox();
    let mut line = vec!["--scenario", "channel-leak"];
    addresses.iter().for_each(|address| line.extend(["--target", address]));
    let ended = verify(&sandbox, &line);
    let all = ["service: nobody answers at", "rabbitmq: nobody", "management: nobody"];
    expect(&ended, exit::ENVIRONMENT, &all);
    expect(&ended, exit::ENVIRONMENT, &[&port.to_string(), "is it running"]);
    assert!(!ended.stderr.contains("hidden"), "{}", ended.stderr);
    sandbox.expect_nothing_left().unwrap();
    sandbox.expect_only_junit().unwrap();
}

#[test]
fn a_malformed_scenario_is_shown_with_its_place() {
    let sandbox = sandbox();
    let source = scenarios::suite::find("channel-leak").unwrap().source;
    let wrong = source.replacen("severity = \"warning\"", "severty = \"warning\"", 1);
    let file = sandbox.file("mine.toml", &wrong).unwrap();
    let ended = verify(&sandbox, &["--scenario", &file.to_string_lossy()]);
    expect(&ended, exit::USAGE, &["error: ", "mine.toml:", "severty", "severity", "^"]);
    sandbox.expect_no_trace().unwrap();
}

/// Runs the shipped scenario in the lab with one variable set.
fn surrounded(sandbox: &Sandbox, name: &str, value: &std::path::Path) -> Ended {
    let line = ["--scenario", "channel-leak"];
    let mut command = sandbox.command(Program::Verify, &line).unwrap();
    Run::start(command.env(name, value)).unwrap().end().unwrap()
}

#[test]
fn a_missing_broker_comes_with_the_command_that_installs_it() {
    let sandbox = sandbox();
    let empty = sandbox.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    let ended = surrounded(&sandbox, "SHAKEDOWN_RABBITMQ_BIN", &empty);
    expect(
        &ended,
        exit::ENVIRONMENT,
        &["rabbitmq-server is not installed", "--provision", "--target"],
    );
    sandbox.expect_nothing_left().unwrap();
    sandbox.expect_only_junit().unwrap();
}

#[test]
fn a_broker_that_dies_at_its_start_is_quoted() {
    let sandbox = sandbox();
    let bin = sandbox.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let script = sandbox.file("bin/rabbitmq-server", "#!/bin/sh\necho no cookie today\nexit 70\n");
    std::fs::set_permissions(script.unwrap(), PermissionsExt::from_mode(0o755)).unwrap();
    let ended = surrounded(&sandbox, "SHAKEDOWN_RABBITMQ_BIN", &bin);
    let says = ["rabbitmq ended while it was starting", "exit code 70", "no cookie today"];
    expect(&ended, exit::ENVIRONMENT, &says);
    sandbox.expect_nothing_left().unwrap();
    // The log that the message names is still there, and the folder is readable.
    let folder = sandbox.run().unwrap();
    assert!(folder.logs().join("rabbitmq.log").exists());
    assert!(ended.stderr.contains(&*folder.path().to_string_lossy()), "{}", ended.stderr);
    let again = verify(&sandbox, &["recheck", &folder.path().to_string_lossy()]);
    expect(&again, exit::INCONCLUSIVE, &[]);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    refused(&["--out", "/proc/runs"], exit::ENVIRONMENT, &["/proc/runs", "--out DIR"]);
    let sandbox = sandbox();
    let nowhere = sandbox.path().join("nowhere");
    let ended = surrounded(&sandbox, "TMPDIR", &nowhere);
    expect(&ended, exit::ENVIRONMENT, &["nowhere", "TMPDIR"]);
    sandbox.expect_nothing_left().unwrap();
}

#[test]
fn folders_that_are_of_no_run_are_refused() {
    let sandbox = sandbox();
    let tmp = sandbox.tmp();
    let ended = verify(&sandbox, &["recheck", &tmp.to_string_lossy()]);
    expect(&ended, exit::USAGE, &["not the folder of a run", "plan.toml"]);
    let ended = verify(&sandbox, &["render", &tmp.to_string_lossy()]);
    expect(&ended, exit::USAGE, &["verdict.json", "verify recheck"]);
    let ended = verify(&sandbox, &["render", &tmp.to_string_lossy(), "--format", "pdf"]);
    expect(&ended, exit::USAGE, &["pdf", "junit"]);
}
