//! Records of a source held against its schema as they are read.
//!
//! Records of another run are somebody else's, and those of operations that the load itself
//! poisoned break the contract on purpose: neither is looked at. Where nothing says of which
//! run a record is, it is counted apart. A record that many operations came to together is
//! of this run by its key; one of another key is somebody else's, but for the lab, where
//! nobody else writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use loadgen::Shape;
use scenarios::Plan;
use scenarios::locator::Record;
use scenarios::plan::{Effects, Place};

use super::aggregate::Names;
use crate::contract::Contract;
use crate::history::{Conformity, Departure, Tally};

/// The most records that are kept of those that depart from the schema.
const EXAMPLES: usize = 20;
/// The most characters of a text that is shown as an identity.
const IDENTITY: usize = 200;

/// What the records of a source are held against.
#[derive(Debug, Clone)]
pub struct Inspector {
    contract: Arc<Contract>,
    run: String,
    /// The workloads that offer poison.
    poisoned: BTreeMap<String, Shape>,
    /// How the keys of this run's records are written, where they have keys.
    keys: Option<Vec<Names>>,
    /// Where the run is.
    place: Place,
}

impl Inspector {
    /// That of a source, if it has a schema.
    ///
    /// # Errors
    /// When its text is none.
    pub fn of(effects: &Effects, plan: &Plan, run: &str) -> Result<Option<Self>, String> {
        let Some(schema) = &effects.schema else { return Ok(None) };
        let contract = Contract::new(&schema.text)
            .map_err(|error| format!("schema {}: {error}", schema.file))?;
        let poisoned = plan.workloads.iter().filter(|workload| workload.shape.poison.0 > 0.0);
        let shape =
            |w: &scenarios::plan::Workload| (w.name.clone(), Shape::from_plan(w, plan.seed));
        let poisoned = poisoned.map(shape).collect();
        // Another source may read other keys of the same records.
        let keys = effects.aggregate.as_ref().map(|_| {
            let all = plan.effects.iter().filter_map(|effects| effects.aggregate.as_ref());
            all.map(|aggregate| Names::of(&aggregate.keys, run)).collect()
        });
        Ok(Some(Self {
            contract: Arc::new(contract),
            run: run.to_owned(),
            poisoned,
            keys,
            place: plan.place,
        }))
    }

    /// Takes down a record, with the text that was found where the identity is looked for.
    pub fn take(&self, text: Option<&str>, record: &dyn Record, found: &mut Conformity) {
        if let (Some(keys), Some(text)) = (&self.keys, text) {
            let tally = match keys.iter().any(|names| names.key(text).is_some()) {
                true => &mut found.own,
                false if self.place == Place::Lab => &mut found.unnamed,
                false => {
                    found.foreign += 1;
                    return;
                }
            };
            return self.hold(Some(text), &record.document().unwrap_or_default(), tally);
        }
        let identity = text.and_then(|text| loadgen::identity::parse(text.as_bytes()));
        let tally = match identity {
            Some(id) if id.run != self.run => {
                found.foreign += 1;
                return;
            }
            Some(id)
                if self.poisoned.get(id.workload).is_some_and(|s| s.is_poison(id.sequence)) =>
            {
                found.poison += 1;
                return;
            }
            Some(_) => &mut found.own,
            None => &mut found.unnamed,
        };
        self.hold(text, &record.document().unwrap_or_default(), tally);
    }

    fn hold(&self, text: Option<&str>, document: &[u8], tally: &mut Tally) {
        tally.checked += 1;
        if tally.examples.len() >= EXAMPLES {
            tally.invalid += u64::from(!self.contract.is_followed(document));
            return;
        }
        let Some(breach) = self.contract.breach(document) else { return };
        tally.invalid += 1;
        let identity = text.map(|text| text.chars().take(IDENTITY).collect());
        tally.examples.push(Departure { identity, at: breach.at, what: breach.what });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn inspector() -> Inspector {
        let schema = json!({ "type": "object", "required": ["id"] });
        let poisoned = Shape { poison: 0.5, seed: 3, ..Shape::default() };
        Inspector {
            contract: Arc::new(Contract::new(&schema.to_string()).unwrap()),
            run: "r".to_owned(),
            poisoned: [("bad".to_owned(), poisoned)].into(),
            keys: None,
            place: Place::Targets,
        }
    }

    #[test]
    fn a_record_of_another_key_is_somebody_elses_but_in_the_lab() {
        let names = ["@{run}-user-@{key}", "@{run}-smoke-@{key}"];
        let keys = Some(names.map(|keys| Names::of(keys, "r")).to_vec());
        let found = |place| {
            let inspector = Inspector { keys: keys.clone(), place, ..inspector() };
            let mut found = Conformity::default();
            for text in [Some("r-user-1"), Some("r-smoke-7"), Some("r0-user-1"), Some("bob"), None]
            {
                inspector.take(text, &"{}", &mut found);
            }
            (found.own.invalid, found.unnamed.invalid, found.foreign)
        };
        assert_eq!(found(Place::Targets), (2, 1, 2));
        assert_eq!(found(Place::Lab), (2, 3, 0));
    }

    #[test]
    fn each_record_is_of_this_run_or_another_or_poison_or_nobodys() {
        let inspector = inspector();
        let poison = (0..).find(|&n| inspector.poisoned["bad"].is_poison(n)).unwrap();
        let sound = (0..).find(|&n| !inspector.poisoned["bad"].is_poison(n)).unwrap();
        let mut found = Conformity::default();
        for (text, body) in [
            (Some("r/good/1".to_owned()), r#"{"id":1}"#),
            (Some("r/good/2".to_owned()), "{}"),
            (Some("other/good/1".to_owned()), "no JSON"),
            (Some(format!("r/bad/{poison}")), "no JSON"),
            (Some(format!("r/bad/{sound}")), "no JSON"),
            (Some("user-17".to_owned()), "[]"),
            (None, "{}"),
            (None, r#"{"id":1}"#),
        ] {
            inspector.take(text.as_deref(), &body, &mut found);
        }
        assert_eq!((found.own.checked, found.own.invalid), (3, 2));
        assert_eq!((found.unnamed.checked, found.unnamed.invalid), (3, 2));
        assert_eq!((found.foreign, found.poison), (1, 1));
        assert_eq!(found.own.examples[0].identity.as_deref(), Some("r/good/2"));
        assert_eq!(found.own.examples[0].what, "\"id\" is missing");
        assert!(found.own.examples[1].what.contains("no JSON"));
        assert_eq!(found.unnamed.examples[0].identity.as_deref(), Some("user-17"));
        assert_eq!(found.unnamed.examples[1].identity, None);
    }

    proptest! {
        /// Every record counts, however many are kept.
        #[test]
        fn all_are_counted_and_few_are_kept(good in 0_u64..60, bad in 0_u64..60) {
            let inspector = inspector();
            let mut found = Conformity::default();
            for number in 0..good + bad {
                let body = if number < bad { "{}" } else { r#"{"id":1}"# };
                inspector.take(Some(&format!("r/w/{number}")), &body, &mut found);
            }
            prop_assert_eq!((found.own.checked, found.own.invalid), (good + bad, bad));
            prop_assert_eq!(found.own.examples.len() as u64, bad.min(20));
        }
    }
}
