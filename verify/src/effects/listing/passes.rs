//! Passes over a list until the system is quiet, and what they see.
//!
//! Each takes the identities into compressed bitmaps; neither the list nor the
//! operations are ever in memory as such. The system is quiet when two passes in turn
//! see the same, and the effect of everything that was acknowledged is there or among
//! the dead letters. What is missing then is waited for until the time is up; should
//! effects still be coming, the source says that it did not see the end.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};

use loadgen::{Fate, Ledger};
use scenarios::locator::Locator;
use scenarios::plan::effects::{Aggregate, OrderQuery, OrderSource};
use scenarios::template::TemplateError;

use super::{List, sql};
use crate::effects::aggregate;
use crate::effects::dead::DeadLetters;
use crate::effects::offered::Offered;
use crate::effects::order;
use crate::effects::schema::Inspector;
use crate::history::{Aggregates, Conformity, Dead, Order, Seen, SeenWorkload};
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
    /// Takes down where the lists end, before anything of the run is in them.
    pub async fn begin(&mut self) {
        self.effects.begin().await;
        if let Some(dead) = &mut self.dead {
            dead.list.begin().await;
        }
    }

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
        seen.blind = read.blind;
        // Behind the effects: what moves between the two passes is then seen
        // at least once, and the next pass is the same again.
        if let Some(letters) = &self.dead {
            let mut dead = Seen::default();
            let (read, tries) = letters.read(&self.run, |text| self.take(text, &mut dead)).await;
            let trouble = seen.note_dead(read);
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
            blind: read.blind,
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
        let (mut without, mut parts) = (0_u64, Parts::default());
        let read = self.effects.read(|text, record| match key.find(record) {
            Some(key) => match self.effects.part_of(record).filter(|_| self.is_ours(text)) {
                Some(part) => reader.take(&parts.key(key, &part), text),
                None => reader.take(&key, text),
            },
            None => without += u64::from(self.is_ours(text)),
        });
        read.await?;
        if let Some(why) = parts.split {
            return Err(why);
        }
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

/// Which part of a list the effects of each key are in: between two parts there is no
/// order.
#[derive(Default)]
struct Parts {
    /// By the hash of the key that of the part.
    of_keys: HashMap<u64, u64>,
    /// That a key has effects in several, in words.
    split: Option<String>,
}

impl Parts {
    /// The key, as that of a part.
    fn key(&mut self, key: String, part: &str) -> String {
        let hash = |text: &str| {
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        };
        let own = hash(part);
        if *self.of_keys.entry(hash(&key)).or_insert(own) != own && self.split.is_none() {
            self.split = Some(format!(
                "key {key:?} has effects in several partitions, between which there is no order"
            ));
        }
        format!("{key} (partition {part})")
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
