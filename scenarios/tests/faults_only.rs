//! A file of which only the faults are carried out may leave out everything
//! that has nothing to do with them, and is as strict in the rest.

use scenarios::plan::Place;
use scenarios::{Settings, plan, plan_faults, suite};

const FAULTS: &str = r#"
name = "evening"

[[phase]]
name = "load"
for = "10s"

[[fault]]
name = "close"
phase = "load"
close_connections = { management = "${target.management}" }
"#;

#[test]
fn faults_need_no_system_and_no_checks() {
    let faults = plan_faults("f", FAULTS, &Settings::default()).unwrap();
    assert_eq!((faults.title.as_str(), faults.faults.len()), ("evening", 1));
    let problems = plan("f", FAULTS, &Settings::default()).unwrap_err().to_string();
    assert!(problems.contains("title") && problems.contains("[[check]]"), "{problems}");
}

#[test]
fn what_is_there_must_be_right() {
    for (wrong, says) in [
        (FAULTS.replace("\"load\"\nclose", "\"laod\"\nclose"), "laod"),
        (FAULTS.replace("close_conn", "close_con"), "close_con"),
        (format!("{FAULTS}\n[[check]]\nname = \"x\"\n"), "title"),
    ] {
        let problems = plan_faults("f", &wrong, &Settings::default()).unwrap_err().to_string();
        assert!(problems.contains(says), "{problems}");
    }
}

#[test]
fn of_a_whole_scenario_the_faults_remain() {
    let source = suite::find("channel-leak").unwrap().source;
    let plan = plan_faults("f", source, &Settings::default()).unwrap();
    assert_eq!(plan.place, Place::Targets);
    assert_eq!(plan.faults.len(), 2);
    assert!(plan.checks.is_empty() && plan.workloads.is_empty() && plan.probes.is_empty());
    assert!(plan.system.targets.contains_key("management"));
}
