//! Several machines that share a run, as pods of the Job that `loadgen export job` prints,
//! each a process here.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use loadgen::Ledger;
use serde_json::Value;

use crate::server::Server;

const OF: u32 = 4;

fn loadgen() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.stdin(Stdio::null());
    command
}

/// The container of the Job that is exported: its arguments and environment.
fn exported(url: &str, start: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let output = loadgen()
        .args(["export", "job", "--instances", &OF.to_string(), "--image", "loadgen:1"])
        .args(["--volume", "results", "--start-at", start, "--"])
        .args(["http", url, "-r", "2k/s", "-z", "300ms", "--threshold", "acked>=100%"])
        .args(["--clock-from", url, "--run", "many"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let job: Value = serde_saphyr::from_str(text.split("\n---\n").next().unwrap()).unwrap();
    let container = &job["spec"]["template"]["spec"]["containers"][0];
    let args = container["args"].as_array().unwrap();
    let args = args.iter().map(|word| word.as_str().unwrap().replace("$$", "$")).collect();
    let env = container["env"].as_array().unwrap().iter().filter_map(|env| {
        Some((env["name"].as_str()?.to_owned(), env["value"].as_str()?.to_owned()))
    });
    (args, env.collect())
}

fn merge(results: &Path, more: &[&str]) -> Output {
    loadgen().arg("merge").arg(results).args(more).output().unwrap()
}

#[test]
fn the_pods_of_a_job_offer_one_load_and_their_results_make_one_report() {
    let server = Server::start(|talk| talk.answer_all(200));
    let folder = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test is a shell that owns a clock")]
    let start = SystemTime::now() + Duration::from_millis(1_500);
    let start = jiff::Timestamp::try_from(start).unwrap().to_string();
    let (args, env) = exported(&server.url(), &start);
    let results = folder.path().join("many");
    let pod = |index: u32| {
        let mut pod = loadgen();
        pod.args(&args).envs(&env).env("LOADGEN_RESULTS", &results).arg("--quiet");
        pod.env("JOB_COMPLETION_INDEX", index.to_string()).stdout(Stdio::null());
        pod.stderr(Stdio::null());
        pod
    };
    let pods: Vec<_> = (0..OF).map(|index| pod(index).spawn().unwrap()).collect();
    for mut pod in pods {
        assert!(pod.wait().unwrap().success());
    }
    // A pod that comes too late, or again, offers nothing.
    let asked = server.connections();
    assert_eq!(pod(0).status().unwrap().code(), Some(4));
    let mut late = pod(0);
    let elsewhere = folder.path().join("late");
    late.env("LOADGEN_RESULTS", &elsewhere);
    assert_eq!(late.status().unwrap().code(), Some(2));
    let said = fs::read_to_string(elsewhere.join("instance-1-of-4/instance.json")).unwrap();
    assert!(said.contains("it is in the past"), "{said}");
    assert!(server.connections() <= asked + 1, "the clock was asked, and no more");

    let ledger = folder.path().join("all.ledger");
    let merged = merge(&results, &["--json", "--ledger", ledger.to_str().unwrap()]);
    assert_eq!(merged.status.code(), Some(0), "{merged:?}");
    let report: Value = serde_json::from_slice(&merged.stdout).unwrap();
    assert_eq!(report["operations"]["due"], 600);
    assert_eq!(report["latency_seconds"]["response"]["count"], 600);
    assert_eq!(report["thresholds"][0]["held"], true);
    assert_eq!(report["instances"]["contributed"].as_array().unwrap().len(), OF as usize);
    let ledger = Ledger::load(&ledger).unwrap();
    assert!(ledger.is_complete() && ledger.settled().len() == 600);

    fs::rename(results.join("instance-3-of-4"), folder.path().join("away")).unwrap();
    let refused = merge(&results, &[]);
    assert_eq!(refused.status.code(), Some(4));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("3/4 left no results") && said.contains("--allow-missing"), "{said}");
    let rest = merge(&results, &["--allow-missing"]);
    // What holds for a part of the load says nothing of all of it.
    assert_eq!(rest.status.code(), Some(3), "{rest:?}");
    let said = String::from_utf8_lossy(&rest.stdout).into_owned();
    assert!(said.starts_with("INCOMPLETE: 1 of 4 instances"), "{said}");
}
