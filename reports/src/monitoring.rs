//! A scenario's bounds for the monitoring of production: the same checks as
//! alert rules of Prometheus and as a dashboard of Grafana.
//!
//! A check becomes a rule where it speaks of something that Prometheus can
//! scrape without the tool: the metrics of the system itself, of RabbitMQ, of
//! `redis_exporter` and of `kube-state-metrics`. What needs a run (its load, its
//! ledger, its faults) does not, and is listed with the reason, so that nobody
//! takes silence for safety.

mod alerts;
mod dashboard;
mod promql;
mod rule;
mod samples;
mod unit_tests;

pub use alerts::alerts;
pub use dashboard::dashboard;
pub use unit_tests::unit_tests;

/// A text in quotes. A string of JSON is one of YAML and of PromQL as well.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
