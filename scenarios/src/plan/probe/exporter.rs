//! What common exporters call requests, errors, durations and memory.
//!
//! The names are those of their documents: express-prom-bundle 8 over prom-client 15;
//! Spring Boot 2 and 3 with Micrometer; the stable semantic conventions of
//! OpenTelemetry for HTTP (1.23 and later) as Prometheus names them; NGINX Prometheus
//! Exporter 1 with `stub_status`; Envoy's `/stats/prometheus`.

use std::collections::BTreeMap;

use super::matchers::{How, Matcher, Matchers};
use super::metric::{Metric, MetricRead};
use crate::units::Unit;

/// An exporter whose names are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exporter {
    /// Node.js, with express-prom-bundle.
    PromClient,
    /// Spring Boot.
    Micrometer,
    /// An SDK of OpenTelemetry.
    OpenTelemetry,
    /// NGINX Prometheus Exporter, which knows requests alone.
    NginxExporter,
    /// Envoy, as the clusters behind it answer.
    Envoy,
}

/// What one of them calls what.
struct Names {
    requests: &'static str,
    /// The label of requests that failed, and the expression that it matches.
    errors: Option<(&'static str, &'static str)>,
    /// The histogram of durations, and how many of its units a second has.
    duration: Option<(&'static str, f64)>,
    memory: Option<&'static str>,
}

impl Exporter {
    const fn names(self) -> Names {
        match self {
            Self::PromClient => Names {
                requests: "http_request_duration_seconds_count",
                errors: Some(("status_code", "5..|5xx")),
                duration: Some(("http_request_duration_seconds", 1.0)),
                memory: Some("process_resident_memory_bytes"),
            },
            Self::Micrometer => Names {
                requests: "http_server_requests_seconds_count",
                errors: Some(("outcome", "SERVER_ERROR")),
                duration: Some(("http_server_requests_seconds", 1.0)),
                memory: Some("jvm_memory_used_bytes"),
            },
            Self::OpenTelemetry => Names {
                requests: "http_server_request_duration_seconds_count",
                errors: Some(("http_response_status_code", "5..")),
                duration: Some(("http_server_request_duration_seconds", 1.0)),
                memory: None,
            },
            Self::NginxExporter => Names {
                requests: "nginx_http_requests_total",
                errors: None,
                duration: None,
                memory: None,
            },
            Self::Envoy => Names {
                requests: "envoy_cluster_upstream_rq_xx",
                errors: Some(("envoy_response_code_class", "5")),
                duration: Some(("envoy_cluster_upstream_rq_time", 1e3)),
                memory: Some("envoy_server_memory_allocated"),
            },
        }
    }

    /// How many units of its histogram of durations a second has, if it has one.
    #[must_use]
    pub const fn duration_scale(self) -> Option<f64> {
        match self.names().duration {
            Some((_, scale)) => Some(scale),
            None => None,
        }
    }

    /// Its metrics by the names of their series: `requests`, `errors`, `memory`, and
    /// `slow` for what took longer than a bound of its histogram. The labels and
    /// matchers tell requests apart.
    #[must_use]
    pub fn metrics(
        self,
        labels: &BTreeMap<String, String>,
        matchers: &Matchers,
        slow: Option<f64>,
    ) -> BTreeMap<String, Metric> {
        let names = self.names();
        let metric = |name: &str, read: MetricRead| Metric {
            metric: name.to_owned(),
            labels: BTreeMap::new(),
            matchers: Matchers::default(),
            by: None,
            read,
            unit: Unit::Count,
            absent_is_zero: false,
            waits: false,
        };
        let of_requests = |name: &str, read: MetricRead| Metric {
            labels: labels.clone(),
            matchers: matchers.clone(),
            ..metric(name, read)
        };
        let mut metrics = BTreeMap::new();
        let mut put = |series: &str, metric| metrics.insert(series.to_owned(), metric);
        put("requests", of_requests(names.requests, MetricRead::Counter));
        if let Some((label, pattern)) = names.errors {
            let mut errors = of_requests(names.requests, MetricRead::Counter);
            let (how, label, value) = (How::Matches, label.to_owned(), pattern.to_owned());
            errors.matchers = errors.matchers.and(Matcher { label, how, value });
            put("errors", Metric { absent_is_zero: true, ..errors });
        }
        if let (Some(bound), Some((name, _))) = (slow, names.duration) {
            put("slow", of_requests(name, MetricRead::Above { bound }));
        }
        if let Some(memory) = names.memory {
            put("memory", Metric { unit: Unit::Bytes, ..metric(memory, MetricRead::Gauge) });
        }
        metrics
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Exporter; 5] = [
        Exporter::PromClient,
        Exporter::Micrometer,
        Exporter::OpenTelemetry,
        Exporter::NginxExporter,
        Exporter::Envoy,
    ];

    #[test]
    fn errors_and_slow_requests_are_among_the_requests() {
        let labels = BTreeMap::from([("version".to_owned(), "canary".to_owned())]);
        for exporter in ALL {
            let metrics = exporter.metrics(&labels, &Matchers::default(), Some(0.1));
            let requests = &metrics["requests"];
            assert!(requests.read.is_counter() && !requests.absent_is_zero, "{exporter:?}");
            assert_eq!(requests.labels, labels);
            for part in ["errors", "slow"].iter().filter_map(|series| metrics.get(*series)) {
                assert!(part.read.is_counter() && part.labels == labels, "{exporter:?}");
            }
            // Where there is no error yet there is no series of errors.
            assert!(metrics.get("errors").is_none_or(|errors| errors.absent_is_zero));
            assert_eq!(metrics.contains_key("slow"), exporter.duration_scale().is_some());
            let without = exporter.metrics(&labels, &Matchers::default(), None);
            assert!(!without.contains_key("slow"), "{exporter:?}");
        }
    }

    #[test]
    fn a_status_of_a_server_is_an_error_and_no_other_is() {
        let none = BTreeMap::new();
        for (exporter, label, bad, good) in [
            (Exporter::PromClient, "status_code", "503", "404"),
            (Exporter::PromClient, "status_code", "5xx", "2xx"),
            (Exporter::Micrometer, "outcome", "SERVER_ERROR", "CLIENT_ERROR"),
            (Exporter::OpenTelemetry, "http_response_status_code", "500", "200"),
            (Exporter::Envoy, "envoy_response_code_class", "5", "2"),
        ] {
            let metrics = exporter.metrics(&none, &Matchers::default(), None);
            let filter = metrics["errors"].selects().filter();
            let passes = |value| filter.passes(|name| (name == label).then_some(value));
            assert!(passes(bad) && !passes(good) && !filter.passes(|_| None), "{exporter:?}");
        }
    }
}
