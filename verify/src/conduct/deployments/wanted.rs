//! How many pods a deployment is to have, for whoever waits until they are there again: while
//! it is rolled out there are more for a while, and how many is its own affair.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos::deployment::Look;

/// What was last seen to be desired of each deployment. Clones share it.
#[derive(Debug, Clone, Default)]
pub(in crate::conduct) struct Wanted {
    pods: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Wanted {
    pub(super) fn see(&self, look: &Look) {
        let desired = look.statuses().filter_map(|status| {
            let desired = status.counts.as_ref()?.desired;
            Some((status.name.clone(), usize::try_from(desired).ok()?))
        });
        self.lock().extend(desired);
    }

    /// The pods that a deployment is to have, by its name, once it has been seen.
    pub(in crate::conduct) fn pods(&self, deployment: &str) -> Option<usize> {
        self.lock().get(deployment).copied()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
