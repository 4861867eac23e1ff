//! What is asked before a run, and what comes of it.

use std::collections::BTreeSet;

use scenarios::{Settings, plan};

use super::*;

const SCENARIO: &str = r#"
name = "shop"
title = "orders are updated"

[params.metrics]
default = "on"

[system.targets.control]
help = "the controller"
schemes = ["http"]
required = false

[system.targets.cluster]
help = "the cluster"
schemes = ["kubernetes"]
required = false

[system.targets.metrics]
help = "the metrics"
schemes = ["http"]
required = false

[[phase]]
name = "rollout"
for = "60s"

[[workload]]
name = "tick"
rate = "5/s"
phases = ["rollout"]
command = { run = "true" }

[[probe]]
name = "orders-served"
enabled = "${metrics}"
prometheus = { url = "${target.metrics}", metric = { served = { metric = "served" } } }

[[deployment]]
name = "orders"
images = { stable = "orders:1", new = "orders:2" }
at = { control = "${target.control}", kubernetes = "${target.cluster}" }

[[deployment.step]]
name = "to-new"
phase = "rollout"
set_image = "new"
within = "30s"

[[check]]
name = "done"
title = "it is done"
rollout = { deployment = "orders" }
"#;

/// What is wrong with these addresses.
async fn wrong(targets: &[(&str, &str)], metrics: &str) -> TargetError {
    // As a run does, where another test of this process has not.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let owned = |&(key, address): &(&str, &str)| (key.to_owned(), address.to_owned());
    let targets: BTreeMap<String, String> = targets.iter().map(owned).collect();
    let settings = Settings {
        targets: Some(targets.keys().cloned().collect::<BTreeSet<_>>()),
        set: [("metrics".to_owned(), metrics.to_owned())].into(),
        ..Settings::default()
    };
    let plan = plan("f", SCENARIO, &settings).unwrap_or_else(|problems| panic!("{problems}"));
    reach(&plan, &targets).await.unwrap_err()
}

/// Nobody listens at these ports.
const NOBODY: &str = "http://127.0.0.1:1";
const NOBODY_ELSE: &str = "http://127.0.0.1:2";

#[tokio::test]
async fn an_address_that_nothing_uses_is_not_asked() {
    let targets = [("control", NOBODY), ("metrics", NOBODY_ELSE)];
    let error = wrong(&targets, "on").await;
    assert!(!error.is_usage() && error.to_string().contains("metrics: nobody"), "{error}");
    let error = wrong(&targets, "off").await;
    assert!(!error.is_usage() && error.to_string().contains("control: nobody"), "{error}");
    assert!(!error.to_string().contains("metrics"), "{error}");
}

#[tokio::test]
async fn what_the_command_line_has_to_mend_is_usage() {
    let error = wrong(&[("control", "http://ann:hunter22@127.0.0.1:1")], "off").await;
    let told = error.to_string();
    assert!(error.is_usage() && told.contains("orders: the controller's address"), "{told}");
    assert!(!told.contains("hunter22"), "{told}");
    let error = wrong(&[("cluster", "shop-prod/orders")], "off").await;
    let told = error.to_string();
    assert!(error.is_usage() && told.contains("--allow shop-prod"), "{told}");
}

#[test]
fn a_text_that_no_shell_can_read_is_told_before_anything_starts() {
    let text =
        SCENARIO.replacen("command = { run = \"true\" }", "command = { run = 'true \"x' }", 1);
    let at = r#"at = { commands = { set_image = "./roll 'x", status = "(./done" } }"#;
    let text = text.replacen(
        r#"at = { control = "${target.control}", kubernetes = "${target.cluster}" }"#,
        at,
        1,
    );
    let settings = Settings { targets: Some(BTreeSet::new()), ..Settings::default() };
    let set = [("metrics".to_owned(), "off".to_owned())].into();
    let plan = plan("f", &text, &Settings { set, ..settings });
    let plan = plan.unwrap_or_else(|problems| panic!("{problems}"));
    let error = shells(&plan).unwrap_err();
    let told = error.to_string();
    assert!(error.is_usage(), "{told}");
    for part in [
        "deployment orders, set_image: sh cannot read ./roll 'x (",
        "deployment orders, status: sh cannot read (./done (",
        "workload tick: sh cannot read true \"x (",
    ] {
        assert!(told.contains(part), "{part:?} is not in\n{told}");
    }
}
