//! `verify compare` on folders as runs write them.

use std::path::Path;
use std::process::{Command, Output};

use crate::base;
use crate::files::Files;
use crate::world::World;
use crate::{OTHER, RUN};

/// Folders of runs, to be compared.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn put(&self, name: &str, files: &Files) {
        for (file, bytes) in &files.0 {
            let path = self.0.path().join(name).join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
    }

    /// Two sound runs, `old` and `new`.
    fn sound() -> Self {
        let place = Self::new();
        place.put("old", &base::folder(&World::held(), RUN.0, RUN.1));
        place.put("new", &base::folder(&World::held(), OTHER.0, OTHER.1));
        place
    }

    fn compare(&self, more: &[&str]) -> Output {
        // 800 operations each of which the record has all times.
        let asked = ["--workload", "publish", "--phase", "load", "--quantile", "90%"];
        let tolerances = ["--more", "5%", "--higher", "50%"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_verify"));
        command.current_dir(self.0.path()).arg("compare").args(more).args(asked).args(tolerances);
        command.output().unwrap()
    }
}

fn expect(output: &Output, code: i32, says: &[&str]) {
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8(text).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(output.status.code(), Some(code), "{text}");
    says.iter().for_each(|say| assert!(text.contains(say), "{say:?} is not in {text}"));
}

#[test]
fn a_run_that_is_as_good_holds_and_nothing_is_written_into_a_run() {
    let place = Place::sound();
    let before = Files::read(place.0.path());
    let output = place.compare(&["old", "new"]);
    let says = ["HELD 3 figures no worse than in the baseline", "seed was 1", "different times"];
    expect(&output, 0, &says);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("report.html"));
    expect(&place.compare(&["old", "old"]), 0, &["Both are the same run"]);
    assert_eq!(Files::read(place.0.path()).0, before.0);

    expect(&place.compare(&["old", "new", "--out", "made/here"]), 0, &["made/here/report.html"]);
    let after = Files::read(place.0.path());
    let made: Vec<&str> =
        after.0.keys().filter_map(|name| name.strip_prefix("made/here/")).collect();
    assert_eq!(made, ["junit.xml", "report.html", "summary.md", "verdict.json"]);
    assert!(before.0.iter().all(|(name, bytes)| after.0.get(name) == Some(bytes)));
    let record = &after.0["made/here/verdict.json"];
    let record = reports::Record::from_json(record).unwrap();
    assert_eq!(record.tables[0].rows[0], ["run", RUN.0, OTHER.0]);
    assert!(record.run.again.starts_with("verify compare old new --more '5%'"));
}

#[test]
fn a_worse_run_is_violated_with_its_evidence() {
    let place = Place::sound();
    place.put("slow", &base::folder(&World::with("as-good-as-stable", 3), OTHER.0, OTHER.1));
    let output = place.compare(&["old", "slow", "--out", "made"]);
    expect(
        &output,
        1,
        &["VIOLATED publish.load.typical is worse", "version of the baseline again"],
    );
    assert!(place.0.path().join("made/evidence/publish.load.p90.ndjson").exists());
    expect(&place.compare(&["slow", "old"]), 0, &["HELD"]);
    let json = place.compare(&["old", "slow", "--json"]);
    let record = reports::Record::from_json(&json.stdout).unwrap();
    assert!(record.findings.iter().all(|finding| finding.evidence_file.is_none()));
}

#[test]
fn conditions_decide_what_a_comparison_comes_to() {
    let place = Place::sound();
    place.put("slow", &base::folder(&World::with("as-good-as-stable", 3), OTHER.0, OTHER.1));
    for (run, condition, code, says) in [
        ("slow", "typical worse by 50%", 1, "VIOLATED typical worse by 50%: publish.load.typical"),
        ("slow", "publish.typical worse by 10s", 0, "HELD 1 condition of --fail-if not met"),
        ("new", "p90 worse by 50%", 0, "HELD 1 condition of --fail-if not met"),
        ("new", "checks worse", 0, "none of"),
        ("slow", "checks worse", 1, "VIOLATED checks worse: as-good-as-stable is violated"),
        ("new", "p99.99 worse by 1%", 3, "could not be judged: p99.99 worse by 1%"),
        ("new", "mean worse by 1%", 2, "how far that wanders"),
        ("new", "shop.p90 worse by 1%", 2, "no workload \"shop\""),
    ] {
        let output = place.compare(&["old", run, "--fail-if", condition]);
        expect(&output, code, &[says]);
    }
    let output = place.compare(&["old", "slow", "--fail-if", "errors worse by 5%", "--json"]);
    let record = reports::Record::from_json(&output.stdout).unwrap();
    assert_eq!(record.findings[0].check, "errors worse by 5%");
    assert_eq!(record.tables[1].title, "Checks that changed");
    let changed = record.tables[1].rows.iter().any(|row| row[0] == "as-good-as-stable");
    assert!(changed, "{:?}", record.tables[1].rows);
    assert!(record.run.again.ends_with("--fail-if 'errors worse by 5%'"));
}

#[test]
fn what_cannot_be_compared_says_what_to_do() {
    let place = Place::sound();
    std::fs::create_dir(place.0.path().join("empty")).unwrap();
    expect(&place.compare(&["empty", "new"]), 2, &["empty is not the folder of a run"]);
    expect(&place.compare(&["old", "nowhere"]), 2, &["nowhere is not the folder of a run"]);
    place.put("third", &base::folder(&World::held(), "third", 3));
    let before = Files::read(place.0.path());
    // The last one is a folder of a run only when its first part is there.
    for inside in ["old", "new/made", "third", "third/made", "old/../third", "not-there/../third"] {
        let output = place.compare(&["old", "new", "--out", inside]);
        let says = if inside.starts_with("not") { "without it" } else { "a folder of its own" };
        expect(&output, 2, &[says]);
    }
    assert_eq!(Files::read(place.0.path()).0, before.0);
    assert!(!place.0.path().join("not-there").exists());
    let confidence = place.compare(&["old", "new", "--confidence", "100%"]);
    expect(&confidence, 2, &["more than 0% and less than 100%"]);
    expect(&place.compare(&["old", "new", "--phase", "nap"]), 2, &["no phase \"nap\"", "load"]);

    let whole = base::folder(&World::held(), OTHER.0, OTHER.1);
    for file in ["latency.hlog", "samples.csv", "ledger/publish.outcomes", "plan.toml"] {
        let mut files = whole.clone();
        files.0.remove(file);
        place.put(file, &files);
        let run = Path::new(".").join(file);
        let output = place.compare(&["old", run.to_str().unwrap()]);
        expect(&output, 2, &["the record of the run is damaged", file, "folder is whole"]);
    }
    let mut files = whole;
    files.0.remove("events.jsonl");
    files.0.remove("plan.toml");
    place.put("bare", &files);
    expect(&place.compare(&["bare", "new"]), 2, &["bare is not the folder of a run"]);
}
