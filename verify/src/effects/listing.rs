//! Effects as a list of identities that can be read again and again: rows of a
//! database, entries of a stream, lines of a file or of an answer.
//!
//! A list is read in one pass, one identity at a time, into compressed bitmaps;
//! neither the list nor the operations are ever in memory as such. Passes are
//! made until the system is quiet: two of them in turn see the same, and the
//! effect of everything that was acknowledged is there or among the dead
//! letters. What is missing then is waited for until the time is up; should
//! effects still be coming, the source says that it did not see the end.

mod lines;
mod redis_stream;
mod sql;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use loadgen::{Fate, Ledger};
use scenarios::plan::Listing;
use scenarios::plan::effects::OrderQuery;
use scenarios::redact::redact;
use scenarios::template::TemplateError;

use super::order;
use crate::history::{Dead, Order, Seen, SeenWorkload};
use crate::signal::Cancel;

/// The shortest pause between two passes; a pass that takes longer is followed
/// by a pause of its own length, so that reading never is most of the load.
const PAUSE: Duration = Duration::from_secs(1);
/// The time that is left for the reading of a run that was cancelled.
const HURRY: Duration = Duration::from_secs(3);
/// The most foreign identities that are kept.
const FOREIGN: usize = 100;

/// A list with its address filled in.
#[derive(Debug, Clone)]
pub struct List {
    kind: Listing,
    address: String,
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
        let (Listing::Sql { url: address, .. }
        | Listing::RedisStream { url: address, .. }
        | Listing::Ndjson { file: address, .. }
        | Listing::Http { url: address, .. }) = listing;
        Ok(Self { kind: listing.clone(), address: address.fill(targets)? })
    }

    /// What is read, for people.
    #[must_use]
    pub fn place(&self) -> String {
        let address = redact(&self.address);
        match &self.kind {
            Listing::Sql { query, .. } => format!("{address}, {}", query.trim()),
            Listing::RedisStream { stream, .. } => format!("{address}, stream {stream}"),
            Listing::Ndjson { .. } | Listing::Http { .. } => address,
        }
    }

    /// Reads the list once from its beginning to its end.
    ///
    /// # Errors
    /// A text that says what was wrong.
    pub async fn read(&self, mut take: impl FnMut(&str)) -> Result<(), String> {
        match &self.kind {
            Listing::Sql { query, timeout, .. } => {
                sql::read(&self.address, query, timeout.0, &mut take).await
            }
            Listing::RedisStream { stream, field, identity, .. } => {
                let identity = identity.as_ref();
                redis_stream::read(&self.address, stream, field, identity, &mut take).await
            }
            Listing::Ndjson { identity, .. } => {
                lines::read_file(&self.address, identity.as_ref(), &mut take).await
            }
            Listing::Http { identity, .. } => {
                lines::read_url(&self.address, identity.as_ref(), &mut take).await
            }
        }
    }
}

/// Everything that is read at one source.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The effects.
    pub effects: List,
    /// Dead letters.
    pub dead: Option<List>,
    /// The order, with the address filled in.
    pub order: Option<(OrderQuery, String)>,
    /// How long a missing effect is waited for.
    pub settle: Duration,
    /// The run whose operations are looked for.
    pub run: String,
    /// The names of the plan's workloads.
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
        cancel: &Cancel,
    ) -> Result<Seen, String> {
        let begun = Instant::now();
        let mut before: Option<Shape> = None;
        loop {
            let started = Instant::now();
            let read = self.pass().await;
            let limit = if cancel.is_cancelled() { HURRY.min(self.settle) } else { self.settle };
            let is_late = begun.elapsed() >= limit;
            match read {
                Ok(mut seen) => {
                    let shape = shape(&seen);
                    let is_stable = before == Some(shape);
                    if is_stable && (is_late || is_complete(&seen, ledgers)) {
                        seen.order = self.read_order().await;
                        return Ok(seen);
                    }
                    if is_late && before.is_some() {
                        seen.blind = Some(format!(
                            "effects were still coming {} s after the load",
                            begun.elapsed().as_secs()
                        ));
                        seen.order = self.read_order().await;
                        return Ok(seen);
                    }
                    before = Some(shape);
                }
                Err(why) if is_late => return Err(why),
                Err(_) => before = None,
            }
            tokio::time::sleep(PAUSE.max(started.elapsed())).await;
        }
    }

    async fn pass(&self) -> Result<Seen, String> {
        let mut seen = Seen::default();
        self.effects.read(|text| self.take(text, &mut seen)).await?;
        // Behind the effects: what moves between the two passes is then seen
        // at least once, and the next pass is the same again.
        if let Some(list) = &self.dead {
            let mut dead = Seen::default();
            let trouble = list.read(|text| self.take(text, &mut dead)).await.err();
            seen.foreign_count += dead.foreign_count;
            seen.foreign.extend(dead.foreign);
            seen.foreign.truncate(FOREIGN);
            let workloads = dead.workloads.into_iter().map(|(name, told)| (name, told.once));
            seen.dead = Some(Dead { workloads: workloads.collect(), trouble });
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

    async fn read_order(&self) -> Option<Order> {
        let (query, address) = self.order.as_ref()?;
        let mut reader = order::Reader::new(&self.run, &self.workloads);
        let mut take = |key: &str, text: &str| reader.take(key, text);
        let read = sql::read_pairs(address, &query.query, query.timeout.0, &mut take);
        let trouble = read.await.err();
        Some(Order { workloads: reader.finish(), trouble })
    }
}

fn shape(seen: &Seen) -> Shape {
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
