//! Commands and answers on the links of one connection to a Redis Cluster: one
//! to each node that serves one of the keys.
//!
//! A key belongs to a slot ([`super::slot`]) and a slot to a node
//! ([`super::topology`]). What the rules of [`crate::transport`] mean here:
//!
//! - `MOVED` and `ASK` say that a command was not carried out. It is sent to
//!   the node that they name, up to [`MOST_REFUSED`] times; after `MOVED` the
//!   topology is learnt again.
//! - `TRYAGAIN`, `CLUSTERDOWN`, `LOADING`, `MASTERDOWN` and `READONLY` say so,
//!   too. The command is sent again after a pause, within its timeout; then it
//!   has failed for that reason.
//! - A link is lost for itself: what may have been sent on it is
//!   indeterminate, what was not is sent to wherever its slot is then, and
//!   the other links go on. The topology is learnt again from any node.
//! - When a link cannot be made, one operation that waits for it has failed;
//!   the others wait for the next attempt, or until another node serves their
//!   slot, at most [`MOST_HELD`] of them and for no longer than the timeout.
//! - A node that may not be reached is not connected to: what is routed to it has
//!   failed at once, and the topology is learnt again, for it may change back.
//! - When the pipeline to a node is full, and as many operations wait for it,
//!   the connection takes no more: as elsewhere they wait where all
//!   connections find them.

use std::sync::OnceLock;
use std::time::Duration;

use super::slot::slot;
use super::topology::{self, Endpoint, Topology};
use super::{Into, Target};
use crate::lane::Lane;
use crate::reach::Unready;
use router::Router;

mod learning;
mod node;
mod router;

/// The most operations of one connection that wait for a node without a link,
/// or for another attempt.
const MOST_HELD: usize = 1024;

/// The first pause before another attempt, of an operation or to learn the topology.
const PAUSE: Duration = Duration::from_millis(50);

/// How often an operation may be sent elsewhere.
const MOST_REFUSED: u8 = 16;

/// What every connection knows of the cluster.
#[derive(Debug)]
pub(super) struct Cluster {
    /// The address that was given.
    seed: Endpoint,
    /// The slot of each key.
    slots: Vec<u16>,
    /// As it was before the first operation.
    first: OnceLock<Topology>,
}

impl Cluster {
    pub(super) fn new(seed: Endpoint, into: &Into) -> Self {
        let slots = into.keys().iter().map(|key| slot(key.as_bytes())).collect();
        Self { seed, slots, first: OnceLock::new() }
    }

    /// Learns the topology, before the first operation is due; gives all nodes.
    pub(super) async fn learn(&self, target: &Target) -> Result<&[Endpoint], Unready> {
        let topology = topology::ask(target, &self.seed).await?;
        // Whoever was first has learnt the same.
        Ok(self.first.get_or_init(|| topology).nodes())
    }

    /// The address that was given.
    pub(super) fn seed(&self) -> &Endpoint {
        &self.seed
    }

    /// The topology as it was before the first operation.
    pub(super) fn topology(&self) -> Topology {
        self.first.get().cloned().unwrap_or_default()
    }

    /// The slot of each key.
    pub(super) fn slots(&self) -> &[u16] {
        &self.slots
    }

    /// Every node that may know the topology: the one of the address that was
    /// given is always among them.
    pub(super) fn advisers(&self, topology: &Topology) -> Vec<Endpoint> {
        let others = topology.nodes().iter().filter(|node| **node != self.seed);
        std::iter::once(&self.seed).chain(others).cloned().collect()
    }
}

/// Drives one connection until there are no more operations.
pub(super) async fn drive(target: &Target, cluster: &Cluster, lane: &Lane) {
    Router::new(target, cluster, lane).run().await;
}
