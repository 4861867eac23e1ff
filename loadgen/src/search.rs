//! Looks for the highest rate that a target sustains.
//!
//! The rate doubles until it is not sustained, then the gap is halved, on a
//! scale of ratios, until it is small enough. A single run can be lucky, so
//! the rate found is tried again some times; when it fails, the search goes on
//! below it. The answer is a rate of which every confirmation held.

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Next {
    /// Try this rate, in operations per second.
    Try(f64),
    /// Try a rate that held before once more.
    Confirm(f64),
    /// The search has ended.
    Done(Found),
}

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Found {
    /// The highest rate that was confirmed, and whether a higher one failed;
    /// otherwise the search ended at the highest rate it was allowed.
    Sustained {
        /// Operations per second.
        rate: f64,
        /// A higher rate was tried and not sustained.
        bounded: bool,
    },
    /// Not even the lowest rate was sustained.
    Nothing,
}

/// A search for the highest rate.
#[derive(Debug, Clone)]
pub struct Search {
    from: f64,
    to: f64,
    /// Rates this close, as a ratio above 1, are the same.
    precision: f64,
    confirmations: u32,
    /// The highest rate that held and is not refuted.
    held: Option<f64>,
    /// The lowest rate that failed.
    failed: Option<f64>,
    confirmed: u32,
}

impl Search {
    /// A search between two rates, to within `precision`, a share above 0;
    /// the answer is tried `confirmations` times more.
    #[must_use]
    pub fn new(from: f64, to: f64, precision: f64, confirmations: u32) -> Self {
        let precision = 1.0 + precision.max(1e-3);
        Self { from, to, precision, confirmations, held: None, failed: None, confirmed: 0 }
    }

    /// What to do next.
    #[must_use]
    pub fn next(&self) -> Next {
        let Some(held) = self.held else {
            // Below the lowest rate nothing is looked for.
            return match self.failed {
                None => Next::Try(self.from),
                Some(failed) if failed <= self.from => Next::Done(Found::Nothing),
                Some(failed) => Next::Try((failed / self.precision).max(self.from)),
            };
        };
        let higher = match self.failed {
            None if held >= self.to => None,
            None => Some((held * 2.0).min(self.to)),
            Some(failed) if failed / held <= self.precision => None,
            Some(failed) => Some((held * failed).sqrt()),
        };
        match higher {
            Some(rate) => Next::Try(rate),
            None if self.confirmed < self.confirmations => Next::Confirm(held),
            None => Next::Done(Found::Sustained { rate: held, bounded: self.failed.is_some() }),
        }
    }

    /// The rate that was to be tried next was sustained, or not.
    pub fn took(&mut self, sustained: bool) {
        match (self.next(), sustained) {
            (Next::Try(rate), true) => {
                self.held = Some(rate);
                self.confirmed = 0;
            }
            (Next::Try(rate), false) => self.failed = Some(rate),
            (Next::Confirm(_), true) => self.confirmed += 1,
            (Next::Confirm(rate), false) => {
                self.failed = Some(rate);
                self.held = None;
                self.confirmed = 0;
            }
            (Next::Done(_), _) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Searches; gives what was found and how many runs it took.
    fn search(mut search: Search, mut sustains: impl FnMut(f64, u32) -> bool) -> (Found, u32) {
        for run in 0..1_000 {
            match search.next() {
                Next::Done(found) => return (found, run),
                Next::Try(rate) | Next::Confirm(rate) => search.took(sustains(rate, run)),
            }
        }
        panic!("the search does not end");
    }

    proptest! {
        /// A target with a fixed limit: the limit is found to within the
        /// precision, and never overstated.
        #[test]
        fn a_limit_is_found(limit in 1.0_f64..1e6, from in 1.0_f64..1e3, precision in 0.01_f64..0.3) {
            let to = 1e5;
            let (found, runs) = search(Search::new(from, to, precision, 3), |rate, _| rate <= limit);
            match found {
                Found::Nothing => prop_assert!(limit < from),
                Found::Sustained { rate, bounded } => {
                    prop_assert!(rate <= limit);
                    prop_assert_eq!(bounded, limit < to);
                    prop_assert!(!bounded || rate * (1.0 + precision) * 1.001 >= limit);
                }
            }
            prop_assert!(runs < 60);
        }

        /// A target that is lucky now and then: the search ends, and what it
        /// answers held in every confirmation.
        #[test]
        fn luck_is_not_believed(limit in 10.0_f64..1e4, luck in prop::collection::vec(any::<bool>(), 1_000)) {
            let mut last = Vec::new();
            let (found, _) = search(Search::new(1.0, 1e5, 0.05, 3), |rate, run| {
                let held = rate <= limit || luck[run as usize] && rate <= limit * 1.5;
                last.push((rate, held));
                held
            });
            if let Found::Sustained { rate, .. } = found {
                let confirmed = last.iter().rev().take(3).all(|&(tried, held)| tried == rate && held);
                prop_assert!(confirmed, "{last:?}");
            }
        }
    }
}
