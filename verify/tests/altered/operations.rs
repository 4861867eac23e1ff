//! `verify operation` on folders as runs write them.

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

use verify::folder::Folder;
use verify::{operation, report};

use crate::RUN;
use crate::base;
use crate::files::Files;
use crate::world::World;

/// The folder of a run that was judged, below `runs`.
fn judged(files: &Files) -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path().join("runs/altered-now-r"));
    for (name, bytes) in &files.0 {
        let path = folder.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    report::finish(&folder).unwrap();
    (place, folder)
}

fn verify(place: &tempfile::TempDir, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verify"));
    command.env_remove("SHAKEDOWN_OUT").current_dir(place.path()).args(words).output().unwrap()
}

/// Every operation that the evidence names is what the command says it is, and says so in
/// lines that fit.
#[test]
fn an_operation_is_what_the_verdict_says() {
    let mut seen = BTreeSet::new();
    let worlds = [World::violated(false), World::with("stored-once", 3)];
    let folders = worlds.map(|world| judged(&base::folder(&world, RUN.0, RUN.1)));
    let checks = ["stored-once", "given-up"];
    for ((_, folder), check) in folders.iter().flat_map(|of| checks.map(|check| (of, check))) {
        let evidence = std::fs::read_to_string(folder.file(&format!("evidence/{check}.ndjson")));
        let mut of_anomaly = BTreeMap::new();
        for line in evidence.unwrap().lines() {
            let row: serde_json::Value = serde_json::from_str(line).unwrap();
            let (id, anomaly) = (row["id"].as_str().unwrap(), row["anomaly"].as_str().unwrap());
            let count = of_anomaly.entry(anomaly.to_owned()).or_insert(0);
            *count += 1;
            if *count > 5 || id.ends_with('*') {
                continue;
            }
            let life = operation::tell(folder, id).unwrap();
            let judged = life.judged.iter().find(|judged| judged.class.check == check).unwrap();
            assert!(judged.verdict.is_some(), "{id}");
            if anomaly != "wrong tries" {
                assert!(judged.class.classes.contains(&anomaly), "{id}: {anomaly}, {judged:?}");
                assert_eq!(life.outcome, row["outcome"].as_str(), "{id}");
                let count = life.effects[0].count.map(u64::from);
                assert_eq!(count, row["effects"].as_u64(), "{id}");
            }
            let file = format!("evidence/{check}.ndjson");
            assert!(life.mentions.evidence.iter().any(|mention| mention.file == file), "{id}");
            assert!(life.due.is_some() && life.phase.is_some(), "{id}");
            let lines = operation::lines(&life);
            let long = lines.iter().find(|line| line.chars().count() > 80);
            assert_eq!(long, None, "{id}");
            assert!(lines.iter().any(|line| line.contains(anomaly)), "{id}: {lines:?}");
            seen.insert(anomaly.to_owned());
        }
    }
    assert!(
        ["lost", "duplicated", "wrong tries"].iter().all(|kind| seen.contains(*kind)),
        "{seen:?}"
    );
}

#[test]
fn a_sound_operation_is_told_with_its_times_and_faults() {
    let (place, folder) = judged(&base::folder(&World::held(), RUN.0, RUN.1));
    std::fs::create_dir_all(folder.logs()).unwrap();
    let line = "{\"ts\":\"2026-11-28T09:41:03Z\",\"code\":\"stored\",\"message\":\"r/publish/500: row\"}\n";
    std::fs::write(folder.file("logs/service-1.log"), line).unwrap();
    let output = verify(&place, &["operation", "altered-now-r", "publish/500"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    for says in ["r/publish/500", "as it should be", "in phase load", "acked", "1 effect", "kill"] {
        assert!(text.contains(says), "{says:?} is not in\n{text}");
    }
    assert!(text.contains("logs/service-1.log: stored: r/publish/500: row"), "{text}");
    let json = verify(&place, &["operation", "runs/altered-now-r", "r/publish/500", "--json"]);
    let life: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(life["judged"][0]["classes"][0], "ok");
    assert!(life["answered"]["to"].as_f64() >= life["due"].as_f64(), "{life}");
}

#[test]
fn what_is_not_there_says_what_there_is() {
    let (place, folder) = judged(&base::folder(&World::held(), RUN.0, RUN.1));
    for (id, says) in [
        ("publish", "write RUN/WORKLOAD/NUMBER"),
        ("r/publish/+1", "there are r/publish/0 to r/publish/"),
        ("q/publish/1", "of run q, and this folder is of run r"),
        ("shop/1", "no workload \"shop\""),
        ("publish/99999999", "never came due and was never seen; there are r/publish/0 to"),
    ] {
        let output = verify(&place, &["operation", "altered-now-r", id]);
        let text = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(says), "{says:?} is not in {text}");
    }
    let none = verify(&place, &["operation", "latest", "publish/1"]);
    assert!(String::from_utf8_lossy(&none.stderr).contains("no latest one"));
    std::fs::remove_file(folder.outcomes_of("publish")).unwrap();
    std::fs::remove_file(folder.latency()).unwrap();
    let output = verify(&place, &["operation", "altered-now-r", "publish/1"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("publish left no ledger") && text.contains("it is missing"), "{text}");
}
