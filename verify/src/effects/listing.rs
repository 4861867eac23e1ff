//! Effects as a list of identities that can be read again and again: rows or
//! documents of a database, entries of a stream, elements of a key, messages of a
//! queue, lines of a file, of an answer or of a program.
//!
//! A list is read in one pass, one identity at a time, into compressed bitmaps;
//! neither the list nor the operations are ever in memory as such. Passes are
//! made until the system is quiet: two of them in turn see the same, and the
//! effect of everything that was acknowledged is there or among the dead
//! letters. What is missing then is waited for until the time is up; should
//! effects still be coming, the source says that it did not see the end.

mod amqp_queue;
mod clock;
mod lines;
mod mongodb;
mod redis_key;
mod redis_stream;
mod sql;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use loadgen::{Fate, Ledger};
use scenarios::locator::{Locator, Record};
use scenarios::plan::Listing;
use scenarios::plan::effects::{Aggregate, OrderQuery, OrderSource};
use scenarios::redact::redact;
use scenarios::template::TemplateError;

use super::aggregate;
use super::dead::DeadLetters;
use super::offered::Offered;
use super::order;
use super::schema::Inspector;
use super::times;
use crate::history::{Aggregates, Conformity, Dead, Order, Seen, SeenWorkload, Timing};
use crate::signal::Cancel;

/// The shortest pause between two passes; a pass that takes longer is followed
/// by a pause of its own length, so that reading never is most of the load.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two looks that leave a mark on what is looked at.
const RARELY: Duration = Duration::from_secs(10);
/// The time that is left for the reading of a run that was cancelled.
const HURRY: Duration = Duration::from_secs(3);
/// The most foreign identities that are kept.
const FOREIGN: usize = 100;

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
        Ok(Self { kind: listing.clone(), identity: listing.identity(), address, shown })
    }

    /// The same list, of which this text names a record.
    #[must_use]
    pub fn named_by(self, identity: Locator) -> Self {
        Self { identity, ..self }
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
        let is_there = self.read_records(are_dead, &mut each).await?;
        if found == 0 && other > 0 {
            return Err(format!(
                "none of {other} records has a text at {:?}, where the identity was looked for",
                self.identity.to_string()
            ));
        }
        let absent = (!is_there).then(|| match &self.kind {
            Listing::RedisStream { stream, .. } => format!("stream {stream}"),
            Listing::RedisKey { key, .. } => format!("key {key}"),
            Listing::Mongodb { collection, .. } => format!("collection {collection}"),
            Listing::AmqpQueue { queue, .. } => format!("queue {queue}"),
            _ => format!("a table of {}", self.place()),
        });
        Ok(Reading { nameless: other, absent })
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

    /// Whether there was something to read records of.
    async fn read_records(&self, are_dead: bool, take: &mut Take<'_>) -> Result<bool, String> {
        let address = self.address();
        match &self.kind {
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
            Listing::Ndjson { .. } => lines::read_file(address, take).await.map(|()| true),
            Listing::Http { .. } => lines::read_url(address, take).await.map(|()| true),
            Listing::Command { timeout, .. } => {
                lines::read_program(&self.address, timeout.0, take).await.map(|()| true)
            }
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
            | Listing::RedisStream { .. }
            | Listing::Ndjson { .. }
            | Listing::Http { .. }
            | Listing::Command { .. } => Ok(()),
        }
    }
}

/// What a list had beside its identities.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reading {
    /// Records in which no identity was found.
    pub nameless: u64,
    /// What does not exist, in words, if nothing is there that could have records.
    pub absent: Option<String>,
}

/// How the order of effects is read, with the address filled in.
#[derive(Debug, Clone)]
pub enum OrderOf {
    /// A query of its own says.
    Query(OrderQuery, String),
    /// The records come in that order; the key of each stands here.
    Records(Locator),
}

impl OrderOf {
    /// That of a plan.
    ///
    /// # Errors
    /// When an address is missing.
    pub fn new(
        source: &OrderSource,
        targets: &BTreeMap<String, String>,
    ) -> Result<Self, TemplateError> {
        Ok(match source {
            OrderSource::Query(query) => Self::Query(query.clone(), query.url.fill(targets)?),
            OrderSource::Records(records) => Self::Records(records.key.clone()),
        })
    }
}

/// Everything that is read at one source.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The effects.
    pub effects: List,
    /// Dead letters.
    pub dead: Option<DeadLetters>,
    /// The order.
    pub order: Option<OrderOf>,
    /// Where it stands when an effect came to be.
    pub at: Option<Locator>,
    /// Set where the records are what operations of a key came to together.
    pub aggregate: Option<Grouped>,
    /// What records are held against.
    pub schema: Option<Inspector>,
    /// How long a missing effect is waited for.
    pub settle: Duration,
    /// The run whose operations are looked for.
    pub run: String,
    /// The names of the plan's workloads.
    pub workloads: Vec<String>,
}

/// How records are read that operations came to together.
#[derive(Debug, Clone)]
pub struct Grouped {
    /// What stands where.
    pub aggregate: Aggregate,
    /// The workloads whose operations are in them.
    pub workloads: Vec<String>,
}

/// What one pass saw, in short: two passes that agree in it saw the same.
type Shape = (u64, u64, u64);

impl Spec {
    /// Reads until the system is quiet.
    ///
    /// # Errors
    /// Why the list could not be read, at the last try.
    pub async fn finish(
        &self,
        ledgers: &BTreeMap<&str, &Ledger>,
        offered: &Offered,
        cancel: &Cancel,
    ) -> Result<Seen, String> {
        let begun = Instant::now();
        let mut before: Option<Shape> = None;
        loop {
            let started = Instant::now();
            let read = match &self.aggregate {
                Some(grouped) => self.pass_grouped(grouped, ledgers, offered, false).await,
                None => self.pass().await,
            };
            let limit = if cancel.is_cancelled() { HURRY.min(self.settle) } else { self.settle };
            let is_late = begun.elapsed() >= limit;
            match read {
                Ok(mut seen) => {
                    let shape = shape(&seen);
                    let is_stable = before == Some(shape);
                    let is_complete = match &self.aggregate {
                        Some(grouped) => grouped.is_complete(&seen, ledgers, offered),
                        None => is_complete(&seen, ledgers),
                    };
                    if is_stable && (is_late || is_complete) {
                        self.read_more(&mut seen, ledgers, offered).await;
                        return Ok(seen);
                    }
                    if is_late && before.is_some() {
                        seen.blind = Some(format!(
                            "effects were still coming {} s after the load",
                            begun.elapsed().as_secs()
                        ));
                        self.read_more(&mut seen, ledgers, offered).await;
                        return Ok(seen);
                    }
                    before = Some(shape);
                }
                Err(why) if is_late => return Err(why),
                Err(_) => before = None,
            }
            tokio::time::sleep(self.pause(started.elapsed(), begun.elapsed())).await;
        }
    }

    /// How long it is until the next pass, by how long the last one took and how long
    /// ago the first one began. Looks that leave a mark become rare.
    fn pause(&self, took: Duration, since: Duration) -> Duration {
        let dead = self.dead.iter().map(|letters| &letters.list);
        match std::iter::once(&self.effects).chain(dead).any(List::leaves_marks) {
            true => PAUSE.max(took).max(since.min(RARELY)),
            false => PAUSE.max(took),
        }
    }

    async fn pass(&self) -> Result<Seen, String> {
        let mut seen = Seen::default();
        let read = self.effects.read(|text, _| self.take(text, &mut seen)).await?;
        seen.absent.extend(read.absent);
        seen.nameless = read.nameless;
        // Behind the effects: what moves between the two passes is then seen
        // at least once, and the next pass is the same again.
        if let Some(letters) = &self.dead {
            let mut dead = Seen::default();
            let (read, tries) = letters.read(&self.run, |text| self.take(text, &mut dead)).await;
            let trouble = match read {
                Ok(read) => {
                    seen.absent.extend(read.absent);
                    seen.nameless += read.nameless;
                    None
                }
                Err(why) => Some(why),
            };
            seen.foreign_count += dead.foreign_count;
            seen.foreign.extend(dead.foreign);
            seen.foreign.truncate(FOREIGN);
            let workloads = dead.workloads.into_iter().map(|(name, told)| (name, told.once));
            seen.dead = Some(Dead { workloads: workloads.collect(), trouble, tries });
        }
        Ok(seen)
    }

    /// Takes down one identity. What is no identity, or one of another run, is
    /// somebody else's.
    fn take(&self, text: &str, seen: &mut Seen) {
        let Some(id) = loadgen::identity::parse(text.as_bytes()) else { return };
        if id.run != self.run {
            return;
        }
        if let Some(known) = seen.workloads.get_mut(id.workload) {
            known.add(id.sequence);
        } else if self.workloads.iter().any(|workload| workload == id.workload) {
            let mut first = SeenWorkload::default();
            first.add(id.sequence);
            seen.workloads.insert(id.workload.to_owned(), first);
        } else {
            seen.foreign_count += 1;
            if seen.foreign.len() < FOREIGN {
                seen.foreign.push(text.to_owned());
            }
        }
    }

    /// What is read once, when the system is quiet.
    async fn read_more(
        &self,
        seen: &mut Seen,
        ledgers: &BTreeMap<&str, &Ledger>,
        offered: &Offered,
    ) {
        seen.order = self.read_order().await;
        seen.schema = self.read_schema().await;
        if let Some(place) = &self.at {
            seen.times = Some(self.effects.times(false, place, ledgers, offered).await);
        }
        if let Some(dead) = &self.dead {
            seen.dead_times = dead.times(ledgers, offered).await;
        }
        if let Some(grouped) = &self.aggregate {
            let read = self.pass_grouped(grouped, ledgers, offered, true).await;
            seen.aggregates = Some(match read {
                Ok(read) => read.aggregates.unwrap_or_default(),
                Err(why) => Aggregates { trouble: Some(why), ..Aggregates::default() },
            });
        }
    }

    async fn pass_grouped(
        &self,
        grouped: &Grouped,
        ledgers: &BTreeMap<&str, &Ledger>,
        offered: &Offered,
        compares: bool,
    ) -> Result<Seen, String> {
        let Grouped { aggregate, workloads } = grouped;
        let mut reader = aggregate::Reader::new(aggregate, offered, ledgers, workloads, compares);
        let read = self.effects.read(|key, record| reader.take(key, record)).await?;
        Ok(Seen {
            absent: read.absent.into_iter().collect(),
            nameless: read.nameless,
            aggregates: Some(reader.finish()),
            ..Seen::default()
        })
    }

    async fn read_schema(&self) -> Option<Conformity> {
        let inspector = self.schema.as_ref()?;
        let mut found = Conformity::default();
        let read = self.effects.read_each(false, |text, record| {
            inspector.take(text, record, &mut found);
        });
        found.trouble = read.await.err();
        Some(found)
    }

    async fn read_order(&self) -> Option<Order> {
        let source = self.order.as_ref()?;
        let mut reader = order::Reader::new(&self.run, &self.workloads);
        let trouble = match source {
            OrderOf::Query(query, address) => {
                let take = |key: &str, text: &str| reader.take(key, text);
                sql::read_pairs(address, &query.query, query.timeout.0, take).await.err()
            }
            OrderOf::Records(key) => self.read_keys(key, &mut reader).await.err(),
        };
        Some(Order { workloads: reader.finish(), trouble })
    }

    async fn read_keys(&self, key: &Locator, reader: &mut order::Reader) -> Result<(), String> {
        self.effects.is_ordered().await?;
        let mut without = 0_u64;
        let read = self.effects.read(|text, record| match key.find(record) {
            Some(key) => reader.take(&key, text),
            None => without += u64::from(self.is_ours(text)),
        });
        read.await?;
        if without > 0 {
            let place = key.to_string();
            return Err(format!("{without} effects have no key at {place:?}"));
        }
        Ok(())
    }

    fn is_ours(&self, text: &str) -> bool {
        loadgen::identity::parse(text.as_bytes()).is_some_and(|id| id.run == self.run)
    }
}

impl Grouped {
    /// Whether the records have everything that was acknowledged, by number.
    fn is_complete(
        &self,
        seen: &Seen,
        ledgers: &BTreeMap<&str, &Ledger>,
        offered: &Offered,
    ) -> bool {
        let acked = self.workloads.iter().filter_map(|name| {
            let shape = &offered.workloads.get(name)?.shape;
            let acked = ledgers.get(name.as_str())?.of(Fate::Acked);
            Some(acked.iter().filter(|&seq| !shape.is_poison(seq)).count() as f64)
        });
        let keys = seen.aggregates.iter().flat_map(|told| told.keys.values());
        keys.filter_map(|told| told.count).sum::<f64>() >= acked.sum::<f64>()
    }
}

fn shape(seen: &Seen) -> Shape {
    if let Some(told) = &seen.aggregates {
        let counts: f64 = told.keys.values().filter_map(|told| told.count).sum();
        return (told.keys.len() as u64, counts.to_bits(), told.strangers);
    }
    let effects = |told: &SeenWorkload| {
        told.once.len() + told.more.values().map(|&times| u64::from(times) - 1).sum::<u64>()
    };
    let dead = seen.dead.iter().flat_map(|dead| dead.workloads.values());
    (
        seen.workloads.values().map(effects).sum(),
        dead.map(roaring::RoaringTreemap::len).sum(),
        seen.foreign_count,
    )
}

/// Whether everything that was acknowledged has an effect or is a dead letter.
fn is_complete(seen: &Seen, ledgers: &BTreeMap<&str, &Ledger>) -> bool {
    if seen.dead.as_ref().is_some_and(|dead| dead.trouble.is_some()) {
        return false;
    }
    ledgers.iter().all(|(name, ledger)| {
        let mut missing = ledger.of(Fate::Acked).clone();
        if let Some(told) = seen.workloads.get(*name) {
            missing -= &told.once;
        }
        if let Some(dead) = seen.dead.as_ref().and_then(|dead| dead.workloads.get(*name)) {
            missing -= dead;
        }
        missing.is_empty()
    })
}
