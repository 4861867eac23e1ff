//! Faults that hit messages where they wait.

use serde::{Deserialize, Serialize};

use super::statement::{Choice, Harm, Service, Statement};
use crate::template::Template;
use crate::units::{Share, Span};

/// Messages that are put into their queue or stream once more, while the
/// originals stay untouched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Duplicate {
    /// The broker: `amqp://…` or `redis://…`.
    pub url: Template,
    /// The queue or stream.
    pub from: String,
    /// The exchange through which messages reach the queue (AMQP); a tap is
    /// bound to it.
    pub exchange: String,
    /// The binding key of the tap.
    pub routing_key: String,
    /// The part of the messages that is duplicated, chosen by the seed.
    pub share: Share,
    /// The most messages that are duplicated; 0 leaves it to the share.
    pub most: u32,
    /// For how long messages are listened to.
    #[serde(rename = "for")]
    pub lasts: Span,
}

impl Statement for Duplicate {
    fn harms(&self) -> Harm<'_> {
        Harm::Service { service: Service::Broker, address: &self.url }
    }

    fn choice(&self) -> Choice {
        Choice::Named
    }

    fn lasts(&self) -> Span {
        self.lasts
    }
}
