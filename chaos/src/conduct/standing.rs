//! The faults that stand, in the order of their injection.

use std::collections::BTreeSet;

use tokio::sync::watch;

/// The places of the faults that stand or are being injected; a later
/// injection has a greater place.
#[derive(Debug, Default)]
pub(super) struct Standing(watch::Sender<Places>);

#[derive(Debug, Default)]
struct Places {
    next: u64,
    taken: BTreeSet<u64>,
}

impl Standing {
    /// A place for a fault that is injected now.
    pub(super) fn enter(&self) -> u64 {
        let mut place = 0;
        self.0.send_modify(|places| {
            place = places.next;
            places.next += 1;
            places.taken.insert(place);
        });
        place
    }

    /// The fault does not stand any more.
    pub(super) fn leave(&self, place: u64) {
        self.0.send_modify(|places| {
            places.taken.remove(&place);
        });
    }

    /// Waits until no fault stands that was injected later.
    pub(super) async fn is_last(&self, place: u64) {
        let mut changes = self.0.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = changes.wait_for(|places| places.taken.last() <= Some(&place)).await;
    }
}
