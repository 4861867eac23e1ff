//! Kafka, as probes and sources of effects read it: they join no group, commit nothing
//! and make no topic.
//!
//! librdkafka blocks whoever asks it, each time for no longer than is left of a
//! [`Deadline`]; so everything here belongs on a thread that may block.
//!
//! The client can be left out of a build (the feature `kafka`); then opening one is an
//! error that says how to get it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use scenarios::locator::Record;
use scenarios::plan::probe::Isolation;
use services::Address;

#[cfg(feature = "kafka")]
mod admin;
#[cfg(feature = "kafka")]
mod client;
#[cfg(feature = "kafka")]
mod policy;
#[cfg(feature = "kafka")]
mod records;
#[cfg(not(feature = "kafka"))]
mod without;

#[cfg(feature = "kafka")]
pub(crate) use client::Client;
#[cfg(feature = "kafka")]
pub(crate) use records::read;
#[cfg(not(feature = "kafka"))]
pub(crate) use without::{Client, read};

/// Where a cluster is, and how to come to it.
#[derive(Debug, Clone)]
#[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "nobody is asked"))]
pub(crate) struct Access {
    pub(crate) at: Address,
    /// librdkafka's settings.
    pub(crate) settings: BTreeMap<String, String>,
    pub(crate) isolation: Isolation,
}

/// Until when an answer is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn within(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "nobody is asked"))]
    pub(crate) fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

/// A partition by its topic and number.
pub(crate) type Place = (String, i32);

/// A partition of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Partition {
    pub(crate) place: Place,
    /// The broker that leads it, if one does now.
    pub(crate) leader: Option<i32>,
}

/// Which end of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// The first offset that is still there.
    Start,
    /// The offset that the next record will have; with
    /// [`Isolation::ReadCommitted`] the last stable one.
    End,
}

/// An offset of each partition, or why it is not known.
pub(crate) type Offsets = BTreeMap<Place, Result<i64, String>>;

/// A consumer group at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) state: State,
    pub(crate) members: Vec<Member>,
}

/// What a group is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Stable,
    /// `PreparingRebalance` or `CompletingRebalance`, and what the newer protocol has
    /// in their place.
    Rebalancing,
    Empty,
    /// There is no such group.
    Dead,
    Unknown,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Member {
    pub(crate) id: String,
    /// Its `client.id`.
    pub(crate) client: String,
    pub(crate) partitions: Vec<Place>,
}

/// Where a topic ended when the run began, by partition. One that is not in it had no
/// records.
pub(crate) type Starts = BTreeMap<i32, i64>;

/// What a look at all records of a topic had beside them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Looked {
    /// Whether the topic exists.
    pub(crate) is_there: bool,
    /// Why records may be missing.
    pub(crate) blind: Option<String>,
}

/// A record of a topic.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) key: Option<Vec<u8>>,
    /// Absent in a record that deletes its key.
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    /// Unix time in milliseconds.
    pub(crate) timestamp: Option<i64>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
}

impl Record for Taken {
    fn whole(&self) -> Option<Cow<'_, [u8]>> {
        self.value.as_deref().map(Cow::Borrowed)
    }

    fn property(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let number = |number: i64| Some(Cow::Owned(number.to_string().into_bytes()));
        match name {
            "key" => self.key.as_deref().map(Cow::Borrowed),
            "timestamp" => number(self.timestamp?),
            "partition" => number(self.partition.into()),
            "offset" => number(self.offset),
            _ => None,
        }
    }

    /// Of several with one name the last, as Kafka's own client has it. A number that
    /// Java's serializers wrote is read as one.
    fn header(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let (_, value) = self.headers.iter().rev().find(|(known, _)| known == name)?;
        let bytes = value.as_deref()?;
        Some(match number(bytes) {
            Some(number) => Cow::Owned(number.to_string().into_bytes()),
            None => Cow::Borrowed(bytes),
        })
    }
}

/// A whole number of 4 or 8 bytes, the highest first, as Java's serializers write it.
/// No text begins with the byte 0.
fn number(bytes: &[u8]) -> Option<u64> {
    if bytes.first() != Some(&0) {
        return None;
    }
    match bytes.len() {
        4 => Some(u32::from_be_bytes(bytes.try_into().ok()?).into()),
        8 => Some(u64::from_be_bytes(bytes.try_into().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use scenarios::locator::Locator;

    use super::*;

    #[test]
    fn every_part_of_a_record_is_found() {
        let header = |name: &str, value: &[u8]| (name.to_owned(), Some(value.to_vec()));
        let record = Taken {
            key: Some(b"r/w/1".to_vec()),
            value: Some(br#"{"id":"r/w/2"}"#.to_vec()),
            headers: vec![
                header("tries", b"4"),
                header("tries", b"5"),
                header("attempt", &[0, 0, 0, 7]),
                header("long", &[0, 0, 0, 0, 0, 0, 1, 0]),
                header("told", br#"{"why":"poison"}"#),
                ("nothing".to_owned(), None),
            ],
            timestamp: Some(1_764_288_000_123),
            partition: 3,
            offset: 12,
        };
        for (place, expected) in [
            ("property:key", Some("r/w/1")),
            ("/id", Some("r/w/2")),
            ("property:timestamp", Some("1764288000123")),
            ("property:partition", Some("3")),
            ("property:offset", Some("12")),
            ("header:tries", Some("5")),
            ("header:attempt", Some("7")),
            ("header:long", Some("256")),
            ("header:told /why", Some("poison")),
            ("header:nothing", None),
            ("header:nobody", None),
        ] {
            let locator: Locator = place.parse().unwrap();
            assert_eq!(locator.find(&record).as_deref(), expected, "{place}");
        }
        // One that deletes its key has no value.
        assert_eq!(Locator::default().find(&Taken::default()), None);
    }
}
