//! Why a load could not be run.

use std::io;

use hosts::GuardError;
use services::AddressError;

use crate::ledger::LedgerError;
use crate::limit::Limit;
use crate::payload::PayloadError;

/// Why a load cannot be started, or did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address is not one that this transport can use.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The host's name means nothing to the resolver.
    #[error("the host of {url:?} is unknown: {source}; check the name, or give an IP address")]
    Host {
        /// The address, without its secrets.
        url: String,
        /// The resolver's answer.
        source: io::Error,
    },
    /// Queues or the like could not be made ready.
    #[error("the target could not be made ready: {problem}; check that it runs")]
    Setup {
        /// What the target said.
        problem: String,
    },
    /// The target answers that it does not let us in, which no waiting mends.
    #[error(transparent)]
    Denied(services::Trouble),
    /// The target leads on to hosts that nobody allowed, or to a name that means
    /// nothing.
    #[error(transparent)]
    Guard(GuardError),
    /// This build does not have it.
    #[error("this loadgen was built without {what}: {how}")]
    NotBuilt {
        /// What is missing.
        what: &'static str,
        /// How to get it.
        how: &'static str,
    },
    /// A payload template is wrong.
    #[error("the {what} is not a payload template: {source}")]
    Payload {
        /// Where it stands: "body", "URL", "header x-id".
        what: String,
        /// What is wrong.
        source: PayloadError,
    },
    /// A setting has a value that cannot be used.
    #[error("{what} {value:?} cannot be used: {problem}")]
    Setting {
        /// The setting.
        what: &'static str,
        /// Its value.
        value: String,
        /// What is wrong and what to do about it.
        problem: String,
    },
    /// This machine has no more of what a connection takes.
    #[error("{_0}; {}", _0.advice())]
    Limit(Limit),
    /// A thread or its runtime could not be made.
    #[error("a worker thread could not be started: {source}; free some memory or threads")]
    Thread {
        /// The system's answer.
        source: io::Error,
    },
    /// A defect in this program.
    #[error("a worker failed, which is a defect of loadgen; please report it: {message}")]
    Panicked {
        /// What the worker said.
        message: String,
    },
    /// The parts of the ledger do not fit together: a defect in this program.
    #[error("the workers' ledgers do not fit together, which is a defect of loadgen: {source}")]
    Ledger {
        /// What does not fit.
        source: LedgerError,
    },
}

impl LoadError {
    /// A task that ended by a panic.
    pub(crate) fn panicked(error: tokio::task::JoinError) -> Self {
        match error.try_into_panic() {
            Ok(panic) => Self::from_panic(&*panic),
            Err(error) => Self::Panicked { message: error.to_string() },
        }
    }

    /// The text that a panic carries.
    pub(crate) fn from_panic(panic: &(dyn std::any::Any + Send)) -> Self {
        let message = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Self::Panicked { message }
    }
}
