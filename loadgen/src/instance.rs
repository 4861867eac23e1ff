//! Several generators that share one run.

use crate::schedule::Stride;

/// One of several generators that share a run's operations among them, each
/// taking every `of`-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    /// Which one, from 1.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

impl Instance {
    /// The only one.
    pub const ONLY: Self = Self { number: 1, of: 1 };

    /// The operations of one of this instance's workers, counted from 0. All instances
    /// of a run have as many workers.
    #[must_use]
    pub fn stride(self, worker: u64, workers: u64) -> Stride {
        Stride {
            worker: u64::from(self.number - 1) * workers + worker,
            workers: u64::from(self.of) * workers,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use scenarios::units::Rate;

    use super::*;
    use crate::schedule::{Arrival, Schedule, Segment};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// However many instances and workers share a run, each operation of its schedule
        /// belongs to exactly one of them, at the time at which one generator alone would
        /// have offered it: none is offered twice, none is left out, and the load of all
        /// is that of one.
        #[test]
        fn the_load_of_all_instances_is_that_of_one(
            of in 1_u32..9,
            workers in 1_u64..4,
            first in 0.0_f64..300.0,
            last in 0.0_f64..300.0,
            arrival in prop_oneof![Just(Arrival::Uniform), any::<u64>().prop_map(Arrival::Poisson)],
        ) {
            let (from, to) = (Duration::ZERO, Duration::from_millis(1_700));
            let segment = Segment { from, to, first: Rate(first), last: Rate(last) };
            let schedule = Schedule::of([segment], arrival).unwrap();
            let mut offered = vec![None; schedule.total() as usize];
            for number in 1..=of {
                for worker in 0..workers {
                    let stride = Instance { number, of }.stride(worker, workers);
                    let mut cursor = schedule.cursor(stride);
                    let mine = (stride.worker..).step_by(stride.workers as usize);
                    for seq in mine.take_while(|&seq| seq < schedule.total()) {
                        prop_assert!(stride.owns(seq));
                        prop_assert_eq!(offered[seq as usize], None, "offered twice");
                        offered[seq as usize] = cursor.due(&schedule, seq);
                    }
                }
            }
            let alone: Vec<_> = (0..schedule.total()).map(|seq| schedule.due(seq)).collect();
            prop_assert_eq!(offered, alone);
        }
    }
}
