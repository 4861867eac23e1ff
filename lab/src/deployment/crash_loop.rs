//! How long a pod's process that has ended waits for its next start, as a value.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The pace of restarts, as the kubelet has one: the first is at once, the next after
/// `first`, and every other after twice as long, up to `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// Before the second restart; 10 s in Kubernetes.
    pub first: Duration,
    /// 5 min in Kubernetes.
    pub longest: Duration,
    /// A process that ran for so long is forgiven; 10 min in Kubernetes.
    pub reset_after: Duration,
}

impl Default for Pace {
    /// Twenty times as fast as Kubernetes, so that a run of two minutes sees it.
    fn default() -> Self {
        Self {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(15),
            reset_after: Duration::from_secs(30),
        }
    }
}

/// The restarts of one pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CrashLoop {
    pace: Pace,
    next: Duration,
}

impl CrashLoop {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, next: Duration::ZERO }
    }

    /// The pause before the next start of a process that ran for `up`.
    pub(crate) fn after(&mut self, up: Duration) -> Duration {
        let pause = if up >= self.pace.reset_after { Duration::ZERO } else { self.next };
        self.next = (pause * 2).max(self.pace.first).min(self.pace.longest);
        pause
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_restart_is_at_once_and_the_others_wait_twice_as_long_each() {
        let mut crashes = CrashLoop::new(Pace::default());
        let pauses = (0..8).map(|_| crashes.after(Duration::ZERO).as_millis());
        assert_eq!(
            pauses.collect::<Vec<_>>(),
            [0, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000]
        );
        assert_eq!(crashes.after(Duration::from_secs(30)), Duration::ZERO, "it is forgiven");
        assert_eq!(crashes.after(Duration::ZERO), Duration::from_millis(500));
    }

    proptest! {
        /// A process that keeps ending soon waits twice as long each time until the
        /// longest pause; one that ran for long enough begins anew.
        #[test]
        fn pauses_double_to_their_cap_and_reset(
            first in 1_u64..1_000,
            longest in 1_000_u64..60_000,
            ups in prop::collection::vec(0_u64..20_000, 1..60),
        ) {
            let reset_after = Duration::from_millis(10_000);
            let pace = Pace {
                first: Duration::from_millis(first),
                longest: Duration::from_millis(longest),
                reset_after,
            };
            let mut crashes = CrashLoop::new(pace);
            let mut before: Option<Duration> = None;
            for up in ups.into_iter().map(Duration::from_millis) {
                let pause = crashes.after(up);
                let expected = match before {
                    Some(before) if up < reset_after => {
                        (before * 2).clamp(pace.first, pace.longest)
                    }
                    _ => Duration::ZERO,
                };
                prop_assert_eq!(pause, expected);
                before = Some(pause);
            }
        }
    }
}
