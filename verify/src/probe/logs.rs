//! Log lines: those that contain one of the texts, or have the fields that are
//! asked for, are counted, and the first ones kept as evidence.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lab::Lab;
use scenarios::pointer::Pointer;
use serde_json::Value;

use crate::observe::ProbeObserver;

/// The most lines that a probe sends on as evidence; all are counted.
const KEPT: u64 = 1_000;
/// The most bytes that are read from one file for one sample.
const BITE: u64 = 16 << 20;
/// A line without an end is given up beyond this length.
const LONGEST: usize = 1 << 20;

/// Where the lines come from.
pub(super) enum Source {
    File(PathBuf),
    Role(Arc<Lab>, String),
}

impl Source {
    pub(super) fn file(path: String) -> Self {
        Self::File(path.into())
    }

    pub(super) fn role(lab: Arc<Lab>, role: &str) -> Self {
        Self::Role(lab, role.to_owned())
    }

    /// The files with the labels of their series. What a process wrote at its end is read
    /// although the lab has forgotten it: `known` are those that were read before.
    fn files<'a>(&self, known: impl Iterator<Item = &'a String>) -> Vec<(String, PathBuf)> {
        match self {
            Self::File(path) => vec![(path.display().to_string(), path.clone())],
            Self::Role(lab, role) => {
                let processes = lab.processes().into_iter().filter(|p| p.role == *role);
                let names: BTreeSet<String> =
                    processes.map(|process| process.name).chain(known.cloned()).collect();
                names.into_iter().map(|name| (name.clone(), lab.log(&name))).collect()
            }
        }
    }
}

pub(super) struct Logs {
    source: Source,
    wanted: Wanted,
    tails: BTreeMap<String, Tail>,
    kept: u64,
}

/// Which lines count.
struct Wanted {
    /// One of these, where there are any, …
    containing: Vec<String>,
    /// … and all of these.
    json: Vec<(Name, String)>,
}

/// Where a field of a line stands.
enum Name {
    Field(String),
    Place(Pointer),
}

impl Name {
    /// A plan has no text that begins with a slash and is no pointer.
    fn new(text: &str) -> Self {
        text.parse().map_or_else(|_| Self::Field(text.to_owned()), Self::Place)
    }
}

impl Wanted {
    fn takes(&self, line: &str) -> bool {
        let contains = self.containing.is_empty()
            || self.containing.iter().any(|text| line.contains(text.as_str()));
        contains && (self.json.is_empty() || self.has_fields(line))
    }

    fn has_fields(&self, line: &str) -> bool {
        // Something may stand in front of the object, such as a time stamp.
        let Some(start) = line.find('{') else { return false };
        let Ok(object) = serde_json::from_str::<Value>(&line[start..]) else { return false };
        self.json.iter().all(|(name, wanted)| {
            let field = match name {
                Name::Field(name) => object.get(name),
                Name::Place(pointer) => pointer.find(&object),
            };
            match field {
                Some(Value::String(text)) => text == wanted,
                Some(Value::Number(number)) => number.to_string() == *wanted,
                Some(Value::Bool(on)) => on.to_string() == *wanted,
                _ => false,
            }
        })
    }
}

/// How far a file has been read.
#[derive(Default)]
struct Tail {
    offset: u64,
    unfinished: Vec<u8>,
    lines: u64,
    matches: u64,
}

impl Logs {
    pub(super) fn new(
        source: Source,
        containing: &[String],
        json: &BTreeMap<String, String>,
    ) -> Self {
        let mut tails = BTreeMap::new();
        if let Source::File(path) = &source {
            // What stood there before the run is none of its business.
            let offset = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
            tails.insert(path.display().to_string(), Tail { offset, ..Tail::default() });
        }
        let json = json.iter().map(|(name, value)| (Name::new(name), value.clone())).collect();
        let wanted = Wanted { containing: containing.to_vec(), json };
        Self { source, wanted, tails, kept: 0 }
    }

    pub(super) fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let files = self.source.files(self.tails.keys());
        if files.is_empty() {
            return Err("there is no process whose log could be read".to_owned());
        }
        for (label, path) in files {
            let tail = self.tails.entry(label.clone()).or_default();
            let new =
                tail.advance(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            // Stamped after the reading: no line may seem older than it is.
            let at = observer.now();
            for line in new {
                tail.lines += 1;
                if self.wanted.takes(&line) {
                    tail.matches += 1;
                    self.kept += 1;
                    if self.kept <= KEPT {
                        observer.line(at, &label, &line);
                    }
                }
            }
            observer.labelled(at, "lines", &label, tail.lines as f64);
            observer.labelled(at, "matches", &label, tail.matches as f64);
        }
        Ok(())
    }
}

impl Tail {
    /// The whole lines that were added. A file that became shorter was rotated
    /// and is read from its start.
    fn advance(&mut self, path: &Path) -> std::io::Result<Vec<String>> {
        let mut file = File::open(path)?;
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
            self.unfinished.clear();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        self.offset += file.take(BITE).read_to_end(&mut bytes)? as u64;
        self.unfinished.extend_from_slice(&bytes);
        let mut lines = Vec::new();
        let mut from = 0;
        while let Some(length) = self.unfinished[from..].iter().position(|&byte| byte == b'\n') {
            let line = &self.unfinished[from..from + length];
            lines.push(String::from_utf8_lossy(line).trim_end_matches('\r').to_owned());
            from += length + 1;
        }
        self.unfinished.drain(..from);
        if self.unfinished.len() > LONGEST {
            self.unfinished.clear();
        }
        Ok(lines)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{Name, Tail, Wanted};

    #[test]
    fn whole_lines_are_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        let mut file = std::fs::File::create(&path).unwrap();
        let mut tail = Tail::default();
        file.write_all(b"one\ntw").unwrap();
        assert_eq!(tail.advance(&path).unwrap(), ["one"]);
        assert!(tail.advance(&path).unwrap().is_empty());
        file.write_all(b"o\r\nthree\n").unwrap();
        assert_eq!(tail.advance(&path).unwrap(), ["two", "three"]);
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(tail.advance(&path).unwrap(), ["new"]);
    }

    #[test]
    fn fields_of_json_lines_are_matched_exactly() {
        let wanted = |containing: &[&str], json: &[(&str, &str)]| Wanted {
            containing: containing.iter().map(ToString::to_string).collect(),
            json: json.iter().map(|(k, v)| (Name::new(k), v.to_string())).collect(),
        };
        let line = r#"12:00 {"level":"error","code":17,"ok":false,"at":{"row":"x"},"msg":"no level info"}"#;
        assert!(wanted(&[], &[("level", "error"), ("code", "17")]).takes(line));
        assert!(wanted(&[], &[("/at/row", "x"), ("ok", "false")]).takes(line));
        assert!(wanted(&["level"], &[("level", "error")]).takes(line));
        assert!(!wanted(&["absent"], &[("level", "error")]).takes(line));
        assert!(!wanted(&[], &[("level", "info")]).takes(line), "a word in a text is no field");
        assert!(!wanted(&[], &[("missing", "")]).takes(line));
        assert!(!wanted(&[], &[("level", "error")]).takes("level error, and no JSON"));
        assert!(!wanted(&[], &[("level", "error")]).takes(r#"{"level":"error""#), "torn");
    }
}
