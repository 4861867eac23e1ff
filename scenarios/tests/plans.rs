//! Plans of the shipped scenarios, and that a written plan reads back.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use scenarios::plan::{Expected, Severity};
use scenarios::units::Span;
use scenarios::{Settings, plan, plan_from_toml, suite};

#[test]
fn every_shipped_scenario_plans_in_every_variant() {
    for shipped in suite::ALL {
        let default = plan(shipped.name, shipped.source, &Settings::default());
        let default = default.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        assert_eq!(default.name, shipped.name);
        for variant in default.system.variants.keys() {
            let settings = Settings { variant: variant.clone(), ..Settings::default() };
            assert_eq!(plan(shipped.name, shipped.source, &settings).unwrap().variant, *variant);
        }
    }
}

#[test]
fn every_variant_is_caught_by_checks_of_the_right_severity() {
    for shipped in suite::ALL {
        let plan = plan(shipped.name, shipped.source, &Settings::default()).unwrap();
        for (name, variant) in &plan.system.variants {
            let severities: Vec<Severity> = variant
                .caught_by
                .iter()
                .map(|name| plan.checks.iter().find(|check| check.name == *name).unwrap().severity)
                .collect();
            let severity = match variant.expect {
                Expected::Held | Expected::Inconclusive => Severity::Warning,
                Expected::Violated => Severity::Violation,
            };
            assert!(severities.iter().all(|&found| found == severity), "{}: {name}", shipped.name);
        }
    }
}

/// Vectors of every user are compared, also of those with a single event, unless they
/// are said to be other ones.
#[test]
fn vectors_of_the_worker_queue_are_compared_unless_they_are_other_ones() {
    let shipped = suite::find("worker-queue").unwrap();
    let compared = |values: &str| -> Vec<bool> {
        let set = BTreeMap::from([("values".to_owned(), values.to_owned())]);
        let settings = Settings { set, ..Settings::default() };
        let plan = plan(shipped.name, shipped.source, &settings).unwrap();
        let aggregates = plan.effects.iter().filter_map(|effects| effects.aggregate.as_ref());
        aggregates.map(|aggregate| aggregate.value.is_some()).collect()
    };
    assert_eq!(compared("on"), [true, true]);
    assert_eq!(compared("off"), [false, false]);
}

#[test]
fn a_shipped_scenario_is_found_or_the_nearest_is_named() {
    assert_eq!(suite::find("channel-leak").unwrap().name, "channel-leak");
    let told = suite::find("chanel-leak").unwrap_err();
    assert!(told.contains("did you mean \"channel-leak\"?"), "{told}");
}

/// What is empty is left out, so that a parameter can leave a setting to the system.
#[test]
fn settings_of_the_reference_system_are_kept_as_texts() {
    let shipped = suite::find("canary").unwrap();
    let settings = "settings = { wait = \"${wait}\", times = 3, is_on = true, none = \"\" }";
    let source = shipped.source.replacen(
        "[system]\n",
        &format!("[params.wait]\ndefault = \"5s\"\n\n[system]\n{settings}\n"),
        1,
    );
    let set = [("wait".to_owned(), "100ms".to_owned())];
    let settings = Settings { set: set.into(), ..Settings::default() };
    let plan = plan("own", &source, &settings).unwrap();
    let told = [("is_on", "true"), ("times", "3"), ("wait", "100ms")];
    let told = told.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(plan.system.settings, BTreeMap::from(told));
    assert_eq!(plan_from_toml(&toml::to_string(&plan).unwrap()).unwrap(), plan);
}

/// What a source does not say beside itself is missed by nobody.
#[test]
fn every_source_of_effects_is_enough_by_itself() {
    for source in [
        "amqp_tap = { url = \"amqp://h\", exchange = \"e\", routing_key = \"\" }",
        "sql = { url = \"postgres://h/d\", query = \"select id from rows\" }",
        "redis_stream = { url = \"redis://h\", stream = \"s\", field = \"id\" }",
        "redis_stream = { url = \"redis://h\", stream = \"s\", identity = \"field:id\" }",
        "redis_key = { url = \"redis://h\", key = \"k\" }",
        "mongodb = { url = \"mongodb://h/d\", collection = \"c\", find = '{}', identity = \"/id\" }",
        "amqp_queue = { url = \"amqp://h\", queue = \"q\" }",
        "ndjson = { file = \"f\", identity = \"/id\" }",
        "http = { url = \"http://h/list\" }",
        "command = { run = \"list\" }",
    ] {
        let scenario = format!(
            "name = \"own\"\ntitle = \"own\"\n[system]\n[[phase]]\nname = \"load\"\nfor = \"2s\"\n\
             [[workload]]\nname = \"send\"\nrate = \"5/s\"\nphases = [\"load\"]\n\
             http = {{ url = \"http://h/\", body = \"@{{id}}\" }}\n\
             [[effects]]\nname = \"rows\"\n{source}\n\
             [[check]]\nname = \"once\"\ntitle = \"once\"\n\
             effects = {{ source = \"rows\", workloads = [\"send\"] }}\n"
        );
        let settings = Settings { targets: Some(BTreeSet::new()), ..Settings::default() };
        let read = plan("own", &scenario, &settings);
        assert!(read.is_ok(), "{source}: {}", read.unwrap_err().render(false));
    }
}

#[test]
fn a_plan_of_another_version_is_refused() {
    let shipped = &suite::ALL[0];
    let plan = plan(shipped.name, shipped.source, &Settings::default()).unwrap();
    let text = toml::to_string(&plan).unwrap();
    let other = text.replace("plan_version = 1", "plan_version = 2");
    assert_eq!(
        plan_from_toml(&other).unwrap_err(),
        "this plan has version 2; this program reads version 1"
    );
    assert!(plan_from_toml("name = 'x'").unwrap_err().contains("no plan_version"));
    assert!(plan_from_toml(&format!("surprise = 1\n{text}")).unwrap_err().contains("surprise"));
}

prop_compose! {
    fn settings()(
        lab in any::<bool>(),
        optional in prop::collection::btree_set(prop::sample::select(vec!["stable", "metrics", "proxy"]), 0..3),
        seed in any::<u64>(),
        rate in 1_u32..1_000_000,
        per in prop::sample::select(vec!["s", "m", "h"]),
        path in "[ -~é€]{0,20}",
        effects in any::<bool>(),
        length in prop::option::of(1_u64..1_000_000),
        command in prop::option::of("[a-z$@{}]{1,12}"),
    ) -> Settings {
        let given: BTreeSet<String> = optional.into_iter().map(str::to_owned).collect();
        let mut set = BTreeMap::from([
            ("rate".to_owned(), format!("{rate}/{per}")),
            ("publish_path".to_owned(), path.clone()),
            ("path".to_owned(), path),
            ("effects".to_owned(), if effects { "on" } else { "off" }.to_owned()),
        ]);
        if let Some(command) = command {
            set.insert("publish_command".to_owned(), command);
        }
        Settings {
            targets: (!lab).then_some(given),
            set,
            seed,
            duration: length.map(Span::seconds),
            ..Settings::default()
        }
    }
}

/// What of these settings a scenario knows, with the addresses that it needs.
fn fitting(shipped: &suite::Shipped, mut settings: Settings) -> Settings {
    let known = plan(shipped.name, shipped.source, &Settings::default());
    let known = known.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    settings.set.retain(|name, _| known.params.contains_key(name));
    settings.targets = settings.targets.map(|optional| {
        let targets = known.system.targets.into_iter();
        // A deployment has one orchestrator.
        let given = targets.filter(|(key, target)| {
            target.required || optional.contains(key) || key == "deployments"
        });
        given.map(|(key, _)| key).collect()
    });
    // Faults that come again and again need room for a turn each, and few are enough.
    if shipped.name == "soak" {
        let fit = |length: Span| length.clamp(Span::seconds(300), Span::seconds(3_000));
        settings.duration = settings.duration.map(fit);
    }
    // What needs an address is switched off without it.
    let switches =
        [("metrics", "metrics"), ("load", "service"), ("requests", "service"), ("steps", "weight")];
    for (switch, target) in switches {
        let has = settings.targets.as_ref().is_none_or(|given| given.contains(target));
        if known.params.contains_key(switch) && !has {
            settings.set.insert(switch.to_owned(), "off".to_owned());
        }
    }
    settings
}

proptest! {
    /// A plan that was written down is read as the plan it was.
    #[test]
    fn a_written_plan_reads_back(settings in settings()) {
        for shipped in suite::ALL {
            let settings = fitting(shipped, settings.clone());
            let plan = plan(shipped.name, shipped.source, &settings)
                .map_err(|problems| TestCaseError::fail(problems.render(false)))?;
            let text = toml::to_string(&plan).unwrap();
            prop_assert_eq!(plan_from_toml(&text).unwrap(), plan);
        }
    }
}

/// A scenario with one workload.
fn scenario(workload: &str) -> String {
    format!(
        r#"
name = "shop"
title = "a checkout is accepted"

[system]
reference = "publisher"

[[phase]]
name = "load"
for = "10s"

[[workload]]
name = "checkout"
rate = "50/s"
phases = ["load"]
{workload}

[[check]]
name = "accepted"
title = "the shop accepts what it is asked"
ratio = {{ of = "checkout.hits", to = "checkout.resent", phases = ["load"], max = "100%" }}
"#
    )
}

const SHAPED: &str = r#"
size = "300B-4KiB"
keys = 1000
key_dist = "zipf:1.1"
duplicates = "3%"
duplicates_when = "concurrently"
poison = "0.1%"
poison_body = '{"id":"@{id}","pad":"@{pad}"}'
arrival = "poisson"
max_in_flight = 64
workers = 2
late = "drop"
"#;

#[test]
fn a_workload_has_a_shape_whatever_carries_it() {
    for transport in [
        r#"http = { url = "http://127.0.0.1:1/", body = "@{key} @{pad}", headers = { idempotency-key = "@{id}" }, retries = 2, same = "/messageId", hit_header = "idempotency-hit" }"#,
        r#"amqp = { url = "amqp://127.0.0.1:1", routing_key = "q", body = "@{id} @{pad}" }"#,
        r#"redis = { url = "redis://127.0.0.1:1", stream = "s", partitions = 16, fields = { id = "@{id}", data = "@{pad}" } }"#,
        r#"redis = { url = "redis://127.0.0.1:1", list = "l", left = true }"#,
        r#"redis = { url = "redis://127.0.0.1:1", channel = "c" }"#,
        r#"kafka = { brokers = "127.0.0.1:1", topic = "t", key = "@{key}", acks = "1", settings = { "linger.ms" = "5" } }"#,
    ] {
        let source = scenario(&format!("{SHAPED}{transport}"));
        let planned = plan("shop", &source, &Settings::default());
        let planned = planned.unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        let workload = &planned.workloads[0];
        assert_eq!(workload.shape.duplicates.0, 0.03);
        assert_eq!(workload.shape.size.as_ref().unwrap().to_string(), "300B-4KiB");
        assert_eq!((workload.workers, workload.max_in_flight), (2, Some(64)));
        let text = toml::to_string(&planned).unwrap();
        assert_eq!(plan_from_toml(&text).unwrap(), planned, "{transport}");
    }
}

/// Runs that were made before workloads had a shape can be judged again.
#[test]
fn a_plan_without_shapes_reads() {
    let source = scenario(r#"http = { url = "http://127.0.0.1:1/", body = "@{id}" }"#);
    let planned = plan("shop", &source, &Settings::default()).unwrap();
    let mut table: toml::Table = toml::to_string(&planned).unwrap().parse().unwrap();
    let workload = table["workloads"][0].as_table_mut().unwrap();
    for key in ["arrival", "workers", "late", "shape"] {
        assert!(workload.remove(key).is_some(), "{key}");
    }
    workload["transport"]["http"].as_table_mut().unwrap().remove("retries");
    assert_eq!(plan_from_toml(&toml::to_string(&table).unwrap()).unwrap(), planned);
}

const DEPLOYMENT: &str = r#"
name = "shop"
title = "orders are updated"

[params.new]
default = "orders:2"

[system]
reference = "rolling-deploy"

[system.targets.deployments]
help = "the controller"
schemes = ["http"]
required = false

[[phase]]
name = "baseline"
for = "10s"

[[phase]]
name = "rollout"
for = "60s"

[[workload]]
name = "tick"
rate = "5/s"
phases = ["baseline", "rollout"]
command = { run = "true" }

[[fault]]
name = "kill"
phase = "rollout"
after = { deployment = "orders", step = "to-new", updated = 2 }
optional = true
kill_process = { role = "orders" }

[[deployment]]
name = "orders"
at = { control = "${target.deployments}" }
canary = "orders-canary"
images = { stable = "orders:1", new = "${new}" }
roll_back_if = ["calm", "switched-off"]
optional = true

[[deployment.step]]
name = "canary"
phase = "baseline"
weight = "1 of 4"
within = "5s"

[[deployment.step]]
name = "to-new"
phase = "rollout"
set_image = "new"

[[deployment.step]]
name = "back"
phase = "rollout"
at = "30s"
undo = "previous"
overlaps = true
within = "30s"

[[check]]
name = "calm"
title = "no pod is restarted"
absence = { series = "orders-canary.restarts", phases = ["rollout"] }
optional = true

[[check]]
name = "switched-off"
title = "nothing"
enabled = "off"
absence = { series = "orders.restarts", phases = ["rollout"] }

[[check]]
name = "ticks"
title = "the clock ticks"
ratio = { of = "tick.unsuccessful", to = "tick.due", phases = ["rollout"], max = "1%" }
"#;

#[test]
fn a_deployment_is_planned_with_its_steps_and_reads_back() {
    use scenarios::plan::{Afterwards, Change, Orchestrator};

    let plan = plan("shop.toml", DEPLOYMENT, &Settings::default()).unwrap();
    let [orders] = &plan.deployments[..] else { panic!("{:?}", plan.deployments) };
    let Orchestrator::Control(address) = &orders.at else { panic!("{:?}", orders.at) };
    assert_eq!(address.as_str(), "${target.deployments}");
    assert_eq!(
        (orders.after, &orders.roll_back_if[..]),
        (Afterwards::Restore, &["calm".to_owned()][..])
    );
    assert_eq!(orders.names().collect::<Vec<_>>(), ["orders", "orders-canary"]);
    let said: Vec<String> = orders.steps.iter().map(|step| orders.what(&step.change)).collect();
    assert_eq!(
        said,
        [
            "canary 1 of 4 with new (orders:2)",
            "set image new (orders:2)",
            "undo to the revision before"
        ]
    );
    assert_eq!(orders.steps[2].change, Change::Undo { revision: None });
    assert_eq!((orders.steps[1].within, orders.steps[2].overlaps), (Span::seconds(60), true));
    let text = toml::to_string(&plan).unwrap();
    assert_eq!(plan_from_toml(&text).unwrap(), plan);
    let targets = [("deployments".to_owned(), "http://127.0.0.1:1".to_owned())].into();
    let Orchestrator::Control(address) = orders.filled(&targets).unwrap().at else { panic!() };
    assert_eq!(address.as_str(), "http://127.0.0.1:1");
    assert!(orders.filled(&BTreeMap::new()).is_err());
}

/// What reads its series or waits for its steps goes with it.
#[test]
fn a_deployment_that_cannot_be_reached_takes_along_what_needs_it() {
    let settings = Settings { targets: Some(BTreeSet::new()), ..Settings::default() };
    let plan = plan("shop.toml", DEPLOYMENT, &settings).unwrap();
    assert!(plan.deployments.is_empty() && plan.faults.is_empty());
    let left: BTreeSet<String> =
        plan.left_out.iter().map(|item| format!("{} {}", item.kind, item.name)).collect();
    let expected = ["check calm", "check switched-off", "deployment orders", "fault kill"];
    assert_eq!(left, expected.map(str::to_owned).into());
    // Where nothing says that it may be left out, there is no such run.
    let strict =
        DEPLOYMENT.replace("optional = true\n\n[[deployment.step]]", "\n[[deployment.step]]");
    let told = scenarios::plan("shop.toml", &strict, &settings).unwrap_err().render(false);
    assert!(
        told.contains("there is no --target deployments, and deployment orders needs it"),
        "{told}"
    );
}

/// A fault that comes again and again is its turns in the plan, and so it is in what is
/// excused by it.
#[test]
fn turns_of_a_fault_stand_in_its_place() {
    let soak = suite::find("soak").unwrap();
    let of = |seed: u64, duration: u64, set: &[(&str, &str)]| {
        let set = set.iter().map(|&(name, value)| (name.to_owned(), value.to_owned()));
        let duration = Some(Span::seconds(duration));
        let settings = Settings { seed, duration, set: set.collect(), ..Settings::default() };
        plan(soak.name, soak.source, &settings)
    };
    let plan = of(1, 8 * 3_600, &[]).unwrap();
    let kills: Vec<&str> = plan.faults.iter().map(|fault| fault.name.as_str()).collect();
    let kills: Vec<&str> = kills.into_iter().filter(|name| name.starts_with("kill-")).collect();
    assert!((30..60).contains(&kills.len()), "{}", kills.len());
    let excused = plan.checks.iter().find(|check| check.name == "worker-restarts").unwrap();
    let mut kind = excused.kind.clone();
    assert_eq!(kind.statement().excused_by.iter().collect::<Vec<_>>(), kills);
    assert_eq!(of(1, 8 * 3_600, &[]).unwrap(), plan, "a seed draws one timetable");
    assert_ne!(of(2, 8 * 3_600, &[]).unwrap().faults, plan.faults);
    // The quick form has each of them.
    for seed in 1..20 {
        let quick = of(seed, 240, &[("faults_every", "3m")]).unwrap();
        assert!(quick.faults.len() >= 7, "{}", quick.faults.len());
    }
    let told = of(1, 20, &[]).unwrap_err().to_string();
    assert!(told.contains("has no room for it"), "{told}");
}
