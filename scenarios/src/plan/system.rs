//! The system under test: its addresses and, in the lab, its variants.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{KUBERNETES, Role};

/// The system under test.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct System {
    /// The name of the reference system in the lab: `publisher`. Without one
    /// there is no lab, and every run is one against addresses.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Copies of the service in the lab, each a process of its own.
    pub replicas: u16,
    /// The targets that the reference system reaches through a proxy, by which
    /// the network between them can be broken.
    #[serde(default)]
    pub proxied: Vec<String>,
    /// What the reference system in the lab is told, by name; which names it has
    /// and what they mean is its own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// The addresses that the scenario uses, by key.
    pub targets: BTreeMap<String, Target>,
    /// The roles that processes of somebody's own system play, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, Role>,
    /// The variants of the reference system, by name.
    pub variants: BTreeMap<String, Variant>,
}

/// An address that the scenario uses as `${target.KEY}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// What stands behind the address, for the person who has to give it.
    pub help: String,
    /// The schemes that the address may have: `http`, `amqp`.
    pub schemes: Vec<String>,
    /// Whether a run against somebody's own system needs it.
    pub required: bool,
}

impl Target {
    /// Whether it is a namespace of a cluster, `CONTEXT/NAMESPACE`, and no address.
    #[must_use]
    pub fn is_namespace(&self) -> bool {
        self.schemes.iter().any(|scheme| scheme == KUBERNETES)
    }

    /// What a command line may give for it: `http://…`.
    #[must_use]
    pub fn shape(&self) -> String {
        match self.schemes.first() {
            Some(scheme) if scheme == KUBERNETES => "CONTEXT/NAMESPACE".to_owned(),
            scheme => format!("{}://…", scheme.map_or("http", String::as_str)),
        }
    }
}

/// A form of the reference system: the correct one, or one with a planted bug.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// What the bug is.
    pub about: String,
    /// The verdict that a run of this variant must end with.
    pub expect: Expected,
    /// The checks that must be violated, or warn where `expect` is held.
    pub caught_by: Vec<String>,
}

/// The verdict that a variant must get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expected {
    /// Every check holds; those in `caught_by` warn.
    Held,
    /// The checks in `caught_by` are violated.
    Violated,
    /// There is too little to judge by.
    Inconclusive,
}
