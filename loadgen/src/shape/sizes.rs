//! How long bodies are: `100`, `100-4k` or `100:9,4k:1`.

use std::str::FromStr;

use scenarios::plan::shape;

/// The longest body that can be asked for, in bytes.
const LONGEST: u64 = 1 << 30;

/// The distribution of body lengths, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// Every length from the first to the last is equally likely.
    Even(u64, u64),
    /// Lengths with the sum of the weights up to and including theirs.
    Weighted(Vec<(u64, u64)>),
}

impl Sizes {
    /// A plan's lengths.
    #[must_use]
    pub fn from_plan(planned: &shape::Sizes) -> Self {
        Self(match planned {
            shape::Sizes::Even(first, last) => Kind::Even(first.0, last.0),
            shape::Sizes::Weighted(sizes) => {
                let mut sum = 0;
                let upto = |&(size, weight): &(scenarios::units::Size, u64)| {
                    sum += weight;
                    (size.0, sum)
                };
                Kind::Weighted(sizes.iter().map(upto).collect())
            }
        })
    }

    /// Every body has this many bytes.
    #[must_use]
    pub fn fixed(bytes: usize) -> Self {
        Self(Kind::Even(bytes as u64, bytes as u64))
    }

    /// The longest body, in bytes.
    #[must_use]
    pub fn longest(&self) -> usize {
        (match &self.0 {
            Kind::Even(_, last) => *last,
            Kind::Weighted(sizes) => sizes.iter().map(|&(size, _)| size).max().unwrap_or(0),
        }) as usize
    }

    /// The shortest body, in bytes.
    #[must_use]
    pub fn shortest(&self) -> usize {
        (match &self.0 {
            Kind::Even(first, _) => *first,
            Kind::Weighted(sizes) => sizes.iter().map(|&(size, _)| size).min().unwrap_or(0),
        }) as usize
    }

    pub(super) fn draw(&self, bits: u64) -> usize {
        (match &self.0 {
            Kind::Even(first, last) => first + below(bits, last - first + 1),
            Kind::Weighted(sizes) => {
                let (_, sum) = sizes[sizes.len() - 1];
                let drawn = below(bits, sum);
                sizes[sizes.partition_point(|&(_, upto)| upto <= drawn)].0
            }
        }) as usize
    }
}

/// An even number below `limit` from 64 even bits (Lemire's multiplication).
pub(super) fn below(bits: u64, limit: u64) -> u64 {
    ((u128::from(bits) * u128::from(limit)) >> 64) as u64
}

impl FromStr for Sizes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let help = || {
            format!("{text:?} is no size; write 100, 64k, 100-4k (a range) or 100:9,4k:1 (weights)")
        };
        if text.contains(':') {
            let mut sum = 0_u64;
            let mut sizes = Vec::new();
            for part in text.split(',') {
                let (size, weight) = part.split_once(':').ok_or_else(help)?;
                let weight: u64 = weight.trim().parse().map_err(|_| help())?;
                sum = sum.checked_add(weight).ok_or_else(help)?;
                sizes.push((bytes(size).ok_or_else(help)?, sum));
            }
            if sum == 0 {
                return Err(format!("{text:?} has no weight above 0"));
            }
            return Ok(Self(Kind::Weighted(sizes)));
        }
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (bytes(first).ok_or_else(help)?, bytes(last).ok_or_else(help)?);
        if first > last {
            return Err(format!("{text:?} runs backwards; write the smaller size first"));
        }
        Ok(Self(Kind::Even(first, last)))
    }
}

/// Reads `100`, `4k`, `64KiB`, `1m`; k and m are 1024 and 1024².
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" | "kib" => 1024,
        "m" | "mb" | "mib" => 1024 * 1024,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|&bytes| bytes <= LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sizes_are_read() {
        assert_eq!("100".parse(), Ok(Sizes::fixed(100)));
        let range: Sizes = "100-4k".parse().unwrap();
        assert_eq!((range.shortest(), range.longest()), (100, 4096));
        let mixed: Sizes = "100:9,4k:1".parse().unwrap();
        assert_eq!((mixed.shortest(), mixed.longest()), (100, 4096));
        for bad in ["", "x", "4k-100", "100:0", "1:1,2", "-5", "2g", "1:99999999999999999999"] {
            assert!(bad.parse::<Sizes>().is_err(), "{bad}");
        }
    }

    #[test]
    fn weights_are_kept() {
        let mixed: Sizes = "100:9,4k:1".parse().unwrap();
        let large = (0..100_000_u64)
            .filter(|&n| mixed.draw(crate::shape::mix(n.wrapping_mul(0x9E37_79B9))) == 4096)
            .count();
        assert!((9_400..10_600).contains(&large), "{large} of 100,000");
    }

    proptest! {
        /// Nothing is drawn outside the range, and both ends can be.
        #[test]
        fn draws_stay_inside(first in 0_u64..5_000, more in 0_u64..5_000, bits: u64) {
            let sizes = Sizes(Kind::Even(first, first + more));
            let drawn = sizes.draw(bits) as u64;
            prop_assert!((first..=first + more).contains(&drawn));
            prop_assert_eq!(sizes.draw(0) as u64, first);
            prop_assert_eq!(sizes.draw(u64::MAX) as u64, first + more);
        }
    }
}
