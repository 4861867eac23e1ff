//! `[probe.kafka]`.

use crate::plan::ProbeKind;
use crate::plan::probe::{Isolation, Kafka, Uncommitted};
use crate::read::{At, Table};

pub(super) fn topics(table: &mut Table<'_, '_>) -> ProbeKind {
    let brokers = table.req("brokers", "Brokers to begin with: \"HOST:PORT,HOST:PORT\".");
    let topics = table.list("topics", "The topics. One that does not exist is empty.");
    let groups = table.list_or_empty(
        "groups",
        "The consumer groups; without any, only the series of the topics.",
    );
    let isolation = table.or(
        "isolation",
        "Where a partition ends: \"read_uncommitted\" at its high watermark, \"read_committed\" at its last stable offset, before open transactions.",
        Isolation::ReadUncommitted,
    );
    let uncommitted = table.or(
        "uncommitted",
        "What waits where a group has committed no offset: \"unknown\" has no sample of its lag; say \"earliest\" where the group has auto.offset.reset = earliest, and every record of the partition waits. Where a partition has no record nothing waits.",
        Uncommitted::Unknown,
    );
    let settings = table.texts("settings", SETTINGS);
    let [topics, groups] =
        [("topics", topics), ("groups", groups)].map(|(key, names)| once(table, key, names));
    ProbeKind::Kafka(Kafka { brokers, topics, groups, isolation, uncommitted, settings })
}

/// What is said of the settings of a client that only reads.
pub(in crate::file) const SETTINGS: &str = "Settings of librdkafka, such as security.protocol, sasl.mechanism, sasl.username, sasl.password and ssl.ca.location.";

/// The names, each of which is named once.
fn once(table: &Table<'_, '_>, key: &str, names: Vec<At<String>>) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for name in names {
        if known.contains(&name.value) {
            let message = format!("{:?} stands in {key:?} twice", name.value);
            table.context.problem(Some(name.span), message, None);
        } else {
            known.push(name.value);
        }
    }
    known
}
