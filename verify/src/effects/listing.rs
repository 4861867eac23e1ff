//! Effects as a list of identities that can be read again and again: rows or
//! documents of a database, entries of a stream, elements of a key, messages of a
//! queue, lines of a file, of an answer or of a program.
//!
//! A list is read from its beginning to its end, one identity at a time.

mod amqp_queue;
mod clock;
mod kafka_topic;
mod lines;
mod mongodb;
mod passes;
mod redis_key;
mod redis_stream;
mod sql;

use std::collections::BTreeMap;

use loadgen::Ledger;
use scenarios::locator::{Locator, Record};
use scenarios::plan::Listing;
use scenarios::redact::redact;
use scenarios::template::TemplateError;

pub use passes::{Grouped, OrderOf, Spec};

use super::offered::Offered;
use super::times;
use crate::history::Timing;
use crate::kafka::Starts;

/// What takes down the records of a list.
type Take<'a> = dyn FnMut(&dyn Record) + 'a;

/// A list with its address filled in.
#[derive(Debug, Clone)]
pub struct List {
    kind: Listing,
    identity: Locator,
    /// The address; of a program, its words.
    address: Vec<String>,
    /// The address without its secrets, or the program with its own left open.
    shown: String,
    /// Where a topic ended when the run began, if that is known.
    starts: Option<Starts>,
}

impl List {
    /// A list of a plan.
    ///
    /// # Errors
    /// When an address is missing.
    pub fn new(
        listing: &Listing,
        targets: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        let (address, shown) = match (listing, listing.address()) {
            (Listing::Command { run, .. }, _) => (run.words(targets)?, redact(&run.to_string())),
            (_, address) => {
                let address = address.map(|address| address.fill(targets)).transpose()?;
                let address = address.unwrap_or_default();
                let shown = redact(&address);
                (vec![address], shown)
            }
        };
        let (kind, identity) = (listing.clone(), listing.identity());
        Ok(Self { kind, identity, address, shown, starts: None })
    }

    /// The same list, of which this text names a record.
    #[must_use]
    pub fn named_by(self, identity: Locator) -> Self {
        Self { identity, ..self }
    }

    /// Takes down where the list ends, which is where the run begins. Most are read
    /// from their beginning.
    pub async fn begin(&mut self) {
        if let Listing::KafkaTopic(topic) = &self.kind {
            // Without an answer all of it is read.
            self.starts = kafka_topic::starts(topic, self.address()).await.ok();
        }
    }

    /// What is read, for people.
    #[must_use]
    pub fn place(&self) -> String {
        let address = self.shown.clone();
        match &self.kind {
            Listing::Sql { query, .. } => format!("{address}, {}", query.trim()),
            Listing::RedisStream { stream, .. } => format!("{address}, stream {stream}"),
            Listing::RedisKey { key, .. } => format!("{address}, key {key}"),
            Listing::Mongodb { collection, ask, .. } => {
                format!("{address}, collection {collection}, {ask}")
            }
            Listing::AmqpQueue { queue, .. } => format!("{address}, queue {queue}"),
            Listing::KafkaTopic(topic) => format!("{address}, topic {}", topic.topic),
            Listing::Ndjson { .. } | Listing::Http { .. } | Listing::Command { .. } => address,
        }
    }

    /// Reads the list once from its beginning to its end, and hands over each
    /// record with the identity in it.
    ///
    /// # Errors
    /// A text that says what was wrong; also when there are records and the
    /// identity is in none of them, because then it is looked for at the wrong
    /// place.
    pub async fn read(&self, take: impl FnMut(&str, &dyn Record)) -> Result<Reading, String> {
        self.read_as(false, take).await
    }

    /// [`List::read`] of dead letters: a table that does not exist has none, as
    /// one may come into being with the first.
    ///
    /// # Errors
    /// Those of [`List::read`].
    pub async fn read_dead(&self, take: impl FnMut(&str, &dyn Record)) -> Result<Reading, String> {
        self.read_as(true, take).await
    }

    async fn read_as(
        &self,
        are_dead: bool,
        mut take: impl FnMut(&str, &dyn Record),
    ) -> Result<Reading, String> {
        let each = |text: Option<&str>, record: &dyn Record| {
            if let Some(text) = text {
                take(text, record);
            }
        };
        self.read_each(are_dead, each).await
    }

    /// Hands over each record, whether there is an identity in it or not.
    async fn read_each(
        &self,
        are_dead: bool,
        mut take: impl FnMut(Option<&str>, &dyn Record),
    ) -> Result<Reading, String> {
        let (mut found, mut other) = (0_u64, 0_u64);
        let mut each = |record: &dyn Record| {
            let text = self.identity.find(record);
            *(if text.is_some() { &mut found } else { &mut other }) += 1;
            take(text.as_deref(), record);
        };
        let listed = self.read_records(are_dead, &mut each).await?;
        if found == 0 && other > 0 {
            return Err(format!(
                "none of {other} records has a text at {:?}, where the identity was looked for",
                self.identity.to_string()
            ));
        }
        let absent = (!listed.is_there).then(|| match &self.kind {
            Listing::RedisStream { stream, .. } => format!("stream {stream}"),
            Listing::RedisKey { key, .. } => format!("key {key}"),
            Listing::Mongodb { collection, .. } => format!("collection {collection}"),
            Listing::AmqpQueue { queue, .. } => format!("queue {queue}"),
            Listing::KafkaTopic(topic) => format!("topic {}", topic.topic),
            _ => format!("a table of {}", self.place()),
        });
        Ok(Reading { nameless: other, absent, blind: listed.blind })
    }

    /// The times that stand in its records, by the clock of this machine where it
    /// is known how that of the store compares.
    pub(crate) async fn times(
        &self,
        are_dead: bool,
        place: &Locator,
        ledgers: &BTreeMap<&str, &Ledger>,
        offered: &Offered,
    ) -> Timing {
        let clock = clock::offset(&self.kind, self.address()).await;
        let offset = clock.map_or(0.0, |clock| clock.offset_ms * 1e3);
        let mut reader = times::Reader::new(offered, ledgers, are_dead, offset.round() as i64);
        let read = self.read_as(are_dead, |text, record| {
            reader.take(text, place.find(record).as_deref());
        });
        let trouble = read.await.err();
        Timing { workloads: reader.finish(are_dead), clock, trouble }
    }

    /// The address; of a program, its name.
    fn address(&self) -> &str {
        self.address.first().map_or("", String::as_str)
    }

    /// What there was to read records of.
    async fn read_records(&self, are_dead: bool, take: &mut Take<'_>) -> Result<Listed, String> {
        let address = self.address();
        let is_there = match &self.kind {
            Listing::Sql { query, timeout, .. } => {
                sql::read(address, query, timeout.0, are_dead, take).await
            }
            Listing::RedisStream { stream, .. } => redis_stream::read(address, stream, take).await,
            Listing::RedisKey { key, .. } => redis_key::read(address, key, take).await,
            Listing::Mongodb { database, collection, ask, timeout, .. } => {
                let database = database.as_deref();
                mongodb::read(address, database, collection, ask, timeout.0, take).await
            }
            Listing::AmqpQueue { queue, timeout, .. } => {
                amqp_queue::read(address, queue, timeout.0, take).await
            }
            Listing::KafkaTopic(topic) => {
                return kafka_topic::read(topic, address, self.starts.as_ref(), take).await;
            }
            Listing::Ndjson { .. } => lines::read_file(address, take).await.map(|()| true),
            Listing::Http { .. } => lines::read_url(address, take).await.map(|()| true),
            Listing::Command { timeout, .. } => {
                lines::read_program(&self.address, timeout.0, take).await.map(|()| true)
            }
        };
        is_there.map(|is_there| Listed { is_there, blind: None })
    }

    /// The part of the list that has an order of its own, where it is not all of it.
    pub(crate) fn part_of(&self, record: &dyn Record) -> Option<String> {
        match self.kind {
            Listing::KafkaTopic(_) => {
                let number = record.property("partition")?;
                Some(String::from_utf8_lossy(&number).into_owned())
            }
            _ => None,
        }
    }

    /// Whether a look at it leaves a mark: messages count as delivered.
    const fn leaves_marks(&self) -> bool {
        matches!(self.kind, Listing::AmqpQueue { .. })
    }

    /// Whether its records come in the order in which they came to be.
    async fn is_ordered(&self) -> Result<(), String> {
        match &self.kind {
            Listing::RedisKey { key, .. } => redis_key::is_ordered(self.address(), key).await,
            Listing::Sql { .. } => Err("rows have no order without a query for it".to_owned()),
            // What is read is sorted, or the file would not have been taken.
            Listing::Mongodb { .. }
            // The first one in is the first one out, and they stay so.
            | Listing::AmqpQueue { .. }
            // Those of a partition do.
            | Listing::KafkaTopic(_)
            | Listing::RedisStream { .. }
            | Listing::Ndjson { .. }
            | Listing::Http { .. }
            | Listing::Command { .. } => Ok(()),
        }
    }
}

/// What a list had beside its records.
struct Listed {
    /// Whether there is something that could have records.
    is_there: bool,
    /// Why records may be missing.
    blind: Option<String>,
}

/// What a list had beside its identities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Records in which no identity was found.
    pub nameless: u64,
    /// What does not exist, in words, if nothing is there that could have records.
    pub absent: Option<String>,
    /// Why records may be missing that were there.
    pub blind: Option<String>,
}
