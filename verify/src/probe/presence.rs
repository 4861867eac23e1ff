//! What a probe looks at and whether it was ever there.
//!
//! What does not exist yet, as a working server says, has nothing in it: 0. What
//! was there and is gone is another matter, and so is what never comes to be: a
//! name that nobody has. The events tell the judge, who holds nothing of it.

use std::collections::BTreeSet;

use crate::observe::ProbeObserver;

/// The things of one probe that were seen, and those that were told to be
/// missing.
#[derive(Debug, Default)]
pub(super) struct Presence {
    seen: BTreeSet<String>,
    told: BTreeSet<String>,
}

impl Presence {
    /// The server has it.
    pub(super) fn found(&mut self, observer: &ProbeObserver, thing: &str) {
        if self.seen.insert(thing.to_owned()) && self.told.contains(thing) {
            observer.appeared(thing);
        }
    }

    /// Whether the server had it once.
    pub(super) fn was_found(&self, thing: &str) -> bool {
        self.seen.contains(thing)
    }

    /// The server does not have it. Whether it may be that it does not exist yet;
    /// then `what` it is, in words, is told once.
    pub(super) fn is_to_come(&mut self, observer: &ProbeObserver, thing: &str, what: &str) -> bool {
        if self.seen.contains(thing) {
            return false;
        }
        if self.told.insert(thing.to_owned()) {
            observer.absent(thing, what);
        }
        true
    }
}
