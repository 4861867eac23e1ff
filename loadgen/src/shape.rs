//! What operations look like, as pure functions of a seed and their numbers:
//! size, key, random fields, which are sent twice and which are poison.
//!
//! Nothing is drawn in order, so the same seed gives every operation the same
//! shape, however the work is shared out among workers and instances.

use std::sync::Arc;
use std::time::Duration;

use scenarios::plan;

use crate::data::Data;
use crate::payload::{Payload, PayloadError};

pub use keys::Keys;
pub use sizes::Sizes;

mod keys;
mod sizes;

/// The shape of a workload's operations.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Equal seeds give equal shapes.
    pub seed: u64,
    /// The whole length of the body, in bytes; `None` leaves it as the
    /// template gives it.
    pub size: Option<Sizes>,
    /// How keys are drawn.
    pub keys: Keys,
    /// Operations that are sent twice with the same identity.
    pub duplicates: Duplicates,
    /// The share of operations with a body that no consumer can work on, from
    /// 0 to 1.
    pub poison: f64,
    /// What stands in those; without it, bytes that no reader of text
    /// understands.
    pub poison_body: Option<Payload>,
    /// The rows that `@{column}` stands for.
    pub data: Option<Arc<Data>>,
}

/// Operations that are sent twice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Duplicates {
    /// Their share, from 0 to 1.
    pub share: f64,
    /// When the second sending is due.
    pub when: Again,
}

/// When an operation is sent for the second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Again {
    /// Right behind the first.
    #[default]
    AtOnce,
    /// This long after the first was due.
    Later(Duration),
    /// At the same time, over another connection where one is free.
    Concurrently,
}

impl Default for Duplicates {
    fn default() -> Self {
        Self { share: 0.0, when: Again::AtOnce }
    }
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            seed: 0,
            size: None,
            keys: Keys::default(),
            duplicates: Duplicates::default(),
            poison: 0.0,
            poison_body: None,
            data: None,
        }
    }
}

/// What a number is drawn for. Different purposes never share their chance.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Size = 1,
    Key,
    Duplicate,
    Poison,
    /// The n-th random field of a template is drawn for `Field + n`.
    Field,
    /// The row of the data file.
    Row,
}

impl Shape {
    /// The shape of a planned workload in a run with this seed, but for the
    /// body of its poison, which may name targets, and for its data, which is in
    /// a file. Workloads of one run share no chance.
    #[must_use]
    pub fn from_plan(workload: &plan::Workload, seed: u64) -> Self {
        let planned = &workload.shape;
        Self {
            seed: own_seed(seed, &workload.name),
            size: planned.size.as_ref().map(Sizes::from_plan),
            keys: Keys::from_plan(planned.key_dist, planned.keys),
            duplicates: Duplicates {
                share: planned.duplicates.0,
                when: match planned.duplicates_when {
                    plan::shape::Again::AtOnce => Again::AtOnce,
                    plan::shape::Again::Concurrently => Again::Concurrently,
                    plan::shape::Again::Later(pause) => Again::Later(pause.0),
                },
            },
            poison: planned.poison.0,
            poison_body: None,
            data: None,
        }
    }

    /// The same with this payload template as the body of poison.
    ///
    /// # Errors
    /// When a mark is wrong, or the text cannot be brought to the size.
    pub fn with_poison_body(mut self, text: &str) -> Result<Self, PayloadError> {
        self.poison_body = Some(Payload::body(&text.into(), &self)?);
        Ok(self)
    }

    /// The length of operation `seq`'s body in bytes, if it is given.
    #[must_use]
    pub fn size(&self, seq: u64) -> Option<usize> {
        self.size.as_ref().map(|sizes| sizes.draw(self.chance(Purpose::Size, 0, seq)))
    }

    /// The key of operation `seq`, from 0 to the number of keys − 1.
    #[must_use]
    pub fn key(&self, seq: u64) -> u64 {
        self.keys.draw(seq, || self.chance(Purpose::Key, 0, seq))
    }

    /// Whether some operations are sent twice.
    #[must_use]
    pub fn has_twins(&self) -> bool {
        self.duplicates.share > 0.0
    }

    /// Whether operation `seq` is sent twice.
    #[must_use]
    pub fn is_twin(&self, seq: u64) -> bool {
        self.duplicates.share > 0.0
            && unit(self.chance(Purpose::Duplicate, 0, seq)) < self.duplicates.share
    }

    /// Whether operation `seq` is poison.
    #[must_use]
    pub fn is_poison(&self, seq: u64) -> bool {
        self.poison > 0.0 && unit(self.chance(Purpose::Poison, 0, seq)) < self.poison
    }

    /// 64 even bits for the `field`-th random field of operation `seq`.
    #[must_use]
    pub(crate) fn field(&self, field: u64, seq: u64) -> u64 {
        self.chance(Purpose::Field, field, seq)
    }

    /// A row for operation `seq` of so many.
    pub(crate) fn row(&self, seq: u64, rows: u64) -> u64 {
        let chance = u128::from(self.chance(Purpose::Row, 0, seq));
        ((chance * u128::from(rows)) >> 64) as u64
    }

    fn chance(&self, purpose: Purpose, field: u64, seq: u64) -> u64 {
        let stream = mix(self.seed ^ mix(purpose as u64 + (field << 8)));
        mix(stream ^ mix(seq.wrapping_add(0x9E37_79B9_7F4A_7C15)))
    }
}

/// The seed of a workload, from that of its run and its name (FNV-1a).
fn own_seed(seed: u64, name: &str) -> u64 {
    let name = name.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    mix(mix(seed.wrapping_add(0x9E37_79B9_7F4A_7C15)) ^ name)
}

/// The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): every bit of the
/// result depends on every bit of the input.
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

/// A number from 0 up to but not including 1, from 64 even bits.
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A change here would change the operations of every scenario.
    #[test]
    fn the_seed_of_a_workload_never_changes() {
        assert_eq!(own_seed(1, "publish"), 15_243_027_218_622_187_598);
        assert_ne!(own_seed(1, "publish"), own_seed(2, "publish"));
        assert_ne!(own_seed(1, "publish"), own_seed(1, "stable"));
    }

    #[test]
    fn poison_has_a_body_of_its_own() {
        let sized = Shape { size: Some(Sizes::fixed(100)), ..Shape::default() };
        assert!(sized.clone().with_poison_body("@{id}").is_err(), "nothing can be filled up");
        assert!(sized.with_poison_body("@{id}@{pad}").unwrap().poison_body.is_some());
    }

    proptest! {
        /// The share of operations that are sent twice, or are poison, is the
        /// share that was asked for, whatever the seed.
        #[test]
        fn shares_are_kept(seed: u64, share in 0.0_f64..1.0) {
            let shape = Shape {
                seed,
                duplicates: Duplicates { share, when: Again::AtOnce },
                poison: share,
                ..Shape::default()
            };
            // 6 standard deviations: one false alarm in 10⁹ cases.
            let tolerance = 6.0 * (share * (1.0 - share) / 20_000.0).sqrt() + 1e-4;
            let twins = (0..20_000).filter(|&seq| shape.is_twin(seq)).count() as f64 / 20_000.0;
            let poison = (0..20_000).filter(|&seq| shape.is_poison(seq)).count() as f64 / 20_000.0;
            prop_assert!((twins - share).abs() <= tolerance, "{twins} for {share}");
            prop_assert!((poison - share).abs() <= tolerance, "{poison} for {share}");
        }

        /// An operation's shape depends on the seed and its number alone.
        #[test]
        fn the_same_seed_gives_the_same_shape(seed: u64, seq: u64) {
            let shape = || Shape {
                seed,
                size: Some("100-4k".parse().unwrap()),
                keys: "zipf:1.1".parse::<Keys>().unwrap(),
                duplicates: Duplicates { share: 0.5, when: Again::AtOnce },
                poison: 0.5,
                poison_body: None,
                data: None,
            };
            let (a, b) = (shape(), shape());
            prop_assert_eq!(a.size(seq), b.size(seq));
            prop_assert_eq!(a.key(seq), b.key(seq));
            prop_assert_eq!(a.is_twin(seq), b.is_twin(seq));
            prop_assert_eq!(a.field(0, seq), b.field(0, seq));
        }
    }
}
