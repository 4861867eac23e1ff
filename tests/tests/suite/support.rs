//! What the tests share.

use std::process::Command;

use reports::Record;
use reports::record::{Finding, Verdict};
use tests::program::Profile;
use tests::run::{Ended, Run};
use tests::sandbox::Sandbox;

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::new(Profile::from_environment()).unwrap()
}

/// Runs `verify` in a place to its end.
pub(crate) fn verify(sandbox: &Sandbox, arguments: &[&str]) -> Ended {
    sandbox.verify(arguments).unwrap().end().unwrap()
}

/// Runs any command in a place to its end.
pub(crate) fn run(sandbox: &Sandbox, command: &mut Command) -> Ended {
    sandbox.dress(command);
    Run::start(command).unwrap().end().unwrap()
}

/// The words of an argument list that was put together.
pub(crate) fn words<'a>(fixed: &[&'a str], more: &'a [String]) -> Vec<&'a str> {
    fixed.iter().copied().chain(more.iter().map(String::as_str)).collect()
}

/// The finding of a check that must have been judged.
pub(crate) fn finding<'a>(record: &'a Record, check: &str) -> &'a Finding {
    let found = record.findings.iter().find(|finding| finding.check == check);
    found.unwrap_or_else(|| panic!("{check} was not judged"))
}

/// What kept a run from being held.
pub(crate) fn not_held(record: &Record) -> Vec<String> {
    let findings = record.findings.iter().filter(|f| f.verdict != Verdict::Held);
    findings.map(|f| format!("{} is {}: {}", f.check, f.verdict.word(), f.why)).collect()
}

/// Demands an exit code and that the error says each of these.
#[track_caller]
pub(crate) fn expect(ended: &Ended, code: u8, says: &[&str]) {
    assert_eq!(ended.code, Some(i32::from(code)), "{}", ended.stderr);
    for text in says {
        assert!(ended.stderr.contains(text), "{text:?} is not said:\n{}", ended.stderr);
    }
    assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
}

/// The body that a management API answers with, as the user `guest`.
pub(crate) fn get(management: &str, path: &str) -> std::io::Result<String> {
    use std::io::{Read, Write};
    let address = management.rsplit(['@', '/']).next().unwrap_or_default();
    let mut stream = std::net::TcpStream::connect(address)?;
    let head = "Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\nConnection: close";
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n{head}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
