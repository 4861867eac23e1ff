//! `[effects.kafka_topic]`.

use super::Records;
use crate::file::probe::SETTINGS;
use crate::locator::Part;
use crate::plan::Listing;
use crate::plan::effects::KafkaTopic;
use crate::plan::probe::Isolation;
use crate::read::Table;
use crate::units::Span;

pub(super) const ABOUT: &str = "Records of a Kafka topic that were written since the run began; no group is joined and nothing committed. They have an order for keys of which each has its records in one partition.";

pub(super) const RECORDS: Records = Records {
    what: "a record of Kafka",
    has: |part| match part {
        Part::Whole | Part::Header(_) => true,
        Part::Property(name) => KafkaTopic::PROPERTIES.contains(&name.as_str()),
        Part::Field(_) => false,
    },
    write: "property:key, property:timestamp, property:partition, property:offset, header:NAME or a JSON pointer into the value",
};

pub(super) fn topic(table: &mut Table<'_, '_>) -> Listing {
    Listing::KafkaTopic(KafkaTopic {
        brokers: table.req("brokers", "Brokers to begin with: \"HOST:PORT,HOST:PORT\"."),
        topic: table.req("topic", "The topic. One that does not exist has no records."),
        isolation: table.or(
            "isolation",
            "With \"read_committed\", records of transactions that are open or were aborted are no effects.",
            Isolation::ReadCommitted,
        ),
        timeout: table.or("timeout", "How long a look at all of it may take.", Span::seconds(120)),
        settings: table.texts("settings", SETTINGS),
        identity: RECORDS.identity(table),
    })
}
