//! How long each label of a series lives, and which series have the same labels.

use std::collections::BTreeMap;

use scenarios::plan::probe::Kafka;
use scenarios::plan::{Plan, Probe, ProbeKind};

use crate::history::History;

/// How long the labels of a series live.
pub(super) enum Lifetimes<'a> {
    /// From the first sample of the series to its last; these at least.
    Whole(Vec<&'a str>),
    /// From their first sample on. An end must be explained.
    Staying,
    /// They come and go, as connections do. An end must be explained, which for
    /// a connection the totals of its broker do, too.
    Passing,
}

/// How long the labels of a series live, by what is probed.
pub(super) fn lifetimes<'a>(plan: &Plan, kind: Option<&'a ProbeKind>, last: &str) -> Lifetimes<'a> {
    let is_of_pods = kind.and_then(role).is_some_and(|role| plan.runs_as_pods(role));
    match kind {
        Some(ProbeKind::Process { .. }) if is_of_pods => Lifetimes::Passing,
        // Their logs stay.
        Some(ProbeKind::Logs { .. }) if is_of_pods => Lifetimes::Staying,
        Some(ProbeKind::RedisStreams { streams, .. })
            if !last.starts_with("total_") && !last.starts_with("max_") =>
        {
            Lifetimes::Whole(streams.iter().map(String::as_str).collect())
        }
        Some(ProbeKind::RedisKeys { keys, .. }) if last != "total_length" => {
            Lifetimes::Whole(keys.iter().map(String::as_str).collect())
        }
        Some(ProbeKind::RabbitmqQueues { queues, .. })
            if matches!(last, "depth" | "ready" | "unacked" | "consumers") =>
        {
            Lifetimes::Whole(queues.iter().map(String::as_str).collect())
        }
        // Before its first message a queue has no figures.
        Some(ProbeKind::RabbitmqQueues { .. })
            if matches!(last, "published" | "delivered" | "redelivered" | "acked") =>
        {
            Lifetimes::Staying
        }
        Some(ProbeKind::RabbitmqQueues { .. }) if last == "consumer_unacked" => Lifetimes::Passing,
        Some(ProbeKind::Rabbitmq { .. })
            if matches!(last, "connection_channels" | "client_connections") =>
        {
            Lifetimes::Passing
        }
        // Partitions are there once their topic is.
        Some(ProbeKind::Kafka(_)) if matches!(last, "end_offset" | "committed_offset" | "lag") => {
            Lifetimes::Staying
        }
        Some(ProbeKind::Kafka(_)) if last == "assigned" => Lifetimes::Passing,
        Some(ProbeKind::Kafka(kafka)) => {
            Lifetimes::Whole(kafka.groups.iter().map(String::as_str).collect())
        }
        // A process that does not run has none of these.
        Some(ProbeKind::Process { .. }) if matches!(last, "resident" | "cpu" | "busy") => {
            Lifetimes::Staying
        }
        Some(
            ProbeKind::Sql { .. }
            | ProbeKind::Mongodb { .. }
            | ProbeKind::Prometheus { .. }
            | ProbeKind::Promql { .. }
            | ProbeKind::Command { .. },
        ) => Lifetimes::Staying,
        Some(
            ProbeKind::RedisStreams { .. }
            | ProbeKind::RedisKeys { .. }
            | ProbeKind::RabbitmqQueues { .. }
            | ProbeKind::Rabbitmq { .. }
            | ProbeKind::Process { .. }
            | ProbeKind::Pods { .. }
            | ProbeKind::Health { .. }
            | ProbeKind::Logs { .. },
        )
        | None => Lifetimes::Whole(Vec::new()),
    }
}

/// The labels of a series that another series of its probe tells of, and from when on
/// each must be there: of every partition that Kafka has, every group has a lag. It is
/// unknown and without a sample until the group has committed something.
pub(super) fn told(
    planned: Option<&Probe>,
    last: &str,
    history: &History,
) -> BTreeMap<String, f64> {
    let Some(Probe { name, kind: ProbeKind::Kafka(kafka), .. }) = planned else {
        return BTreeMap::new();
    };
    if last != "lag" {
        return BTreeMap::new();
    }
    let mut told = BTreeMap::new();
    for sample in history.samples.of(&format!("{name}.end_offset")) {
        for group in &kafka.groups {
            told.entry(Kafka::of_group(group, &sample.label)).or_insert(sample.at);
        }
    }
    told
}

/// The series of the probes that look at the processes of the same role, or at
/// the same file: each has all of them.
pub(super) fn siblings(plan: &Plan, planned: Option<&Probe>) -> Vec<String> {
    let Some(probe) = planned else { return Vec::new() };
    let role = role(&probe.kind);
    let is_sibling = |other: &&Probe| match &probe.kind {
        ProbeKind::Process { .. } | ProbeKind::Logs { .. } => {
            other.name == probe.name || (role.is_some() && self::role(&other.kind) == role)
        }
        _ => false,
    };
    let series = |other: &Probe| {
        let infos = other.kind.series();
        infos.into_iter().map(|info| format!("{}.{}", other.name, info.name)).collect::<Vec<_>>()
    };
    plan.probes.iter().filter(is_sibling).flat_map(series).collect()
}

/// The role whose processes a probe looks at, each under its name.
fn role(kind: &ProbeKind) -> Option<&str> {
    match kind {
        ProbeKind::Process { role } => Some(role),
        ProbeKind::Logs { role, file: None, .. } => role.as_deref(),
        _ => None,
    }
}
