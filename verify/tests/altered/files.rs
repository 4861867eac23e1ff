//! The files of a run's folder in memory, and what is judged of them.

use std::collections::BTreeMap;
use std::path::Path;

use reports::record::Verdict;
use verify::folder::{Folder, digest, read};
use verify::judge::judge;

/// The headings of the samples.
const HEADINGS: &str = "at,series,label,value";

/// Every file of a folder, by its name in it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

/// What a run comes to: the run as a whole, and each check of the plan.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    pub(crate) run: Verdict,
    pub(crate) checks: BTreeMap<String, (Verdict, String)>,
}

impl Files {
    /// Reads a folder.
    pub(crate) fn read(path: &Path) -> Self {
        let mut files = Self::default();
        files.read_into(path, "");
        files
    }

    fn read_into(&mut self, path: &Path, prefix: &str) {
        for entry in std::fs::read_dir(path).unwrap().map(Result::unwrap) {
            let name = format!("{prefix}{}", entry.file_name().to_str().unwrap());
            if entry.path().is_dir() {
                self.read_into(&entry.path(), &format!("{name}/"));
            } else {
                self.0.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }

    /// Judges what the files tell.
    ///
    /// # Errors
    /// When there is nothing by which they could be judged.
    pub(crate) fn judge(&self) -> Result<Judged, String> {
        let place = tempfile::tempdir().unwrap();
        for (name, bytes) in &self.0 {
            let path = place.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        let told = read::read(&Folder::at(place.path())).map_err(|error| error.to_string())?;
        let judgement = judge(&told.plan, &told.history);
        let checks = judgement.findings.into_iter();
        let checks = checks.map(|finding| (finding.check, (finding.verdict, finding.why)));
        Ok(Judged { run: judgement.verdict, checks: checks.collect() })
    }

    /// The lines of a file.
    pub(crate) fn lines(&self, name: &str) -> Vec<String> {
        let text = String::from_utf8(self.0[name].clone()).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Puts lines in the place of a file.
    pub(crate) fn put_lines(&mut self, name: &str, lines: &[String]) {
        let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
        self.0.insert(name.to_owned(), text.into_bytes());
    }

    /// Changes the rows of one label of a series; `None` takes a row away. The
    /// record says that as many were written, as of a probe that saw it so.
    pub(crate) fn change_series(
        &mut self,
        series: &str,
        label: &str,
        mut change: impl FnMut(f64, f64) -> Option<String>,
    ) {
        let mut gone = 0;
        let mut lines = Vec::new();
        for line in self.lines("samples.csv") {
            let fields: Vec<&str> = line.split(',').collect();
            if line == HEADINGS || fields[1] != series || fields[2] != label {
                lines.push(line);
                continue;
            }
            match change(fields[0].parse().unwrap(), fields[3].parse().unwrap()) {
                Some(value) => lines.push(format!("{},{series},{label},{value}", fields[0])),
                None => gone += 1,
            }
        }
        self.put_lines("samples.csv", &lines);
        let mut events = self.lines("events.jsonl");
        let last = events.last_mut().unwrap();
        let mut ended: serde_json::Value = serde_json::from_str(last).unwrap();
        let written = ended["written"]["samples"].as_u64().unwrap();
        ended["written"]["samples"] = (written - gone).into();
        ended["samples"] = digest(&self.0["samples.csv"]).into();
        *last = ended.to_string();
        self.put_lines("events.jsonl", &events);
    }

    /// Every label of every series.
    pub(crate) fn series(&self) -> Vec<(String, String)> {
        let mut all = Vec::new();
        for line in self.lines("samples.csv").iter().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            let key = (fields[1].to_owned(), fields[2].to_owned());
            if key.0 != "run" && !all.contains(&key) {
                all.push(key);
            }
        }
        all
    }

    /// The kind of each event, in order.
    pub(crate) fn events(&self) -> Vec<String> {
        let kind = |line: &String| {
            let event: serde_json::Value = serde_json::from_str(line).unwrap();
            event["event"].as_str().unwrap().to_owned()
        };
        self.lines("events.jsonl").iter().map(kind).collect()
    }
}
