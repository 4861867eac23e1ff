//! What the tests share.

use std::process::Command;

use reports::Record;
use reports::record::{Finding, Verdict};
use scenarios::suite;
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

/// A shipped scenario as a file in which these phases have these lengths, and
/// these faults come at these times in their phases.
pub(crate) fn shortened(
    sandbox: &Sandbox,
    scenario: &str,
    lengths: &[(&str, &str)],
    times: &[(&str, &str)],
) -> String {
    for name in suite::files(scenario) {
        sandbox.file(name, suite::file(scenario, name).unwrap()).unwrap();
    }
    let mut file: toml::Table = suite::find(scenario).unwrap().source.parse().unwrap();
    for (list, key, changes) in [("phase", "for", lengths), ("fault", "at", times)] {
        for (name, value) in changes {
            let items = file[list].as_array_mut().unwrap().iter_mut();
            let mut items = items.filter_map(toml::Value::as_table_mut);
            let item = items.find(|item| item["name"].as_str() == Some(name)).unwrap();
            item.insert(key.to_owned(), (*value).into());
        }
    }
    let text = toml::to_string(&file).unwrap();
    sandbox.file("short.toml", &text).unwrap().to_string_lossy().into_owned()
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
