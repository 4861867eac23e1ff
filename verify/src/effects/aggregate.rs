//! Records that many operations came to together: which key each is of, how many
//! operations it says it has, and whether its value is what they come to.
//!
//! The records are streamed; held are the operations of each key, 16 bytes each,
//! and what was found out about it.

mod function;

use std::collections::{BTreeMap, HashMap};

use loadgen::{Fate, IdentityRef, Ledger};
use scenarios::locator::Record;
use scenarios::plan::effects::Aggregate;
use scenarios::plan::effects::aggregate::Function;
use serde_json::Value as Json;

pub(crate) use self::function::{NoPart, Part};
use super::offered::{Offered, Operations};
use crate::history::{Aggregates, ValueFinding};

/// The longest name of a key that is kept.
const LONGEST: usize = 200;

/// How keys are written: with what in front of the number and behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    head: String,
    tail: String,
}

impl Names {
    /// Those of a run.
    #[must_use]
    pub fn of(keys: &str, run: &str) -> Self {
        let keys = keys.replace("@{run}", run);
        let (head, tail) = keys.split_once("@{key}").unwrap_or((&keys, ""));
        Self { head: head.to_owned(), tail: tail.to_owned() }
    }

    /// The name of a key.
    #[must_use]
    pub fn name(&self, key: u64) -> String {
        format!("{}{key}{}", self.head, self.tail)
    }

    /// The key of this name, if it is one.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<u64> {
        let number = name.strip_prefix(&self.head)?.strip_suffix(&self.tail)?;
        let key = number.parse().ok()?;
        // "+7" and "007" are other names.
        (self.name(key) == name).then_some(key)
    }
}

/// The operations of one key, by workload and number.
#[derive(Debug, Clone, Default)]
struct Key {
    acked: Vec<(u16, u64)>,
    indeterminate: Vec<(u16, u64)>,
}

/// Takes down records.
pub struct Reader<'a> {
    spec: &'a Aggregate,
    names: Names,
    offered: &'a Offered,
    workloads: Vec<&'a str>,
    keys: HashMap<u64, Key>,
    told: Aggregates,
    /// Whether values are compared; it takes longer.
    compares: bool,
}

impl<'a> Reader<'a> {
    /// A reader that has read nothing, of records in which the operations of these
    /// workloads are.
    pub fn new(
        spec: &'a Aggregate,
        offered: &'a Offered,
        ledgers: &BTreeMap<&str, &Ledger>,
        workloads: &'a [String],
        compares: bool,
    ) -> Self {
        let workloads: Vec<&str> = workloads.iter().map(String::as_str).collect();
        let mut keys: HashMap<u64, Key> = HashMap::new();
        for (index, name) in (0_u16..).zip(&workloads).filter(|_| compares) {
            let (Some(operations), Some(ledger)) =
                (offered.workloads.get(*name), ledgers.get(name))
            else {
                continue;
            };
            let shape = &operations.shape;
            let sound = |fate| ledger.of(fate).iter().filter(|&seq| !shape.is_poison(seq));
            for seq in sound(Fate::Acked) {
                keys.entry(shape.key(seq)).or_default().acked.push((index, seq));
            }
            for seq in sound(Fate::Indeterminate) {
                keys.entry(shape.key(seq)).or_default().indeterminate.push((index, seq));
            }
        }
        let names = Names::of(&spec.keys, &offered.run);
        Self { spec, names, offered, workloads, keys, told: Aggregates::default(), compares }
    }

    /// Takes down a record with its key.
    pub fn take(&mut self, name: &str, record: &dyn Record) {
        let Some(number) = self.names.key(name) else {
            self.told.strangers += 1;
            return;
        };
        let told = self.told.keys.entry(number).or_default();
        told.key = number;
        told.records += 1;
        // Of several any may be the right one; that there are several is wrong.
        if told.records > 1 {
            return;
        }
        told.name = name.chars().take(LONGEST).collect();
        let count = self.spec.count.as_ref().and_then(|place| place.find(record));
        told.count =
            count.and_then(|count| count.parse().ok()).filter(|count: &f64| count.is_finite());
        let Some(value) = self.spec.value.as_ref().filter(|_| self.compares) else { return };
        let finding = match record.whole().and_then(|bytes| value.at.find_in(&bytes)) {
            None => ValueFinding::Wrong(format!("nothing stands at {}", value.at)),
            Some(found) => self.compare(number, &found),
        };
        if let Some(told) = self.told.keys.get_mut(&number) {
            told.value = Some(finding);
        }
    }

    fn compare(&self, number: u64, found: &Json) -> ValueFinding {
        let Some(value) = &self.spec.value else {
            return ValueFinding::Unknown("nothing says what it is".to_owned());
        };
        let none = Key::default();
        let key = self.keys.get(&number).unwrap_or(&none);
        let parts = |list: &[(u16, u64)]| {
            list.iter()
                .map(|&operation| self.part(&value.is, operation))
                .collect::<Result<Vec<_>, _>>()
        };
        match (parts(&key.acked), parts(&key.indeterminate)) {
            (Ok(acked), Ok(indeterminate)) => {
                function::compare(&value.is, &acked, &indeterminate, found, value.tolerance.0)
            }
            (Err(why), _) | (_, Err(why)) => ValueFinding::Unknown(why),
        }
    }

    /// What an operation gives to the value: the same whenever it is sent.
    fn part(&self, function: &Function, (workload, sequence): (u16, u64)) -> Result<Part, String> {
        let workload = self.workloads.get(usize::from(workload)).copied().unwrap_or_default();
        let identity = IdentityRef { run: &self.offered.run, workload, sequence };
        let operations = self.offered.workloads.get(workload);
        part(function, operations, identity).map_err(|why| why.to_string())
    }

    /// What was read.
    #[must_use]
    pub fn finish(self) -> Aggregates {
        self.told
    }
}

/// What an operation gives to a value: the same whenever it is sent.
///
/// # Errors
/// Why it gives nothing.
pub(crate) fn part(
    function: &Function,
    operations: Option<&Operations>,
    identity: IdentityRef<'_>,
) -> Result<Part, NoPart> {
    let read = |time| {
        let body = operations.and_then(|operations| operations.body(identity, time));
        Part::of(function, &body.ok_or_else(|| NoPart::NoJson(identity.workload.to_owned()))?)
    };
    // Times that have as many digits.
    let (one, other) = (read(1_700_000_000_000)?, read(1_800_000_000_000)?);
    if one == other { Ok(one) } else { Err(NoPart::Timed(identity.workload.to_owned())) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_has_one_name() {
        let names = Names::of("@{run}-user-@{key}.x", "r1");
        assert_eq!(names.name(7), "r1-user-7.x");
        assert_eq!(names.key("r1-user-7.x"), Some(7));
        for other in ["r2-user-7.x", "r1-user-07.x", "r1-user-+7.x", "r1-user-.x", "r1-user-7", ""]
        {
            assert_eq!(names.key(other), None, "{other}");
        }
    }

    proptest! {
        /// Every key is found by its name.
        #[test]
        fn a_name_leads_back_to_its_key(key: u64, head in "[a-z0-9]{0,4}", tail in "[a-z0-9]{0,4}") {
            let names = Names::of(&format!("{head}@{{key}}{tail}"), "r");
            prop_assert_eq!(names.key(&names.name(key)), Some(key));
        }
    }
}
