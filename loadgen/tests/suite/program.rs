//! The program `loadgen`, from the outside.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use crate::server::Server;
use loadgen::{Ledger, hlog};

fn loadgen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.env_remove("LOADGEN_HTTP_URL").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    loadgen().args(args).output().unwrap()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_run_leaves_a_summary_a_ledger_and_a_latency_log() {
    let server = Server::start(|talk| talk.answer_all(200));
    let folder = tempfile::tempdir().unwrap();
    let (ledger, log) = (folder.path().join("l"), folder.path().join("h"));
    let output = loadgen()
        .args(["http", &server.url(), "-r", "200/s", "-z", "2s", "--json", "--run", "r1"])
        .arg("--ledger")
        .arg(&ledger)
        .arg("--hlog")
        .arg(&log)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let result = json(&output);
    assert_eq!(result["operations"]["due"], 400);
    assert_eq!(result["operations"]["acked"], 400);
    assert_eq!(result["latency_seconds"]["response"]["count"], 400);
    assert_eq!(result["outages"], serde_json::json!([]));
    assert!(String::from_utf8_lossy(&output.stderr).contains("acked"), "a plain live line");
    let ledger = Ledger::load(&ledger).unwrap();
    assert_eq!((ledger.run(), ledger.workload(), ledger.due()), ("r1", "http", 400));
    assert!(ledger.is_complete());
    let intervals = hlog::read(&std::fs::read(&log).unwrap()).unwrap();
    assert_eq!(intervals.len(), 6);
    let responses: u64 = intervals
        .iter()
        .filter(|interval| interval.tag == "http.response")
        .map(|interval| interval.histogram.len())
        .sum();
    assert_eq!(responses, 400);
}

#[test]
fn the_summary_is_for_people() {
    let server = Server::start(|talk| talk.answer_all(503));
    let output = run(&["http", &server.url(), "-r", "100/s", "-z", "500ms", "--quiet"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in
        ["asked 100/s", "indeterminate           50     100%", "50 × status 503", "response"]
    {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn exit_codes_tell_what_went_wrong() {
    let server = Server::start(|_| {});
    let url = server.url();
    drop(server);
    let quick = ["-r", "20/s", "-z", "500ms", "--quiet", "--timeout", "200ms", "--grace", "200ms"];
    let nobody = run(&[&["http", url.as_str()], &quick[..]].concat());
    assert_eq!(nobody.status.code(), Some(4), "{nobody:?}");
    for usage in [
        &["http", "ftp://127.0.0.1/"][..],
        &["http", "http://127.0.0.1/", "--rate", "500x"],
        &["amqp", "amqp://127.0.0.1/"],
        &["command"],
        &["fly"],
    ] {
        assert_eq!(run(usage).status.code(), Some(2), "{usage:?}");
    }
    let help = run(&["--help"]);
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Examples:"));
    assert!(String::from_utf8_lossy(&run(&["completions", "bash"]).stdout).contains("loadgen"));
}

#[test]
fn an_interrupt_ends_with_a_full_report() {
    let server = Server::start(|talk| talk.answer_all(200));
    let mut child = loadgen()
        .args(["http", &server.url(), "-r", "500/s", "-z", "1h", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    lines.next().unwrap().unwrap();
    let id = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    // The live lines must be read to the end, or the program may wait for it.
    let rest = std::thread::spawn(move || lines.count());
    let output = child.wait_with_output().unwrap();
    rest.join().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let result = json(&output);
    assert_eq!(result["interrupted"], true);
    let operations = &result["operations"];
    assert!(operations["acked"].as_u64().unwrap() > 0);
    let sum: u64 = ["acked", "failed", "indeterminate", "dropped"]
        .iter()
        .map(|name| operations[name].as_u64().unwrap())
        .sum();
    assert_eq!(operations["due"].as_u64().unwrap(), sum);
}
