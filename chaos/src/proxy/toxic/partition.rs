//! One direction stands still: nothing of it is read, so the sender's window
//! fills; the other direction flows. It has no attributes.
//!
//! Nothing is lost: when the toxic is removed, all flows again in its order, the
//! end of the connection included. Both directions need two toxics. TCP sends
//! again for many minutes before it gives up; time limits are up to its users.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::super::stage::{Stage, Turn, Way};

/// The toxic `partition` has no attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {}

/// Takes nothing, ever. It holds the whole direction, so there is no chance for
/// single chunks.
pub(super) struct Wall;

impl Stage for Wall {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        turn.forward(way, bytes);
    }

    fn is_open(&self, _way: Way) -> bool {
        false
    }
}
