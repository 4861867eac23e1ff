//! What the workers have counted, over all their lives.

use std::collections::BTreeMap;

use crate::reference::worker_queue::worker::counts::Tally;

/// Sums that no restart of a worker makes smaller.
#[derive(Debug, Default)]
pub(crate) struct Book {
    /// Of lives that are over.
    ended: Tally,
    /// The last that is known of each worker's present life.
    now: BTreeMap<String, Tally>,
}

impl Book {
    /// Notes what a worker says. Answers may overtake each other: of one life what is
    /// more is later, and an earlier life is over.
    pub(crate) fn note(&mut self, name: &str, tally: Tally) {
        let Some(known) = self.now.get_mut(name) else {
            self.now.insert(name.to_owned(), tally);
            return;
        };
        if tally.started > known.started {
            self.ended.add(known);
            *known = tally;
        } else if tally.started == known.started && tally.total() >= known.total() {
            *known = tally;
        }
    }

    /// What all have counted.
    pub(crate) fn sum(&self) -> Tally {
        let mut sum = self.ended.clone();
        self.now.values().for_each(|tally| sum.add(tally));
        sum
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::reference::worker_queue::variant::Variant;
    use crate::reference::worker_queue::worker::counts::{Counts, Status};

    fn tally(started: u64, count: u64) -> Tally {
        let counts = Counts::new(Variant::Correct);
        (0..count).for_each(|_| counts.took(Status::Success, Duration::ZERO));
        let mut tally = counts.tally();
        tally.started = Duration::from_secs(started);
        tally
    }

    #[test]
    fn what_was_counted_in_an_earlier_life_stays_and_nothing_counts_twice() {
        let mut book = Book::default();
        for (name, life, count, sum) in [
            ("a", 1, 3, 3),
            ("b", 1, 2, 5),
            ("a", 1, 7, 9),
            ("a", 1, 3, 9),
            ("a", 2, 0, 9),
            ("a", 1, 7, 9),
            ("a", 2, 4, 13),
            ("b", 5, 1, 14),
        ] {
            book.note(name, tally(life, count));
            assert_eq!(book.sum().total(), sum, "{name} {life} {count}");
        }
    }
}
