//! The guard: asks the system what names mean and which addresses are its own,
//! and refuses what [`refused`] refuses.

use std::net::{IpAddr, ToSocketAddrs};

use crate::refusal::{Ground, Host, Refusals, Use, refused};

/// Which hosts may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    ground: Ground,
    allowed: Vec<String>,
    /// Hosts that were named for themselves, and their addresses.
    given: Vec<String>,
    own: Vec<IpAddr>,
}

/// Why something may not be reached.
#[derive(Debug, thiserror::Error)]
pub enum GuardError {
    /// Nobody allowed it.
    #[error(transparent)]
    Refused(#[from] Refusals),
    /// A name that means nothing.
    #[error("{what}: {host} cannot be looked up: {source}")]
    Unknown {
        /// What it was wanted for.
        what: String,
        /// The host.
        host: String,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Guard {
    /// A guard that lets pass what lies on the ground, and the hosts that are
    /// allowed by name or address. Where the interfaces of this machine cannot
    /// be listed, only loopback counts as its own.
    #[must_use]
    pub fn new(ground: Ground, allowed: &[String]) -> Self {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        let own = interfaces.iter().map(if_addrs::Interface::ip).collect();
        Self { ground, allowed: allowed.to_owned(), given: Vec::new(), own }
    }

    /// Lets hosts pass, too, that somebody has chosen by giving their addresses:
    /// by name, and by every address that the name has now. A name that means
    /// nothing is no error here; whoever uses it will see.
    #[must_use]
    pub fn with_given<'a>(mut self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        for host in hosts {
            let found = addresses_of(host).unwrap_or_default();
            self.given.extend(found.iter().map(IpAddr::to_string));
            self.given.push(host.to_owned());
        }
        self
    }

    /// What is allowed beyond the ground, as it was given.
    #[must_use]
    pub fn allowed(&self) -> &[String] {
        &self.allowed
    }

    /// Judges hosts by name, each with what it is wanted for, and refuses all that
    /// must be refused at once. A name that is allowed is not looked up.
    ///
    /// # Errors
    /// When one is refused; else when a name means nothing.
    pub fn check(
        &self,
        named: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), GuardError> {
        let (mut uses, mut unknown) = (Vec::new(), None);
        for (what, name) in named {
            if self.names(&name) {
                continue;
            }
            match addresses_of(&name) {
                Ok(addresses) => uses.push(Use { what, host: Host { name, addresses } }),
                Err(source) => {
                    unknown.get_or_insert(GuardError::Unknown { what, host: name, source });
                }
            }
        }
        self.judge(&uses)?;
        unknown.map_or(Ok(()), Err)
    }

    /// Whether a host is allowed or given by its very name, so that nobody has to
    /// be asked what it means.
    #[must_use]
    pub fn names(&self, host: &str) -> bool {
        self.allowed.iter().chain(&self.given).any(|word| word.eq_ignore_ascii_case(host))
    }

    /// Judges hosts whose addresses are known.
    ///
    /// # Errors
    /// Every refusal.
    pub fn judge(&self, uses: &[Use]) -> Result<(), Refusals> {
        let allowed = [&self.allowed[..], &self.given].concat();
        let list = refused(uses, self.ground, &allowed, &self.own);
        if list.is_empty() { Ok(()) } else { Err(Refusals { ground: self.ground, list }) }
    }
}

fn addresses_of(name: &str) -> std::io::Result<Vec<IpAddr>> {
    let mut found: Vec<IpAddr> = (name, 0).to_socket_addrs()?.map(|at| at.ip()).collect();
    found.dedup();
    Ok(found)
}
