//! What other people's tools are given, by the program itself: reports for CI servers,
//! also of a run that did not take place, annotations, metrics, and the jobs that are
//! ready to be used.

mod github;
mod nightly;
mod served;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use verify::exit;

/// A target at which nobody answers, at a port that was free a moment ago.
const SCENARIO: &str = r#"
name = "shop"
title = "orders are taken"

[system.targets.shop]
help = "the shop"
schemes = ["http"]

[[phase]]
name = "load"
for = "1s"
stretch = true

[[workload]]
name = "order"
rate = "10/s"
phases = ["load"]
http = { url = "${target.shop}/orders/@{id}" }

[[check]]
name = "accepted"
title = "the shop accepts what it is asked"
ratio = { of = "order.unsuccessful", to = "order.due", phases = ["load"], max = "1%", at_least = 5 }
"#;

/// The program in a folder, as on nobody's server.
fn command(folder: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_verify"));
    command.current_dir(folder).args(words);
    for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "SHAKEDOWN_OUT", "SHAKEDOWN_TARGETS"] {
        command.env_remove(name);
    }
    command
}

fn verify(folder: &Path, words: &[&str]) -> Output {
    command(folder, words).output().expect("verify starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The files below a folder, by their paths in it.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

/// An address at which nobody answers.
fn nobody() -> String {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("shop=http://{}", free.local_addr().expect("its address"))
}

#[test]
fn a_run_that_its_surroundings_kept_from_taking_place_is_an_error_for_a_ci_server() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("shop.toml"), SCENARIO).unwrap();
    let (target, report) = (nobody(), "junit=results.xml");
    let words = ["--scenario", "./shop.toml", "--target", &target, "--report", report];
    let ended = verify(place.path(), &words);
    let told = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(i32::from(exit::ENVIRONMENT)), "{told}");
    let left = files(&place.path().join("runs"));
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].file_name().unwrap(), "junit.xml");
    for path in [&left[0], &place.path().join("results.xml")] {
        let junit = std::fs::read_to_string(path).unwrap();
        assert!(
            junit.contains("errors=\"1\"") && junit.contains("type=\"environment\""),
            "{junit}"
        );
        assert!(junit.contains("nobody answers"), "{junit}");
    }
}

#[test]
fn a_command_line_that_is_wrong_leaves_no_folder_and_the_reports_that_it_asks_for() {
    let place = tempfile::tempdir().unwrap();
    let words = ["--scenario", "chanel-leak", "--report", "junit=results.xml"];
    let ended = verify(place.path(), &words);
    assert_eq!(ended.status.code(), Some(i32::from(exit::USAGE)), "{}", text(&ended.stderr));
    assert_eq!(files(place.path()), [place.path().join("results.xml")]);
    let junit = std::fs::read_to_string(place.path().join("results.xml")).unwrap();
    assert!(junit.contains("errors=\"1\"") && junit.contains("type=\"usage\""), "{junit}");
    let words = ["--scenario", "channel-leak", "--report", "junit=none/results.xml"];
    let ended = verify(place.path(), &words);
    let told = text(&ended.stderr);
    assert_eq!(ended.status.code(), Some(i32::from(exit::USAGE)), "{told}");
    assert!(told.contains("there is no folder none"), "{told}");
}
