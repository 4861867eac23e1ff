//! Which key an operation has: `uniform`, `zipf:1.1` or `roundrobin`, over a
//! number of keys.

use std::str::FromStr;

use scenarios::plan::shape::KeyDist;

use super::sizes::below;
use super::{mix, unit};

/// How many keys there are if nobody says.
const USUAL: u64 = 1_000;

/// The distribution of keys.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keys {
    count: u64,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Key k follows key k − 1.
    RoundRobin,
    Uniform,
    Zipf(Zipf),
}

impl Default for Keys {
    fn default() -> Self {
        Self { count: USUAL, kind: Kind::RoundRobin }
    }
}

impl Keys {
    /// A plan's distribution over this many keys.
    #[must_use]
    pub fn from_plan(planned: KeyDist, count: u64) -> Self {
        let kind = match planned {
            KeyDist::RoundRobin => Kind::RoundRobin,
            KeyDist::Uniform => Kind::Uniform,
            KeyDist::Zipf(exponent) => Kind::Zipf(Zipf::new(USUAL, exponent)),
        };
        Self { count: USUAL, kind }.over(count)
    }

    /// The same distribution over this many keys, at least one.
    #[must_use]
    pub fn over(self, count: u64) -> Self {
        let count = count.max(1);
        let kind = match self.kind {
            Kind::Zipf(zipf) => Kind::Zipf(Zipf::new(count, zipf.exponent)),
            other => other,
        };
        Self { count, kind }
    }

    /// How many keys there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    pub(super) fn draw(&self, seq: u64, chance: impl FnOnce() -> u64) -> u64 {
        match &self.kind {
            Kind::RoundRobin => seq % self.count,
            Kind::Uniform => below(chance(), self.count),
            Kind::Zipf(zipf) => zipf.draw(chance()) - 1,
        }
    }
}

impl FromStr for Keys {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let kind = match text.split_once(':') {
            None if text == "uniform" => Kind::Uniform,
            None if text == "roundrobin" => Kind::RoundRobin,
            Some(("zipf", exponent)) => {
                let exponent: f64 = exponent
                    .parse()
                    .ok()
                    .filter(|exponent| (0.01..=20.0).contains(exponent))
                    .ok_or_else(|| format!("{exponent:?} is no exponent; write zipf:1.1"))?;
                Kind::Zipf(Zipf::new(USUAL, exponent))
            }
            _ => {
                return Err(format!(
                    "{text:?} is no distribution; write uniform, zipf:1.1 or roundrobin"
                ));
            }
        };
        Ok(Self { count: USUAL, kind })
    }
}

/// Zipf's law: rank k has a probability in proportion to k to the power of
/// −exponent. Sampled by rejection-inversion (Hörmann and Derflinger, 1996),
/// which needs no table and about one try.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Zipf {
    count: u64,
    exponent: f64,
    /// The integral of the density up to 1.5, less the first rank's weight.
    first: f64,
    /// The integral up to the last rank and a half.
    last: f64,
    /// A sample this close to its rank needs no test.
    shortcut: f64,
}

impl Zipf {
    fn new(count: u64, exponent: f64) -> Self {
        let mut zipf = Self { count, exponent, first: 0.0, last: 0.0, shortcut: 0.0 };
        zipf.first = zipf.integral(1.5) - 1.0;
        zipf.last = zipf.integral(count as f64 + 0.5);
        zipf.shortcut = 2.0 - zipf.inverse(zipf.integral(2.5) - zipf.weight(2.0));
        zipf
    }

    fn weight(&self, x: f64) -> f64 {
        (-self.exponent * x.ln()).exp()
    }

    /// The integral of the density from 1 to x.
    fn integral(&self, x: f64) -> f64 {
        let log = x.ln();
        let power = (1.0 - self.exponent) * log;
        // (e^p − 1) / p, which is 1 at p = 0.
        let ratio = if power.abs() > 1e-8 { power.exp_m1() / power } else { 1.0 + power / 2.0 };
        ratio * log
    }

    /// The x whose integral is y.
    fn inverse(&self, y: f64) -> f64 {
        let t = (y * (1.0 - self.exponent)).max(-1.0);
        let ratio = if t.abs() > 1e-8 { t.ln_1p() / t } else { 1.0 - t / 2.0 };
        (ratio * y).exp()
    }

    fn draw(&self, mut bits: u64) -> u64 {
        loop {
            let y = self.last + unit(bits) * (self.first - self.last);
            let x = self.inverse(y);
            let rank = (x + 0.5).clamp(1.0, self.count as f64).floor();
            if rank - x <= self.shortcut || y >= self.integral(rank + 0.5) - self.weight(rank) {
                return rank as u64;
            }
            bits = mix(bits.wrapping_add(0x9E37_79B9_7F4A_7C15));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distributions_are_read() {
        assert_eq!("roundrobin".parse::<Keys>(), Ok(Keys::default()));
        assert_eq!("uniform".parse::<Keys>().unwrap().over(7).count(), 7);
        assert!("zipf:1.1".parse::<Keys>().is_ok());
        for bad in ["", "zipf", "zipf:x", "zipf:-1", "normal"] {
            assert!(bad.parse::<Keys>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_plans_distributions_are_those_of_the_command_line() {
        for text in ["roundrobin", "uniform", "zipf:1.1"] {
            let planned = Keys::from_plan(text.parse().unwrap(), 7);
            assert_eq!(planned, text.parse::<Keys>().unwrap().over(7));
        }
    }

    #[test]
    fn ranks_follow_zipfs_law() {
        for exponent in [0.5, 1.0, 1.1, 2.0] {
            let keys = format!("zipf:{exponent}").parse::<Keys>().unwrap().over(50);
            let draws = 200_000_u64;
            let mut seen = [0_u64; 50];
            for n in 0..draws {
                seen[keys.draw(n, || mix(mix(n) ^ 77)) as usize] += 1;
            }
            let sum: f64 = (1..=50).map(|k| f64::from(k).powf(-exponent)).sum();
            // Pearson's statistic; 49 degrees of freedom stay below 100 but
            // once in 10⁵ times, and the draws are always the same.
            let chi: f64 = seen
                .iter()
                .zip(1..)
                .map(|(&count, k)| {
                    let expected = draws as f64 * f64::from(k).powf(-exponent) / sum;
                    (count as f64 - expected).powi(2) / expected
                })
                .sum();
            assert!(chi < 100.0, "exponent {exponent}: {chi}");
        }
    }

    #[test]
    fn round_robin_takes_turns() {
        let keys = Keys::default().over(3);
        assert_eq!((0..5).map(|seq| keys.draw(seq, || 0)).collect::<Vec<_>>(), [0, 1, 2, 0, 1]);
    }
}
