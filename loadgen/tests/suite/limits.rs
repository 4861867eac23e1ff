//! Limits of the generator's own machine while a load is offered.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::server::Server;

fn loadgen(args: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    let more = ["-z", "3s", "--json", "--timeout", "500ms", "--grace", "200ms"];
    // What stands behind -- is a program's own.
    let at = args.iter().position(|word| *word == "--").unwrap_or(args.len());
    command.args(&args[..at]).args(more).args(&args[at..]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Runs to the end; from the first line of progress on, no file can be opened.
fn run_out_of_files(args: &[&str]) -> Output {
    let mut child = loadgen(args);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("acked"), "{first}");
    let none = Rlimit { current: Some(1), maximum: Some(1) };
    prlimit(Some(Pid::from_child(&child)), Resource::Nofile, none).unwrap();
    // Whoever does not read makes it wait.
    let rest = std::thread::spawn(move || lines.map_while(Result::ok).collect::<Vec<_>>());
    let mut output = child.wait_with_output().unwrap();
    output.stderr = rest.join().unwrap().join("\n").into_bytes();
    output
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

/// What was not sent for want of a file was not refused by anybody.
fn is_our_own(output: &Output, of: &str) {
    let result = json(output);
    let operations = &result["operations"];
    assert_eq!(operations["failed"], 0, "{of}: {result:#}");
    assert!(operations["acked"].as_u64().unwrap() > 0, "{of}: {operations}");
    let dropped = operations["dropped"].as_u64().unwrap();
    assert!(dropped > 0, "{of}: {operations}");
    let limit = &result["generator"]["limits"][0];
    assert_eq!(limit["limit"], "files", "{of}: {result:#}");
    assert!(limit["advice"].as_str().unwrap().contains("ulimit -n"), "{of}: {limit}");
    assert_eq!(result["errors"][0]["reason"], "this machine: too many open files", "{of}");
}

#[test]
fn running_out_of_open_files_is_not_blamed_on_the_target() {
    // Each request needs a connection of its own.
    let server = Server::start(|talk| {
        if talk.request().is_some() {
            talk.write("HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
        }
    });
    let http = run_out_of_files(&["http", &server.url(), "-r", "50", "-c", "4"]);
    is_our_own(&http, "http");
    let result = json(&http);
    assert_eq!(result["operations"]["indeterminate"], 0, "{result:#}");
    assert_eq!(result["outages"], serde_json::json!([]));
    assert_eq!(http.status.code(), Some(0), "{http:?}");

    let judged = ["http", &server.url(), "-r", "50", "-c", "4", "--threshold", "dropped==0"];
    let judged = run_out_of_files(&judged);
    is_our_own(&judged, "http with a threshold");
    assert_eq!(judged.status.code(), Some(3), "{judged:?}");
    let said = String::from_utf8_lossy(&judged.stderr);
    assert!(said.contains("the thresholds say nothing"), "{said}");

    // A server that lets each connection have one command behind its greeting.
    let redis = Server::start(|talk| {
        let mut commands = 0;
        while commands < 2 && talk.command().is_some() {
            commands += 1;
            talk.write("+OK\r\n");
        }
    });
    let url = redis.url().replace("http", "redis");
    let redis = run_out_of_files(&["redis", &url, "--list", "l", "-r", "50", "-P", "1"]);
    is_our_own(&redis, "redis");

    is_our_own(&run_out_of_files(&["command", "-r", "20", "--", "true"]), "command");
}

/// The limit is ours, and the target has nothing to do with it.
#[test]
fn what_takes_more_files_than_there_are_is_refused_before_the_run() {
    // A program takes several.
    for (load, least) in [("http http://127.0.0.1:9/ -c 500", 500), ("command -c 50", 250)] {
        let program = if least == 250 { "-- true" } else { "" };
        let line = format!("ulimit -n 200; exec \"$0\" {load} -r 10 -z 1s {program}");
        let exe = env!("CARGO_BIN_EXE_loadgen");
        let output = Command::new("sh").args(["-c", &line, exe]).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        let advice = said.split_once("raise the limit first (ulimit -n ");
        let number = advice.and_then(|(_, rest)| rest.split(')').next()?.parse::<u32>().ok());
        let enough = least..=least + 128;
        assert!(number.is_some_and(|number| enough.contains(&number)), "{said}");
    }
}
