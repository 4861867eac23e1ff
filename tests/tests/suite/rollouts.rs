//! The shipped scenario `rolling-deploy` against somebody's own system, whose workers are
//! rolled out by commands: what no command does is left out with its reason, and what is
//! judged is judged.

use std::collections::BTreeSet;

use reports::record::Verdict;
use tests::machine::Machine;
use tests::program::Profile;
use tests::sandbox::Sandbox;
use tests::system::OwnSystem;
use verify::exit;

use crate::support::{finding, not_held, sandbox, shortened, verify, words};

/// What a deployment is asked: its controller answers over HTTP, as one of the lab does.
const ROLL: &str = r#"
set -e
at=$1/deployments/$DEPLOYMENT
case $2 in
  set) curl -fsS -X POST "$at/set_image" -d "{\"image\":\"$IMAGE\"}" > /dev/null ;;
  back) curl -fsS -X POST "$at/undo" > /dev/null ;;
  done) curl -fsS "$at" | grep -q '"reason":"NewReplicaSetAvailable"' ;;
esac
"#;

const NEEDED: [&str; 4] = ["kafka", "ingester", "database", "metrics"];

/// Shorter phases, in which nothing but the rollout and its way back happens.
const LENGTHS: [(&str, &str); 13] = [
    ("baseline", "6s"),
    ("rollout", "25s"),
    ("validation", "6s"),
    ("rollback", "25s"),
    ("to-canary-1", "1s"),
    ("canary-1", "1s"),
    ("to-canary-5", "1s"),
    ("canary-5", "1s"),
    ("canary-end", "1s"),
    ("kills", "1s"),
    ("pause", "3s"),
    ("broker", "20s"),
    ("settle", "3s"),
];

/// The words of a run whose workers are rolled out by commands.
fn line(sandbox: &Sandbox, system: &OwnSystem, more: &[&str]) -> Vec<String> {
    let program = sandbox.file("roll.sh", ROLL).unwrap();
    let control = system.target("deployments").unwrap();
    let command =
        |param: &str, verb: &str| format!("{param}=sh '{}' {control} {verb}", program.display());
    let mut line =
        vec!["--scenario".to_owned(), shortened(sandbox, "rolling-deploy", &LENGTHS, &[])];
    let commands = [
        command("rollout_command", "set"),
        command("rollback_command", "back"),
        command("rollout_status", "done"),
    ];
    for set in commands.into_iter().chain(["faults=off", "rate=100/s"].map(str::to_owned)) {
        line.extend(["--set".to_owned(), set]);
    }
    line.extend(system.arguments(&NEEDED).unwrap());
    line.extend(more.iter().map(|&word| word.to_owned()));
    line
}

fn own_system(variant: &str) -> OwnSystem {
    OwnSystem::start("rolling-deploy", variant, Profile::from_environment()).unwrap()
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn commands_roll_out_somebodys_own_system_and_what_they_cannot_do_is_left_out() {
    let _machine = Machine::acquire().unwrap();
    let system = own_system("correct");
    let sandbox = sandbox();
    let ended = verify(&sandbox, &words(&[], &line(&sandbox, &system, &[])));
    let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    assert_eq!(ended.code, Some(i32::from(exit::HELD)), "{:#?}", not_held(&record));
    let rolled_out = finding(&record, "rolled-out");
    assert_eq!(rolled_out.verdict, Verdict::Held, "{rolled_out:?}");
    let [deployment] = &record.deployments[..] else { panic!("{:?}", record.deployments) };
    assert_eq!(deployment.orchestrator, "commands");
    let steps: Vec<&str> = deployment.steps.iter().map(|step| step.name.as_str()).collect();
    assert_eq!(steps, ["to-new", "back"]);
    assert!(deployment.steps.iter().all(|step| step.done.is_some()), "{deployment:?}");
    assert!(deployment.restored.as_ref().is_some_and(|restored| restored.problem.is_none()));
    // Nothing that depends on what was left out is said to hold.
    let left: BTreeSet<&str> = record.left_out.iter().map(|item| item.name.as_str()).collect();
    for name in ["download-worker/canary-1-of-10", "canary-errors", "canary-throughput", "restarts"]
    {
        assert!(left.contains(name), "{left:?}");
        assert!(record.findings.iter().all(|finding| finding.check != name));
    }
    assert!(
        record.headline.contains("4 faults, 5 steps and 7 checks skipped"),
        "{}",
        record.headline
    );
    sandbox.expect_nothing_left().unwrap();
}

#[test]
#[ignore = "takes more than a minute: scripts/test-long"]
fn a_rollout_by_commands_that_is_never_done_is_violated() {
    let _machine = Machine::acquire().unwrap();
    let system = own_system("v2-never-ready");
    let sandbox = sandbox();
    let more = ["--set", "rollout_within=15s", "--set", "metrics=off"];
    let ended = verify(&sandbox, &words(&[], &line(&sandbox, &system, &more)));
    let record = sandbox.record().unwrap_or_else(|error| panic!("{error}\n{}", ended.stderr));
    let rolled_out = finding(&record, "rolled-out");
    assert_eq!(rolled_out.verdict, Verdict::Violated, "{rolled_out:?}");
    assert!(rolled_out.why.contains("to-new"), "{}", rolled_out.why);
}
