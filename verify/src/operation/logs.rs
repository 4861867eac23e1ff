//! Where the files of a run name an operation: evidence, copies that faults made, and the
//! logs of processes. Files are read as streams, a line at a time.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::folder::Folder;

/// The most lines of all logs that are kept, and of each; the others are counted.
const SHOWN: usize = 40;
const OF_EACH: usize = 8;
/// The most of a line that is looked at, in bytes.
const LONGEST: u64 = 1 << 20;
/// What is read of the log of latencies, in bytes, for its first lines.
const HEAD: u64 = 4 << 10;
/// The most of a line that is kept, in characters.
const KEPT: usize = 400;

/// Where an operation is named.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Mentions {
    /// Rows of `evidence/*.ndjson`, by file.
    pub evidence: Vec<Mention>,
    /// Copies of it that faults put into the system, from `faults.*.ndjson`.
    pub copies: Vec<Mention>,
    /// Lines of the processes' logs, in the order of time where they have one.
    pub logs: Vec<Mention>,
    /// Lines of logs that name it, too, and are not kept.
    pub more: u64,
}

/// A line that names an operation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Mention {
    /// The file inside the run's folder: `logs/worker-1.log`.
    pub file: String,
    /// The time that stands in the line, as it stands there.
    pub time: Option<String>,
    /// The same in seconds since the start of the first phase.
    pub at: Option<f64>,
    /// The line; of JSON its message, where it has one.
    pub text: String,
}

/// Finds every line of a run's folder that names an operation.
pub(super) fn find(folder: &Folder, id: &str) -> Mentions {
    let mut found = Mentions::default();
    let zero = zero(folder);
    for path in files(&folder.evidence()) {
        let _ = look(folder, &path, id, |mention| found.evidence.push(mention));
    }
    for path in files(folder.path()) {
        let name = folder.name_of(&path);
        if name.starts_with("faults.") && name.ends_with(".ndjson") && path != folder.journal() {
            let _ = look(folder, &path, id, |mention| found.copies.push(mention));
        }
    }
    for path in files(&folder.logs()) {
        let mut of_this = 0;
        let _ = look(folder, &path, id, |mention| {
            of_this += 1;
            if found.logs.len() < SHOWN && of_this <= OF_EACH {
                found.logs.push(mention);
            } else {
                found.more += 1;
            }
        });
    }
    let all = [&mut found.evidence, &mut found.copies, &mut found.logs];
    for mention in all.into_iter().flatten() {
        let time = mention.time.as_ref().and_then(|time| time.parse::<Timestamp>().ok());
        let since = zero.zip(time).map(|(zero, time)| time.duration_since(zero));
        mention.at = since.map(|since| since.as_secs_f64());
    }
    found.logs.sort_by(|a, b| a.time.cmp(&b.time));
    found
}

/// When the first phase began, which is the base of the log of latencies.
fn zero(folder: &Folder) -> Option<Timestamp> {
    let mut head = Vec::new();
    let file = File::open(folder.latency()).ok()?;
    file.take(HEAD).read_to_end(&mut head).ok()?;
    Timestamp::try_from(loadgen::hlog::base_time(&head)?).ok()
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn look(folder: &Folder, path: &Path, id: &str, mut take: impl FnMut(Mention)) -> io::Result<()> {
    let mut file = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    loop {
        line.clear();
        if file.by_ref().take(LONGEST).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if names(&line, id.as_bytes()) {
            let text = String::from_utf8_lossy(&line);
            take(mention(folder.name_of(path), text.trim_end()));
        }
    }
}

/// Whether a line names an identity: what stands beside it is no part of one.
fn names(line: &[u8], id: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-/".contains(byte);
    let mut from = 0;
    while let Some(at) = line[from..].windows(id.len()).position(|part| part == id) {
        let (begin, end) = (from + at, from + at + id.len());
        let before = begin.checked_sub(1).and_then(|before| line.get(before));
        // A sentence or a file's name may go on behind it, a number may not.
        let after = line.get(end);
        if !before.is_some_and(is_part) && !after.is_some_and(u8::is_ascii_digit) {
            return true;
        }
        from = begin + 1;
    }
    false
}

fn mention(file: String, line: &str) -> Mention {
    let value: Option<Value> = serde_json::from_str(line).ok();
    let texts = |names: &[&str]| {
        let value = value.as_ref()?;
        names.iter().find_map(|name| Some(value.get(name)?.as_str()?.to_owned()))
    };
    let time = texts(&["ts", "at", "time", "timestamp"]);
    let what = texts(&["message", "msg", "what", "anomaly"]);
    let what = what.map(|what| match (texts(&["outcome"]), &value) {
        (Some(outcome), Some(value)) => format!("{what}: {outcome}, {} effects", value["effects"]),
        _ => what,
    });
    let copy = texts(&["fault"]).zip(texts(&["to"]));
    let what = what.or_else(|| copy.map(|(fault, to)| format!("copied by {fault} to {to}")));
    let code = texts(&["code"]).map_or_else(String::new, |code| format!("{code}: "));
    let text = what.map_or_else(|| line.to_owned(), |what| format!("{code}{what}"));
    let text = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    Mention { file, time, at: None, text: text.take(KEPT).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_named_only_as_a_whole() {
        for line in
            ["r/w/7", "{\"id\":\"r/w/7\"}", "r/w/7: failed", "at r/w/71 and r/w/7.", "r/w/7,"]
        {
            assert!(names(line.as_bytes(), b"r/w/7"), "{line}");
        }
        for line in ["", "r/w/70", "xr/w/7", "a/r/w/7", "r/w/", "r-r/w/7"] {
            assert!(!names(line.as_bytes(), b"r/w/7"), "{line}");
        }
    }

    #[test]
    fn a_line_of_json_gives_its_time_and_message() {
        let line = r#"{"ts":"2026-11-28T09:41:03Z","code":"event_failed","message":"r/w/7: no"}"#;
        let told = mention("logs/a.log".to_owned(), line);
        assert_eq!(told.time.as_deref(), Some("2026-11-28T09:41:03Z"));
        assert_eq!(told.text, "event_failed: r/w/7: no");
        assert_eq!(mention("x".to_owned(), "plain r/w/7").text, "plain r/w/7");
    }
}
