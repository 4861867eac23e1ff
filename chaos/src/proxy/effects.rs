//! The record of what protocol toxics did to single messages: a ring in memory
//! for each proxy, and a file for all of them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{ProxyError, Way};

/// So many effects of each proxy are kept in memory; the file keeps all.
const KEPT: usize = 65_536;

/// One thing that was done to one message.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Effect {
    /// Counts the effects of the proxy from 1.
    pub sequence: u64,
    /// When it was recorded, just before it was done.
    pub at: Timestamp,
    /// The proxy.
    #[serde(serialize_with = "text")]
    pub proxy: Arc<str>,
    /// The toxic that did it.
    #[serde(serialize_with = "text")]
    pub toxic: Arc<str>,
    /// The number of the connection.
    pub connection: u64,
    /// The direction of the message.
    pub stream: Way,
    /// What was done: `duplicated`, `swallowed`, `held`, …
    pub what: &'static str,
    /// By what the message is known in its own protocol.
    pub identity: Value,
}

/// A shared name is written as any text.
fn text<S: serde::Serializer>(name: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(name)
}

/// Some effects of a proxy, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EffectsPage {
    /// How many there have ever been: where to go on with `after`.
    pub recorded: u64,
    /// How many of those asked for are no longer in memory.
    pub missed: u64,
    /// How many could not be recorded, and so were not carried out.
    pub refused: u64,
    /// The effects.
    pub effects: Vec<Effect>,
}

/// The file of all proxies.
#[derive(Debug)]
pub(crate) struct Book(Mutex<File>);

impl Book {
    /// Opens the file to append to it.
    pub(crate) fn open(path: &Path) -> Result<Self, ProxyError> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|source| ProxyError::File { path: path.to_owned(), source })?;
        Ok(Self(Mutex::new(file)))
    }

    /// Hands the line to the system at once: a killed server loses none.
    fn write(&self, effect: &Effect) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(effect)?;
        line.push(b'\n');
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line)
    }
}

/// The effects of one proxy.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    book: Option<Arc<Book>>,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    recorded: u64,
    refused: u64,
    kept: VecDeque<Effect>,
}

impl Effects {
    pub(crate) fn new(book: Option<Arc<Book>>) -> Self {
        Self { book, ring: Mutex::default() }
    }

    /// Records an effect, whose `sequence` and `at` are filled in. False if the
    /// file does not take it: then it must not be carried out.
    pub(crate) fn record(&self, mut effect: Effect) -> bool {
        let mut ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        effect.sequence = ring.recorded + 1;
        if let Some(book) = &self.book
            && book.write(&effect).is_err()
        {
            ring.refused += 1;
            return false;
        }
        ring.recorded += 1;
        if ring.kept.len() == KEPT {
            ring.kept.pop_front();
        }
        ring.kept.push_back(effect);
        true
    }

    /// Those with a sequence above `after`, at most `limit` of them.
    pub(crate) fn page(&self, after: u64, limit: usize) -> EffectsPage {
        let ring = self.ring.lock().unwrap_or_else(PoisonError::into_inner);
        let first = ring.kept.front().map_or(ring.recorded + 1, |effect| effect.sequence);
        let missed = first.saturating_sub(after.saturating_add(1));
        let skip = usize::try_from(after.saturating_add(1).saturating_sub(first));
        let effects = ring.kept.iter().skip(skip.unwrap_or(usize::MAX)).take(limit);
        EffectsPage {
            recorded: ring.recorded,
            missed,
            refused: ring.refused,
            effects: effects.cloned().collect(),
        }
    }
}

/// The time of an effect or of a connection's beginning.
#[expect(clippy::disallowed_methods, reason = "the proxy is a shell: people compare these times")]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}
