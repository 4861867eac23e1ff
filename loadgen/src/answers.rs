//! Whether the answers to an operation that is sent twice agree, and whether
//! the later one says that the operation was known already.
//!
//! Only *accepted* answers are compared, the earlier with the later: where both
//! sendings are under way at once, whichever is answered first is the earlier.
//! So a system that lets the operation take effect once gives the same value
//! twice and marks the later answer as a hit; of two that overlapped, either,
//! because it is free to work on them in any order. The earlier is not marked,
//! unless it was an attempt again after one whose outcome is unknown.

use std::collections::BTreeMap;

use roaring::RoaringTreemap;
use serde::{Deserialize, Serialize};

/// So many pairs are kept with their values; of the others, the identities.
const KEPT: usize = 10_000;

/// The most characters of a value that are kept.
const LONGEST: usize = 200;

/// What one accepted answer said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Said {
    pub(crate) value: Value,
    /// Whether it says that the operation was known; `None` if nobody asks.
    pub(crate) hit: Option<bool>,
    /// It is the answer to an attempt after one whose outcome is unknown.
    pub(crate) retried: bool,
    /// Its body came in an encoding that cannot be read here.
    pub(crate) unread: bool,
}

/// The value that must be the same in each answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Value {
    /// Nobody asks for it.
    #[default]
    Unasked,
    /// It is not there, or too far behind in a long body.
    Missing,
    /// Its JSON text.
    Text(Box<str>),
}

impl Value {
    fn text(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.chars().take(LONGEST).collect()),
            _ => None,
        }
    }
}

/// The accepted answers to both sendings of an operation.
#[derive(Debug)]
pub(crate) struct Pair {
    pub(crate) earlier: Said,
    pub(crate) later: Said,
    /// The later sending began before the earlier one was answered.
    pub(crate) overlaps: bool,
}

/// How many answers were compared, and with what result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Compared {
    /// Operations of which both sendings were accepted.
    pub pairs: u64,
    /// Both answers have the same value.
    pub agreed: u64,
    /// They have different values, or only one has any.
    pub disagreed: u64,
    /// Neither has the value.
    pub valueless: u64,
    /// The body of one came in an encoding that was not read, so that what it
    /// says is unknown.
    #[serde(default)]
    pub unread: u64,
    /// The later answer, or one of two that overlapped, says that the operation
    /// was known.
    pub marked: u64,
    /// It should say so, and does not.
    pub unmarked: u64,
    /// The earlier answer says so, too, although nothing had been sent before.
    pub premature: u64,
    /// Operations that were accepted in a further attempt.
    pub retried: u64,
    /// Those of them whose answer says that the operation was known.
    pub retried_marked: u64,
}

/// What is wrong with a pair of answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Flaw {
    /// The values are not the same.
    Disagreed,
    /// The later one should be marked as a hit.
    Unmarked,
    /// The earlier one should not.
    Premature,
}

/// A pair of answers that something is wrong with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guilty {
    /// The operation: `run/workload/sequence`.
    pub id: String,
    /// What is wrong.
    pub kind: Flaw,
    /// The value of the earlier answer as JSON text, where it has one and is
    /// kept.
    pub first: Option<String>,
    /// That of the later one.
    pub second: Option<String>,
}

/// The comparison of all the answers of a run.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answers {
    /// How many.
    pub counts: Compared,
    guilty: BTreeMap<Flaw, RoaringTreemap>,
    values: BTreeMap<u64, (Option<String>, Option<String>)>,
}

impl Answers {
    /// Compares the answers to an operation; says whether they disagree.
    pub(crate) fn compare(&mut self, seq: u64, pair: &Pair) -> bool {
        let Pair { earlier, later, overlaps } = pair;
        self.counts.pairs += 1;
        self.counts.unread += u64::from(earlier.unread || later.unread);
        let disagrees = match (&earlier.value, &later.value) {
            (Value::Unasked, _) | (_, Value::Unasked) => false,
            (Value::Missing, Value::Missing) => {
                self.counts.valueless += 1;
                false
            }
            (a, b) if a == b => {
                self.counts.agreed += 1;
                false
            }
            _ => true,
        };
        if disagrees {
            self.counts.disagreed += 1;
            self.blame(seq, Flaw::Disagreed, pair);
        }
        if let (Some(first), Some(second)) = (earlier.hit, later.hit) {
            if second || (*overlaps && first) {
                self.counts.marked += 1;
            } else {
                self.counts.unmarked += 1;
                self.blame(seq, Flaw::Unmarked, pair);
            }
            let again = earlier.retried || (*overlaps && (later.retried || !second));
            if first && !again {
                self.counts.premature += 1;
                self.blame(seq, Flaw::Premature, pair);
            }
        }
        disagrees
    }

    /// Takes in the answer to a further attempt.
    pub(crate) fn retried(&mut self, said: &Said) {
        self.counts.retried += 1;
        self.counts.retried_marked += u64::from(said.hit == Some(true));
    }

    fn blame(&mut self, seq: u64, flaw: Flaw, pair: &Pair) {
        self.guilty.entry(flaw).or_default().insert(seq);
        if self.values.len() < KEPT {
            self.values
                .entry(seq)
                .or_insert_with(|| (pair.earlier.value.text(), pair.later.value.text()));
        }
    }

    /// Adds what another worker saw.
    pub(crate) fn merge(&mut self, other: Self) {
        let (sum, more) = (&mut self.counts, other.counts);
        sum.pairs += more.pairs;
        sum.agreed += more.agreed;
        sum.disagreed += more.disagreed;
        sum.valueless += more.valueless;
        sum.unread += more.unread;
        sum.marked += more.marked;
        sum.unmarked += more.unmarked;
        sum.premature += more.premature;
        sum.retried += more.retried;
        sum.retried_marked += more.retried_marked;
        for (flaw, sequences) in other.guilty {
            *self.guilty.entry(flaw).or_default() |= sequences;
        }
        self.values.extend(other.values);
    }

    /// Every pair that something is wrong with, by what it is and in order of
    /// the sequence numbers; made as they are asked for.
    pub fn guilty(&self, run: &str, workload: &str) -> impl Iterator<Item = Guilty> {
        let prefix = format!("{run}/{workload}/");
        self.guilty.iter().flat_map(|(&kind, all)| all.iter().map(move |seq| (kind, seq))).map(
            move |(kind, seq)| {
                let (first, second) = self.values.get(&seq).cloned().unwrap_or_default();
                Guilty { id: format!("{prefix}{seq}"), kind, first, second }
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(value: Option<u8>, hit: bool, retried: bool) -> Said {
        let value = match value {
            Some(value) => Value::Text(value.to_string().into()),
            None => Value::Missing,
        };
        Said { value, hit: Some(hit), retried, unread: false }
    }

    fn compared(earlier: Said, later: Said, overlaps: bool) -> Compared {
        let mut answers = Answers::default();
        answers.compare(7, &Pair { earlier, later, overlaps });
        answers.counts
    }

    fn answer() -> impl Strategy<Value = Said> {
        (prop::option::of(0_u8..3), any::<bool>(), any::<bool>())
            .prop_map(|(value, hit, retried)| said(value, hit, retried))
    }

    #[test]
    fn a_system_that_keeps_its_promise_is_not_blamed() {
        for (first, second, overlaps) in
            [(false, true, false), (false, true, true), (true, false, true)]
        {
            let counts =
                compared(said(Some(1), first, false), said(Some(1), second, false), overlaps);
            let good = Compared { pairs: 1, agreed: 1, marked: 1, ..Compared::default() };
            assert_eq!(counts, good, "{first} {second} {overlaps}");
        }
        // The first attempt was carried out and its answer lost.
        let counts = compared(said(Some(1), true, true), said(Some(1), true, false), false);
        assert_eq!((counts.marked, counts.premature), (1, 0));
    }

    #[test]
    fn liars_are_seen() {
        let another = compared(said(Some(1), false, false), said(Some(2), true, false), false);
        assert_eq!((another.disagreed, another.agreed), (1, 0));
        let nothing = compared(said(Some(1), false, false), said(None, true, false), false);
        assert_eq!(nothing.disagreed, 1);
        let twice_new = compared(said(Some(1), false, false), said(Some(1), false, false), true);
        assert_eq!((twice_new.unmarked, twice_new.marked), (1, 0));
        let always = compared(said(Some(1), true, false), said(Some(1), true, false), false);
        assert_eq!((always.premature, always.marked), (1, 1));
        let backwards = compared(said(Some(1), true, false), said(Some(1), false, false), false);
        assert_eq!((backwards.premature, backwards.unmarked), (1, 1));
    }

    #[test]
    fn what_nobody_asks_for_is_not_counted() {
        let counts = compared(Said::default(), Said::default(), false);
        assert_eq!(counts, Compared { pairs: 1, ..Compared::default() });
    }

    proptest! {
        /// Each pair has one result of its values and one of its marks, and the
        /// guilty are as many as are counted, whoever compared them.
        #[test]
        fn counts_add_up(pairs in prop::collection::vec((answer(), answer(), any::<bool>()), 0..50)) {
            let mut parts = [Answers::default(), Answers::default()];
            for (seq, (earlier, later, overlaps)) in (0_u64..).zip(pairs) {
                parts[(seq % 2) as usize].compare(seq, &Pair { earlier, later, overlaps });
            }
            let [mut whole, other] = parts;
            whole.merge(other);
            let counts = whole.counts;
            prop_assert_eq!(counts.agreed + counts.disagreed + counts.valueless, counts.pairs);
            prop_assert_eq!(counts.marked + counts.unmarked, counts.pairs);
            let named = |kind| whole.guilty("r", "w").filter(|row| row.kind == kind).count() as u64;
            prop_assert_eq!(named(Flaw::Disagreed), counts.disagreed);
            prop_assert_eq!(named(Flaw::Unmarked), counts.unmarked);
            prop_assert_eq!(named(Flaw::Premature), counts.premature);
            let shown = whole.guilty("r", "w").all(|row| row.kind != Flaw::Disagreed || row.first != row.second);
            prop_assert!(shown, "both values stand in the evidence");
        }
    }
}
