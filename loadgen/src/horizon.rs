//! How far the operations of a run have been released, agreed between the
//! workers.
//!
//! Each worker advances the common horizon once a tick, before it hands out
//! what is due. Stopping freezes it. So the operations that came due are
//! always exactly those below one number, however many workers there are and
//! whenever the run is stopped.

use std::sync::atomic::{AtomicU64, Ordering};

/// Set when the run was stopped; the rest is the number of operations
/// released. Nobody releases 2⁶³ operations.
const STOPPED: u64 = 1 << 63;

/// The number of operations released, until it is frozen.
#[derive(Debug, Default)]
pub(crate) struct Horizon(AtomicU64);

/// What a worker may hand out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Released {
    /// Every operation below this number is released.
    pub(crate) below: u64,
    /// No operation will be released beyond that.
    pub(crate) stopped: bool,
}

impl Horizon {
    /// Releases the operations below `seq`, unless the run was stopped.
    pub(crate) fn advance(&self, seq: u64) -> Released {
        let seq = seq.min(STOPPED - 1);
        let advanced = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |horizon| {
            (horizon & STOPPED == 0).then_some(horizon.max(seq))
        });
        match advanced {
            Ok(before) => Released { below: before.max(seq), stopped: false },
            Err(frozen) => Released { below: frozen & !STOPPED, stopped: true },
        }
    }

    /// Releases nothing from now on.
    pub(crate) fn stop(&self) {
        self.0.fetch_or(STOPPED, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stopping_freezes_the_horizon_for_every_worker() {
        let horizon = Horizon::default();
        assert_eq!(horizon.advance(10), Released { below: 10, stopped: false });
        assert_eq!(horizon.advance(8), Released { below: 10, stopped: false });
        horizon.stop();
        assert_eq!(horizon.advance(20), Released { below: 10, stopped: true });
        assert_eq!(horizon.advance(5), Released { below: 10, stopped: true });
    }
}
