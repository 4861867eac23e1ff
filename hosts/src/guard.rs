//! The guard: asks the system what names mean and which addresses are its own,
//! and refuses what [`refused`] refuses.

use std::fmt;
use std::net::{IpAddr, ToSocketAddrs};

use crate::refusal::{Ground, Host, Refusals, Refused, Use, refused};

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
    /// Names that mean nothing.
    #[error("{what}: {host} cannot be looked up: {source}{}", .others.iter().map(|line| format!("\n{line}")).collect::<String>())]
    Unknown {
        /// What it was wanted for.
        what: String,
        /// The host.
        host: String,
        /// What the system said.
        source: std::io::Error,
        /// The other ones, a line for each.
        others: Vec<String>,
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
    /// All that are refused, and with them those that mean nothing; where none is refused,
    /// all that mean nothing.
    pub fn check(
        &self,
        named: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(), GuardError> {
        let (mut uses, mut unknown) = (Vec::new(), Vec::<Unknown>::new());
        for (what, name) in named {
            if self.names(&name) {
                continue;
            }
            if let Some(known) = unknown.iter_mut().find(|unknown| unknown.host == name) {
                known.wanted_for(what);
                continue;
            }
            match addresses_of(&name) {
                Ok(addresses) => uses.push(Use { what, host: Host { name, addresses } }),
                Err(source) => unknown.push(Unknown { what, host: name, source }),
            }
        }
        if let Err(Refusals { ground, mut list }) = self.judge(&uses) {
            // Whoever names hosts anew names these as well.
            list.extend(unknown.into_iter().map(|Unknown { what, host, .. }| Refused {
                what,
                host,
                address: None,
            }));
            return Err(Refusals { ground, list }.into());
        }
        let mut unknown = unknown.into_iter();
        let Some(Unknown { what, host, source }) = unknown.next() else { return Ok(()) };
        let others = unknown.map(|other| other.to_string()).collect();
        Err(GuardError::Unknown { what, host, source, others })
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

/// A name that means nothing.
struct Unknown {
    what: String,
    host: String,
    source: std::io::Error,
}

impl Unknown {
    fn wanted_for(&mut self, what: String) {
        if !self.what.split(", ").any(|known| known == what) {
            self.what = format!("{}, {what}", self.what);
        }
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, host, source } = self;
        write!(f, "{what}: {host} cannot be looked up: {source}")
    }
}

fn addresses_of(name: &str) -> std::io::Result<Vec<IpAddr>> {
    let mut found: Vec<IpAddr> = (name, 0).to_socket_addrs()?.map(|at| at.ip()).collect();
    found.dedup();
    Ok(found)
}
