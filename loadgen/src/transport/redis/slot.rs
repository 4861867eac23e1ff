//! The hash slot of a key: which part of a Redis Cluster it belongs to.
//!
//! Source: the Redis Cluster specification, "Key distribution model" and
//! "Hash tags", with its appendix A. A slot is the CRC16 of the key modulo
//! 16,384; the variant is XMODEM (polynomial 0x1021, initial value 0, nothing
//! reflected). When the key holds `{`, a `}` behind it and something in
//! between, only what is in between counts.

/// How many slots there are.
const SLOTS: u16 = 16_384;

/// The slot of a key.
pub(super) fn slot(key: &[u8]) -> u16 {
    crc16(tag(key)) % SLOTS
}

/// The part of a key that decides on its slot.
fn tag(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|&byte| byte == b'{') else { return key };
    let behind = &key[open + 1..];
    match behind.iter().position(|&byte| byte == b'}') {
        None | Some(0) => key,
        Some(close) => &behind[..close],
    }
}

/// CRC16/XMODEM. Bit by bit: a run asks once for each of its keys.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte) << 8, |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { crc << 1 ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_check_value_of_the_specification() {
        assert_eq!(crc16(b"123456789"), 0x31C3);
        assert_eq!(crc16(b""), 0);
    }

    /// The examples of the specification's section on hash tags, and slots as
    /// `CLUSTER KEYSLOT` of a server gives them.
    #[test]
    fn tags_are_honoured() {
        for (key, part) in [
            ("{user1000}.following", "user1000"),
            ("{user1000}.followers", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
            ("foo}bar{", "foo}bar{"),
            ("", ""),
        ] {
            assert_eq!(tag(key.as_bytes()), part.as_bytes(), "{key}");
        }
        for (key, number) in
            [("foo", 12_182), ("bar", 5_061), ("foo{hash_tag}", 2_515), ("somekey", 11_058)]
        {
            assert_eq!(slot(key.as_bytes()), number, "{key}");
        }
    }

    proptest! {
        /// Every key has a slot, and keys with the same tag share theirs.
        #[test]
        fn keys_with_one_tag_share_a_slot(
            tag in "[^{}]{1,8}",
            before in "[^{}]{0,8}",
            behind: Vec<u8>,
        ) {
            let mut key = format!("{before}{{{tag}}}").into_bytes();
            key.extend(behind);
            prop_assert!(slot(&key) < SLOTS);
            prop_assert_eq!(slot(&key), slot(tag.as_bytes()));
        }
    }
}
