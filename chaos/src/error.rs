//! Why a fault was not carried out as planned.

use std::path::PathBuf;
use std::time::Duration;

use scenarios::template::TemplateError;

use crate::journal::JournalError;
#[cfg(feature = "kubernetes")]
use crate::kubernetes::{Blocked, KubernetesError};
use crate::service::Service;
use crate::timetable::ChoiceError;
use crate::undo::UndoError;
use crate::victim::VictimError;
use services::Trouble;

/// Why a fault did not land, or was not healed. Every one of them makes a run
/// inconclusive.
#[derive(Debug, thiserror::Error)]
pub enum FaultError {
    /// No record, no injection.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// There are no victims, or too few.
    #[error("{what} {source}")]
    Choice {
        /// What was looked for.
        what: String,
        /// What is wrong with it.
        source: ChoiceError,
    },
    /// A victim ended before it was hit, or cannot be signalled.
    #[error(transparent)]
    Victim(VictimError),
    /// A run is repeated and its victims cannot be hit again.
    #[error("{what}; nobody else was hit in their place")]
    OtherVictims {
        /// Who is not there any more, or who would be hit now.
        what: String,
    },
    /// The system refused: the fault is blocked, not broken.
    #[error("{what} was refused: {why}")]
    Blocked {
        /// What was to be done.
        what: String,
        /// Who refused, and what to do about it.
        why: String,
    },
    /// A guard of these programs refused; the command line says what else may be hit.
    #[error("{what} was refused: {why}")]
    Guarded {
        /// What was to be done.
        what: String,
        /// Why it was refused, and how to allow it.
        why: String,
    },
    /// An address has no value.
    #[error(transparent)]
    Target(#[from] TemplateError),
    /// A service does not answer at all.
    #[error("{} at {address} cannot be reached: {reason}; {}", service.about().name, service.about().see)]
    Unreachable {
        /// Which one.
        service: &'static Service,
        /// The address, without its password.
        address: String,
        /// What the network said.
        reason: String,
    },
    /// A service does not know the user, or not as one who may.
    #[error("{} at {address} answered {answer} to {request}; {}", service.about().name, service.advice(*login))]
    Credentials {
        /// Which one.
        service: &'static Service,
        /// Whether it refuses the login; otherwise what the user asks for.
        login: bool,
        /// The address, without its password.
        address: String,
        /// What was asked.
        request: String,
        /// What it said.
        answer: String,
    },
    /// A service gave an answer that it should not give.
    #[error("{} at {address} answered {answer} to {request}", service.about().name)]
    Answer {
        /// Which one.
        service: &'static Service,
        /// The address, without its password.
        address: String,
        /// What was asked.
        request: String,
        /// What it said, or what is wrong with it.
        answer: String,
    },
    /// An address that is not one.
    #[error("{address:?} is not the address of {} ({reason}); write one such as {}", service.about().name, service.about().example)]
    Address {
        /// Which service was meant.
        service: &'static Service,
        /// The address, without its password.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A setting that cannot be used.
    #[error("{what}: {why}")]
    Setting {
        /// Which one, with its value.
        what: String,
        /// What is wrong with it, and what to write.
        why: String,
    },
    /// The system does not give what a fault needs.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program that the fault is made of failed.
    #[error("{command:?} failed: {reason}")]
    Program {
        /// Program and arguments.
        command: String,
        /// How it ended.
        reason: String,
    },
    /// The cluster could not be asked, or did not do it.
    #[cfg(feature = "kubernetes")]
    #[error(transparent)]
    Kubernetes(KubernetesError),
    /// Some were hit, and then something kept the others from it. Those who were
    /// hit are recorded and seen whole again.
    #[error("{hit} of {of} were hit and the others not: {source}")]
    Partly {
        /// How many were hit.
        hit: usize,
        /// How many were to be.
        of: usize,
        /// What kept the others from it.
        source: Box<FaultError>,
    },
    /// Everything was accepted and nobody was hit.
    #[error("the fault hit nobody: {why}")]
    NotLanded {
        /// Why.
        why: String,
    },
    /// It was injected and not seen to have landed.
    #[error("after {within:?}, {what}: the fault is not confirmed")]
    NotConfirmed {
        /// What is seen instead.
        what: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// The system is not whole again.
    #[error("after {within:?}, {what}: the system is not whole again")]
    NotHealed {
        /// What is seen instead.
        what: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// The fault could not be taken back.
    #[error("{source}; it is still there: chaos recover --journal {} tries again", shell_words::quote(&journal.to_string_lossy()))]
    Undo {
        /// Why.
        source: Box<UndoError>,
        /// Where it stays open.
        journal: PathBuf,
    },
    /// The process that ends the fault in any case cannot be started.
    #[error(
        "the watchdog that would end the fault in time cannot be started ({reason}), so it was not injected"
    )]
    Watchdog {
        /// Why.
        reason: String,
    },
}

impl FaultError {
    /// Whether a guard or a permission stopped the fault.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        match self {
            Self::Blocked { .. } | Self::Guarded { .. } | Self::Credentials { .. } => true,
            Self::Partly { source, .. } => source.is_refusal(),
            _ => false,
        }
    }

    /// Whether the surroundings are at fault: nothing can be reached or written.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        if let Self::Partly { source, .. } = self {
            return source.is_environment();
        }
        #[cfg(feature = "kubernetes")]
        if let Self::Kubernetes(error) = self {
            return matches!(
                error,
                KubernetesError::Config { .. } | KubernetesError::NoAnswer { .. }
            );
        }
        matches!(
            self,
            Self::Journal(_)
                | Self::Unreachable { .. }
                | Self::Credentials { .. }
                | Self::Answer { .. }
                | Self::System { .. }
                | Self::Watchdog { .. }
        )
    }

    /// Whether it is for the command line to allow it.
    #[must_use]
    pub const fn is_guarded(&self) -> bool {
        matches!(self, Self::Guarded { .. })
    }

    /// Whether it is what was asked for that makes no sense.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Address { .. } | Self::Setting { .. } | Self::Target(_))
    }

    /// The same with so many of the victims hit before it; nobody is no part.
    pub(crate) fn after(self, hit: usize, of: usize) -> Self {
        match hit {
            0 => self,
            _ => Self::Partly { hit, of, source: Box::new(self) },
        }
    }

    /// Whether the fault landed and only its end is missing.
    #[must_use]
    pub fn is_unhealed(&self) -> bool {
        matches!(self, Self::NotHealed { .. } | Self::Undo { .. })
    }
}

/// The service as the constant that it is.
fn constant(service: Service) -> &'static Service {
    const ALL: &[Service] = &Service::ALL;
    ALL.iter().find(|constant| **constant == service).unwrap_or(&Service::Http)
}

impl From<Trouble> for FaultError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Address(error) => Self::Address {
                service: constant(error.service),
                address: error.shown,
                reason: error.reason,
            },
            Trouble::Unreachable { service, address, reason } => {
                Self::Unreachable { service: constant(service), address, reason }
            }
            Trouble::Credentials { service, login, address, request, answer } => {
                Self::Credentials { service: constant(service), login, address, request, answer }
            }
            Trouble::Answer { service, address, request, answer } => {
                Self::Answer { service: constant(service), address, request, answer }
            }
        }
    }
}

#[cfg(feature = "kubernetes")]
impl From<KubernetesError> for FaultError {
    fn from(error: KubernetesError) -> Self {
        match error {
            KubernetesError::Blocked { what, blocked: Blocked::Guard { message } } => {
                Self::Guarded { what, why: message }
            }
            KubernetesError::Blocked { what, blocked } => {
                Self::Blocked { what, why: blocked.to_string() }
            }
            error => Self::Kubernetes(error),
        }
    }
}

impl From<VictimError> for FaultError {
    fn from(error: VictimError) -> Self {
        match error {
            VictimError::NotPermitted { ref process } => {
                Self::Blocked { what: format!("a signal to {process}"), why: error.to_string() }
            }
            error => Self::Victim(error),
        }
    }
}
