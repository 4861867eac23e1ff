//! `loadgen compare` with conditions: what it says, and with which exit code.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use loadgen::latency::record;
use loadgen::{Second, hlog};

/// A log of so many seconds, in each of which 100 operations took around so many
/// milliseconds.
fn log(path: &Path, seconds: u64, millis: u64) {
    let mut out = Vec::new();
    let mut writer = hlog::Writer::new(&mut out, SystemTime::UNIX_EPOCH).unwrap();
    for number in 0..seconds {
        let mut second = Second::empty(number);
        for operation in 0..100 {
            // Neighbours do not resemble each other.
            let jitter = (number * 7 + operation * 13) % 10;
            let time = Duration::from_micros(millis * 1_000 + jitter * 20);
            record(&mut second.latency.response, time);
        }
        writer.write("publish", &second).unwrap();
    }
    writer.flush().unwrap();
    std::fs::write(path, out).unwrap();
}

fn compare(folder: &Path, logs: [&str; 2], conditions: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.current_dir(folder).arg("compare").args(logs);
    conditions.iter().for_each(|condition| {
        command.args(["--fail-if", condition]);
    });
    command.output().unwrap()
}

#[test]
fn the_exit_code_says_whether_a_run_is_worse() {
    let folder = tempfile::tempdir().unwrap();
    for (name, seconds, millis) in
        [("a", 60, 10), ("b", 60, 10), ("slow", 60, 13), ("short", 4, 10)]
    {
        log(&folder.path().join(name), seconds, millis);
    }
    let p99 = "p99 worse by 10%";
    for (logs, conditions, code, says) in [
        (["a", "b"], &[][..], 0, "no difference shown"),
        (["a", "b"], &[p99, "rate worse by 5%"][..], 0, "ok        p99 worse by 10%"),
        (["a", "slow"], &[p99][..], 1, "worse     p99 worse by 10%"),
        (["slow", "a"], &[p99][..], 0, "ok "),
        (["a", "slow"], &["p99 worse by 50%", "mean worse by 10ms"][..], 0, "mean worse by 10ms"),
        (["a", "short"], &[p99][..], 3, "unknown   p99 worse by 10%"),
        (["a", "slow"], &["service.p99 worse by 10%"][..], 3, "do not both have service"),
        (["a", "short"], &[p99, "max worse by 1%"][..], 3, "too short to tell"),
    ] {
        let output = compare(folder.path(), logs, conditions);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{logs:?} {conditions:?}: {text}");
        assert!(text.contains(says), "{says:?} is not in {text}");
    }
}

#[test]
fn what_a_log_does_not_say_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    log(&folder.path().join("a"), 10, 10);
    for (condition, says) in [
        ("errors worse by 1%", "a latency log does not say"),
        ("publish.p99 worse by 1%", "no kind of latency"),
        ("p99 worse", "say by how much"),
    ] {
        let output = compare(folder.path(), ["a", "a"], &[condition]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(says), "{says:?} is not in {text}");
    }
}
