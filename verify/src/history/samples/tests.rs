//! Packed samples are what was given, in their order.

use proptest::prelude::*;

use super::*;

/// Times and values as runs have them, and any others.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-60_000_000_i64..30_000_000_000).prop_map(|micros| micros as f64 / MICROS),
        (-5_i64..2_000_000_000).prop_map(|count| count as f64),
        any::<f64>().prop_filter("nobody orders by it", |number| !number.is_nan()),
        Just(-0.0),
    ]
}

fn sample() -> impl Strategy<Value = (f64, u8, f64)> {
    (number(), 0_u8..5, number())
}

fn bits(samples: &[Sample]) -> Vec<(u64, &str, u64)> {
    samples.iter().map(|s| (s.at.to_bits(), &*s.label, s.value.to_bits())).collect()
}

proptest! {
    /// What is read is what was given, bit by bit, in the order in which it was given.
    #[test]
    fn packing_changes_nothing(given in prop::collection::vec(sample(), 0..1_500)) {
        let given: Vec<Sample> = given
            .into_iter()
            .map(|(at, label, value)| Sample { at, label: format!("l{label}").into(), value })
            .collect();
        let samples: Samples = [("s".to_owned(), given.clone())].into_iter().collect();
        let read = samples.read("s").unwrap();
        prop_assert_eq!(bits(&read), bits(&given));
    }

    /// However samples come, they stand in the order of time and label, and each time
    /// of a label has the value that came first.
    #[test]
    fn what_comes_late_stands_at_its_place(
        moments in prop::collection::vec((0_u32..700, 0_u8..4), 0..3_000),
        cut in 0_u32..700,
    ) {
        let mut samples = Samples::default();
        let mut expected: BTreeMap<(u32, u8), f64> = BTreeMap::new();
        for (count, &(at, label)) in moments.iter().enumerate() {
            let value = count as f64;
            let is_new = samples.add("s", f64::from(at) / 10.0, &format!("l{label}"), value);
            prop_assert_eq!(is_new, !expected.contains_key(&(at, label)));
            expected.entry((at, label)).or_insert(value);
        }
        let told = |samples: &Samples| -> Vec<(f64, String, f64)> {
            samples.of("s").map(|s| (s.at, s.label.to_string(), s.value)).collect()
        };
        let row = |(&(at, label), &value): (&(u32, u8), &f64)| {
            (f64::from(at) / 10.0, format!("l{label}"), value)
        };
        let all: Vec<_> = expected.iter().map(row).collect();
        prop_assert_eq!(told(&samples), all.clone());
        let last = samples.last("s").map(|s| (s.at, s.label.to_string(), s.value));
        prop_assert_eq!(last, all.last().cloned());
        let early: Vec<_> = expected.iter().filter(|((at, _), _)| *at <= cut).map(row).collect();
        prop_assert_eq!(told(&samples.up_to(f64::from(cut) / 10.0, |_| true)), early);
        samples.settle();
        prop_assert_eq!(told(&samples), all);
    }

    /// Any bytes are read to an end.
    #[test]
    fn garbage_ends(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let labels = [Arc::from("a"), Arc::from("b")];
        let reader = Reader { bytes: &bytes, labels: &labels, at: 0, known: Vec::new() };
        prop_assert!(reader.take(1_000).count() <= 200);
    }
}

#[test]
fn counts_and_levels_of_a_soak_take_few_bytes() {
    let mut samples = Samples::default();
    for round in 0..7_200_u32 {
        for partition in 0..12_u32 {
            let at = f64::from(round) / 2.0 + f64::from(round * 7 % 1_000) / MICROS;
            let count = f64::from(round * 21 + partition * 3);
            samples.add("kafka.end_offset", at, &partition.to_string(), count);
        }
    }
    samples.settle();
    let all = samples.read("kafka.end_offset").unwrap().len();
    assert_eq!(all, 86_400);
    assert!(samples.bytes() < 5 * all, "{} bytes each", samples.bytes() as f64 / all as f64);
}
