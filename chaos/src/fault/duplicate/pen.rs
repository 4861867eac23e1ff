//! Who is chosen, and what has come of it.

use std::collections::HashSet;
use std::fmt;

use scenarios::seed::fnv1a;
use tokio::sync::watch;

use super::identities::Identities;

/// The choice of messages by their identity: the same seed chooses the same, in
/// whatever order they come.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    seed: u64,
    share: f64,
    /// None if there is no limit.
    most: Option<usize>,
    /// Nobody is chosen twice, so that a system that publishes twice by itself
    /// does not blur the count.
    taken: HashSet<String>,
}

impl Choice {
    /// A limit of 0 is none.
    pub(super) fn new(seed: u64, share: f64, most: u32) -> Self {
        let most = usize::try_from(most).ok().filter(|&most| most > 0);
        Self { seed, share, most, taken: HashSet::new() }
    }

    /// Whether this message is put once more.
    fn takes(&mut self, identity: &str) -> bool {
        if self.most.is_some_and(|most| self.taken.len() >= most) || self.taken.contains(identity) {
            return false;
        }
        let drawn = fastrand::Rng::with_seed(self.seed ^ hash(identity.as_bytes())).f64();
        drawn < self.share && self.taken.insert(identity.to_owned())
    }
}

/// FNV-1a, which is the same on every machine and in every version.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    fnv1a(bytes.iter().copied())
}

/// What a tap has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Messages that were seen.
    pub(super) seen: u64,
    /// Those of them that were to be put once more.
    pub(super) chosen: u64,
    /// Duplicates that the broker has taken.
    pub(super) accepted: u64,
    /// How the tap ended.
    pub(super) ended: Option<Result<(), String>>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seen, chosen, accepted, ended } = self;
        write!(f, "{accepted} duplicates of {seen} messages put in")?;
        if accepted != chosen {
            write!(f, "; of {} it is not known", chosen - accepted)?;
        }
        match ended {
            Some(Err(reason)) => write!(f, "; it ended early: {reason}"),
            _ => Ok(()),
        }
    }
}

/// Chooses, writes down, and counts.
pub(super) struct Pen {
    pub(super) choice: Choice,
    pub(super) identities: Identities,
    pub(super) tally: watch::Sender<Tally>,
}

impl Pen {
    /// Those of some messages, each with its identity, that are to be put once
    /// more. They are written down when this returns.
    pub(super) fn choose<T>(&mut self, mut seen: Vec<(String, T)>) -> Result<Vec<T>, String> {
        let count = seen.len() as u64;
        seen.retain(|(identity, _)| self.choice.takes(identity));
        let named = seen.iter().map(|(identity, _)| identity.as_str());
        self.identities.write(named).map_err(|error| error.to_string())?;
        self.tally.send_modify(|tally| {
            tally.seen += count;
            tally.chosen += seen.len() as u64;
        });
        Ok(seen.into_iter().map(|(_, message)| message).collect())
    }

    /// The broker has taken so many duplicates more.
    pub(super) fn accepted(&self, count: u64) {
        self.tally.send_modify(|tally| tally.accepted += count);
    }

    /// The tap has ended.
    pub(super) fn close(&self, how: Result<(), String>) {
        self.tally.send_modify(|tally| tally.ended = Some(how));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(seed: u64, most: u32, identities: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut choice = Choice::new(seed, 0.03, most);
        identities.filter(|identity| choice.takes(&format!("id-{identity}"))).collect()
    }

    #[test]
    fn a_seed_chooses_the_same_in_any_order_and_nobody_twice() {
        let forth = chosen(7, 0, 0..10_000);
        let mut back = chosen(7, 0, (0..10_000).rev().chain(0..10_000));
        back.sort_unstable();
        assert_eq!(forth, back);
        assert!((200..400).contains(&forth.len()), "{}", forth.len());
        assert_ne!(forth, chosen(8, 0, 0..10_000));
        assert_eq!(chosen(7, 5, 0..10_000), forth[..5]);
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
    }
}
