//! Functions of operations, and whether a value is one of those that they can
//! come to: of every operation that was acknowledged, and of any of those whose
//! outcome is unknown.

use scenarios::plan::effects::aggregate::{Embedding, Function};
use scenarios::pointer::Pointer;
use serde_json::Value as Json;

use crate::history::ValueFinding;

/// The most operations of unknown outcome of which every choice is tried; of sums
/// they are a million sums.
const CHOICES: usize = 16;
/// The same of vectors.
const VECTOR_CHOICES: usize = 5;

/// Why an operation gives nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoPart {
    /// Its body is no JSON.
    #[error("the bodies of {0} are no JSON")]
    NoJson(String),
    /// There is no number.
    #[error("a body has no number at {0}")]
    Number(Pointer),
    /// There is no text.
    #[error("a body has no text at {0}")]
    Text(Pointer),
    /// It is another one each time it is sent.
    #[error("what {0} sends there depends on when it is sent")]
    Timed(String),
}

/// What an operation gives.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Part {
    /// A number.
    Number(f64),
    /// A vector that is drawn from a text, with its weight and its time in
    /// milliseconds.
    Vector { text: String, weight: f64, time: f64 },
}

impl Part {
    /// That of an operation with this body.
    pub(super) fn of(function: &Function, body: &Json) -> Result<Self, NoPart> {
        let number = |pointer: &Pointer| {
            let found = pointer.find(body).and_then(Json::as_f64);
            found.ok_or_else(|| NoPart::Number(pointer.clone()))
        };
        match function {
            Function::Sum(of) | Function::Min(of) | Function::Max(of) => {
                number(of).map(Self::Number)
            }
            Function::Embedding(Embedding { of, weight, time, .. }) => {
                let text = of.find(body).and_then(Json::as_str);
                let text = text.ok_or_else(|| NoPart::Text(of.clone()))?;
                Ok(Self::Vector {
                    text: text.to_owned(),
                    weight: number(weight)?,
                    time: number(time)?,
                })
            }
        }
    }

    fn number(&self) -> f64 {
        match self {
            Self::Number(number) => *number,
            Self::Vector { .. } => f64::NAN,
        }
    }
}

/// Whether `found` is what all of `acked`, and some of `indeterminate` or none,
/// come to, but for `tolerance` as a share of the greatest number.
pub(super) fn compare(
    function: &Function,
    acked: &[Part],
    indeterminate: &[Part],
    found: &Json,
    tolerance: f64,
) -> ValueFinding {
    match function {
        Function::Embedding(embedding) => {
            embedded(embedding, acked, indeterminate, found, tolerance)
        }
        Function::Sum(_) | Function::Min(_) | Function::Max(_) => {
            // Databases give exact decimals as texts.
            let number = found.as_f64().or_else(|| found.as_str()?.trim().parse().ok());
            let Some(number) = number.filter(|number| number.is_finite()) else {
                return ValueFinding::Wrong(format!("{} is no number", short(found)));
            };
            let numbers = |parts: &[Part]| parts.iter().map(Part::number).collect::<Vec<_>>();
            let (acked, indeterminate) = (numbers(acked), numbers(indeterminate));
            match function {
                Function::Sum(_) => summed(&acked, &indeterminate, number, tolerance),
                Function::Min(_) => {
                    let negated = |list: &[f64]| list.iter().map(|n| -n).collect::<Vec<_>>();
                    match greatest(&negated(&acked), &negated(&indeterminate), -number, tolerance) {
                        Ok(()) => ValueFinding::Right,
                        Err(right) => wrong(number, right.map(|right| -right)),
                    }
                }
                _ => match greatest(&acked, &indeterminate, number, tolerance) {
                    Ok(()) => ValueFinding::Right,
                    Err(right) => wrong(number, right),
                },
            }
        }
    }
}

fn wrong(found: f64, right: Option<f64>) -> ValueFinding {
    ValueFinding::Wrong(match right {
        Some(right) => format!("it is {found} instead of {right}"),
        None => format!("it is {found}, and no operation gives anything"),
    })
}

/// What adding up numbers of this size in all may lose, as a share of it. Rounding
/// is nobody's fault, however small the tolerance.
const ROUNDING: f64 = 1e-12;

fn summed(acked: &[f64], indeterminate: &[f64], found: f64, tolerance: f64) -> ValueFinding {
    let certain: f64 = acked.iter().sum();
    let all = acked.iter().chain(indeterminate).map(|number| number.abs());
    let rounding = ROUNDING * all.sum::<f64>();
    let is_right = |right: f64| (found - right).abs() <= (tolerance * right.abs()).max(rounding);
    if indeterminate.len() <= CHOICES {
        let choices = 0_u32..1 << indeterminate.len();
        let sum = |choice: u32| {
            let chosen = (0..).zip(indeterminate).filter(|(bit, _)| choice & (1 << bit) != 0);
            certain + chosen.map(|(_, number)| number).sum::<f64>()
        };
        return match choices.into_iter().any(|choice| is_right(sum(choice))) {
            true => ValueFinding::Right,
            false => wrong(found, Some(certain)),
        };
    }
    let (low, high) = indeterminate.iter().fold((certain, certain), |(low, high), number| {
        (low + number.min(0.0), high + number.max(0.0))
    });
    if (low..=high).contains(&found) || is_right(low) || is_right(high) {
        let open = indeterminate.len();
        return ValueFinding::Unknown(format!("the outcome of {open} operations is unknown"));
    }
    wrong(found, Some(certain))
}

/// Whether `found` is the greatest of all of `acked` and some of `indeterminate`;
/// if not, what it should be.
fn greatest(
    acked: &[f64],
    indeterminate: &[f64],
    found: f64,
    tolerance: f64,
) -> Result<(), Option<f64>> {
    let certain = acked.iter().copied().reduce(f64::max);
    let more = indeterminate.iter().copied().filter(|&n| certain.is_none_or(|certain| n > certain));
    let is_right = |right: f64| (found - right).abs() <= tolerance.max(ROUNDING) * right.abs();
    if certain.into_iter().chain(more).any(is_right) { Ok(()) } else { Err(certain) }
}

fn embedded(
    embedding: &Embedding,
    acked: &[Part],
    indeterminate: &[Part],
    found: &Json,
    tolerance: f64,
) -> ValueFinding {
    let Some(found) = found.as_array() else {
        return ValueFinding::Wrong(format!("{} is no list", short(found)));
    };
    let length = embedding.length as usize;
    if found.len() != length {
        return ValueFinding::Wrong(format!("it has {} numbers instead of {length}", found.len()));
    }
    let numbers: Option<Vec<f64>> = found.iter().map(Json::as_f64).collect();
    let Some(numbers) = numbers else {
        return ValueFinding::Wrong("something in it is no number".to_owned());
    };
    if indeterminate.len() > VECTOR_CHOICES {
        let open = indeterminate.len();
        return ValueFinding::Unknown(format!("the outcome of {open} operations is unknown"));
    }
    let mut first_wrong = None;
    for choice in 0_u32..1 << indeterminate.len() {
        let chosen = (0..).zip(indeterminate).filter(|(bit, _)| choice & (1 << bit) != 0);
        let parts = acked.iter().chain(chosen.map(|(_, part)| part));
        let right = sum_of_vectors(embedding, parts);
        let greatest = right.iter().fold(0.0_f64, |greatest, number| greatest.max(number.abs()));
        let allowed = tolerance.max(ROUNDING) * greatest;
        let is_off = |(found, right): (&f64, &f64)| (found - right).abs() > allowed;
        match numbers.iter().zip(&right).position(is_off) {
            None => return ValueFinding::Right,
            Some(place) => {
                first_wrong.get_or_insert((place, right[place]));
            }
        }
    }
    let (place, right) = first_wrong.unwrap_or_default();
    ValueFinding::Wrong(format!("number {place} is {} instead of {right}", numbers[place]))
}

/// See [`Embedding`].
fn sum_of_vectors<'a>(
    embedding: &Embedding,
    parts: impl Iterator<Item = &'a Part> + Clone,
) -> Vec<f64> {
    let vectors = parts.filter_map(|part| match part {
        Part::Vector { text, weight, time } => Some((text, *weight, *time)),
        Part::Number(_) => None,
    });
    let latest = vectors.clone().map(|(.., time)| time).fold(f64::NEG_INFINITY, f64::max);
    let unit = embedding.per.0.as_secs_f64() * 1_000.0;
    let mut sum = vec![0.0; embedding.length as usize];
    for (text, weight, time) in vectors {
        let faded = weight * (-embedding.decay * (latest - time) / unit).exp();
        let hash = fnv1a(text.as_bytes());
        for (number, place) in sum.iter_mut().zip(1_u64..) {
            *number += faded * even(hash.wrapping_add(place.wrapping_mul(GOLDEN)));
        }
    }
    sum
}

/// 2⁶⁴ divided by the golden ratio, the step of SplitMix64.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    })
}

/// A number from −1 to 1 drawn from these bits.
fn even(bits: u64) -> f64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    let bits = bits ^ (bits >> 31);
    (bits >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
}

fn short(value: &Json) -> String {
    let text = value.to_string();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scenarios::units::Span;
    use serde_json::json;

    use super::*;

    fn sum() -> Function {
        Function::Sum("/amount".parse().unwrap())
    }

    fn numbers(list: &[i32]) -> Vec<Part> {
        list.iter().map(|&n| Part::Number(f64::from(n))).collect()
    }

    fn embedding() -> Embedding {
        Embedding {
            length: 4,
            of: "/id".parse().unwrap(),
            weight: "/weight".parse().unwrap(),
            time: "/at".parse().unwrap(),
            decay: 0.5,
            per: Span::seconds(1),
        }
    }

    fn vector(text: &str, weight: f64, time: f64) -> Part {
        Part::Vector { text: text.to_owned(), weight, time }
    }

    #[test]
    fn what_a_body_does_not_have_is_an_error() {
        let body = json!({ "amount": "7", "id": 3 });
        let why = |function: &Function| Part::of(function, &body).unwrap_err().to_string();
        assert!(why(&sum()).contains("no number at /amount"));
        let why = why(&Function::Embedding(embedding()));
        assert!(why.contains("no text at /id"), "{why}");
    }

    #[test]
    fn liars_are_found() {
        let parts = numbers(&[1, 2, 3]);
        let compare =
            |function: &Function, found: Json| compare(function, &parts, &[], &found, 1e-6);
        assert_eq!(compare(&sum(), json!(6)), ValueFinding::Right);
        assert_eq!(compare(&sum(), json!("6.0")), ValueFinding::Right);
        for lie in [json!(6.1), json!(null), json!("six"), json!([6]), json!(0)] {
            assert!(matches!(compare(&sum(), lie.clone()), ValueFinding::Wrong(_)), "{lie}");
        }
        let max = Function::Max("/x".parse().unwrap());
        assert_eq!(compare(&max, json!(3)), ValueFinding::Right);
        assert!(matches!(compare(&max, json!(2)), ValueFinding::Wrong(_)));
        let min = Function::Min("/x".parse().unwrap());
        assert_eq!(compare(&min, json!(1)), ValueFinding::Right);
        assert!(matches!(compare(&min, json!(2)), ValueFinding::Wrong(_)));
    }

    #[test]
    fn a_vector_of_another_length_or_decay_is_wrong() {
        let parts = [vector("a", 1.0, 0.0), vector("b", 2.0, 1_000.0)];
        let right = sum_of_vectors(&embedding(), parts.iter());
        let function = Function::Embedding(embedding());
        let compare = |found: &Json| compare(&function, &parts, &[], found, 1e-6);
        assert_eq!(compare(&json!(right)), ValueFinding::Right);
        assert!(matches!(compare(&json!(right[..3])), ValueFinding::Wrong(_)));
        let other = Embedding { decay: 0.51, ..embedding() };
        let wrong = sum_of_vectors(&other, parts.iter());
        assert!(matches!(compare(&json!(wrong)), ValueFinding::Wrong(_)));
        assert!(matches!(compare(&json!(["x", 1, 2, 3])), ValueFinding::Wrong(_)));
    }

    /// By another implementation: Python with its integers of any length.
    #[test]
    fn the_numbers_of_a_text_are_those_of_the_definition() {
        let drawn =
            |place: u64| even(fnv1a(b"run-1/events/7").wrapping_add(place.wrapping_mul(GOLDEN)));
        let expected = EXPECTED;
        for (place, expected) in (1_u64..).zip(expected) {
            assert!((drawn(place) - expected).abs() < 1e-15, "{place}: {}", drawn(place));
        }
    }

    const EXPECTED: [f64; 3] = [-0.9892040641117539, 0.24330525549549176, -0.8571770886432424];

    proptest! {
        /// Whatever of the operations of unknown outcome took effect, the sum is
        /// right; and one that is off by one is wrong, unless another choice comes
        /// to it.
        #[test]
        fn a_sum_is_right_for_every_choice(
            acked in prop::collection::vec(-50_i32..50, 0..20),
            open in prop::collection::vec((-50_i32..50, any::<bool>()), 0..6),
        ) {
            let indeterminate: Vec<i32> = open.iter().map(|&(n, _)| n).collect();
            let certain: i32 = acked.iter().sum();
            let found = certain + open.iter().filter(|(_, took)| *took).map(|&(n, _)| n).sum::<i32>();
            let (acked, parts) = (numbers(&acked), numbers(&indeterminate));
            let told = compare(&sum(), &acked, &parts, &json!(found), 1e-6);
            prop_assert_eq!(told, ValueFinding::Right);
            let sums: Vec<i32> = (0..1 << indeterminate.len()).map(|choice: i32| {
                certain + (0..).zip(&indeterminate)
                    .filter(|(bit, _)| choice & (1 << bit) != 0).map(|(_, n)| n).sum::<i32>()
            }).collect();
            if !sums.contains(&(found + 1)) {
                let told = compare(&sum(), &acked, &parts, &json!(found + 1), 1e-9);
                prop_assert!(matches!(told, ValueFinding::Wrong(_)));
            }
        }

        /// The order of the operations does not change the vector, beyond rounding.
        #[test]
        fn a_vector_does_not_depend_on_the_order(
            mut parts in prop::collection::vec(("[a-z]{1,6}", 1_u32..5, 0_u32..9_000), 1..12),
        ) {
            let vectors = |parts: &[(String, u32, u32)]| -> Vec<Part> {
                parts.iter().map(|(t, w, at)| vector(t, f64::from(*w), f64::from(*at))).collect()
            };
            let one = sum_of_vectors(&embedding(), vectors(&parts).iter());
            parts.reverse();
            let told = compare(
                &Function::Embedding(embedding()), &vectors(&parts), &[], &json!(one), 1e-6,
            );
            prop_assert_eq!(told, ValueFinding::Right);
        }
    }
}
