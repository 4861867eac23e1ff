//! Records of a Kafka topic.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::locator::Locator;
use crate::plan::probe::Isolation;
use crate::template::Template;
use crate::units::Span;

/// Records of a Kafka topic: those that were written since the run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KafkaTopic {
    /// Brokers to begin with, `HOST:PORT` with commas between them.
    pub brokers: Template,
    /// The topic.
    pub topic: String,
    /// Whether records of transactions that are open or were aborted count.
    pub isolation: Isolation,
    /// How long a look at all of it may take.
    pub timeout: Span,
    /// Settings of librdkafka.
    pub settings: BTreeMap<String, String>,
    /// Where the identity stands in a record, unless it is the value.
    #[serde(default)]
    pub identity: Locator,
}

impl KafkaTopic {
    /// The properties that a record has beside its value and its headers.
    pub const PROPERTIES: [&'static str; 4] = ["key", "timestamp", "partition", "offset"];
}
