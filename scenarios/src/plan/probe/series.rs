//! The series of each kind of probe.

use std::borrow::Cow;

use crate::series::SeriesInfo;
use crate::units::Unit;

pub(super) const fn gauge(name: &'static str, unit: Unit, about: &'static str) -> SeriesInfo {
    let paced = is_paced(unit);
    SeriesInfo { name: Cow::Borrowed(name), unit, counter: false, paced, about }
}

/// Whether what is measured in a unit depends on how fast everything goes.
pub(super) const fn is_paced(unit: Unit) -> bool {
    matches!(unit, Unit::Seconds | Unit::PerSecond)
}

pub(super) const fn counter(name: &'static str, about: &'static str) -> SeriesInfo {
    SeriesInfo { name: Cow::Borrowed(name), unit: Unit::Count, counter: true, paced: false, about }
}

/// Series of [`super::ProbeKind::Rabbitmq`].
pub(super) const RABBITMQ: &[SeriesInfo] = &[
    gauge("channels", Unit::Count, "channels open on the node"),
    gauge("connections", Unit::Count, "connections open on the node"),
    gauge("channels_per_connection", Unit::Count, "mean, without the tool's own connections"),
    gauge("connection_channels", Unit::Count, "of one connection, labelled with its name"),
    gauge("client_connections", Unit::Count, "of one client, labelled with its name"),
    counter("channels_opened", "channels opened since the node started"),
    counter("channels_closed", "channels closed since the node started"),
    counter("connections_opened", "connections opened since the node started"),
    gauge("messages_ready", Unit::Count, "messages ready in all queues").paced(),
    gauge("messages_unacked", Unit::Count, "messages delivered and not yet acknowledged").paced(),
];

/// Series of [`super::ProbeKind::RabbitmqQueues`]: of each queue, labelled with its name, of
/// each consumer, labelled with the name that its client gave, and of all of them.
pub(super) const RABBITMQ_QUEUES: &[SeriesInfo] = &[
    gauge("depth", Unit::Count, "messages of a queue, ready and unacked; 0 before it exists")
        .paced(),
    gauge("ready", Unit::Count, "messages of a queue that nobody was given").paced(),
    gauge("unacked", Unit::Count, "messages of a queue given to a consumer and not acknowledged")
        .paced(),
    gauge("consumers", Unit::Count, "consumers of a queue"),
    counter(
        "published",
        "messages published to a queue, not those that came there as dead letters; as old as the broker's statistics",
    ),
    counter("delivered", "messages delivered from a queue, as old as the broker's statistics"),
    counter("redelivered", "of these, those that were not the first time"),
    counter(
        "acked",
        "messages of a queue that were acknowledged, as old as the broker's statistics",
    ),
    gauge(
        "consumer_unacked",
        Unit::Count,
        "unacked messages of a consumer (of its channel), as old as the broker's statistics",
    ),
    gauge("total_depth", Unit::Count, "messages of all queues").paced(),
    gauge("max_depth", Unit::Count, "messages of the queue that has most").paced(),
    gauge("total_consumers", Unit::Count, "consumers of all queues"),
    gauge(
        "max_consumer_unacked",
        Unit::Count,
        "unacked messages of the consumer that has most, as old as the broker's statistics",
    ),
];

/// Series of [`super::ProbeKind::Process`], labelled with the process's name.
pub(super) const PROCESS: &[SeriesInfo] = &[
    counter(
        "restarts",
        "times that it was started again; of your own, times that another was seen in its place",
    ),
    counter(
        "crashes",
        "times that it ended otherwise than by exit code 0, also by a signal; only of the lab's processes",
    ),
    gauge("resident", Unit::Bytes, "resident memory"),
    counter("cpu", "processor time used, in milliseconds"),
    gauge(
        "busy",
        Unit::Share,
        "of one processor, what it used since the sample before; above 100% with several threads",
    ),
    gauge("running", Unit::Count, "1 while it runs, else 0"),
];

/// Series of [`super::ProbeKind::Pods`], of all of them together; `terminations` are
/// labelled with the reason that the cluster gives.
pub(super) const PODS: &[SeriesInfo] = &[
    gauge("pods", Unit::Count, "pods that are not on their way out"),
    gauge("ready", Unit::Count, "of these, those that are ready"),
    gauge("unready", Unit::Count, "of these, those that are not"),
    gauge("images", Unit::Count, "different images of these, 1 where all run the same one"),
    counter(
        "restarts",
        "containers started again, and pods seen in the place of others, since the run began",
    ),
    counter("replaced", "pods seen in the place of others since the run began"),
    counter("terminations", "containers that ended since the run began, labelled with the reason"),
];

/// Series of [`super::ProbeKind::Health`].
pub(super) const HEALTH: &[SeriesInfo] = &[
    gauge("up", Unit::Count, "1 when it answered 200, else 0"),
    counter("failures", "probes that were not answered with 200"),
    gauge("response", Unit::Seconds, "time to the answer"),
];

/// Series of [`super::ProbeKind::Logs`], labelled with the process or file.
pub(super) const LOGS: &[SeriesInfo] =
    &[counter("matches", "lines that contain one of the texts"), counter("lines", "lines read")];

/// Series of [`super::ProbeKind::RedisStreams`]: first of each stream, labelled with
/// its name, then of all of them together, which have no value while one of
/// them is unknown.
pub(super) const REDIS_STREAMS: &[SeriesInfo] = &[
    gauge("length", Unit::Count, "entries of a stream"),
    counter("added", "entries ever added to a stream (Redis 7)"),
    gauge(
        "lag",
        Unit::Count,
        "entries that the group was not given yet; none while Redis does not know",
    )
    .paced(),
    gauge("pending", Unit::Count, "entries given to a consumer and not acknowledged").paced(),
    gauge("backlog", Unit::Count, "lag and pending together").paced(),
    gauge("consumers", Unit::Count, "consumers of the group"),
    gauge("total_length", Unit::Count, "entries of all streams"),
    gauge("total_lag", Unit::Count, "lag of all streams").paced(),
    gauge("total_pending", Unit::Count, "pending entries of all streams").paced(),
    gauge("total_backlog", Unit::Count, "backlog of all streams").paced(),
    gauge("max_lag", Unit::Count, "lag of the stream that lags most").paced(),
    gauge("max_backlog", Unit::Count, "backlog of the stream that has most").paced(),
];

/// Series of [`super::ProbeKind::Sql`], [`super::ProbeKind::Mongodb`] and [`super::ProbeKind::Promql`],
/// as the reference shows them.
pub(super) const SQL: &[SeriesInfo] = &[gauge(
    "value",
    Unit::Count,
    "the number, labelled where the query gives labels; its unit, and whether it is a counter, say `unit` and `counter`",
)];

/// Series of [`super::ProbeKind::Prometheus`], as the reference shows them.
pub(super) const PROMETHEUS: &[SeriesInfo] = &[
    gauge("METRIC", Unit::Count, "one for each `metric` table, a counter where it says so"),
    RESETS,
];

/// Series of [`super::ProbeKind::RedisKeys`]: of each key, labelled with it, and of all.
pub(super) const REDIS_KEYS: &[SeriesInfo] = &[
    gauge("length", Unit::Count, "elements of a key; 0 where it does not exist"),
    gauge("total_length", Unit::Count, "elements of all keys"),
];

/// Series of [`super::ProbeKind::Kafka`]: of each partition, labelled `TOPIC-PARTITION`.
pub(super) const KAFKA: &[SeriesInfo] = &[counter(
    "end_offset",
    "where a partition ends, labelled TOPIC-PARTITION: at most so many records were ever written to it",
)];

/// The same of groups: of each partition, labelled `GROUP TOPIC-PARTITION`, or of each
/// group, labelled with its name.
pub(super) const KAFKA_GROUPS: &[SeriesInfo] = &[
    gauge(
        "committed_offset",
        Unit::Count,
        "where a group goes on in a partition, labelled GROUP TOPIC-PARTITION; none while it has committed nothing",
    ),
    gauge(
        "lag",
        Unit::Count,
        "what a group has not committed of a partition, labelled GROUP TOPIC-PARTITION; none while that is unknown",
    )
    .paced(),
    gauge("total_lag", Unit::Count, "lag of a group in all partitions").paced(),
    gauge("max_lag", Unit::Count, "lag of a group in the partition where it lags most").paced(),
    gauge("members", Unit::Count, "members of a group"),
    gauge(
        "assigned",
        Unit::Count,
        "partitions of a member, labelled GROUP and its client.id, or its own id where several have one client.id",
    ),
    gauge("stable", Unit::Count, "1 while a group is Stable, else 0"),
    gauge(
        "rebalancing",
        Unit::Count,
        "1 while a group is PreparingRebalance or CompletingRebalance, else 0",
    ),
    gauge("empty", Unit::Count, "1 while a group is Empty, else 0"),
    gauge("dead", Unit::Count, "1 while a group is Dead, as one is that does not exist, else 0"),
    counter(
        "rebalances",
        "rebalances of a group seen since the run began: times that it was found in one, or with other members or partitions",
    ),
];

/// Series of [`super::ProbeKind::Command`], as the reference shows them.
pub(super) const COMMAND: &[SeriesInfo] = &[
    gauge(
        "value",
        Unit::Count,
        "the number, where no `series` table names others; its unit, and whether it is a counter, say `unit` and `counter`",
    ),
    gauge("SERIES", Unit::Count, "one for each `series` table, a counter where it says so"),
];

/// A counter that began again may have counted something between the last look
/// at it and its end, which nobody knows.
pub(super) const RESETS: SeriesInfo =
    counter("resets", "times that a process behind a counter was seen to have begun again");

/// Every kind of probe by its word, with its series.
pub(crate) const KINDS: &[(&str, &[SeriesInfo])] = &[
    ("rabbitmq", RABBITMQ),
    ("process", PROCESS),
    ("pods", PODS),
    ("health", HEALTH),
    ("logs", LOGS),
    ("redis_streams", REDIS_STREAMS),
    ("sql", SQL),
    ("prometheus", PROMETHEUS),
    ("promql", SQL),
    ("rabbitmq_queues", RABBITMQ_QUEUES),
    ("mongodb", SQL),
    ("redis_keys", REDIS_KEYS),
    ("kafka", KAFKA),
    ("kafka, of its groups", KAFKA_GROUPS),
    ("command", COMMAND),
];
