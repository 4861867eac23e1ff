//! `docs/checks.md`: what each check means, as it stands where each is judged. It is up to
//! date, and names every check; `UPDATE_SCHEMA=1` writes it anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::path::Path;

use scenarios::plan::check::{Check, CheckKind, Live, OWN, Pace};
use scenarios::{Settings, suite};

const INTRODUCTION: &str = r#"# What each check means

A check is *held*, *violated* or *inconclusive*. Inconclusive is what a run was not able to prove either way: it is no pass, and the run ends with exit code 3. This page has the definition of each, what breaks it, when it is inconclusive, and where its formula comes from. [scenarios.md](scenarios.md#check) has the keys.

*This page is generated from the code that judges: each text stands at the head of the file of that name in `verify/src/judge` or `verify/src/stats`. `UPDATE_SCHEMA=1 cargo test -p verify --test checks_page` writes it anew.*
"#;

/// What stands on the page behind the checks that a scenario names: headings and files.
const PARTS: [(&str, &[&str]); 4] = [
    ("The judge's own checks", &["judge/load", "judge/faults", "judge/deployments", "judge/flaws"]),
    (
        "What several checks share",
        &[
            "judge/join",
            "judge/dead",
            "judge/tries",
            "judge/series",
            "judge/rises",
            "judge/poison",
            "judge/absent",
            "judge/starvation",
            "judge/standstill",
            "judge/overdue",
            "judge/leftover",
            "judge/unhealed",
            "judge/so_far",
        ],
    ),
    (
        "Advice and comparisons",
        &["judge/advice", "judge/steps", "judge/compare", "judge/compare/figures", "judge/past"],
    ),
    (
        "Statistics",
        &[
            "stats/median",
            "stats/normal",
            "stats/proportion",
            "stats/batches",
            "stats/theil_sen",
            "stats/wilcoxon",
            "stats/blocks",
            "stats/share",
            "stats/spread",
        ],
    ),
];

/// Files that are a part of a check's definition.
const INNER: [&str; 6] = ["share", "latency", "times", "stretches", "split", "callers"];

/// No shipped scenario has a check `recovery`.
const RECOVERY: &str = r#"
name = "x"
title = "x"
[system]
[[phase]]
name = "load"
for = "9s"
[[workload]]
name = "w"
rate = "9/s"
phases = ["load"]
command = { run = "true" }
[[probe]]
name = "p"
health = { url = "http://127.0.0.1:1/" }
[[fault]]
name = "f"
phase = "load"
burn_cpu = { for = "1s" }
[[check]]
name = "r"
title = "r"
recovery = { series = "p.up", baseline = "load", after = "f", within = "1s" }
"#;

#[test]
fn the_page_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/checks.md");
    let page = page();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/checks.md is out of date: run this test with UPDATE_SCHEMA=1");
}

#[test]
fn every_check_says_when_it_is_inconclusive() {
    for word in words() {
        let text = head(&format!("judge/{word}")).to_lowercase();
        assert!(text.contains("inconclusive"), "{word} does not say when it is inconclusive");
    }
}

/// The whole page.
fn page() -> String {
    let mut page = INTRODUCTION.to_owned();
    let examples = examples();
    page.push_str("\n## Checks of a scenario\n");
    for word in words() {
        let file = format!("judge/{word}");
        page.push_str(&format!("\n### {}\n\n{}", heading(&file), linked(&head(&file))));
        page.push_str(&facts(&word, &examples));
        for inner in INNER.iter().filter(|_| word == "canary") {
            let file = format!("judge/canary/{inner}");
            page.push_str(&format!("\n#### {}\n\n{}", heading(&file), linked(&head(&file))));
        }
    }
    for (title, files) in PARTS {
        page.push_str(&format!("\n## {title}\n"));
        if files[0] == "judge/load" {
            page.push_str("\nNo scenario names them, and none can be left out:\n\n");
            for ((name, why), file) in OWN.iter().zip(files) {
                page.push_str(&format!("- `{name}` ([{0}](#{0})): {why}\n", heading(file)));
            }
        }
        for file in files {
            page.push_str(&format!("\n### {}\n\n{}", heading(file), linked(&head(file))));
            page.push_str(&linked(&functions(file)));
        }
    }
    page
}

/// The words by which a file names its checks.
fn words() -> Vec<String> {
    let schema = scenarios::schema::schema();
    let kinds = schema["properties"]["check"]["items"]["oneOf"].as_array().unwrap().clone();
    kinds.iter().map(|kind| kind["required"][0].as_str().unwrap().to_owned()).collect()
}

/// Every check of the shipped scenarios, with the scenario's name.
fn examples() -> Vec<(&'static str, Check)> {
    let mut found = Vec::new();
    let shipped = suite::ALL.iter().map(|shipped| (shipped.name, shipped.source));
    for (name, source) in shipped.chain([("", RECOVERY)]) {
        let plan = scenarios::plan(name, source, &Settings::default());
        let plan = plan.unwrap_or_else(|problems| panic!("{problems}"));
        found.extend(plan.checks.into_iter().map(|check| (name, check)));
    }
    found
}

/// What the checks of a kind state of themselves, and where there are some.
fn facts(word: &str, examples: &[(&str, Check)]) -> String {
    let of_kind: Vec<&(&str, Check)> =
        examples.iter().filter(|(_, check)| check.kind.word() == word).collect();
    assert!(!of_kind.is_empty(), "there is no example of {word}");
    let said = |say: fn(&mut CheckKind) -> &'static str| -> String {
        let texts: BTreeSet<&str> =
            of_kind.iter().map(|(_, check)| say(&mut check.kind.clone())).collect();
        texts.into_iter().collect::<Vec<_>>().join("; ")
    };
    let mut used: Vec<String> = Vec::new();
    for shipped in suite::ALL {
        let names = of_kind.iter().filter(|(name, _)| *name == shipped.name);
        let names: Vec<&str> = names.map(|(_, check)| check.name.as_str()).collect();
        if !names.is_empty() {
            used.push(format!("`{}`: {}", shipped.name, names.join(", ")));
        }
    }
    let used = if used.is_empty() { "–".to_owned() } else { used.join("; ") };
    format!(
        "\n| | |\n| --- | --- |\n| its keys | [scenarios.md](scenarios.md#check{word}) |\n\
         | can end a run (`stop_if`) | {} |\n| a [starved](#starvation) host excuses a breach | {} |\n\
         | in the suite | {used} |\n",
        said(live),
        said(pace)
    )
}

fn live(kind: &mut CheckKind) -> &'static str {
    match kind.statement().live {
        Live::No => "no: the end decides",
        Live::BySample => "yes, with the sample that shows the breach",
        Live::BySecond => "yes, with the second that shows the breach",
        Live::ByStep => "yes, with a step of a deployment",
    }
}

fn pace(kind: &mut CheckKind) -> &'static str {
    match kind.statement().pace {
        Pace::Never => "no",
        Pace::IfPaced(_) => "where the series is a time, a rate, or of what waits",
        Pace::Always => "yes",
    }
}

/// A file's heading: its own name, behind that of its folder where that is a file, too.
fn heading(file: &str) -> String {
    let names: Vec<&str> = file.split('/').skip(1).collect();
    names.join(": ")
}

/// The anchor of a heading, as GitHub makes it.
fn anchor(file: &str) -> String {
    heading(file).replace(": ", "-")
}

fn source(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(format!("{file}.rs"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text at the head of a file.
fn head(file: &str) -> String {
    let source = source(file);
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)));
    let text: String = lines.collect();
    assert!(!text.is_empty(), "{file} has no text at its head");
    text
}

/// What the public functions of a file say of themselves, as a list.
fn functions(file: &str) -> String {
    if !file.starts_with("stats/") {
        return String::new();
    }
    let source = source(file);
    let mut about: Vec<&str> = Vec::new();
    let mut list = String::new();
    for line in source.lines() {
        if let Some(text) = line.strip_prefix("/// ") {
            about.push(text);
        } else if let Some(rest) = line.strip_prefix("pub fn ").filter(|_| !about.is_empty()) {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            list.push_str(&format!("- `{name}`: {}\n", about.join("\n  ")));
            about.clear();
        } else if !line.starts_with("#[") && !line.starts_with("///") {
            about.clear();
        }
    }
    if list.is_empty() { list } else { format!("\n{list}") }
}

/// Replaces links to items of the code by links to their headings, where they have one.
fn linked(text: &str) -> String {
    let parts = PARTS.iter().flat_map(|(_, files)| files.iter().map(|&file| file.to_owned()));
    let known: Vec<String> =
        words().iter().map(|word| format!("judge/{word}")).chain(parts).collect();
    let anchor_of = |path: &str| {
        let name = path.rsplit("::").next().unwrap_or_default();
        known.iter().find(|file| file.rsplit('/').next() == Some(name)).map(|file| anchor(file))
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("[`") {
        let (path, after) = after.split_once("`]").expect("a link ends");
        let name = path.rsplit("::").next().unwrap_or_default();
        out.push_str(before);
        match anchor_of(path) {
            Some(anchor) => out.push_str(&format!("[{name}](#{anchor})")),
            None => out.push_str(&format!("`{path}`")),
        }
        rest = after;
    }
    out.push_str(rest);
    // Links with words of their own.
    for prefix in ["](super::", "](crate::stats::", "](crate::judge::"] {
        while let Some(at) = out.find(prefix) {
            let end = out[at..].find(')').expect("a link ends") + at;
            let anchor = anchor_of(&out[at + 2..end]).expect("the page has what it leads to");
            out.replace_range(at + 2..end, &format!("#{anchor}"));
        }
    }
    out
}
