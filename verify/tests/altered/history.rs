//! `verify list-runs`, `prune` and `compare --last` on many runs.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use verify::folder::Folder;
use verify::{report, runs};

use crate::RUN;
use crate::base;
use crate::world::World;

/// A folder of runs, each made of the record of one that was judged.
struct Runs {
    place: tempfile::TempDir,
    record: Value,
    count: u32,
}

impl Runs {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::at(place.path().join("judged"));
        for (name, bytes) in &base::folder(&World::held(), RUN.0, RUN.1).0 {
            let path = folder.file(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        report::finish(&folder).unwrap();
        let record = serde_json::from_slice(&std::fs::read(folder.verdict()).unwrap()).unwrap();
        std::fs::create_dir(place.path().join("runs")).unwrap();
        Self { place, record, count: 0 }
    }

    fn path(&self) -> std::path::PathBuf {
        self.place.path().join("runs")
    }

    /// Adds a run of the next day with this verdict and p99, in seconds; gives its name.
    fn add(&mut self, scenario: &str, verdict: &str, p99: f64) -> String {
        self.count += 1;
        let (day, run) = (self.count, format!("{:08x}", self.count));
        let name = format!("{scenario}-202601{day:02}T000000Z-{run}");
        let folder = Folder::at(self.path().join(&name));
        std::fs::create_dir_all(folder.path()).unwrap();
        let started = format!("2026-01-{day:02}T00:00:00.000Z");
        let first = json!({ "time": started, "event": "run-started", "run": run, "version": "0",
                            "again": "", "record": 3 });
        std::fs::write(folder.events(), format!("{first}\n")).unwrap();
        std::fs::write(folder.plan(), "").unwrap();
        let mut record = self.record.clone();
        record["verdict"] = verdict.into();
        record["run"]["id"] = run.into();
        record["run"]["scenario"] = scenario.into();
        record["run"]["started"] = started.into();
        for workload in record["workloads"].as_array_mut().unwrap() {
            if workload["response"].is_object() {
                workload["response"]["p99"] = p99.into();
            }
        }
        std::fs::write(folder.verdict(), record.to_string()).unwrap();
        name
    }

    fn verify(&self, words: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verify"));
        command.env_remove("SHAKEDOWN_OUT").current_dir(self.place.path());
        command.args(words).output().unwrap()
    }

    fn names(&self) -> Vec<String> {
        let entries =
            std::fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<String> = entries.map(|name| name.into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn text(output: &Output, code: i32) -> String {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

#[test]
fn runs_are_listed_in_lines_that_fit() {
    let mut runs = Runs::new();
    let first = runs.add("shop", "held", 0.01);
    let second = runs.add("a-scenario-with-quite-a-long-name", "violated", 1.5);
    std::fs::create_dir(runs.path().join("broken")).unwrap();
    std::fs::write(runs.path().join("broken/verdict.json"), "{\"schema\":").unwrap();
    std::fs::create_dir(runs.path().join("photos")).unwrap();
    let listed = text(&runs.verify(&["list-runs"]), 0);
    let place = |what: &str| listed.find(what).unwrap_or_else(|| panic!("{what}: {listed}"));
    assert!(place(&second) < place(&first), "the latest is first");
    assert!(place("violated") < place("held") && listed.contains("p99 1.5s"), "{listed}");
    assert!(place("unreadable   runs/broken: verdict.json:") > place(&first));
    assert!(!listed.contains("photos"), "{listed}");
    assert!(listed.lines().all(|line| line.chars().count() <= 80), "{listed}");
    let json = text(&runs.verify(&["list-runs", "--scenario", "shop", "--json"]), 0);
    let rows: Vec<Value> = json.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((rows.len(), &rows[0]["state"]), (2, &json!("held")));
    assert!(rows[0]["figures"]["operations"].as_f64() > Some(0.0));
    assert_eq!(rows[1]["unreadable"]["path"], "runs/broken");
    text(&runs.verify(&["list-runs", "--dir", "nowhere"]), 2);
}

#[test]
fn pruning_removes_old_runs_and_nothing_else() {
    let mut runs = Runs::new();
    let old: Vec<String> = (0..3).map(|_| runs.add("shop", "held", 0.01)).collect();
    let (breach, going) = (runs.add("shop", "violated", 0.01), runs.add("shop", "held", 0.01));
    let kept = runs.add("shop", "held", 0.01);
    std::fs::write(runs.path().join(&kept).join("keep"), "").unwrap();
    let renamed = runs.add("shop", "held", 0.01);
    std::fs::rename(runs.path().join(&renamed), runs.path().join("mine")).unwrap();
    // Another run's events do not make it one of ours.
    let alien = runs.add("shop", "held", 0.01);
    std::fs::copy(
        runs.path().join(&old[0]).join("events.jsonl"),
        runs.path().join(&alien).join("events.jsonl"),
    )
    .unwrap();
    let other = runs.add("other", "held", 0.01);
    let new: Vec<String> = (0..2).map(|_| runs.add("shop", "held", 0.01)).collect();
    let half = format!("{}.removing", runs.add("shop", "held", 0.01));
    std::fs::rename(runs.path().join(half.trim_end_matches(".removing")), runs.path().join(&half))
        .unwrap();
    std::fs::write(runs.path().join("notes.txt"), "").unwrap();
    runs::point(&Folder::at(runs.path().join(&old[2]))).unwrap();
    let held = runs::hold(&runs.path().join(&going)).unwrap();

    let before = runs.names();
    let dry = text(&runs.verify(&["prune", "--keep", "2", "--dry-run"]), 0);
    assert_eq!(runs.names(), before, "nothing was removed");
    assert!(old.iter().all(|name| dry.contains(&format!("would remove runs/{name} ("))), "{dry}");
    let young = text(
        &runs.verify(&["prune", "--keep", "0", "--older-than", "40000d", "--scenario", "shop"]),
        0,
    );
    assert!(young.contains("removed 0 runs"), "{young}");

    let done = text(&runs.verify(&["prune", "--keep", "2"]), 0);
    assert!(done.contains("removed 4 runs") && done.contains("1 may go on and stay"), "{done}");
    let mut left = vec![breach, going, kept, "mine".into(), alien, other, "notes.txt".into()];
    left.extend(new.clone());
    left.push("latest".into());
    left.sort();
    assert_eq!(runs.names(), left);
    let latest = std::fs::read_link(runs.path().join("latest")).unwrap();
    assert_eq!(latest, Path::new(&new[1]), "it leads to what is there");
    drop(held);
    let rest = text(&runs.verify(&["prune", "--keep", "1", "--json"]), 0);
    let rest: Value = serde_json::from_str(&rest).unwrap();
    assert_eq!(rest["removed"].as_array().unwrap().len(), 2, "{rest}");
    assert!(rest["bytes"].as_u64() > Some(0), "{rest}");
}

#[test]
fn a_run_is_held_against_those_before_it() {
    let mut runs = Runs::new();
    let p99s = [0.100, 0.102, 0.098, 0.101, 0.099];
    p99s.iter().for_each(|p99| drop(runs.add("shop", "held", *p99)));
    // Neither of another scenario nor in doubt: they do not count.
    runs.add("other", "held", 9.0);
    runs.add("shop", "inconclusive", 9.0);
    let condition = ["--last", "10", "--fail-if", "publish.p99 worse by 5%"];
    let judge = |runs: &Runs, name: &str, more: &[&str]| {
        let path = format!("runs/{name}");
        runs.verify(&[&["compare", &path][..], &condition, more].concat())
    };
    let same = runs.add("shop", "held", 0.103);
    let told = text(&judge(&runs, &same, &[]), 0);
    let words = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("+3%; the median of 5 runs is 100ms, noise ±4.45%"), "{told}");
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    let slow = runs.add("shop", "held", 0.2);
    let told = text(&judge(&runs, &slow, &[]), 1);
    assert!(told.contains("worse    publish: publish.p99 worse by 5%: 200ms, +"), "{told}");
    // Within the noise: neither one nor the other.
    text(&judge(&runs, &slow, &["--noise", "1000"]), 3);
    text(&runs.verify(&["compare", &format!("runs/{slow}"), "--last", "3"]), 3);
    let broken = runs.add("shop", "held", 0.1);
    let path = runs.path().join(&broken).join("verdict.json");
    let mut record: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    record["findings"][0]["verdict"] = "violated".into();
    std::fs::write(path, record.to_string()).unwrap();
    let broken = format!("runs/{broken}");
    let checks = ["compare", &broken, "--last", "10", "--fail-if", "checks worse", "--json"];
    let told: Value = serde_json::from_str(&text(&runs.verify(&checks), 1)).unwrap();
    assert_eq!((&told["met"], &told["conditions"][0]["met"]), (&json!("yes"), &json!("yes")));
    let wrong = ["compare", &broken, "--last", "10", "--fail-if", "p42 worse by 1%"];
    assert!(text(&runs.verify(&wrong), 2).contains("have p50, p95, p99"));
    assert!(text(&runs.verify(&["compare", &broken]), 2).contains("--last 10"));
}
