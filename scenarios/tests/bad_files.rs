//! Malformed scenario files: each says exactly what is wrong, where, and what
//! would be right. The expected messages stand beside the files;
//! `UPDATE_EXPECTED=1` writes them anew, for a reading of the difference.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::fs;
use std::path::{Path, PathBuf};

use scenarios::{Problems, Settings, plan};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// The malformed files with their names, in order.
fn files() -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read_to_string(path).unwrap())
        })
        .collect();
    files.sort();
    files
}

fn problems(name: &str, source: &str) -> Problems {
    plan(name, source, &Settings::default()).expect_err(name)
}

#[test]
fn every_bad_file_says_what_is_wrong_where_and_what_would_be_right() {
    let files = files();
    assert!(files.len() >= 22, "only {} malformed files", files.len());
    let mut wrong = Vec::new();
    for (name, source) in files {
        let told = format!("{}\n", problems(&name, &source));
        let path = folder().join(&name).with_extension("txt");
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(&path, &told).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if told != expected {
            wrong.push(format!("{name}\n-- expected --\n{expected}-- told --\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn problems_come_in_the_order_of_their_places() {
    for (name, source) in files() {
        let problems = problems(&name, &source);
        let places: Vec<_> =
            problems.list.iter().filter_map(|problem| problems.place(problem)).collect();
        assert!(places.is_sorted(), "{name}: {places:?}");
    }
}

#[test]
fn a_problem_underlines_one_line_of_the_file() {
    for (name, source) in files() {
        for problem in problems(&name, &source).list {
            let Some(span) = problem.span else { continue };
            let text = source.get(span).unwrap_or_else(|| panic!("{name}: {}", problem.message));
            assert!(!text.contains('\n'), "{name}: {text:?} for {}", problem.message);
        }
    }
}
