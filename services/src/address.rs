//! An address, read whole or refused:
//! `scheme://user:password@host:port,host:port/path?name=value`.
//!
//! The drivers below the tools read such texts each in its own way: one takes
//! the first `@` for the end of a password and another the last, one finds
//! further hosts in parameters, one takes localhost for a host that is not
//! there. So a text that can be read in two ways is refused here, with what to
//! write, and connections are made from the parts.

use std::fmt;

use scenarios::redact::redact_address;

use crate::service::{Scheme, Service};
use escape::decoded;

mod escape;
mod host;
mod idn;

pub use escape::encoded;
pub use host::Host;

/// Why a text is no address of a service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{shown:?} is not the address of {} ({reason}); write one such as {}", service.about().name, service.about().example)]
pub struct AddressError {
    /// The service that was meant.
    pub service: Service,
    /// What was given, without its secrets.
    pub shown: String,
    /// What is wrong with it.
    pub reason: String,
}

/// An address of a service.
#[derive(Clone, PartialEq, Eq)]
pub struct Address {
    /// Whose address it is.
    pub service: Service,
    /// Its scheme.
    pub scheme: Scheme,
    /// The user, percent-decoded; `None` where none is named.
    pub user: Option<String>,
    /// The password, percent-decoded.
    pub password: Option<String>,
    /// Every host that may be connected to, none twice; never empty.
    pub hosts: Vec<Host>,
    /// What follows the hosts, as it was written: empty or with its slash.
    pub path: String,
    /// The parameters in their order, percent-decoded.
    pub query: Vec<(String, String)>,
    text: String,
}

/// Without secrets, as [`Address::shown`].
impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.service).field(&self.shown()).finish()
    }
}

/// As [`Address::shown`].
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown())
    }
}

impl Address {
    /// Reads an address of a service.
    pub(crate) fn read(service: Service, text: &str) -> Result<Self, AddressError> {
        let wrong = |reason: String| AddressError { service, shown: redact_address(text), reason };
        let text = match service {
            // Only these may have hosts with letters of any language.
            Service::Http => &*idn::ascii(text).map_err(wrong)?,
            _ => text,
        };
        let mut address = parts(service, text).map_err(wrong)?;
        (service.about().read)(&mut address).map_err(wrong)?;
        Ok(address)
    }

    /// The address as people may see it.
    #[must_use]
    pub fn shown(&self) -> String {
        redact_address(&self.text)
    }

    /// The address as it was given, with its secrets.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The address without user, password and a slash at its end.
    #[must_use]
    pub fn base(&self) -> String {
        let (scheme, rest) = self.text.split_once("://").unwrap_or(("", &self.text));
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let rest = rest[..end].rfind('@').map_or(rest, |at| &rest[at + 1..]);
        let joint = if scheme.is_empty() { "" } else { "://" };
        format!("{scheme}{joint}{}", rest.trim_end_matches('/'))
    }

    /// User and password where a user is named.
    #[must_use]
    pub fn credentials(&self) -> Option<(String, String)> {
        Some((self.user.clone()?, self.password.clone().unwrap_or_default()))
    }

    /// The first host; of most services the only one.
    #[must_use]
    pub fn host(&self) -> &Host {
        &self.hosts[0]
    }

    /// The value of a parameter.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// Refuses further hosts.
    pub(crate) fn one_host(&self) -> Result<(), String> {
        match self.hosts.len() {
            1 => Ok(()),
            _ => Err("it must name one host".to_owned()),
        }
    }

    /// Refuses parameters with other names, and those that are given twice.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), String> {
        let again = |at: usize| self.query[..at].iter().any(|(name, _)| *name == self.query[at].0);
        if let Some(at) = (0..self.query.len()).find(|&at| again(at)) {
            return Err(format!("the parameter {:?} is given twice", self.query[at].0));
        }
        let other = self.query.iter().find(|(name, _)| !known.contains(&name.as_str()));
        let Some((name, _)) = other else { return Ok(()) };
        Err(match known {
            [] => format!("the parameter {name:?} has no meaning here"),
            known => format!("the parameter {name:?} is none of {}", known.join(", ")),
        })
    }

    /// The one name after the hosts, percent-decoded: a database or virtual
    /// host. `None` where no slash follows the hosts.
    pub(crate) fn name(&self) -> Result<Option<String>, String> {
        let Some(name) = self.path.strip_prefix('/') else { return Ok(None) };
        match name.contains(['/', '@', ':']) {
            true => {
                Err("what follows the host must be one name; write / as %2F, @ as %40 and : as \
                         %3A, in a password, too"
                    .to_owned())
            }
            false => decoded(name).map(Some),
        }
    }
}

/// Takes a text apart.
fn parts(service: Service, text: &str) -> Result<Address, String> {
    if let Some(c) = text.chars().find(|c| !c.is_ascii_graphic()) {
        return Err(format!("{c:?} must not stand in it; write it percent-encoded"));
    }
    if text.contains('\\') {
        return Err("a \\ must not stand in it; write / or %5C".to_owned());
    }
    let (scheme, rest) = scheme(service, text)?;
    if rest.contains('#') {
        return Err("a # must not stand in it; write %23".to_owned());
    }
    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let end = before.find('/').unwrap_or(before.len());
    let (authority, path) = before.split_at(end);
    let (credentials, hosts) = match authority.rsplit_once('@') {
        Some((credentials, hosts)) => (Some(credentials), hosts),
        None => (None, authority),
    };
    let (user, password) = credentials.map_or(Ok((None, None)), userinfo)?;
    let mut all: Vec<Host> = Vec::new();
    for text in hosts.split(',') {
        let host = Host::read(text, scheme.port).map_err(|reason| {
            // A password with a slash looks like a port: it is not repeated.
            match credentials.is_none() && (path.contains('@') || query.contains('@')) {
                true => "if that is a password, write its / as %2F and its ? as %3F".to_owned(),
                false => reason,
            }
        })?;
        if !all.contains(&host) {
            all.push(host);
        }
    }
    let path = path.to_owned();
    let query = parameters(query)?;
    Ok(Address { service, scheme, user, password, hosts: all, path, query, text: text.to_owned() })
}

fn scheme(service: Service, text: &str) -> Result<(Scheme, &str), String> {
    let schemes = service.about().schemes;
    let bare = schemes.iter().find(|scheme| scheme.name.is_empty());
    let Some((name, rest)) = text.split_once("://") else {
        return bare.map(|scheme| (*scheme, text)).ok_or_else(|| "it has no scheme".to_owned());
    };
    let found = schemes.iter().find(|scheme| scheme.name.eq_ignore_ascii_case(name));
    found.map(|scheme| (*scheme, rest)).ok_or_else(|| {
        let names = schemes.iter().filter(|scheme| !scheme.name.is_empty()).map(|s| s.name);
        format!("its scheme must be {}", names.collect::<Vec<_>>().join(" or "))
    })
}

type Userinfo = (Option<String>, Option<String>);

/// Takes `user:password` apart.
fn userinfo(text: &str) -> Result<Userinfo, String> {
    if text.contains(['@', '[', ']', '^', '|', '"', '<', '>', '`', '{', '}']) {
        let what = "user and password must be percent-encoded: write @ as %40, [ as %5B";
        return Err(what.to_owned());
    }
    let (user, password) = match text.split_once(':') {
        Some((user, password)) => (user, Some(password)),
        None => (text, None),
    };
    let user = decoded(user)?;
    Ok(((!user.is_empty()).then_some(user), password.map(decoded).transpose()?))
}

/// Takes `name=value&name=value` apart.
fn parameters(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut all: Vec<(String, String)> = Vec::new();
    for part in text.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        all.push((decoded(name)?, decoded(value)?));
    }
    Ok(all)
}

#[cfg(test)]
mod tests;
