//! Seeds: where every random choice comes from, the same on every machine and in every
//! version.

/// FNV-1a in 64 bits (Fowler, Noll and Vo).
#[must_use]
pub fn fnv1a(bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes.into_iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// What SplitMix64 adds to its state with each number.
pub const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64, so that neighbouring numbers share nothing (Steele, Lea and
/// Flood, *Fast Splittable Pseudorandom Number Generators*, 2014).
#[must_use]
pub const fn mix(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The seed of something that has a name, from that of the run: neighbouring seeds share
/// nothing.
#[must_use]
pub fn of(seed: u64, name: &str) -> u64 {
    mix(seed.wrapping_add(STEP) ^ fnv1a(name.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hashed_as_everywhere() {
        assert_eq!(fnv1a(*b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(*b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of(42, "kill"), 6_593_483_478_166_658_596);
    }
}
