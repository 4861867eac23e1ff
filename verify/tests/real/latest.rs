//! The link to the latest run, as runs leave it that end at once.

use std::process::{Child, Command, Stdio};

const SCENARIO: &str = r#"
name = "mini"
title = "a command ends well"

[system]
[system.targets]

[[phase]]
name = "load"
for = "2s"

[[workload]]
name = "calls"
phases = ["load"]
rate = "5/s"
command = { run = "true" }

[[check]]
name = "fast"
title = "a command is fast"
latency = { workload = "calls", phases = ["load"], quantile = "50%", max = "5s" }
"#;

#[test]
fn latest_leads_to_a_run_whichever_ends_last() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("mini.toml"), SCENARIO).unwrap();
    let verify = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_verify"));
        command.env_remove("SHAKEDOWN_OUT").current_dir(place.path()).args(words);
        command
    };
    let start = |_| -> Child {
        let mut run = verify(&["--scenario", "./mini.toml", "--quiet"]);
        run.stdout(Stdio::null()).spawn().unwrap()
    };
    let started: Vec<Child> = (0..2).map(start).collect();
    for mut run in started {
        // Held, or inconclusive on a busy machine.
        let code = run.wait().unwrap().code();
        assert!([Some(0), Some(3)].contains(&code), "{code:?}");
    }
    let link = std::fs::read_link(place.path().join("runs/latest")).unwrap();
    assert_eq!(link.components().count(), 1, "it is relative: {}", link.display());
    assert!(place.path().join("runs").join(&link).join("verdict.json").exists());
    assert_eq!(std::fs::read_dir(place.path().join("runs")).unwrap().count(), 3);
    let told = verify(&["operation", "latest", "calls/3"]).output().unwrap();
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success() && text.contains("/calls/3"), "{text}");
    let listed = verify(&["list-runs", "--json"]).output().unwrap();
    assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), 2);
    let pruned = verify(&["prune", "--keep", "1"]).output().unwrap();
    assert!(pruned.status.success());
    let left = std::fs::read_dir(place.path().join("runs")).unwrap().count();
    // As many violated ones would stay beside it, and there are none.
    assert_eq!(left, 2);
    assert!(place.path().join("runs/latest/verdict.json").exists());
}
