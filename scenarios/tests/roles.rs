//! Roles of one's own processes: who plays them, what they make part of a run, and
//! what is said where nobody does.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;

use scenarios::program::Program;
use scenarios::{Plan, Settings, plan, plan_from_toml, suite};

const OWN: &str = r#"
name = "orders"
title = "an order is stored once"

[system]

[system.targets.shop]
help = "the shop's API"
schemes = ["http"]

[system.roles.worker]
help = "what stores the orders"

[[phase]]
name = "load"
for = "10s"

[[workload]]
name = "order"
rate = "5/s"
phases = ["load"]
http = { url = "${target.shop}/orders", body = '{"id":"@{id}"}' }

[[fault]]
name = "kill"
phase = "load"
at = "2s"
kill_process = { role = "worker" }

[[fault]]
name = "away"
phase = "load"
at = "4s"
stop_process = { role = "worker", for = "2s" }

[[probe]]
name = "workers"
process = { role = "worker" }

[[check]]
name = "no-restarts"
title = "no worker is started again but by the faults"
absence = { series = "workers.restarts", phases = ["load"], excused_by = ["kill", "away"] }
"#;

fn settings(targets: &[&str], roles: &[(&str, &str)], starts: &[(&str, &[&str])]) -> Settings {
    let mut settings = Settings {
        targets: Some(targets.iter().map(|&key| key.to_owned()).collect::<BTreeSet<_>>()),
        ..Settings::default()
    };
    for &(role, processes) in roles {
        settings.roles.entry(role.to_owned()).or_default().push(processes.parse().unwrap());
    }
    for &(role, words) in starts {
        settings.starts.insert(role.to_owned(), Program::literal(words));
    }
    settings
}

fn planned(source: &str, settings: &Settings) -> Plan {
    plan("f", source, settings).unwrap_or_else(|problems| panic!("{problems}"))
}

fn told(source: &str, settings: &Settings) -> Vec<String> {
    let problems = plan("f", source, settings).unwrap_err().to_string();
    problems.lines().map(str::to_owned).collect()
}

#[test]
fn targets_and_roles_that_are_missing_are_said_at_once_with_their_flags() {
    assert_eq!(
        told(OWN, &settings(&[], &[], &[])),
        [
            "f: this scenario needs --target shop=http://… (the shop's API)",
            "f: this scenario needs --role worker=pid-file:FILE, worker=name:EXPRESSION, worker=unit:NAME or worker=k8s:NAMESPACE/LABELS (what stores the orders)",
            "f: nothing says how an ended process of the role worker is started again, so that it cannot be kept down, and fault away needs it (give --role-start worker='COMMAND', or start = [\"PROGRAM\", …] in [system.roles.worker], where no supervisor starts it; where one does, break it with run_command and programs that stop and start it, or leave it out with --skip-fault away)",
        ]
    );
    // What the file says by itself is right all the same.
    assert_eq!(planned(OWN, &Settings::default()).faults.len(), 2);
}

#[test]
fn the_plan_says_who_plays_a_role_and_how_it_is_started_again() {
    let start: &[&str] = &["python3", "worker.py"];
    let given = settings(
        &["shop"],
        &[("worker", "pid-file:/run/a.pid"), ("worker", "pid-file:/run/b.pid")],
        &[("worker", start)],
    );
    let plan = planned(OWN, &given);
    let worker = &plan.system.roles["worker"];
    let processes: Vec<String> = worker.processes.iter().map(ToString::to_string).collect();
    assert_eq!(processes, ["pid-file:/run/a.pid", "pid-file:/run/b.pid"]);
    assert_eq!(worker.start, Program::literal(start));
    assert_eq!((plan.faults.len(), plan.probes.len(), plan.left_out.len()), (2, 1, 0));
    let text = toml::to_string(&plan).unwrap();
    assert_eq!(plan_from_toml(&text).unwrap(), plan);
}

#[test]
fn the_file_names_who_plays_a_role_where_the_command_line_does_not() {
    let source = OWN.replace(
        "help = \"what stores the orders\"",
        "help = \"what stores the orders\"\ndefault = \"name:worker\"\nstart = [\"sh\", \"w.sh\"]",
    );
    let worker = |given: &Settings| planned(&source, given).system.roles["worker"].clone();
    let by_file = worker(&settings(&["shop"], &[], &[]));
    assert_eq!(by_file.processes, ["name:worker".parse().unwrap()]);
    assert_eq!(by_file.start, Program::literal(["sh", "w.sh"]));
    let given = worker(&settings(&["shop"], &[("worker", "unit:w")], &[("worker", &["w"])]));
    assert_eq!(given.processes, ["unit:w".parse().unwrap()]);
    assert_eq!(given.start, Program::literal(["w"]));
}

#[test]
fn an_unknown_role_names_the_nearest() {
    let given = settings(&["shop"], &[("worker", "name:w"), ("wroker", "name:w")], &[]);
    let skipped = Settings { skip_faults: ["away".to_owned()].into(), ..given };
    assert_eq!(
        told(OWN, &skipped),
        ["f: --role wroker: there is no such role (did you mean \"worker\"?)"]
    );
    let source = OWN.replace("process = { role = \"worker\" }", "process = { role = \"wroker\" }");
    let lines = told(&source, &Settings::default());
    assert!(
        lines[0].ends_with("there is no role \"wroker\" (did you mean \"worker\"?)"),
        "{lines:?}"
    );
}

#[test]
fn what_is_started_again_has_another_id() {
    let given = settings(&["shop"], &[("worker", "pid:12")], &[("worker", &["w"])]);
    let lines = told(OWN, &given);
    assert!(lines[0].starts_with("f: role worker: pid:12 is one process for ever"), "{lines:?}");
}

#[test]
fn a_text_starts_a_process_through_a_shell_and_is_given_no_address() {
    let start = |text: &str| {
        let help = "help = \"what stores the orders\"";
        OWN.replace(help, &format!("{help}\nstart = {text:?}"))
    };
    let text = "python3 worker.py >> log";
    let plan = planned(&start(text), &settings(&["shop"], &[("worker", "name:w")], &[]));
    assert_eq!(plan.system.roles["worker"].start, Program::literal_shell(text));
    assert_eq!(plan_from_toml(&toml::to_string(&plan).unwrap()).unwrap(), plan);
    let lines = told(&start("worker ${target.shop}"), &Settings::default());
    assert!(lines[0].contains("is given no addresses of targets"), "{lines:?}");
}

fn left_out(plan: &Plan) -> Vec<String> {
    plan.left_out.iter().map(|item| format!("{} {}: {}", item.kind, item.name, item.why)).collect()
}

#[test]
fn what_needs_the_lab_for_a_role_alone_is_part_of_a_run_that_has_it() {
    let source = suite::find("channel-leak").unwrap().source;
    let keys = ["service", "rabbitmq", "management"];
    let plan = planned(source, &settings(&keys, &[("service", "name:publisher")], &[]));
    assert!(plan.faults.iter().any(|fault| fault.name == "kill-one-process"));
    assert!(plan.probes.iter().any(|probe| probe.name == "process"));
    assert!(plan.checks.iter().any(|check| check.name == "restarts"));
    assert_eq!(plan.system.roles["service"].processes, ["name:publisher".parse().unwrap()]);
    let out = left_out(&plan);
    assert!(out.contains(&"workload returned: it needs the lab".to_owned()), "{out:?}");

    // One that keeps processes down needs to have them started again, and a check
    // that needs the lab for it alone comes back with it.
    let source = suite::find("idempotent-ingest").unwrap().source;
    let keys = ["service", "redis", "database", "metrics"];
    let played = [("worker", "name:worker")];
    let without = planned(source, &settings(&keys, &played, &[]));
    let out = left_out(&without);
    let why = "fault stop-workers: it needs the lab or --role-start worker=COMMAND".to_owned();
    assert!(out.contains(&why), "{out:?}");
    assert!(without.faults.iter().any(|fault| fault.name == "kill-workers"));
    assert!(!without.checks.iter().any(|check| check.name == "works-off"));
    let with = planned(source, &settings(&keys, &played, &[("worker", &["worker"])]));
    assert!(with.faults.iter().any(|fault| fault.name == "stop-workers"));
    assert!(with.checks.iter().any(|check| check.name == "works-off"));
}

#[test]
fn a_lab_has_processes_of_its_own() {
    let source = suite::find("channel-leak").unwrap().source;
    let given = settings(&[], &[("service", "name:publisher")], &[("service", &["p"])]);
    let lab = Settings { targets: None, ..given };
    let lines = told(source, &lab);
    assert_eq!(
        lines,
        [
            "f: --role service: the processes of a lab are its own (leave it out, or give the addresses of your own system with --target)",
            "f: --role-start service: the processes of a lab are its own (leave it out, or give the addresses of your own system with --target)",
        ]
    );
}
