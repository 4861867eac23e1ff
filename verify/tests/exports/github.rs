//! What a step of GitHub Actions sees of a run.

use std::path::Path;
use std::process::Output;

use verify::exit;

use crate::{SCENARIO, command, nobody, text};

/// Runs the program as a step does.
fn step(folder: &Path, words: &[&str]) -> Output {
    let mut command = command(folder, words);
    command.env("GITHUB_ACTIONS", "true");
    command.env("GITHUB_STEP_SUMMARY", folder.join("summary"));
    command.output().expect("verify starts")
}

/// The lines that a runner takes for commands: what it looks for is in its `ActionCommand.cs`.
fn commands(log: &str) -> Vec<&str> {
    let is_command = |line: &&str| line.trim_start().starts_with("::") || line.contains("##[");
    log.split(['\n', '\r']).filter(is_command).collect()
}

#[test]
fn a_run_that_did_not_take_place_is_annotated_and_in_the_summary() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("shop.toml"), SCENARIO).unwrap();
    std::fs::write(place.path().join("summary"), "before\n").unwrap();
    let target = nobody();
    let ended = step(place.path(), &["--scenario", "./shop.toml", "--target", &target]);
    let told = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(i32::from(exit::ENVIRONMENT)), "{told}");
    assert_eq!(commands(&text(&ended.stdout)), Vec::<&str>::new());
    let commands = commands(&told);
    assert!(commands.len() == 1 && commands[0].starts_with("::error title=verify::"), "{told}");
    assert!(commands[0].contains("nobody answers"), "{told}");
    let summary = std::fs::read_to_string(place.path().join("summary")).unwrap();
    assert!(summary.starts_with("before\n## "), "{summary}");
    assert!(summary.contains("nobody answers"), "{summary}");
}

#[test]
fn elsewhere_nothing_is_told_to_github() {
    let place = tempfile::tempdir().unwrap();
    let ended = command(place.path(), &["--scenario", "no-such"]).output().unwrap();
    assert_eq!(ended.status.code(), Some(i32::from(exit::USAGE)));
    assert_eq!(commands(&text(&ended.stderr)), Vec::<&str>::new());
}

/// A name that the system or a stranger gave must be no command, whatever is printed of it.
#[test]
fn names_of_strangers_are_no_commands() {
    let place = tempfile::tempdir().unwrap();
    let attack = "x\n::add-mask::a\r::stop-commands::b ##[error]c";
    let file = format!("./{}.toml", attack.replace('/', ""));
    let target = format!("shop={attack}");
    let record = reports::Record::unrun(
        serde_json::from_value(serde_json::json!({
            "id": "1", "scenario": attack, "title": attack, "description": attack,
            "variant": null, "place": "targets", "seed": 1, "started": "", "seconds": 1.0,
            "interrupted": false, "version": "1", "brokers": [attack], "again": attack,
            "folder": attack,
        }))
        .unwrap(),
        "environment",
        attack,
    );
    std::fs::write(place.path().join("verdict.json"), record.to_json()).unwrap();
    std::fs::write(place.path().join("shop.toml"), SCENARIO).unwrap();
    for words in [
        vec!["--scenario", &*file],
        vec!["--scenario", attack],
        vec!["--scenario", "./shop.toml", "--target", &*target],
        vec!["show", attack],
        vec!["lint", &*file],
        vec!["recheck", attack],
        vec!["render", attack],
        vec!["render", "verdict.json"],
        vec!["render", "verdict.json", "--format", "json"],
        vec!["render", "verdict.json", "--format", "markdown"],
        vec!["render", "verdict.json", "--format", "csv"],
    ] {
        let ended = step(place.path(), &words);
        assert_eq!(commands(&text(&ended.stdout)), Vec::<&str>::new(), "{words:?}");
        let told = text(&ended.stderr);
        for command in commands(&told) {
            assert!(command.starts_with("::error title=verify::"), "{words:?}: {command}");
        }
        if words.contains(&"json") {
            let read = reports::Record::from_json(&ended.stdout).unwrap();
            // Without what steers a terminal, as in every report.
            let same = record.run.scenario.replace('\r', "");
            assert_eq!(read.run.scenario, same, "the same text all the same");
        }
    }
}
