//! Chance from a seed: which connections a toxic takes hold of, and what it
//! draws on each. The same (seed, proxy, toxic, number of the connection) draws
//! the same, whatever else happens.

use fastrand::Rng;
use scenarios::seed::{self, fnv1a};

/// The draws of one toxic on one connection.
#[derive(Debug, Clone)]
pub(crate) struct Draw(Rng);

impl Draw {
    /// The names are hashed by FNV-1a, each ended by a byte that UTF-8 never has.
    pub(crate) fn new(seed: u64, proxy: &str, toxic: &str, connection: u64) -> Self {
        let bytes = proxy.bytes().chain([0xff]).chain(toxic.bytes()).chain([0xff]);
        Self(Rng::with_seed(mix(mix(seed ^ fnv1a(bytes)).wrapping_add(connection))))
    }

    /// Whether a toxic of this toxicity takes hold of the connection. The same
    /// connection stays in when the toxicity is raised.
    pub(crate) fn takes_hold(&self, toxicity: f64) -> bool {
        self.0.clone().f64() < toxicity
    }

    /// The generator for all that follows that first decision.
    pub(crate) fn rng(mut self) -> Rng {
        Rng::with_seed(self.0.u64(..))
    }
}

/// The next number of SplitMix64.
fn mix(number: u64) -> u64 {
    seed::mix(number.wrapping_add(seed::STEP))
}

/// Whether a toxic strikes, once for each chunk or message.
#[derive(Debug)]
pub(crate) enum Dice {
    /// Always: it was decided for the whole connection.
    Loaded,
    /// Each time with this chance.
    Fair { rng: Rng, toxicity: f64 },
}

impl Dice {
    pub(crate) fn roll(&mut self) -> bool {
        match self {
            Self::Loaded => true,
            Self::Fair { rng, toxicity } => rng.f64() < *toxicity,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(seed: u64, toxicity: f64) -> Vec<u64> {
        (1..=10_000).filter(|c| Draw::new(seed, "p", "t", *c).takes_hold(toxicity)).collect()
    }

    #[test]
    fn the_share_is_the_toxicity_and_the_seed_decides_which() {
        let quarter = held(7, 0.25);
        assert!((2300..2700).contains(&quarter.len()), "{}", quarter.len());
        assert_eq!(quarter, held(7, 0.25));
        assert_ne!(quarter, held(8, 0.25));
        assert!(held(7, 0.0).is_empty());
        assert_eq!(held(7, 1.0).len(), 10_000);
    }

    #[test]
    fn a_higher_toxicity_keeps_the_connections_that_were_held() {
        let half = held(7, 0.5);
        assert!(held(7, 0.25).iter().all(|connection| half.contains(connection)));
    }

    #[test]
    fn names_are_not_run_together() {
        let first = |proxy, toxic| Draw::new(1, proxy, toxic, 1).rng().u64(..);
        assert_ne!(first("ab", "c"), first("a", "bc"));
    }
}
