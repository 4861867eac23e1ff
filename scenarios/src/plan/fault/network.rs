//! Faults of the network between two programs, and of what shares requests out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::statement::{Choice, Harm, Service, Statement};
use crate::template::Template;
use crate::units::{Share, Span};

/// Harm to what passes through a proxy: a toxic of our own proxy or of
/// Toxiproxy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Toxic {
    /// The proxy's admin API: `http://127.0.0.1:8474`.
    pub admin: Template,
    /// The proxy's name.
    pub proxy: String,
    /// The toxic's type: `latency`, `timeout`, `amqp_duplicate`.
    #[serde(rename = "type")]
    pub kind: String,
    /// `downstream`, from the server to the client, or `upstream`.
    pub stream: String,
    /// The part of the connections that is harmed.
    pub toxicity: Share,
    /// The type's own settings, as numbers or words, in its own units.
    pub attributes: BTreeMap<String, String>,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for Toxic {
    fn harms(&self) -> Harm<'_> {
        Harm::Proxy { admin: &self.admin, proxy: &self.proxy }
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}

/// Another share of the requests for the new version, set at an endpoint of the load
/// balancer: `GET` tells it in percent, `PUT` sets it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShiftTraffic {
    /// The endpoint.
    pub url: Template,
    /// The new version's share.
    pub to: Share,
    /// The phase with whose begin it ends, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for ShiftTraffic {
    fn harms(&self) -> Harm<'_> {
        Harm::Service { service: Service::Balancer, address: &self.url }
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}
