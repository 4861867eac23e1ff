//! When what failed is tried again, as a value.

use std::time::Duration;

/// A number of tries with pauses between them, each twice as long as the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retry {
    /// How often in all.
    pub(crate) tries: u32,
    /// Before the second try.
    pub(crate) first: Duration,
    /// No pause is longer.
    pub(crate) longest: Duration,
}

impl Retry {
    /// The pause after so many tries, of which the first is 1; none if there is no other.
    /// `chance`, from 0 to 1, takes up to a half away, so that those who failed at once do
    /// not come back at once.
    pub(crate) fn pause(&self, tries: u32, chance: f64) -> Option<Duration> {
        let more = tries < self.tries;
        let doubled = 2_u32.saturating_pow(tries.saturating_sub(1));
        let pause = self.first.saturating_mul(doubled).min(self.longest);
        more.then(|| pause.mul_f64(1.0 - chance.clamp(0.0, 1.0) / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_the_longest_and_end_with_the_tries() {
        let retry = Retry {
            tries: 5,
            first: Duration::from_millis(100),
            longest: Duration::from_millis(500),
        };
        let pauses: Vec<_> =
            (1..=6).map(|tries| retry.pause(tries, 0.0).map(|pause| pause.as_millis())).collect();
        assert_eq!(pauses, [Some(100), Some(200), Some(400), Some(500), None, None]);
        assert_eq!(retry.pause(1, 1.0), Some(Duration::from_millis(50)));
        let endless = Retry { tries: u32::MAX, ..retry };
        assert_eq!(endless.pause(u32::MAX - 1, 0.0), Some(endless.longest));
    }
}
