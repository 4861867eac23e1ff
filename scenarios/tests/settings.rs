//! What the command line says of a run, against the shipped scenario.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};

use scenarios::plan::{Cause, CheckKind, FaultKind, Place, ProbeKind, Route, Transport};
use scenarios::units::{Rate, Span};
use scenarios::{Plan, Settings, plan, suite};

fn source() -> &'static str {
    suite::find("channel-leak").unwrap().source
}

fn planned(settings: &Settings) -> Plan {
    plan("f", source(), settings).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The problems, without the name of the file.
fn refused(settings: &Settings) -> Vec<String> {
    let problems = plan("f", source(), settings).unwrap_err().to_string();
    problems.lines().map(|line| line.trim_start_matches("f:").trim().to_owned()).collect()
}

fn set(pairs: &[(&str, &str)]) -> Settings {
    let set = pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Settings { set: set.collect::<BTreeMap<_, _>>(), ..Settings::default() }
}

fn targets(keys: &[&str]) -> Settings {
    let keys = keys.iter().map(|&key| key.to_owned());
    Settings { targets: Some(keys.collect::<BTreeSet<_>>()), ..Settings::default() }
}

fn left_out(plan: &Plan) -> Vec<String> {
    plan.left_out.iter().map(|item| format!("{} {}: {}", item.kind, item.name, item.why)).collect()
}

/// The line and column of the first place where a text stands in the file.
fn place(text: &str) -> String {
    let at = source().find(text).unwrap();
    let before = &source()[..at];
    let line = before.matches('\n').count() + 1;
    format!("{line}:{}", at - before.rfind('\n').map_or(0, |newline| newline + 1) + 1)
}

#[test]
fn a_parameter_changes_what_uses_it() {
    let plan = planned(&set(&[("rate", "1k/s"), ("publish_path", "/a?b=${c}")]));
    assert_eq!(plan.workloads[0].rate, Rate(1_000.0));
    assert_eq!(plan.params["rate"], "1k/s");
    let Transport::Http(http) = &plan.workloads[0].transport else { panic!("not HTTP") };
    // A value stands for itself: what looks like a placeholder in it is none.
    let addresses = BTreeMap::from([("service".to_owned(), "http://h".to_owned())]);
    assert_eq!(http.url.fill(&addresses).unwrap(), "http://h/a?b=${c}");
}

#[test]
fn an_unknown_parameter_names_the_nearest() {
    assert_eq!(
        refused(&set(&[("rat", "5/s")])),
        ["--set rat: there is no such parameter (did you mean \"rate\"?)"]
    );
}

#[test]
fn a_bad_value_is_shown_where_it_is_used_and_says_where_it_comes_from() {
    let told = refused(&set(&[("rate", "300")]));
    let message =
        "\"300\" has no unit; write a rate such as \"500/s\" (parameter rate is \"300\" by --set)";
    assert_eq!(told[0], format!("{}: {message}", place("\"${rate}\"")));
    assert_eq!(told.len(), 2, "the rate is used twice: {told:?}");
    let told = refused(&set(&[("identity", "header")]));
    assert!(told[0].contains("JSON pointer"), "{told:?}");
    assert!(told[0].ends_with("(parameter identity is \"header\" by --set)"), "{told:?}");
    let told = refused(&set(&[("refused", "200,400")]));
    assert!(told[0].contains("both accepted and refused"), "{told:?}");
    assert!(told[0].ends_with("; parameter refused is \"200,400\" by --set)"), "{told:?}");
    let told = refused(&set(&[("effects", "maybe")]));
    assert!(told[0].contains("expected \"on\" or \"off\""), "{told:?}");
}

#[test]
fn required_addresses_are_asked_for_all_at_once() {
    assert_eq!(
        refused(&targets(&["service"])),
        [
            "this scenario needs --target management=http://… (the broker's management API, as http://user:password@host:15672)",
            "this scenario needs --target rabbitmq=amqp://… (the broker, as amqp://user:password@host:port/vhost)",
        ]
    );
}

#[test]
fn an_unknown_address_names_the_nearest() {
    let told = refused(&targets(&["service", "rabbitmq", "managment", "management"]));
    assert_eq!(
        told,
        ["--target managment: there is no such target (did you mean \"management\"?)"]
    );
}

#[test]
fn the_lab_runs_everything() {
    let plan = planned(&Settings::default());
    assert_eq!(plan.place, Place::Lab);
    assert_eq!(left_out(&plan), [""; 0]);
    assert_eq!(plan.checks.len(), 18);
}

#[test]
fn a_system_of_somebodys_own_runs_what_it_can() {
    let plan = planned(&targets(&["service", "rabbitmq", "management"]));
    assert_eq!(plan.place, Place::Targets);
    let no_log = "it names no file, and what processes of your own write is in one";
    let mut expected: Vec<String> = WITHOUT_STABLE.iter().map(|&line| line.to_owned()).collect();
    expected.extend([
        format!("probe exhausted: {no_log}"),
        format!("probe amqp-errors: {no_log}"),
        format!("check no-free-channel-ids: exhausted.matches is left out: {no_log}"),
        format!("check no-amqp-errors: amqp-errors.matches is left out: {no_log}"),
        "check as-good-as-stable: stable is left out: there is no --target stable=URL".to_owned(),
        "check as-many-as-stable: stable.unsuccessful is left out: there is no --target stable=URL"
            .to_owned(),
        format!("check restarts: process.restarts is left out: {NO_ROLE}"),
    ]);
    assert_eq!(left_out(&plan), expected);
    // What is left out is gone from the lists of the checks that stay.
    let lost = plan.checks.iter().find(|check| check.name == "nothing-lost").unwrap();
    let CheckKind::Effects(effects) = &lost.kind else { panic!("not effects") };
    assert_eq!(effects.workloads, ["publish"]);
    // Without the Prometheus endpoint the probe reads the management API.
    let ProbeKind::Rabbitmq { metrics, management } = &plan.probes[0].kind else { panic!() };
    assert!(metrics.is_none() && management.is_some());
    assert!(matches!(plan.faults[0].kind, FaultKind::CloseConnections(_)));
}

const NO_ROLE: &str = "it needs the lab or --role service=PROCESSES";

const WITHOUT_STABLE: [&str; 5] = [
    "workload stable: there is no --target stable=URL",
    "workload returned: it needs the lab",
    "workload broken: it needs the lab",
    "fault kill-one-process: it needs the lab or --role service=PROCESSES",
    "probe process: it needs the lab or --role service=PROCESSES",
];

#[test]
fn a_stable_version_and_a_log_bring_their_checks_back() {
    let mut settings = targets(&["service", "rabbitmq", "management", "stable", "metrics"]);
    settings.set.insert("service_log".to_owned(), "/var/log/publisher.log".to_owned());
    let plan = planned(&settings);
    let restarts = format!("check restarts: process.restarts is left out: {NO_ROLE}");
    let expected: Vec<&str> =
        WITHOUT_STABLE[1..].iter().copied().chain([restarts.as_str()]).collect();
    assert_eq!(left_out(&plan), expected);
}

fn skipping(checks: &[&str], faults: &[&str]) -> Settings {
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Settings { skip: names(checks), skip_faults: names(faults), ..Settings::default() }
}

#[test]
fn checks_and_faults_are_skipped_by_name() {
    let plan = planned(&skipping(&["response-time", "healthy"], &["kill-one-process"]));
    assert_eq!(
        left_out(&plan),
        [
            "fault kill-one-process: --skip-fault kill-one-process",
            "check response-time: --skip response-time",
            "check healthy: --skip healthy",
        ]
    );
    assert!(plan.left_out.iter().all(|item| item.cause == Cause::Skipped));
    assert_eq!((plan.checks.len(), plan.faults.len()), (16, 1));
    // Nothing else is excused by a fault that is not there.
    let restarts = plan.checks.iter().find(|check| check.name == "restarts").unwrap();
    let CheckKind::Absence(absence) = &restarts.kind else { panic!("not absence") };
    assert!(absence.excused_by.is_empty());
    let text = toml::to_string(&plan).unwrap();
    assert_eq!(scenarios::plan_from_toml(&text).unwrap().left_out, plan.left_out);
}

#[test]
fn a_fault_that_is_skipped_needs_no_time() {
    let file = "name = \"late\"\n[[phase]]\nname = \"load\"\nfor = \"5s\"\n\
                [[fault]]\nname = \"burn\"\nphase = \"load\"\nat = \"9s\"\n\
                burn_cpu = { cores = 1, for = \"1s\" }\n";
    let told = |settings: &Settings| plan("f", file, settings).unwrap_err().to_string();
    let never = "9s into phase \"load\" never comes: the phase lasts 5s";
    assert!(told(&Settings::default()).contains(never), "{}", told(&Settings::default()));
    assert!(!told(&skipping(&[], &["burn"])).contains(never));
    // Neither is what a file has not said yet too short.
    let file = file.replace("for = \"5s\"\n", "");
    let told = plan("f", &file, &Settings::default()).unwrap_err().to_string();
    assert!(told.contains("\"for\" is missing") && !told.contains("never comes"), "{told}");
}

#[test]
fn skipping_what_is_not_there_names_the_nearest() {
    assert_eq!(
        refused(&skipping(&["response-tine", "kill-one-process"], &["close-one-conection"])),
        [
            "--skip kill-one-process: there is no such check (write --skip-fault kill-one-process)",
            "--skip response-tine: there is no such check (did you mean \"response-time\"?)",
            "--skip-fault close-one-conection: there is no such fault (did you mean \"close-one-connection\"?)",
        ]
    );
}

#[test]
fn a_run_without_any_check_does_not_start() {
    let plan = planned(&Settings::default());
    let all: Vec<&str> = plan.checks.iter().map(|check| check.name.as_str()).collect();
    assert_eq!(refused(&skipping(&all, &[])), ["every check is left out; nothing would be judged"]);
}

#[test]
fn what_cannot_be_done_is_told_at_once_with_what_to_give_or_skip() {
    let source = suite::find("idempotent-ingest").unwrap().source;
    let told = |settings: &Settings| {
        let problems = plan("f", source, settings).unwrap_err().to_string();
        problems.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let needed = ["service", "redis", "database"];
    assert_eq!(
        told(&targets(&needed)),
        [
            "f: there is no --target metrics, and check duplicates-seen, check hit-share, check enqueue-rate, check lag-told, check processing-time, check worker-errors and check no-resets need it (give --target metrics=http://… (the Prometheus endpoint of the service and its workers), or leave it out with --set metrics=off)"
        ]
    );
    // A switch and names do the same; the names are known to the end of the run.
    let checks = [
        "duplicates-seen",
        "hit-share",
        "enqueue-rate",
        "lag-told",
        "processing-time",
        "worker-errors",
        "no-resets",
    ];
    let settings = Settings { targets: targets(&needed).targets, ..skipping(&checks, &[]) };
    let without = plan("f", source, &settings).unwrap_or_else(|problems| panic!("{problems}"));
    let skipped = without.left_out.iter().filter(|item| item.cause == Cause::Skipped);
    assert_eq!(skipped.count(), checks.len());
    // A check that counts from a fault does not go with it by itself.
    assert_eq!(
        told(&skipping(&[], &["stop-workers"])),
        [
            "f: fault stop-workers cannot be part of this run: --skip-fault stop-workers; check works-off needs it (leave it out with --skip works-off)"
        ]
    );
    assert!(plan("f", source, &skipping(&["works-off"], &["stop-workers"])).is_ok());
}

#[test]
fn a_fault_that_needs_the_lab_goes_only_where_the_file_says_so() {
    let needed = targets(&["service", "rabbitmq", "management"]);
    let source = source()
        .replace("name = \"kill-one-process\"\nneeds = \"lab\"\n", "name = \"kill-one-process\"\n");
    let problems = plan("f", &source, &needed).unwrap_err().to_string();
    assert_eq!(
        problems,
        "f: nobody plays the role service, and fault kill-one-process needs it (give --role service=pid-file:FILE, service=name:EXPRESSION, service=unit:NAME or service=k8s:NAMESPACE/LABELS, or leave it out with --skip-fault kill-one-process)"
    );
    let skipped = Settings { skip_faults: ["kill-one-process".to_owned()].into(), ..needed };
    assert!(plan("f", &source, &skipped).is_ok());
}

#[test]
fn a_probe_without_an_address_takes_what_reads_it_along_only_where_the_file_says_so() {
    let source = source().replace(
        "management = \"${target.management}\" }\n\n[[probe]]\nname = \"process\"",
        "}\n\n[[probe]]\nname = \"process\"",
    );
    let settings = targets(&["service", "rabbitmq", "management"]);
    let problems = plan("f", &source, &settings).unwrap_err().to_string();
    let message = "f: there is no --target metrics, and check channels-per-1000, check channels-after-faults, ";
    assert!(problems.starts_with(message), "{problems}");
    assert!(problems.contains("--skip channels-trend") && !problems.contains('\n'), "{problems}");
    let optional = source.replace(
        "[[check]]\nname = \"channels-per-1000\"",
        "[[check]]\nname = \"channels-per-1000\"\noptional = true",
    );
    let problems = plan("f", &optional, &settings).unwrap_err().to_string();
    assert!(!problems.contains("channels-per-1000"), "{problems}");
}

/// The admin API of the proxy stands nowhere in the file: it is a default.
#[test]
fn a_fault_whose_usual_address_is_not_given_is_left_out() {
    let source = suite::find("idempotent-ingest").unwrap().source;
    let planned = |keys: &[&str]| {
        let planned = plan("f", source, &targets(keys));
        planned.unwrap_or_else(|problems| panic!("{problems}"))
    };
    let needed = ["service", "redis", "database", "metrics"];
    let without = planned(&needed);
    let why = "fault slow-network: there is no --target proxy=URL".to_owned();
    assert!(left_out(&without).contains(&why), "{:?}", left_out(&without));
    let names: Vec<&str> = without.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names, ["redis-hangs-up", "database-hangs-up"]);
    let with = planned(&[&needed[..], &["proxy"]].concat());
    assert!(with.faults.iter().any(|fault| fault.name == "slow-network"));
}

#[test]
fn effects_can_be_switched_off() {
    let plan = planned(&set(&[("effects", "off")]));
    assert_eq!(
        left_out(&plan),
        ["effects queue: switched off", "check nothing-lost: switched off"]
    );
}

#[test]
fn a_command_takes_the_place_of_the_request() {
    let plan = planned(&set(&[("publish_command", "publish --id @{id}")]));
    let Transport::Command(command) = &plan.workloads[0].transport else { panic!() };
    assert_eq!(command.run.to_string(), "publish --id @{id}");
}

#[test]
fn an_unknown_variant_names_the_nearest() {
    let settings = |variant: &str| Settings { variant: variant.to_owned(), ..Settings::default() };
    assert_eq!(
        refused(&settings("slow-leek")),
        ["--variant slow-leek: there is no such variant (did you mean \"slow-leak\"?)"]
    );
    assert_eq!(planned(&settings("churn")).variant, "churn");
    let own =
        Settings { variant: "churn".to_owned(), ..targets(&["service", "rabbitmq", "management"]) };
    assert_eq!(
        refused(&own),
        ["--variant churn: variants are of the lab (leave out --variant or the targets)"]
    );
}

#[test]
fn a_duration_stretches_the_phase_that_says_so() {
    let settings =
        |length: &str| Settings { duration: Some(length.parse().unwrap()), ..Settings::default() };
    let plan = planned(&settings("2h"));
    let load = plan.phases.iter().find(|phase| phase.name == "load").unwrap();
    assert_eq!(load.length, Span::seconds(7_200));
    assert_eq!(plan.timeline().end().as_secs(), 3 + 5 + 7_200 + 8 + 6 + 8 + 4);
    assert_eq!(refused(&settings("1500ms")), ["--duration 1.5s: give whole seconds, at least one"]);
    let rigid = source().replace("stretch = true", "");
    let told = scenarios::plan("f", &rigid, &settings("5s")).unwrap_err().to_string();
    assert_eq!(told, "f: --duration: no phase of this scenario is marked stretch = true");
}

#[test]
fn a_workload_says_how_it_connects() {
    let with = |keys: &str| {
        let url = "url = \"${target.service}${publish_path}\"\n";
        let source = source().replacen(url, &format!("{url}{keys}\n"), 1);
        let plan = plan("f", &source, &Settings::default()).unwrap_or_else(|p| panic!("{p}"));
        let text = toml::to_string(&plan).unwrap();
        assert!(scenarios::plan_from_toml(&text).unwrap() == plan, "{text}");
        let Transport::Http(http) = plan.workloads[0].transport.clone() else { panic!("not HTTP") };
        http
    };
    let plain = with("");
    assert!(plain.keepalive && plain.route == Route::default());
    assert!(!with("keepalive = false").keepalive);
    let http = with("resolve = \"*:80:127.0.0.1\"\nconnect_to = \"::shop.test:80\"");
    assert_eq!(http.route.resolve[0].to_string(), "*:80:127.0.0.1");
    assert_eq!(http.route.connect_to.unwrap().of("h", 1), Some(("shop.test".to_owned(), 80)));
    let http = with("proxy = \"${target.service}\"");
    assert_eq!(http.route.proxy.unwrap().targets(), ["service"]);
    assert!(with("unix_socket = \"/run/shop.sock\"").route.unix_socket.is_some());
    // What is empty is not there, as everywhere.
    assert!(with("unix_socket = \"\"").route.unix_socket.is_none());
}
