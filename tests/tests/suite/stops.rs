//! Faults that the load sets off, and a run that stops itself: against a
//! service of the test's own, which fails as long as a file is there.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::thread;

use reports::record::Verdict;
use tests::machine::Machine;
use tests::program::Program;
use tests::sandbox::Sandbox;
use verify::exit;

use crate::support::{expect, finding, run as run_program, sandbox, verify};

/// Answers 200 to every request, or 500 while the file is there; gives its
/// address. It ends with the test's process.
fn service(broken: PathBuf) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let broken = broken.clone();
            thread::spawn(move || answer(stream, &broken));
        }
    });
    format!("http://{address}")
}

/// Requests have no body, so each ends with an empty line.
fn answer(mut stream: TcpStream, broken: &Path) {
    let (mut buffer, mut seen) = ([0; 4096], Vec::new());
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..count]);
        while let Some(end) = seen.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            seen.drain(..end + 4);
            let status = if broken.exists() { "500 Broken" } else { "200 OK" };
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            if stream.write_all(answer.as_bytes()).is_err() {
                return;
            }
        }
    }
}

fn scenario(broken: &Path, lasts: &str, load: &str, acked: u32) -> String {
    let broken = broken.display();
    format!(
        r#"
name = "stops"
title = "requests are accepted"

[system]
reference = "publisher"

[system.targets.service]
help = "the service"
schemes = ["http"]

[[phase]]
name = "load"
for = "{load}"

[[workload]]
name = "ask"
rate = "100/s"
phases = ["load"]
connections = 2
http = {{ url = "${{target.service}}/", method = "GET", refused = "500" }}

[[fault]]
name = "break"
phase = "load"
after = {{ workload = "ask", acked = {acked} }}
run_command = {{ inject = "touch {broken}", confirm = "test -e {broken}", undo = "rm -f {broken}", for = "{lasts}" }}

[safety]
stop_if = ["accepted"]

[[check]]
name = "accepted"
title = "at most 10 % of the requests are refused"
ratio = {{ of = "ask.unsuccessful", to = "ask.due", phases = ["load"], max = "10%" }}
"#
    )
}

/// Runs the scenario; the fault's file is gone afterwards.
fn run(sandbox: &Sandbox, lasts: &str, load: &str, acked: u32) -> tests::run::Ended {
    let broken = sandbox.path().join("broken");
    let text = scenario(&broken, lasts, load, acked);
    let file = sandbox.file("stops.toml", &text).unwrap().to_string_lossy().into_owned();
    let target = format!("service={}", service(broken.clone()));
    let ended = verify(sandbox, &["--scenario", &file, "--target", &target]);
    assert!(!broken.exists(), "{}", ended.stderr);
    ended
}

#[test]
fn a_fault_waits_for_the_load_and_a_violated_check_ends_the_run() {
    let _machine = Machine::acquire().unwrap();
    let sandbox = sandbox();
    let ended = run(&sandbox, "10m", "20m", 300);
    expect(&ended, exit::VIOLATED, &["a stop condition is met"]);
    assert!(ended.stdout.contains("Stopped by accepted at"), "{}", ended.stdout);
    let record = sandbox.record().unwrap();
    assert_eq!(finding(&record, "accepted").verdict, Verdict::Violated);
    let complete = finding(&record, "run-completed");
    assert!(complete.why.contains("stopped by accepted"), "{}", complete.why);
    let fault = &record.faults[0];
    assert!(fault.confirmed.is_some() && fault.problem.is_none(), "{fault:?}");
    // What was acknowledged before the fault set it off.
    let asked = &record.workloads[0].operations;
    assert!(asked.acked >= 300 && asked.failed > 0, "{asked:?}");
    let folder = sandbox.run().unwrap();
    let path = folder.path().to_string_lossy().into_owned();
    let again = verify(&sandbox, &["recheck", &path]);
    expect(&again, exit::VIOLATED, &[]);
    // Its faults can be repeated without the rest.
    let journal = sandbox.path().join("chaos.ndjson").to_string_lossy().into_owned();
    let words = ["replay", &*path, "--dry-run", "--journal", &*journal];
    let shown = run_program(&sandbox, &mut sandbox.command(Program::Chaos, &words).unwrap());
    expect(&shown, 0, &[]);
    assert!(shown.stdout.contains("break (run_command) would hit"), "{}", shown.stdout);
}

#[test]
fn a_fault_that_the_load_never_reaches_is_not_injected() {
    let _machine = Machine::acquire().unwrap();
    let sandbox = sandbox();
    let ended = run(&sandbox, "1s", "3s", 1_000_000);
    expect(&ended, exit::INCONCLUSIVE, &[]);
    let record = sandbox.record().unwrap();
    let fault = &record.faults[0];
    assert!(fault.injected.is_none() && !fault.blocked, "{fault:?}");
    let problem = fault.problem.as_deref().unwrap_or_default();
    assert!(problem.contains("of 1000000 operations of ask acknowledged"), "{problem}");
}
