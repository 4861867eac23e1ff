//! Faults that Redis itself is made to commit.

use serde::{Deserialize, Serialize};

use super::Pick;
use super::statement::{Choice, Harm, Service, Statement};
use crate::template::Template;
use crate::units::Span;

/// Connections of clients that the server closes (`CLIENT KILL`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillClients {
    /// The server: `redis://USER:PASSWORD@HOST:PORT`.
    pub url: Template,
    /// Candidates are connections whose name, user or address contains this
    /// text; empty for all but the tool's own.
    pub matching: String,
    /// Which of them are hit.
    pub pick: Pick,
}

impl Statement for KillClients {
    fn harms(&self) -> Harm<'_> {
        Harm::Service { service: Service::Redis, address: &self.url }
    }

    fn choice(&self) -> Choice {
        Choice::Chosen
    }

    fn lasts(&self) -> Span {
        Span::seconds(0)
    }
}

/// A server that answers nobody for a while (`CLIENT PAUSE`), and ends that by
/// itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PauseRedis {
    /// The server: `redis://USER:PASSWORD@HOST:PORT`.
    pub url: Template,
    /// Whether commands that only read are answered all the same.
    pub writes_only: bool,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for PauseRedis {
    fn harms(&self) -> Harm<'_> {
        Harm::Service { service: Service::Redis, address: &self.url }
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}
