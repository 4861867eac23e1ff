//! What a user's document holds, as values: the vector and how an event changes it.
//!
//! With the distinct events i of weight w_i at the time t_i, and T the newest of
//! these times, v_j = Σ w_i · e_j(i) · exp(−λ · (T − t_i)), times in days. Kept up
//! event by event it does not depend on their order: a newer one first decays what
//! is there, an older one is added with what is left of it.

use super::event::Event;
use super::variant::Variant;

/// Numbers of a vector.
pub(crate) const DIMENSION: usize = 1536;
/// λ: a month halves the weight of what happened.
const DECAY_PER_DAY: f64 = 0.023;
const MILLIS_PER_DAY: f64 = 86_400_000.0;
/// What splitmix64 steps by: 2^64 divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// A vector and the time that it is of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Embedding {
    pub(crate) vector: Vec<f64>,
    /// When the newest of its events happened, in milliseconds since the epoch.
    pub(crate) newest: i64,
}

impl Embedding {
    /// What a user's first event makes.
    pub(crate) fn first(event: &Event, variant: Variant) -> Self {
        let mut vector = vec![0.0; variant.dimension()];
        add(&mut vector, event, 1.0);
        Self { vector, newest: event.occurred_at }
    }

    /// What one more event makes of it.
    pub(crate) fn with(mut self, event: &Event, redelivered: bool, variant: Variant) -> Self {
        let is_older = event.occurred_at <= self.newest;
        if is_older && variant.overwrites(redelivered) {
            return Self::first(event, variant);
        }
        let left = left_after((self.newest - event.occurred_at).abs());
        if is_older {
            add(&mut self.vector, event, if variant.decays_late_events() { left } else { 1.0 });
        } else {
            self.vector.iter_mut().for_each(|number| *number *= left);
            add(&mut self.vector, event, 1.0);
            self.newest = event.occurred_at;
        }
        self
    }
}

/// What is left of a weight after so many milliseconds.
fn left_after(millis: i64) -> f64 {
    (-DECAY_PER_DAY * millis as f64 / MILLIS_PER_DAY).exp()
}

/// Adds what an event says, of which so much is left.
fn add(vector: &mut [f64], event: &Event, left: f64) {
    let weight = f64::from(event.weight) * left;
    let seed = fnv1a(event.message_id.as_bytes());
    let mut state = seed;
    for number in vector {
        state = state.wrapping_add(STEP);
        *number += weight * unit(finalize(state));
    }
}

/// FNV-1a of 64 bits (Fowler, Noll, Vo).
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The finalizer of splitmix64 (Steele, Lea, Flood 2014).
fn finalize(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A number from −1 to 1, of 53 bits.
fn unit(bits: u64) -> f64 {
    2.0 * ((bits >> 11) as f64 / (1_u64 << 53) as f64) - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, day: f64, weight: u8) -> Event {
        let at = (day * MILLIS_PER_DAY) as i64;
        let text = format!(
            r#"{{"message_id":"{id}","user_id":"u","occurred_at":{at},"kind":"view","weight":{weight}}}"#
        );
        Event::parse(text.as_bytes()).unwrap()
    }

    /// The definition, number by number.
    fn defined(events: &[&Event]) -> Vec<f64> {
        let newest = events.iter().map(|event| event.occurred_at).max().unwrap();
        let share = |event: &Event, j: u64| {
            let bits = finalize(
                fnv1a(event.message_id.as_bytes()).wrapping_add((j + 1).wrapping_mul(STEP)),
            );
            let days = (newest - event.occurred_at) as f64 / MILLIS_PER_DAY;
            f64::from(event.weight) * unit(bits) * (-DECAY_PER_DAY * days).exp()
        };
        (0..DIMENSION as u64).map(|j| events.iter().map(|event| share(event, j)).sum()).collect()
    }

    fn folded(events: &[&Event], variant: Variant) -> Embedding {
        let first = Embedding::first(events[0], variant);
        events[1..].iter().fold(first, |embedding, event| embedding.with(event, false, variant))
    }

    fn differ(one: &[f64], other: &[f64]) -> bool {
        one.len() != other.len() || one.iter().zip(other).any(|(a, b)| (a - b).abs() > 1e-9)
    }

    #[test]
    fn the_order_of_events_does_not_matter_and_the_sum_is_the_definition() {
        let [a, b, c] = [event("a", 3.0, 5), event("b", 30.5, 1), event("c", 12.25, 2)];
        let orders = [[&a, &b, &c], [&c, &a, &b], [&b, &c, &a], [&b, &a, &c]];
        for order in orders {
            let embedding = folded(&order, Variant::Correct);
            assert_eq!(embedding.newest, b.occurred_at);
            assert!(!differ(&embedding.vector, &defined(&order)));
        }
    }

    #[test]
    fn numbers_are_those_of_the_hash() {
        // Known answers of FNV-1a and of splitmix64's first number for the seed 0.
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(finalize(STEP), 0xe220_a839_7b1d_cdaf);
        let numbers = Embedding::first(&event("a", 1.0, 1), Variant::Correct).vector;
        assert_eq!(numbers.len(), DIMENSION);
        assert!(numbers.iter().all(|number| (-1.0..1.0).contains(number)));
        let mean = numbers.iter().sum::<f64>() / DIMENSION as f64;
        assert!(mean.abs() < 0.1, "{mean}");
    }

    #[test]
    fn wrong_vectors_are_wrong_where_they_are_meant_to_be() {
        let [old, new] = [event("a", 3.0, 5), event("b", 30.0, 1)];
        let right = defined(&[&old, &new]);
        assert!(!differ(&folded(&[&old, &new], Variant::WrongDecay).vector, &right));
        assert!(differ(&folded(&[&new, &old], Variant::WrongDecay).vector, &right));
        assert_eq!(folded(&[&new, &old], Variant::WrongDimension).vector.len(), DIMENSION - 1);
        let first = Embedding::first(&new, Variant::StaleWrite);
        let stale = first.clone().with(&old, true, Variant::StaleWrite);
        assert_eq!(stale.newest, old.occurred_at);
        assert!(!differ(&stale.vector, &defined(&[&old])));
        assert!(!differ(&first.with(&old, false, Variant::StaleWrite).vector, &right));
    }
}
