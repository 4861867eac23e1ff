//! Faults that RabbitMQ itself is made to commit.

use serde::{Deserialize, Serialize};

use super::Pick;
use super::statement::{Choice, Harm, Service, Statement};
use crate::template::Template;
use crate::units::Span;

/// AMQP connections that the broker closes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseConnections {
    /// The management API's address, with user and password.
    pub management: Template,
    /// Candidates are connections whose client-provided name, user or peer
    /// address contains this text; empty for all but the tool's own.
    pub matching: String,
    /// Which of them are hit.
    pub pick: Pick,
}

impl Statement for CloseConnections {
    fn harms(&self) -> Harm<'_> {
        Harm::Service { service: Service::Management, address: &self.management }
    }

    fn choice(&self) -> Choice {
        Choice::Chosen
    }

    fn lasts(&self) -> Span {
        Span::seconds(0)
    }
}

/// An alarm of the broker: while it lasts, publishers are blocked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alarm {
    /// The role of the broker's own process.
    pub role: String,
    /// What the broker is made to believe it is short of.
    pub of: AlarmOf,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for Alarm {
    fn harms(&self) -> Harm<'_> {
        Harm::Role(&self.role)
    }

    fn choice(&self) -> Choice {
        Choice::Chosen
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}

/// What a broker can be short of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlarmOf {
    /// `vm_memory_high_watermark` is set below what it uses.
    Memory,
    /// `disk_free_limit` is set above what is free.
    Disk,
}

/// A queue whose messages are thrown away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurgeQueue {
    /// The management API's address, with user and password.
    pub management: Template,
    /// The virtual host: `/`.
    pub vhost: String,
    /// The queue.
    pub queue: String,
    /// Says that messages are meant to be lost; without it nothing is done.
    pub lose_messages: bool,
}

impl Statement for PurgeQueue {
    fn harms(&self) -> Harm<'_> {
        Harm::Service { service: Service::Management, address: &self.management }
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        Span::seconds(0)
    }
}
