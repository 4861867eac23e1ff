//! The nightly jobs of the documentation: files that parse, and commands that do what they
//! are there for, also on the night on which the system is away.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use verify::exit;

use crate::{SCENARIO, files, nobody, text};

/// A file of the documentation.
fn nightly(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/nightly").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(name: &str) -> Value {
    serde_saphyr::from_str(&nightly(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A folder with a scenario, and the program on the path of its shells.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(place.path().join("bin")).expect("a folder");
        let program = Path::new(env!("CARGO_BIN_EXE_verify"));
        std::os::unix::fs::symlink(program, place.path().join("bin/verify")).expect("a link");
        std::fs::write(place.path().join("orders.toml"), SCENARIO).expect("it is written");
        Self(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs a line of a shell with a system that is away.
    fn shell(&self, line: &str) -> Output {
        let mut command = Command::new("sh");
        command.args(["-euc", line]).current_dir(self.0.path()).env_clear();
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.path("bin").display()));
        // What is not set at the server is the empty text in the job.
        command.env("SHAKEDOWN_TARGETS", nobody()).env("SHAKEDOWN_ALLOW", "");
        let ended = command.output().expect("a shell");
        let told = text(&ended.stderr);
        assert_eq!(ended.status.code(), Some(i32::from(exit::ENVIRONMENT)), "{line}\n{told}");
        assert!(told.contains("nobody answers"), "{line}\n{told}");
        ended
    }

    /// The JUnit files that a run left below a folder.
    fn junits(&self, folder: &str) -> Vec<String> {
        let found = files(&self.path(folder)).into_iter();
        let found = found.filter(|path| path.extension().is_some_and(|end| end == "xml"));
        found.map(|path| std::fs::read_to_string(path).expect("it is read")).collect()
    }
}

/// Where one of these looks for files there must be some.
fn expect_error(junit: &str) {
    assert!(junit.contains("errors=\"1\"") && junit.contains("nobody answers"), "{junit}");
}

#[test]
fn the_jobs_of_github_and_gitlab_find_a_junit_file_of_a_run_that_did_not_take_place() {
    let workflow = yaml("github.yml");
    let steps = workflow["jobs"]["shakedown"]["steps"].as_array().expect("steps");
    let run = steps.iter().find(|step| step["name"] == "Run").expect("a step that runs");
    let place = Place::new();
    place.shell(run["run"].as_str().expect("a line"));
    let kept = steps.iter().find(|step| step["name"] == "Keep").expect("a step that keeps");
    assert_eq!(kept["if"], "always()");
    for path in kept["with"]["path"].as_str().expect("paths").lines() {
        assert!(place.path(path).exists(), "{path}");
    }
    expect_error(&std::fs::read_to_string(place.path("junit.xml")).unwrap());

    let job = &yaml("gitlab.yml")["nightly"];
    let place = Place::new();
    for line in job["script"].as_array().expect("lines") {
        place.shell(line.as_str().expect("a line"));
    }
    let artifacts = &job["artifacts"];
    assert_eq!(artifacts["when"], "always");
    let junit = artifacts["reports"]["junit"].as_str().expect("a file");
    expect_error(&std::fs::read_to_string(place.path(junit)).unwrap());
    for path in artifacts["paths"].as_array().expect("paths") {
        assert!(place.path(path.as_str().expect("a path")).exists(), "{path}");
    }
}

#[test]
fn the_jobs_of_kubernetes_and_systemd_leave_what_they_promise() {
    let job = yaml("cronjob.yaml");
    let pod = &job["spec"]["jobTemplate"]["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let words = container["command"].as_array().expect("a command").iter();
    let words: Vec<&str> = words.map(|word| word.as_str().expect("a word")).collect();
    let place = Place::new();
    let line = words.join(" ").replace("/scenario/", "./").replace("/runs", "runs");
    place.shell(&line);
    expect_error(&place.junits("runs")[0]);

    let unit = nightly("shakedown.service");
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a command");
    let place = Place::new();
    let line = line.replace("/usr/local/bin/", "").replace("/etc/shakedown/", "./");
    let line =
        line.replace("/var/lib/shakedown/", "").replace("/var/lib/prometheus/node-exporter/", "");
    place.shell(&line);
    let metrics = std::fs::read_to_string(place.path("shakedown.prom")).unwrap();
    assert!(metrics.contains("shakedown_run_verdict{scenario=\"shop\",verdict=\"error\"} 1\n"));
    assert!(metrics.contains("shakedown_run_end_time_seconds{scenario=\"shop\"} "), "{metrics}");
    expect_error(&place.junits("runs")[0]);
}

/// A name of a metric that is in no file any more would never alert.
#[test]
fn the_alerts_of_the_nightly_run_are_about_metrics_that_there_are() {
    let place = Place::new();
    place.shell("verify --scenario ./orders.toml --report openmetrics=run.prom");
    let metrics = std::fs::read_to_string(place.path("run.prom")).unwrap();
    let rules = yaml("alerts.yml");
    for rule in rules["groups"][0]["rules"].as_array().expect("rules") {
        let expression = rule["expr"].as_str().expect("an expression");
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        let names = expression.split(|c| !is_name(c)).filter(|word| word.starts_with("shakedown_"));
        for name in names {
            // Only a run that took place has margins.
            let is_there = metrics.contains(&format!("# TYPE {name} gauge"));
            assert!(is_there || name == "shakedown_check_margin_ratio", "{name}");
        }
    }
}

/// Where systemd is there, it reads the unit and the timer, too.
#[test]
fn systemd_takes_the_unit_and_its_timer() {
    let place = Place::new();
    let program = place.path("bin/verify").display().to_string();
    let unit = nightly("shakedown.service").replace("/usr/local/bin/verify", &program);
    std::fs::write(place.path("shakedown.service"), unit).unwrap();
    std::fs::write(place.path("shakedown.timer"), nightly("shakedown.timer")).unwrap();
    let verified = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .args([place.path("shakedown.service"), place.path("shakedown.timer")])
        .output();
    let Ok(verified) = verified else {
        println!("systemd-analyze is not here");
        return;
    };
    let said = text(&[verified.stdout, verified.stderr].concat());
    assert!(verified.status.success() && !said.contains("shakedown."), "{said}");
}
