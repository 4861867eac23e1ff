//! The numbers of publishes on a channel that confirms them: the client counts
//! what it has published and the broker what it has got, which is not the same
//! once a toxic has added, dropped or swapped messages.

use std::collections::VecDeque;

/// In place of the client's number: the message is the toxic's own.
const OURS: u64 = 0;
/// In place of the client's number: the broker has confirmed it.
const SETTLED: u64 = u64::MAX;

/// What the broker has got and not confirmed.
#[derive(Debug)]
pub(crate) struct Confirms {
    /// The broker's number of the first entry.
    first: u64,
    /// The client's number of each message, in the broker's order. Ten million
    /// unconfirmed publishes take as many times 8 bytes, here as in the client.
    entries: VecDeque<u64>,
    /// How many the client has published.
    published: u64,
    /// The last of the broker's numbers at which the client's do not rise.
    jumbled: u64,
    /// Both count differently.
    is_shifted: bool,
}

impl Default for Confirms {
    fn default() -> Self {
        let (entries, published) = (VecDeque::new(), 0);
        Self { first: 1, entries, published, jumbled: 0, is_shifted: false }
    }
}

impl Confirms {
    /// The client publishes; its number.
    pub(crate) fn publish(&mut self) -> u64 {
        self.published += 1;
        self.published
    }

    /// A message goes to the broker, by the client's number; the broker's.
    pub(crate) fn send(&mut self, client: u64) -> u64 {
        let broker = self.first + self.entries.len() as u64;
        if self.entries.back().is_some_and(|last| *last != SETTLED && *last > client) {
            (self.jumbled, self.is_shifted) = (broker, true);
        }
        self.entries.push_back(client);
        broker
    }

    /// A message of the toxic's own goes to the broker.
    pub(crate) fn send_ours(&mut self) -> u64 {
        self.is_shifted = true;
        let broker = self.first + self.entries.len() as u64;
        self.entries.push_back(OURS);
        broker
    }

    /// A message of the client's never goes to the broker.
    pub(crate) fn drop_one(&mut self) {
        self.is_shifted = true;
    }

    /// Whether the two count differently, so that somebody must translate.
    pub(crate) fn is_shifted(&self) -> bool {
        self.is_shifted
    }

    /// How many the broker has got and not confirmed.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the broker may still confirm this number of its own.
    pub(crate) fn is_open(&self, broker: u64) -> bool {
        let at = broker.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        at.is_some_and(|at| self.entries.get(at).is_some_and(|client| *client != SETTLED))
    }

    /// The broker settles one message or all up to one; tells what the client is
    /// to be told: numbers of its own that it waits for, none twice.
    pub(crate) fn settle(&mut self, broker: u64, multiple: bool, mut tell: impl FnMut(u64, bool)) {
        let next = self.first + self.entries.len() as u64;
        if broker >= next {
            // Nobody can know what it means; the client shall see it.
            return tell(self.published + 1 + (broker - next), multiple);
        }
        if multiple {
            // Zero stands for all.
            let last = if broker == 0 { next - 1 } else { broker };
            return self.settle_all(last, tell);
        }
        let Some(at) = broker.checked_sub(self.first) else { return };
        let entry = usize::try_from(at).ok().and_then(|at| self.entries.get_mut(at));
        let client = entry.map_or(SETTLED, |entry| std::mem::replace(entry, SETTLED));
        if client != OURS && client != SETTLED {
            tell(client, false);
        }
        while self.entries.front() == Some(&SETTLED) {
            self.entries.pop_front();
            self.first += 1;
        }
    }

    fn settle_all(&mut self, last: u64, mut tell: impl FnMut(u64, bool)) {
        let is_jumbled = self.jumbled >= self.first;
        let count = usize::try_from((last + 1).saturating_sub(self.first)).unwrap_or(usize::MAX);
        let count = count.min(self.entries.len());
        let is_client = |client: &u64| *client != OURS && *client != SETTLED;
        let mut settled = self.entries.drain(..count).filter(is_client);
        if !is_jumbled {
            let newest = settled.next_back();
            drop(settled);
            self.advance(count);
            return newest.map_or((), |newest| tell(newest, true));
        }
        let mut settled: Vec<u64> = settled.collect();
        settled.sort_unstable();
        self.advance(count);
        // What the client still waits for must not be among "all up to".
        let waiting = self.entries.iter().copied().filter(is_client).min().unwrap_or(SETTLED);
        let below = settled.partition_point(|client| *client < waiting);
        if let Some(newest) = settled[..below].last() {
            tell(*newest, true);
        }
        settled[below..].iter().for_each(|client| tell(*client, false));
    }

    fn advance(&mut self, count: usize) {
        self.first += count as u64;
        while self.entries.front() == Some(&SETTLED) {
            self.entries.pop_front();
            self.first += 1;
        }
    }
}
