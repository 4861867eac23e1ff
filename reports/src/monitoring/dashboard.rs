//! A dashboard of Grafana, in JSON.

use scenarios::Plan;
use scenarios::units::Unit;
use serde_json::{Value, json};

use super::rule::{self, Rule};

/// The grid of Grafana is 24 wide.
const WIDTH: usize = 12;
const HEIGHT: usize = 8;

/// The checks of a scenario as a dashboard for Grafana: a panel for each check
/// that Prometheus can watch, with its bound drawn in.
#[must_use]
pub fn dashboard(plan: &Plan) -> String {
    let rules = plan.checks.iter().filter_map(|check| {
        let rule = rule::of(plan, check).ok()?;
        Some((check.title.as_str(), check.name.as_str(), rule))
    });
    let panels: Vec<Value> = rules
        .enumerate()
        .map(|(place, (title, name, rule))| panel(place, title, name, &rule))
        .collect();
    let dashboard = json!({
        "title": format!("Shakedown: {}", plan.name),
        "description": plan.title,
        "tags": ["shakedown", plan.name],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": { "from": "now-1h", "to": "now" },
        "templating": { "list": [{
            "name": "datasource",
            "label": "Prometheus",
            "type": "datasource",
            "query": "prometheus",
        }] },
        "panels": panels,
    });
    format!("{dashboard:#}\n")
}

fn panel(place: usize, title: &str, name: &str, rule: &Rule) -> Value {
    let source = json!({ "type": "prometheus", "uid": "${datasource}" });
    let unit = match rule.unit {
        Unit::Seconds => "s",
        Unit::Bytes => "bytes",
        Unit::Share => "percentunit",
        Unit::PerSecond => "cps",
        Unit::Count => "short",
    };
    json!({
        "id": place + 1,
        "type": "timeseries",
        "title": title,
        "description": format!("{name}: {}", rule.bound()),
        "gridPos": { "x": place % 2 * WIDTH, "y": place / 2 * HEIGHT, "w": WIDTH, "h": HEIGHT },
        "datasource": source,
        "targets": [{ "refId": "A", "datasource": source, "expr": rule.value }],
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "min": 0,
                "custom": { "thresholdsStyle": { "mode": "line" } },
                "thresholds": { "mode": "absolute", "steps": steps(rule) },
            },
            "overrides": [],
        },
    })
}

/// Red is where the bound is broken.
fn steps(rule: &Rule) -> Vec<Value> {
    let step = |color: &str, value: Option<f64>| json!({ "color": color, "value": value });
    let mut steps = match rule.min {
        Some(min) => vec![step("red", None), step("green", Some(min))],
        None => vec![step("green", None)],
    };
    steps.extend(rule.max.map(|max| step("red", Some(max))));
    steps
}
