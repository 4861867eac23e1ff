//! The shipped scenarios as alert rules and dashboards.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use reports::monitoring::{alerts, dashboard, unit_tests};
use scenarios::units::Span;
use scenarios::{Plan, Settings, suite};
use serde_json::Value;

fn plan(name: &str, set: &[(&str, &str)]) -> Plan {
    let set = set.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = Settings { set, ..Settings::default() };
    let plan = scenarios::plan(name, suite::find(name).expect(name).source, &settings);
    plan.unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// The rule of an alert, by the keys of the file.
fn rule(plan: &Plan, alert: &str) -> Value {
    let text = alerts(plan, Span::seconds(60));
    let file: Value = serde_saphyr::from_str(&text).expect("YAML");
    let rules = file["groups"][0]["rules"].as_array().expect("rules").clone();
    let found = rules.into_iter().find(|rule| rule["alert"] == alert);
    found.unwrap_or_else(|| panic!("no {alert} in\n{text}"))
}

#[test]
fn a_bound_alerts_where_prometheus_has_its_series() {
    let ingest = plan("idempotent-ingest", &[("lag_alert", "5m")]);
    let lag = rule(&ingest, "IdempotentIngestLagAlert");
    assert_eq!(
        lag["expr"],
        r#"redis_stream_group_lag{stream=~"msg:stream:[0-9]+",group="persistence-workers"} > 1000"#
    );
    assert_eq!((&lag["for"], &lag["labels"]["severity"]), (&"300s".into(), &"critical".into()));
    let told = rule(&ingest, "IdempotentIngestLagTold");
    assert_eq!(told["expr"], "sum by (partition) (stream_partition_lag) > 99");
    let slow = rule(&ingest, "IdempotentIngestProcessingTime");
    assert_eq!(
        slow["expr"],
        "histogram_quantile(0.95, sum by (le) (rate(message_processing_duration_seconds_bucket[300s]))) > 0.1"
    );
    let share = rule(&ingest, "IdempotentIngestHitShare");
    assert_eq!(
        share["expr"],
        r#"sum(rate(idempotency_hit_total{operation="ingress"}[5m])) / sum(rate(stream_enqueue_total[5m])) > 0.1"#
    );
    assert_eq!(share["labels"]["severity"], "warning");
    let errors = rule(&ingest, "IdempotentIngestWorkerErrors");
    assert_eq!(
        errors["expr"],
        r#"sum(rate(stream_consumer_processed_total{status="error"}[5m])) > 1"#
    );
    let leak = plan("channel-leak", &[]);
    let channels = rule(&leak, "ChannelLeakTotalChannels");
    assert_eq!(channels["expr"], "rabbitmq_channels > 1000");
}

/// Nobody must take a check that is not watched for one that is.
#[test]
fn every_check_is_a_rule_or_is_said_not_to_be() {
    for shipped in suite::ALL {
        let plan = plan(shipped.name, &[]);
        let text = alerts(&plan, Span::seconds(60));
        let file: Value = serde_saphyr::from_str(&text).expect("YAML");
        let rules = file["groups"][0]["rules"].as_array().expect("rules");
        let names: BTreeSet<&str> =
            rules.iter().filter_map(|rule| rule["alert"].as_str()).collect();
        assert_eq!(names.len(), rules.len(), "two rules have one name");
        let said = |check: &str| text.contains(&format!("#   {check}: "));
        let missing = plan.checks.iter().filter(|check| said(&check.name)).count();
        assert_eq!(missing + rules.len(), plan.checks.len(), "{text}");
    }
}

#[test]
fn a_dashboard_has_a_panel_for_each_rule_with_its_bound() {
    for shipped in suite::ALL {
        let plan = plan(shipped.name, &[]);
        let file: Value = serde_saphyr::from_str(&alerts(&plan, Span::seconds(60))).expect("YAML");
        let drawn: Value = serde_json::from_str(&dashboard(&plan)).expect("JSON");
        let panels = drawn["panels"].as_array().expect("panels");
        assert_eq!(panels.len(), file["groups"][0]["rules"].as_array().expect("rules").len());
        for panel in panels {
            let steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"].as_array();
            assert!(steps.expect("steps").iter().any(|step| step["color"] == "red"), "{panel}");
            assert!(panel["targets"][0]["expr"].as_str().is_some_and(|expr| !expr.is_empty()));
        }
    }
}

/// Runs `promtool test rules` on a scenario's rules, changed by `change`; nothing where
/// there is no promtool.
fn promtool(
    plan: &Plan,
    lasting: Span,
    change: impl Fn(String) -> String,
) -> Option<(bool, String)> {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("it can be written");
        path
    };
    put("alerts.yml", change(alerts(plan, lasting)));
    let tests = put("alerts.test.yml", unit_tests(plan, lasting, "alerts.yml"));
    let ran =
        Command::new("promtool").args([Path::new("test"), Path::new("rules"), &tests]).output();
    let ran = ran.inspect_err(|error| println!("promtool was not run: {error}")).ok()?;
    let said = [ran.stdout, ran.stderr].concat();
    Some((ran.status.success(), String::from_utf8_lossy(&said).into_owned()))
}

#[test]
fn each_alert_has_a_test_that_it_fires_and_one_that_it_does_not() {
    for shipped in suite::ALL {
        let plan = plan(shipped.name, &[]);
        let file: Value = serde_saphyr::from_str(&alerts(&plan, Span::seconds(60))).expect("YAML");
        let text = unit_tests(&plan, Span::seconds(60), "alerts.yml");
        let tests: Value = serde_saphyr::from_str(&text).expect("YAML");
        let tests = tests["tests"].as_array().expect("tests");
        for rule in file["groups"][0]["rules"].as_array().expect("rules") {
            let alert = rule["alert"].as_str().expect("a name");
            let of = |what: &str| {
                let named = |test: &&Value| test["name"] == format!("{alert} {what}");
                tests.iter().filter(named).count()
            };
            assert!(of("fires when its bound is broken") >= 1, "{alert}\n{text}");
            assert_eq!(of("does not fire when it holds"), 1, "{alert}\n{text}");
        }
    }
}

#[test]
fn promtool_finds_the_unit_tests_right_and_rules_of_other_bounds_wrong() {
    let times = [0, 90, 3_600].map(Span::seconds).into_iter().cycle();
    for (shipped, lasting) in suite::ALL.iter().zip(times) {
        let plan = plan(shipped.name, &[]);
        let Some((passed, said)) = promtool(&plan, lasting, |rules| rules) else { return };
        assert!(passed, "{}, {lasting}: {said}", shipped.name);
    }
    let never = |rules: String| rules.replace(" > ", " > 1e9 * ").replace(" < ", " < -1e9 * ");
    let plan = plan("idempotent-ingest", &[]);
    let (passed, said) = promtool(&plan, Span::seconds(60), never).expect("as before");
    assert!(!passed && said.contains("FAILED"), "{said}");
}
