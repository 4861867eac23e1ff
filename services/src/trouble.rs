//! What kind of error a service gave.

use scenarios::redact::Secrets;

use crate::address::{Address, AddressError};
use crate::service::Service;

/// Why a service does not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// An address that is not one.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// It does not answer at all.
    #[error("{} at {address} cannot be reached: {reason}; {}", service.about().name, service.about().see)]
    Unreachable {
        /// Which one.
        service: Service,
        /// The address, without its secrets.
        address: String,
        /// What the network said.
        reason: String,
    },
    /// It does not know the user, or not as one who may.
    #[error("{} at {address} answered {answer} to {request}; {}", service.about().name, service.advice(*login))]
    Credentials {
        /// Which one.
        service: Service,
        /// Whether it refuses the login; otherwise what the user asks for.
        login: bool,
        /// The address, without its secrets.
        address: String,
        /// What was asked.
        request: String,
        /// What it said.
        answer: String,
    },
    /// It gave an answer that it should not give.
    #[error("{} at {address} answered {answer} to {request}", service.about().name)]
    Answer {
        /// Which one.
        service: Service,
        /// The address, without its secrets.
        address: String,
        /// What was asked.
        request: String,
        /// What it said, or what is wrong with it.
        answer: String,
    },
}

/// What a TLS library says of a certificate, where it gives no more than the name of
/// a variant.
#[must_use]
pub fn plain(reason: &str) -> String {
    reason.replace(
        "CaUsedAsEndEntity",
        "the certificate of an authority (CA:TRUE) is used as a server's own",
    )
}

impl Trouble {
    /// Whether the service answered and the same connection can be asked again.
    #[must_use]
    pub fn is_answer(&self) -> bool {
        matches!(self, Self::Answer { .. } | Self::Credentials { .. })
    }
}

/// Who says what about which address: the beginnings of errors, in which
/// nothing that a driver says shows a secret of the address.
impl Address {
    /// The secrets of the address.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        Secrets::of(self.text())
    }

    /// It does not answer.
    #[must_use]
    pub fn unreachable(&self, reason: &str) -> Trouble {
        let (service, address) = (self.service, self.shown());
        Trouble::Unreachable { service, address, reason: plain(&self.secrets().hide(reason)) }
    }

    /// It knows the user, who may not do this.
    #[must_use]
    pub fn denied(&self, request: &str, answer: &str) -> Trouble {
        self.refused(false, request, answer)
    }

    /// It does not know the user, or not by this password.
    #[must_use]
    pub fn locked(&self, request: &str, answer: &str) -> Trouble {
        self.refused(true, request, answer)
    }

    fn refused(&self, login: bool, request: &str, answer: &str) -> Trouble {
        let (service, address) = (self.service, self.shown());
        let (request, answer) = (request.to_owned(), self.secrets().hide(answer));
        Trouble::Credentials { service, login, address, request, answer }
    }

    /// It answered something that it should not.
    #[must_use]
    pub fn answered(&self, request: &str, answer: &str) -> Trouble {
        let (service, address) = (self.service, self.shown());
        let (request, answer) = (request.to_owned(), self.secrets().hide(answer));
        Trouble::Answer { service, address, request, answer }
    }
}
