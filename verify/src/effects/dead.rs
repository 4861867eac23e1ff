//! Dead letters: what was given up for good, and how often it was tried again before.

use std::collections::BTreeMap;

use loadgen::Ledger;
use scenarios::locator::{Locator, Record};

use super::listing::{List, Reading};
use super::offered::Offered;
use crate::history::{DeadTries, Seen, Timing};

/// A list of dead letters.
#[derive(Debug, Clone)]
pub struct DeadLetters {
    /// Where they are read.
    pub list: List,
    /// Where in each it stands how often its operation was tried again.
    pub tries: Option<Locator>,
    /// Where in each it stands when it was given up.
    pub at: Option<Locator>,
}

impl From<List> for DeadLetters {
    fn from(list: List) -> Self {
        Self { list, tries: None, at: None }
    }
}

impl Seen {
    /// Takes in what a list of dead letters had beside them, or says why it could not be
    /// read.
    pub(crate) fn note_dead(&mut self, read: Result<Reading, String>) -> Option<String> {
        let read = match read {
            Ok(read) => read,
            Err(why) => return Some(why),
        };
        self.absent.extend(read.absent);
        self.nameless += read.nameless;
        // What is missing among them would be taken for lost.
        read.blind
    }
}

impl DeadLetters {
    /// Reads the list once, and hands over the identity in each. Gives what it had
    /// beside, and what those of the run say of their tries.
    pub async fn read(
        &self,
        run: &str,
        mut take: impl FnMut(&str),
    ) -> (Result<Reading, String>, Option<DeadTries>) {
        let mut told = DeadTries::default();
        let read = self.list.read_dead(|text, record| {
            take(text);
            let id = loadgen::identity::parse(text.as_bytes());
            if let (Some(id), Some(locator)) = (id.filter(|id| id.run == run), &self.tries) {
                let known = told.workloads.entry(id.workload.to_owned()).or_default();
                known.add(id.sequence, tries(locator, record));
            }
        });
        let read = read.await;
        told.trouble = read.as_ref().err().cloned();
        (read, self.tries.as_ref().map(|_| told))
    }

    /// How long the operations took until they were given up, where that is read.
    pub(crate) async fn times(
        &self,
        ledgers: &BTreeMap<&str, &Ledger>,
        offered: &Offered,
    ) -> Option<Timing> {
        let place = self.at.as_ref()?;
        Some(self.list.times(true, place, ledgers, offered).await)
    }
}

/// The number that stands in a dead letter, if one does.
fn tries(locator: &Locator, record: &dyn Record) -> Option<u64> {
    locator.find(record)?.trim().parse().ok()
}
