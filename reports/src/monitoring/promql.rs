//! Where Prometheus has what a series of a scenario says.

use scenarios::Plan;
use scenarios::plan::ProbeKind;
use scenarios::plan::probe::matchers::{Selector, literally};
use scenarios::plan::probe::{Isolation, Kafka, Metric, MetricRead};
use scenarios::series::HOST_NAME;

use super::quoted;

/// Over so much, counters become speeds. Prometheus scrapes every 15 s to 60 s,
/// and a rate wants some scrapes.
pub(super) const WINDOW: &str = "5m";
pub(super) const WINDOW_SECONDS: f64 = 300.0;

/// A series as Prometheus knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// An expression whose value is that of the series.
    Level(Level),
    /// It only rises.
    Counter(Counter),
}

/// An expression with what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Level {
    /// The expression.
    pub(super) expression: String,
    /// Which samples it takes.
    pub(super) made: Made,
}

/// The samples that an expression takes, by their selectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Made {
    /// One selector, whose only sample is the value.
    One(String),
    /// The first selector's sample and the second's together.
    Both(String, String),
    /// The first selector's sample divided by the second's.
    Quotient(String, String),
    /// The buckets of a histogram, whose rates over so many seconds have the value as any
    /// quantile.
    Buckets(String, u64),
    /// Nobody knows.
    Unknown,
}

/// Counters that are added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counter {
    /// `metric{label="value"}`.
    selector: String,
    /// ` by (label) ` for the labels that keep them apart, or nothing.
    by: String,
}

impl Counter {
    /// The samples that are added up.
    pub(super) fn selector(&self) -> String {
        self.selector.clone()
    }

    /// Where they stand.
    pub(super) fn total(&self) -> String {
        format!("sum{}({})", self.by, self.selector)
    }

    /// How fast they rise, a second.
    pub(super) fn rate(&self) -> String {
        format!("sum{}(rate({}[{WINDOW}]))", self.by, self.selector)
    }

    /// By how much they have risen lately.
    pub(super) fn rise(&self) -> String {
        format!("sum{}(increase({}[{WINDOW}]))", self.by, self.selector)
    }
}

/// What Prometheus knows of a series.
///
/// # Errors
/// Why it knows nothing of it.
pub(super) fn of(plan: &Plan, series: &str) -> Result<Known, String> {
    let (owner, name) = series.rsplit_once('.').unwrap_or(("", series));
    let Some(probe) = plan.probes.iter().find(|probe| probe.name == owner) else {
        let who = match owner {
            HOST_NAME => "the run's own host",
            owner if plan.has_deployment(owner) => "the orchestrator",
            _ => "the load generator",
        };
        return Err(format!("{series} is seen by {who} alone"));
    };
    let unknown = || Err(format!("no exporter that is known here has {series}"));
    match &probe.kind {
        ProbeKind::Prometheus { metrics, .. } => match metrics.get(name) {
            Some(metric) => scraped(metric).map_or_else(unknown, Ok),
            None => unknown(),
        },
        ProbeKind::Promql { query, counter: false, .. } => {
            let made = match Selector::of(query) {
                Some(_) => Made::One(query.clone()),
                None => Made::Unknown,
            };
            Ok(Known::Level(Level { expression: query.clone(), made }))
        }
        ProbeKind::Promql { query, scraped: Some(scraped), .. } if scraped.above.is_none() => {
            let by = scraped.by.as_deref().unwrap_or_default();
            counter(query.clone(), by).map_or_else(unknown, Ok)
        }
        ProbeKind::Rabbitmq { .. } => rabbitmq(name).map_or_else(unknown, Ok),
        ProbeKind::RabbitmqQueues { vhost, queues, .. } => {
            queue(name, vhost, queues).map_or_else(unknown, Ok)
        }
        ProbeKind::RedisStreams { streams, group, .. } => {
            redis(name, streams, group.as_deref()).map_or_else(unknown, Ok)
        }
        ProbeKind::Kafka(probe) => kafka(name, probe).map_or_else(unknown, Ok),
        ProbeKind::Process { role } => kubernetes(name, role).map_or_else(unknown, Ok),
        // kube-state-metrics knows pods by their names, not by labels.
        ProbeKind::Pods { .. }
        | ProbeKind::Promql { .. }
        | ProbeKind::Health { .. }
        | ProbeKind::Logs { .. }
        | ProbeKind::Sql { .. }
        | ProbeKind::Mongodb { .. }
        | ProbeKind::RedisKeys { .. }
        | ProbeKind::Command { .. } => unknown(),
    }
}

/// A selector whose samples are values.
fn level(selector: impl Into<String>) -> Option<Known> {
    let selector = selector.into();
    Some(Known::Level(Level { expression: selector.clone(), made: Made::One(selector) }))
}

/// Samples that are put together: `sum by (instance)`, `max`.
fn level_of(function: &str, selector: impl Into<String>) -> Option<Known> {
    let selector = selector.into();
    let space = if function.contains(' ') { " " } else { "" };
    let expression = format!("{function}{space}({selector})");
    Some(Known::Level(Level { expression, made: Made::One(selector) }))
}

/// An expression over what is made of two selectors.
fn level_made(expression: impl Into<String>, made: Made) -> Option<Known> {
    Some(Known::Level(Level { expression: expression.into(), made }))
}

fn counter(selector: impl Into<String>, by: &str) -> Option<Known> {
    let by = if by.is_empty() { String::new() } else { format!(" by ({by}) ") };
    Some(Known::Counter(Counter { selector: selector.into(), by }))
}

fn scraped(metric: &Metric) -> Option<Known> {
    let selects = metric.selects();
    let selector = |name: &str| match selects.is_empty() {
        true => name.to_owned(),
        false => format!("{name}{{{selects}}}"),
    };
    let by = metric.by.as_ref().map(|label| format!(" by ({label}) ")).unwrap_or_default();
    let known = match metric.read {
        MetricRead::Gauge => {
            let selector = selector(&metric.metric);
            let expression = format!("sum{by}({selector})");
            Known::Level(Level { expression, made: Made::One(selector) })
        }
        MetricRead::Counter => Known::Counter(Counter { selector: selector(&metric.metric), by }),
        // The difference of two counters is none that Prometheus could take a rate of.
        MetricRead::Above { .. } => return None,
        MetricRead::Quantile { quantile, over } => {
            let over = over.as_secs_f64().max(WINDOW_SECONDS);
            let by = metric.by.as_ref().map(|label| format!(", {label}")).unwrap_or_default();
            let buckets = selector(&format!("{}_bucket", metric.metric));
            let expression = format!(
                "histogram_quantile({}, sum by (le{by}) (rate({buckets}[{over:.0}s])))",
                quantile.0
            );
            Known::Level(Level { expression, made: Made::Buckets(buckets, over as u64) })
        }
    };
    Some(known)
}

/// The plug-in `rabbitmq_prometheus`; single connections are below
/// `/metrics/per-object`.
fn rabbitmq(series: &str) -> Option<Known> {
    match series {
        "channels" => level("rabbitmq_channels"),
        "connections" => level("rabbitmq_connections"),
        "channels_per_connection" => level_made(
            "rabbitmq_channels / rabbitmq_connections",
            Made::Quotient("rabbitmq_channels".to_owned(), "rabbitmq_connections".to_owned()),
        ),
        "connection_channels" => level("rabbitmq_connection_channels"),
        "messages_ready" => level_of("sum by (instance)", "rabbitmq_queue_messages_ready"),
        "messages_unacked" => level_of("sum by (instance)", "rabbitmq_queue_messages_unacked"),
        "channels_opened" => counter("rabbitmq_channels_opened_total", "instance"),
        "channels_closed" => counter("rabbitmq_channels_closed_total", "instance"),
        "connections_opened" => counter("rabbitmq_connections_opened_total", "instance"),
        _ => None,
    }
}

/// The same plug-in, asked for
/// `/metrics/detailed?family=queue_coarse_metrics&family=queue_consumer_count`.
fn queue(series: &str, vhost: &str, queues: &[String]) -> Option<Known> {
    let of = format!("vhost={},queue=~{}", quoted(vhost), quoted(&pattern(queues)));
    let figure = |name: &str| format!("rabbitmq_detailed_queue_{name}{{{of}}}");
    match series {
        "depth" => level(figure("messages")),
        "ready" => level(figure("messages_ready")),
        "unacked" => level(figure("messages_unacked")),
        "consumers" => level(figure("consumers")),
        "total_depth" => level_of("sum", figure("messages")),
        "max_depth" => level_of("max", figure("messages")),
        "total_consumers" => level_of("sum", figure("consumers")),
        _ => None,
    }
}

/// `redis_exporter` of oliver006, which must be told the streams
/// (`--check-streams`).
fn redis(series: &str, streams: &[String], group: Option<&str>) -> Option<Known> {
    let of = format!("stream=~{}", quoted(&pattern(streams)));
    let grouped = |metric: &str| {
        group.map(|group| format!("redis_stream_group_{metric}{{{of},group={}}}", quoted(group)))
    };
    let (lag, pending) = (|| grouped("lag"), || grouped("messages_pending"));
    let backlog = |function: &str| {
        let (lag, pending) = (lag()?, pending()?);
        level_made(format!("{function}({lag} + {pending})"), Made::Both(lag, pending))
    };
    match series {
        "length" => level(format!("redis_stream_length{{{of}}}")),
        "total_length" => level_of("sum", format!("redis_stream_length{{{of}}}")),
        "consumers" => level(grouped("consumers")?),
        "lag" => level(lag()?),
        "pending" => level(pending()?),
        "backlog" => backlog(""),
        "max_lag" => level_of("max", lag()?),
        "max_backlog" => backlog("max"),
        "total_lag" => level_of("sum", lag()?),
        "total_pending" => level_of("sum", pending()?),
        "total_backlog" => backlog("sum"),
        _ => None,
    }
}

/// `kafka_exporter` of danielqsj, whose ends are high watermarks.
fn kafka(series: &str, probe: &Kafka) -> Option<Known> {
    let topics = format!("topic=~{}", quoted(&pattern(&probe.topics)));
    let groups = format!("consumergroup=~{}", quoted(&pattern(&probe.groups)));
    let of_group = |metric: &str| format!("kafka_consumergroup_{metric}{{{groups},{topics}}}");
    let is_exported = probe.isolation == Isolation::ReadUncommitted;
    match series {
        "end_offset" if is_exported => {
            counter(format!("kafka_topic_partition_current_offset{{{topics}}}"), "topic, partition")
        }
        "committed_offset" => level(of_group("current_offset")),
        "lag" if is_exported => level(of_group("lag")),
        "total_lag" if is_exported => level_of("sum by (consumergroup)", of_group("lag")),
        "max_lag" if is_exported => level_of("max by (consumergroup)", of_group("lag")),
        "members" => level(format!("kafka_consumergroup_members{{{groups}}}")),
        _ => None,
    }
}

/// `kube-state-metrics` and the kubelet, of containers that are named after the
/// role.
fn kubernetes(series: &str, role: &str) -> Option<Known> {
    let containers = format!("{{container=~{}}}", quoted(&format!("{}.*", literally(role))));
    match series {
        "restarts" => {
            counter(format!("kube_pod_container_status_restarts_total{containers}"), "pod")
        }
        "resident" => level(format!("container_memory_working_set_bytes{containers}")),
        _ => None,
    }
}

/// A regular expression for names: streams that differ only by a number behind
/// the same text are one pattern.
fn pattern(names: &[String]) -> String {
    let stem = |name: &String| name.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    match names {
        [first, _, ..]
            if names.iter().all(|name| name != &stem(name) && stem(name) == stem(first)) =>
        {
            format!("{}[0-9]+", literally(&stem(first)))
        }
        _ => names.iter().map(|name| literally(name)).collect::<Vec<_>>().join("|"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_that_are_numbered_are_one_pattern() {
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(pattern(&names(&["a:0", "a:1", "a:15"])), "a:[0-9]+");
        assert_eq!(pattern(&names(&["a:0", "b:1"])), "a:0|b:1");
        assert_eq!(pattern(&names(&["a", "a1"])), "a|a1");
        assert_eq!(pattern(&names(&["x.y"])), r"x\.y");
    }
}
