//! A circuit breaker, without clock: whether a server that fails is asked now.
//!
//! Closed, it counts the last calls; if too many of them failed it opens. Open, it lets
//! no call through for a while; then, half-open, a few, one after another. If all of them
//! succeed it closes, and the first that fails opens it again.

use std::collections::VecDeque;
use std::time::Duration;

/// When it opens and closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    /// How many calls are looked at; fewer never open it.
    pub(crate) calls: usize,
    /// It opens when so many of them failed.
    pub(crate) failures: usize,
    /// For how long it lets nothing through. `None` is for ever.
    pub(crate) open_for: Option<Duration>,
    /// So many calls must succeed before it closes.
    pub(crate) trials: u32,
}

/// What it does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Every call goes through.
    Closed,
    /// A few calls are tried.
    HalfOpen,
    /// No call goes through.
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Inner {
    Closed,
    HalfOpen { succeeded: u32, trial: Option<Duration> },
    Open { since: Duration },
}

/// Whether a call may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permit {
    /// Now; its outcome must be told.
    Granted,
    /// Not before then; for ever not if absent.
    Refused { until: Option<Duration> },
}

/// A circuit breaker. Times are since any moment, the same for all calls.
#[derive(Debug)]
pub(crate) struct Breaker {
    rule: Rule,
    inner: Inner,
    /// Whether each of the last calls failed.
    last: VecDeque<bool>,
    trips: u64,
}

/// While a trial is under way, the others ask again after so long.
const TRIAL_TAKES: Duration = Duration::from_millis(50);
/// Whoever made a trial and has said nothing for so long was cut off.
const TRIAL_LOST: Duration = Duration::from_secs(5);

impl Breaker {
    pub(crate) fn new(rule: Rule) -> Self {
        Self { rule, inner: Inner::Closed, last: VecDeque::new(), trips: 0 }
    }

    pub(crate) fn state(&self) -> State {
        match self.inner {
            Inner::Closed => State::Closed,
            Inner::HalfOpen { .. } => State::HalfOpen,
            Inner::Open { .. } => State::Open,
        }
    }

    /// How often it has opened.
    pub(crate) fn trips(&self) -> u64 {
        self.trips
    }

    /// Asks for a call.
    pub(crate) fn ask(&mut self, now: Duration) -> Permit {
        if let Inner::Open { since } = self.inner {
            let until = self.rule.open_for.map(|open_for| since + open_for);
            if until.is_none_or(|until| now < until) {
                return Permit::Refused { until };
            }
            self.inner = Inner::HalfOpen { succeeded: 0, trial: None };
        }
        let Inner::HalfOpen { trial, .. } = &mut self.inner else { return Permit::Granted };
        let is_under_way = |since: Duration| now < since + TRIAL_LOST;
        match trial.is_some_and(is_under_way) {
            true => Permit::Refused { until: Some(now + TRIAL_TAKES) },
            false => {
                *trial = Some(now);
                Permit::Granted
            }
        }
    }

    /// Takes note of how a call went that was granted.
    pub(crate) fn note(&mut self, now: Duration, failed: bool) {
        match &mut self.inner {
            Inner::Closed => {
                self.last.push_back(failed);
                if self.last.len() > self.rule.calls {
                    self.last.pop_front();
                }
                let failures = self.last.iter().filter(|failed| **failed).count();
                if self.last.len() == self.rule.calls && failures >= self.rule.failures {
                    self.open(now);
                }
            }
            Inner::HalfOpen { .. } if failed => self.open(now),
            Inner::HalfOpen { succeeded, trial } => {
                *trial = None;
                *succeeded += 1;
                if *succeeded >= self.rule.trials {
                    self.inner = Inner::Closed;
                }
            }
            // It was under way when the breaker opened.
            Inner::Open { .. } => {}
        }
    }

    fn open(&mut self, now: Duration) {
        self.inner = Inner::Open { since: now };
        self.last.clear();
        self.trips += 1;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RULE: Rule =
        Rule { calls: 10, failures: 5, open_for: Some(Duration::from_secs(2)), trials: 3 };

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(RULE);
        for call in 0..10 {
            assert_eq!(breaker.ask(secs(0)), Permit::Granted);
            breaker.note(secs(0), call % 2 == 0);
        }
        breaker
    }

    #[test]
    fn half_of_ten_calls_open_it_and_three_that_succeed_close_it() {
        let mut breaker = opened();
        assert_eq!((breaker.state(), breaker.trips()), (State::Open, 1));
        assert_eq!(breaker.ask(secs(1)), Permit::Refused { until: Some(secs(2)) });
        for _ in 0..3 {
            assert_eq!(breaker.ask(secs(2)), Permit::Granted);
            assert_eq!(breaker.state(), State::HalfOpen);
            assert!(matches!(breaker.ask(secs(2)), Permit::Refused { .. }), "one at a time");
            breaker.note(secs(2), false);
        }
        assert_eq!(breaker.state(), State::Closed);
        breaker.note(secs(2), true);
        assert_eq!(breaker.state(), State::Closed, "what was before is forgotten");
    }

    #[test]
    fn a_trial_that_fails_opens_it_again() {
        let mut breaker = opened();
        assert_eq!(breaker.ask(secs(2)), Permit::Granted);
        breaker.note(secs(2), true);
        assert_eq!(breaker.ask(secs(3)), Permit::Refused { until: Some(secs(4)) });
        assert_eq!(breaker.trips(), 2);
    }

    #[test]
    fn a_trial_of_which_nobody_hears_is_made_again() {
        let mut breaker = opened();
        assert_eq!(breaker.ask(secs(2)), Permit::Granted);
        assert!(matches!(breaker.ask(secs(6)), Permit::Refused { .. }));
        assert_eq!(breaker.ask(secs(7)), Permit::Granted);
    }

    #[test]
    fn one_that_is_stuck_never_lets_a_call_through() {
        let mut breaker = Breaker::new(Rule { open_for: None, ..RULE });
        (0..10).for_each(|_| breaker.note(secs(0), true));
        assert_eq!(breaker.ask(secs(1_000_000)), Permit::Refused { until: None });
    }

    proptest! {
        /// Few failures never open it; while it is open no call goes through before its
        /// time; and once the server is well again it closes, whatever was before.
        #[test]
        fn it_opens_only_for_reason_and_always_closes_again(
            calls in prop::collection::vec((0_u64..3_000, any::<bool>()), 0..200),
        ) {
            let mut breaker = Breaker::new(RULE);
            let (mut now, mut last, mut opened) = (Duration::ZERO, Vec::new(), Duration::ZERO);
            for (millis, failed) in calls {
                now += Duration::from_millis(millis);
                let before = breaker.state();
                let permit = breaker.ask(now);
                prop_assert_eq!(
                    permit == Permit::Granted,
                    before != State::Open || now >= opened + secs(2)
                );
                if permit != Permit::Granted {
                    continue;
                }
                let trips = breaker.trips();
                breaker.note(now, failed);
                if before == State::Closed {
                    last.push(failed);
                }
                if breaker.trips() > trips {
                    opened = now;
                    let failures = last.iter().rev().take(10).filter(|failed| **failed).count();
                    prop_assert!(before != State::Closed || failures >= 5);
                    last.clear();
                }
            }
            for _ in 0..14 {
                now += secs(2);
                if breaker.ask(now) == Permit::Granted {
                    breaker.note(now, false);
                }
            }
            prop_assert_eq!(breaker.state(), State::Closed);
        }
    }
}
