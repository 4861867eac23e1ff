//! Chance from a seed: which connections a toxic takes hold of, and what it
//! draws on each. The same (seed, proxy, toxic, number of the connection) draws
//! the same, whatever else happens.

use fastrand::Rng;

/// The draws of one toxic on one connection.
#[derive(Debug, Clone)]
pub(crate) struct Draw(Rng);

impl Draw {
    /// The names are hashed by FNV-1a, each ended by a byte that UTF-8 never has.
    pub(crate) fn new(seed: u64, proxy: &str, toxic: &str, connection: u64) -> Self {
        let bytes = proxy.bytes().chain([0xff]).chain(toxic.bytes()).chain([0xff]);
        let names = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        Self(Rng::with_seed(mix(mix(seed ^ names).wrapping_add(connection))))
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

/// The finaliser of SplitMix64, so that neighbouring numbers share nothing.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
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
