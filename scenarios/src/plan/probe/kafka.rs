//! Topics of Kafka, and how far consumer groups have come in them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::series::{KAFKA, KAFKA_GROUPS};
use crate::series::SeriesInfo;
use crate::template::Template;

/// What is watched of a Kafka cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kafka {
    /// Brokers to begin with, `HOST:PORT` with commas between them.
    pub brokers: Template,
    /// The topics.
    pub topics: Vec<String>,
    /// The consumer groups, unless only the topics themselves matter.
    pub groups: Vec<String>,
    /// Where a partition ends.
    pub isolation: Isolation,
    /// What waits in a partition of which a group has committed no offset.
    pub uncommitted: Uncommitted,
    /// Settings of librdkafka.
    pub settings: BTreeMap<String, String>,
}

impl Kafka {
    /// Its series: those of groups only where there are some.
    pub(super) fn series(&self) -> Vec<SeriesInfo> {
        let of_groups = if self.groups.is_empty() { &[] } else { KAFKA_GROUPS };
        KAFKA.iter().chain(of_groups).cloned().collect()
    }

    /// What a partition is called in the label of a sample: as Kafka itself does.
    #[must_use]
    pub fn partition(topic: &str, partition: i32) -> String {
        format!("{topic}-{partition}")
    }

    /// What something of a group is called in the label of a sample.
    #[must_use]
    pub fn of_group(group: &str, label: &str) -> String {
        format!("{group} {label}")
    }
}

/// Which records a consumer is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// All of them; a partition ends at its high watermark.
    #[default]
    ReadUncommitted,
    /// Not those of transactions that are open or were aborted; a partition ends at
    /// its last stable offset.
    ReadCommitted,
}

impl Isolation {
    /// As clients of Kafka write it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "read_uncommitted",
            Self::ReadCommitted => "read_committed",
        }
    }
}

/// What waits in a partition that has records, and of which a group has committed no
/// offset.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Uncommitted {
    /// Nobody knows.
    #[default]
    Unknown,
    /// All of them, because the group begins at the earliest.
    Earliest,
}
