//! Faults that PostgreSQL itself is made to commit.

use serde::{Deserialize, Serialize};

use super::Pick;
use super::statement::{Choice, Harm, Service, Statement};
use crate::template::Template;
use crate::units::Span;

/// Sessions that the server ends (`pg_terminate_backend`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndBackends {
    /// The database: `postgres://USER:PASSWORD@HOST:PORT/NAME`.
    pub url: Template,
    /// Candidates are sessions whose application name, user or database
    /// contains this text; empty for all but the tool's own.
    pub matching: String,
    /// Which of them are hit.
    pub pick: Pick,
}

impl Statement for EndBackends {
    fn harms(&self) -> Harm<'_> {
        Harm::Service { service: Service::Postgres, address: &self.url }
    }

    fn choice(&self) -> Choice {
        Choice::Chosen
    }

    fn lasts(&self) -> Span {
        Span::seconds(0)
    }
}
