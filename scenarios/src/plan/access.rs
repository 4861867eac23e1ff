//! What looking at a system does to it. Guards go by it: what only reads may
//! look at any host, what makes or may change something needs permission there, as
//! load does.
//!
//! Every kind of probe and of source states it, without a default and without a
//! catch-all arm: a kind that states nothing does not compile.

use super::{Effects, EffectsSource, Listing, ProbeKind};
use crate::program::Program;
use crate::template::Template;

/// What a probe or a source of effects does where it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access<'a> {
    /// It only reads.
    Reads,
    /// It makes something at this address, though nothing that outlives the run, or
    /// leaves a mark on what is there.
    Writes(&'a Template),
    /// It runs a program of the user's own, which may do anything at the
    /// addresses that it is given.
    Runs(&'a Program),
}

impl ProbeKind {
    /// What it does where it looks.
    #[must_use]
    pub const fn access(&self) -> Access<'_> {
        match self {
            // Lists and figures are fetched.
            Self::Rabbitmq { .. }
            | Self::Pods { .. }
            | Self::Health { .. }
            | Self::Prometheus { .. }
            | Self::Promql { .. }
            // Their commands change nothing.
            | Self::RedisStreams { .. }
            | Self::RedisKeys { .. }
            // It joins no group and commits nothing.
            | Self::Kafka(_)
            // A filter and a pipeline that has no stage that writes.
            | Self::Mongodb { .. }
            | Self::RabbitmqQueues { .. }
            // The session is read-only, whatever the query is.
            | Self::Sql { .. }
            // They stay on this machine.
            | Self::Process { .. }
            | Self::Logs { .. } => Access::Reads,
            Self::Command { run, .. } => Access::Runs(run),
        }
    }
}

impl EffectsSource {
    /// What it does where it looks.
    #[must_use]
    pub const fn access(&self) -> Access<'_> {
        match self {
            // It declares a queue and binds it.
            Self::AmqpTap { url, .. } => Access::Writes(url),
            Self::Listing(listing) => listing.access(),
        }
    }
}

impl Listing {
    /// What it does where it looks.
    #[must_use]
    pub const fn access(&self) -> Access<'_> {
        match self {
            // The session is read-only, whatever the query is.
            Self::Sql { .. }
            // Their commands change nothing.
            | Self::RedisStream { .. }
            | Self::RedisKey { .. }
            // It joins no group and commits nothing.
            | Self::KafkaTopic(_)
            // A filter, or a pipeline that has no stage that writes.
            | Self::Mongodb { .. }
            // It is fetched.
            | Self::Http { .. }
            // It stays on this machine.
            | Self::Ndjson { .. } => Access::Reads,
            // Messages are given back, with the mark of a redelivery.
            Self::AmqpQueue { url, .. } => Access::Writes(url),
            Self::Command { run, .. } => Access::Runs(run),
        }
    }
}

impl Effects {
    /// What all of its parts do where they look. The order is asked for in a
    /// session that only reads.
    pub fn accesses(&self) -> impl Iterator<Item = Access<'_>> {
        let Self {
            name: _,
            source,
            dead,
            tries: _,
            order: _,
            at: _,
            dead_at: _,
            aggregate: _,
            schema: _,
            settle: _,
        } = self;
        std::iter::once(source.access()).chain(dead.iter().map(Listing::access))
    }
}
