//! What the lab tells a replica.

use serde::{Deserialize, Serialize};

use super::Variant;

/// What one replica is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// Of the process, its connection and its log.
    pub(crate) name: String,
    /// The shared address.
    pub(crate) listen: String,
    /// The address of this replica alone.
    pub(crate) private: String,
    pub(crate) amqp: String,
    pub(crate) exchange: String,
    pub(crate) routing_key: String,
    pub(crate) variant: Variant,
}
