//! What is warned of.

use scenarios::{Settings, suite};

use super::*;
use crate::folder::read::Facts;
use crate::history::Seen;

const YET: &str = "probe backlog, effects stored: collection orders does not exist (yet)";

/// A run in which a probe and a source of effects look at a collection.
fn told() -> Told {
    let source = suite::find("idempotent-ingest").unwrap().source;
    let readers = vec![Reader::Probe("backlog".to_owned()), Reader::Effects("stored".to_owned())];
    let facts = Facts {
        has_ended: true,
        warnings: vec![YET.to_owned(), "something else".to_owned()],
        awaited: [(YET.to_owned(), readers)].into(),
        ..Facts::default()
    };
    let sample = Sample { at: 1.0, label: "".into(), value: 0.0 };
    let history = History {
        samples: [("backlog.value".to_owned(), vec![sample])].into_iter().collect(),
        effects: [("stored".to_owned(), Ok(Seen::default()))].into(),
        ..History::default()
    };
    Told {
        plan: scenarios::plan("s", source, &Settings::default()).unwrap(),
        plan_text: String::new(),
        facts,
        history,
    }
}

#[test]
fn what_came_to_be_is_not_warned_of() {
    assert_eq!(warnings(&told()), ["something else"]);
    // It never came: once, although two probes looked.
    let mut never = told();
    for probe in ["backlog", "age"] {
        let key = (probe.to_owned(), String::new());
        never.history.never_there.insert(key, "collection orders".to_owned());
    }
    let never_existed =
        "collection orders, which probes age, backlog look at, never existed during the run.";
    assert_eq!(warnings(&never), [YET, "something else", never_existed]);
    // Nobody knows.
    let mut unseen = told();
    unseen.history.samples.clear();
    assert_eq!(warnings(&unseen).len(), 2);
    let mut unread = told();
    unread.history.effects.insert("stored".to_owned(), Err("no answer".to_owned()));
    assert_eq!(warnings(&unread).len(), 2);
}
