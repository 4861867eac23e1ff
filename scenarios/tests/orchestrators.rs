//! Who orchestrates the deployment of the shipped scenario: what the command line gives,
//! and what a run leaves out where that cannot do everything.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use scenarios::plan::{CheckKind, Orchestrator, Place};
use scenarios::{Plan, Settings, plan, suite};

const NEEDED: [&str; 4] = ["kafka", "ingester", "database", "metrics"];

fn settings(targets: &[&str], set: &[(&str, &str)]) -> Settings {
    let targets = NEEDED.iter().chain(targets).map(|&key| key.to_owned());
    let set = set.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Settings {
        targets: Some(targets.collect::<BTreeSet<_>>()),
        set: set.collect::<BTreeMap<_, _>>(),
        ..Settings::default()
    }
}

fn planned(settings: &Settings) -> Plan {
    let source = suite::find("rolling-deploy").unwrap().source;
    plan("f", source, settings).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The problems, without the name of the file.
fn refused(settings: &Settings) -> String {
    let source = suite::find("rolling-deploy").unwrap().source;
    plan("f", source, settings).unwrap_err().to_string()
}

/// What is left out of a kind, with the reason.
fn left_out(plan: &Plan, kind: &str) -> Vec<String> {
    let items = plan.left_out.iter().filter(|item| item.kind == kind);
    items.map(|item| format!("{}: {}", item.name, item.why)).collect()
}

fn steps(plan: &Plan) -> Vec<&str> {
    plan.deployments[0].steps.iter().map(|step| step.name.as_str()).collect()
}

#[test]
fn the_lab_takes_every_step_with_its_own_controller() {
    let plan = planned(&Settings::default());
    assert_eq!(plan.place, Place::Lab);
    assert!(matches!(plan.deployments[0].at, Orchestrator::Control(_)));
    assert_eq!(plan.left_out, [], "a lab is no cluster, and leaves nothing out");
    assert_eq!(plan.deployments[0].canary.as_deref(), Some("download-worker-canary"));
}

#[test]
fn a_cluster_takes_every_step() {
    let plan = planned(&settings(&["kubernetes"], &[("container", "app")]));
    let deployment = &plan.deployments[0];
    let Orchestrator::Kubernetes(place) = &deployment.at else { panic!("{:?}", deployment.at) };
    assert_eq!((place.as_str(), &*deployment.container), ("${target.kubernetes}", "app"));
    assert_eq!(left_out(&plan, "step"), [""; 0]);
    let given = [("kubernetes".to_owned(), "staging/orders".to_owned())].into();
    assert_eq!(deployment.filled(&given).unwrap().at.words(), "kubernetes staging/orders");
    let left = left_out(&plan, "check");
    assert_eq!(left, ["ended-in-time: it needs the lab"], "that is all that a cluster lacks");
}

#[test]
fn commands_leave_out_what_they_cannot_do_and_what_needs_it() {
    let plan = planned(&settings(
        &[],
        &[("rollout_command", "./roll"), ("rollback_command", "./back"), ("faults", "off")],
    ));
    let deployment = &plan.deployments[0];
    let Orchestrator::Commands { set_image, roll_back, status } = &deployment.at else {
        panic!("{:?}", deployment.at)
    };
    assert_eq!(set_image.to_string(), "./roll");
    assert!(roll_back.is_some() && status.is_none());
    assert_eq!(steps(&plan), ["to-new", "back"]);
    assert_eq!(deployment.canary, None, "no step gives it pods");
    let no_command = |step: &str, word: &str| {
        format!("download-worker/{step}: commands set images, and no command does {word}")
    };
    assert_eq!(
        left_out(&plan, "step"),
        [
            no_command("to-10-pods", "scale"),
            no_command("canary-1-of-10", "weight"),
            no_command("canary-5-of-10", "weight"),
            no_command("canary-away", "weight"),
            no_command("restart", "restart"),
        ]
    );
    let weight = "commands set images, and no command does weight";
    assert_eq!(
        left_out(&plan, "check"),
        [
            "restarts: download-worker.restarts is left out: commands tell nothing of pods"
                .to_owned(),
            format!("canary-restarts: step canary-1-of-10 is left out: {weight}"),
            "ended-in-time: it needs the lab".to_owned(),
            format!("canary-errors: step canary-1-of-10 is left out: {weight}"),
            format!("canary-slow: step canary-1-of-10 is left out: {weight}"),
            format!("canary-dead-letters: step canary-1-of-10 is left out: {weight}"),
            format!("canary-throughput: step canary-5-of-10 is left out: {weight}"),
        ]
    );
    // What is judged says nothing of what is left out.
    assert!(plan.checks.iter().any(|check| matches!(check.kind, CheckKind::Rollout(_))));
    let told = plan::skipped(&plan.left_out).unwrap();
    assert_eq!(told, "5 faults, 5 steps and 7 checks skipped");
}

#[test]
fn a_canary_that_is_switched_off_needs_no_deployment_beside_it() {
    let plan = planned(&settings(&["kubernetes"], &[("canary", "off")]));
    assert_eq!(plan.deployments[0].canary, None);
    assert_eq!(steps(&plan), ["to-new", "back", "restart"]);
    let canary = left_out(&plan, "check").into_iter().filter(|check| check.contains("canary"));
    let why = "is left out: switched off";
    let whys: Vec<String> = canary.collect();
    assert_eq!(whys.len(), 5, "{whys:?}");
    assert!(whys.iter().all(|told| told.ends_with(why)), "{whys:?}");
}

#[test]
fn without_any_orchestrator_the_run_says_what_to_give() {
    let told = refused(&settings(&[], &[]));
    for part in [
        "there is no --target deployments or --target kubernetes or --set rollout_command",
        "deployment download-worker and check rolled-out",
        "--target kubernetes=CONTEXT/NAMESPACE (where the deployment",
        "--set rollout_command=… (a program that sets the image in IMAGE",
    ] {
        assert!(told.contains(part), "{part:?} is not said: {told}");
    }
    let told = refused(&settings(&[], &[("rollback_command", "./back")]));
    assert!(told.contains("there is a program to roll_back, and none to set_image"), "{told}");
    assert!(told.contains("give --set rollout_command=…"), "{told}");
}

#[test]
fn two_orchestrators_are_one_too_many() {
    let both = settings(&["kubernetes"], &[("rollout_command", "./roll")]);
    let told = refused(&both);
    assert!(told.contains("this at has kubernetes and commands"), "{told}");
    assert!(told.contains("leave out --set rollout_command"), "{told}");
    let told = refused(&settings(&["kubernetes", "deployments"], &[]));
    assert!(told.contains("leave out --target kubernetes"), "{told}");
    // The lab has a controller of its own.
    let set = [("rollout_command".to_owned(), "./roll".to_owned())].into();
    let told = refused(&Settings { set, ..Settings::default() });
    assert!(told.contains("this at has control and commands"), "{told}");
}

const CONTROLLED: [&str; 1] = ["deployments"];

#[test]
fn programs_beside_another_orchestrator_are_too_many() {
    let told = refused(&settings(&["kubernetes"], &[("rollback_command", "./back")]));
    assert!(told.contains("there is a program to roll_back, and kubernetes does that"), "{told}");
    assert!(told.contains("leave out --set rollback_command"), "{told}");
    let told = refused(&settings(&CONTROLLED, &[("rollout_status", "./done")]));
    assert!(told.contains("there is a program to status, and a controller does that"), "{told}");
}

#[test]
fn a_name_that_is_none_is_one_mistake() {
    for at in [&[("deployment", "Foo_Bar")][..], &[("deployment", "Foo_Bar"), ("canary", "off")]] {
        let told = refused(&settings(&CONTROLLED, at));
        assert!(told.contains("\"Foo_Bar\" is no name"), "{told}");
        assert_eq!(told.lines().count(), 1, "{told}");
    }
    let set = [("deployment", "Foo_Bar"), ("rollout_command", "./roll"), ("faults", "off")];
    let told = refused(&settings(&[], &set));
    assert_eq!(told.lines().count(), 1, "{told}");
}

#[test]
fn a_canary_that_is_switched_off_needs_no_name() {
    let long = "w".repeat(60);
    let named = |canary| settings(&CONTROLLED, &[("deployment", &*long), ("canary", canary)]);
    assert_eq!(planned(&named("off")).deployments[0].name, long);
    let told = refused(&named("on"));
    assert!(told.contains("-canary\" is no name"), "{told}");
}

#[test]
fn a_rollout_to_the_image_that_is_there_is_none() {
    let same = [("image", "worker:7"), ("new_image", "worker:7")];
    let told = refused(&settings(&CONTROLLED, &same));
    assert_eq!(told.lines().count(), 1, "{told}");
    for part in ["both \"worker:7\"", "give new the image", "parameter new_image is \"worker:7\""] {
        assert!(told.contains(part), "{part:?} is not said: {told}");
    }
}

#[test]
fn to_act_there_has_to_be_a_check_to_act_on() {
    let act = |settings: Settings| Settings { act: true, ..settings };
    let own = settings(&CONTROLLED, &[]);
    assert_eq!(planned(&act(own.clone())).deployments[0].roll_back_if.len(), 3);
    let checks = ["lag-grows", "many-errors", "rolled-out"].map(str::to_owned);
    let told = refused(&act(Settings { skip: checks.into(), ..own.clone() }));
    assert!(told.contains("every check of roll_back_if is left out: lag-grows (--skip"), "{told}");
    assert!(told.contains("leave out --act"), "{told}");
    let others = Settings { skip: ["rolled-out".to_owned()].into(), ..own };
    assert_eq!(planned(&act(others)).deployments[0].roll_back_if.len(), 2);
    let source = suite::find("channel-leak").unwrap().source;
    let told = plan("f", source, &act(Settings::default())).unwrap_err().to_string();
    assert!(told.contains("--act: there is no deployment in this run"), "{told}");
}

/// What is given without effect, without what to do about it.
fn unused(settings: &Settings) -> Vec<String> {
    let source = suite::find("rolling-deploy").unwrap().source;
    scenarios::unused("f", source, settings)
}

#[test]
fn what_is_given_without_effect_is_told_with_the_reason() {
    let set =
        [("metrics", "off"), ("faults", "off"), ("workers", "8"), ("slow", "2s"), ("lag", "9")];
    let mut given = settings(&CONTROLLED, &set);
    let worker = ("download-worker".to_owned(), vec!["name:worker".parse().unwrap()]);
    given.roles = [worker].into();
    assert_eq!(
        unused(&given),
        [
            "--set slow has no effect: what would use it is left out: probe workers, check \
             canary-slow (switched off); leave it out",
            "--set workers has no effect: only the lab has it, and this run is against your own \
             system; leave it out",
            "--target metrics is not used: what would use it is left out: probe workers (switched \
             off); leave it out",
            "--role download-worker is not used: what would use it is left out: fault \
             kill-workers, fault kill-workers-again (switched off); leave it out",
        ]
    );
    // What is used is not told of, nor what is so by default.
    given.set = [("lag".to_owned(), "9".to_owned()), ("workers".to_owned(), "6".to_owned())].into();
    assert_eq!(unused(&given), [""; 0]);
    // A lab has as many workers as it is told.
    let set = [("workers".to_owned(), "8".to_owned())].into();
    assert_eq!(unused(&Settings { set, ..Settings::default() }), [""; 0]);
    let steps = settings(&[], &[("rollout_command", "./roll"), ("faults", "off")]);
    let told = unused(&Settings { roles: given.roles, ..steps });
    assert_eq!(told.len(), 1, "{told:?}");
}

#[test]
fn checks_are_listed_however_many_there_are() {
    let skip = |name: &str| Settings { skip: [name.to_owned()].into(), ..Settings::default() };
    let told = refused(&skip("nope"));
    assert!(told.contains("there is no such check (checks: one-result, taken-once,"), "{told}");
    let told = refused(&skip("lag-fals"));
    assert!(told.contains("did you mean \"lag-falls\"?"), "{told}");
}
