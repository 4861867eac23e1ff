//! How the host of an address is reached, where that is not as its name says.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::template::Template;

/// The way to a host. Names in certificates and in the `Host` header stay those
/// of the address. At most one of `connect_to`, `unix_socket` and `proxy` is
/// given, and `resolve` with neither of the last two.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Addresses that names have, instead of what the resolver says.
    #[serde(default)]
    pub resolve: Vec<Resolve>,
    /// Where connections go instead.
    #[serde(default)]
    pub connect_to: Option<ConnectTo>,
    /// The path of a Unix socket that connections go to instead.
    #[serde(default)]
    pub unix_socket: Option<Template>,
    /// The proxy that requests go through: `http://user:password@host:port`.
    #[serde(default)]
    pub proxy: Option<Template>,
}

/// The addresses of a name: `HOST:PORT:ADDRESS,ADDRESS`, `*` for any host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolve {
    /// The name in lower case; `None` is any.
    host: Option<String>,
    port: u16,
    addresses: Vec<IpAddr>,
}

/// Where the connections to a host go instead: `HOST:PORT:HOST2:PORT2`. An empty
/// `HOST` or `PORT` is any, an empty `HOST2` or `PORT2` the same as before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectTo {
    host: Option<String>,
    port: Option<u16>,
    to_host: Option<String>,
    to_port: Option<u16>,
}

/// Why a text names no addresses, or no host to connect to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// A text that gives no name addresses.
    #[error(
        "{text:?} does not say which addresses a host has ({why}); write HOST:PORT:ADDRESS such as \"shop.example:443:127.0.0.1\""
    )]
    Resolve {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// A text that leads nowhere else.
    #[error(
        "{text:?} does not say where to connect to ({why}); write HOST:PORT:HOST2:PORT2 such as \"shop.example:443:127.0.0.1:8443\""
    )]
    ConnectTo {
        /// The text.
        text: String,
        /// What is wrong with it.
        why: String,
    },
}

impl Resolve {
    /// That any host has no address: what reading goes on with after a problem.
    pub(crate) const fn any() -> Self {
        Self { host: None, port: 1, addresses: Vec::new() }
    }

    /// The addresses of this host at this port; `None` if it says nothing of it.
    #[must_use]
    pub fn of(&self, host: &str, port: u16) -> Option<&[IpAddr]> {
        let meant = self.host.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(host));
        (meant && self.port == port).then_some(&self.addresses)
    }
}

impl ConnectTo {
    /// From anywhere to the same place: what reading goes on with after a problem.
    pub(crate) const fn anywhere() -> Self {
        Self { host: None, port: None, to_host: None, to_port: None }
    }

    /// Where to connect to for this host and port; `None` if it says nothing of it.
    #[must_use]
    pub fn of(&self, host: &str, port: u16) -> Option<(String, u16)> {
        let meant = self.host.as_deref().is_none_or(|name| name.eq_ignore_ascii_case(host))
            && self.port.is_none_or(|meant| meant == port);
        meant.then(|| {
            let to = self.to_host.as_deref().unwrap_or(host);
            (to.to_owned(), self.to_port.unwrap_or(port))
        })
    }
}

impl FromStr for Resolve {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: String| RouteError::Resolve { text: text.to_owned(), why };
        let mut parts = text.splitn(3, ':');
        let (Some(host), Some(port), Some(addresses)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong("it has fewer than three parts".to_owned()));
        };
        if host.is_empty() {
            return Err(wrong("the host is missing; * is any".to_owned()));
        }
        let address = |text: &str| {
            let bare = text.trim_start_matches('[').trim_end_matches(']');
            bare.parse().map_err(|_| wrong(format!("{text:?} is not an IP address")))
        };
        Ok(Self {
            host: (host != "*").then(|| host.to_ascii_lowercase()),
            port: number(port).map_err(wrong)?,
            addresses: addresses.split(',').map(address).collect::<Result<_, _>>()?,
        })
    }
}

impl FromStr for ConnectTo {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: String| RouteError::ConnectTo { text: text.to_owned(), why };
        let (host, rest) = host(text).map_err(wrong)?;
        let (port, rest) =
            rest.split_once(':').ok_or_else(|| wrong("it has fewer than four parts".to_owned()))?;
        let (to_host, to_port) = self::host(rest).map_err(wrong)?;
        let optional = |text: &str| match text {
            "" => Ok(None),
            text => number(text).map(Some),
        };
        let read = Self {
            host,
            port: optional(port).map_err(wrong)?,
            to_host,
            to_port: optional(to_port).map_err(wrong)?,
        };
        if read.to_host.is_none() && read.to_port.is_none() {
            return Err(wrong("it leads to where one is already".to_owned()));
        }
        Ok(read)
    }
}

/// The host that a text begins with, `None` where that is empty, and what follows
/// the colon behind it.
fn host(text: &str) -> Result<(Option<String>, &str), String> {
    let (host, rest) = match text.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']').ok_or("a ] is missing")?;
            host.parse::<IpAddr>().map_err(|_| format!("[{host}] is not an address of IPv6"))?;
            (host, rest.strip_prefix(':').ok_or("a : must follow the ]")?)
        }
        None => text.split_once(':').ok_or("it has fewer than four parts")?,
    };
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    if !host.chars().all(letter) {
        return Err(format!("{host:?} is not the name of a host"));
    }
    Ok(((!host.is_empty()).then(|| host.to_ascii_lowercase()), rest))
}

fn number(text: &str) -> Result<u16, String> {
    let digits = text.chars().all(|c| c.is_ascii_digit());
    let port = text.parse().ok().filter(|&port: &u16| digits && port > 0);
    port.ok_or_else(|| format!("the port {text:?} is not a number from 1 to 65535"))
}

impl fmt::Display for Resolve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.host.as_deref().unwrap_or("*"), self.port)?;
        for (index, address) in self.addresses.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{address}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ConnectTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |host: &Option<String>| match host.as_deref() {
            Some(host) if host.contains(':') => format!("[{host}]"),
            host => host.unwrap_or_default().to_owned(),
        };
        let port = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
        let (from, to) = (host(&self.host), host(&self.to_host));
        write!(f, "{from}:{}:{to}:{}", port(self.port), port(self.to_port))
    }
}

macro_rules! as_text {
    ($type:ty) => {
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

as_text!(Resolve);
as_text!(ConnectTo);

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(words: &[&str]) -> Vec<IpAddr> {
        words.iter().map(|word| word.parse().unwrap()).collect()
    }

    #[test]
    fn names_are_given_addresses() {
        for (text, host, port, addresses) in [
            ("Shop.example:443:127.0.0.1", "shop.EXAMPLE", 443, &["127.0.0.1"][..]),
            ("*:80:127.0.0.1,127.0.0.2", "any", 80, &["127.0.0.1", "127.0.0.2"]),
            ("h:80:[::1],127.0.0.1", "h", 80, &["::1", "127.0.0.1"]),
            ("h:80:::1", "h", 80, &["::1"]),
        ] {
            let read: Resolve = text.parse().unwrap();
            assert_eq!(read.of(host, port), Some(&ips(addresses)[..]), "{text}");
            assert_eq!(read.of(host, port + 1), None);
            assert_eq!(read.to_string().parse::<Resolve>().unwrap(), read);
        }
        assert_eq!("h:80:127.0.0.1".parse::<Resolve>().unwrap().of("g", 80), None);
        for (text, why) in [
            ("h:80", "three parts"),
            (":80:127.0.0.1", "* is any"),
            ("h:x:127.0.0.1", "\"x\" is not a number"),
            ("h:0:127.0.0.1", "1 to 65535"),
            ("h:80:g", "\"g\" is not an IP address"),
            ("h:80:", "not an IP address"),
            ("h:80:127.0.0.1:8080", "not an IP address"),
        ] {
            let said = text.parse::<Resolve>().unwrap_err().to_string();
            assert!(said.contains(why) && said.contains("HOST:PORT:ADDRESS"), "{said}");
        }
    }

    #[test]
    fn hosts_lead_elsewhere() {
        for (text, of, to) in [
            ("h:80:g:81", ("H", 80), Some(("g", 81))),
            ("h:80:g:81", ("h", 81), None),
            ("h:80:g:81", ("x", 80), None),
            ("::127.0.0.1:8080", ("h", 80), Some(("127.0.0.1", 8080))),
            (":80::81", ("h", 80), Some(("h", 81))),
            ("h::g:", ("h", 443), Some(("g", 443))),
            ("[::1]:80:[::2]:81", ("::1", 80), Some(("::2", 81))),
        ] {
            let read: ConnectTo = text.parse().unwrap();
            let expected = to.map(|(host, port)| (host.to_owned(), port));
            assert_eq!(read.of(of.0, of.1), expected, "{text}");
            assert_eq!(read.to_string().parse::<ConnectTo>().unwrap(), read);
        }
        for (text, why) in [
            ("h", "four parts"),
            ("h:80", "four parts"),
            ("h:80:g", "four parts"),
            ("h:80:g:81:82", "\"81:82\" is not a number"),
            ("h:80::", "already"),
            ("h:80:[g]:81", "not an address of IPv6"),
            ("h:80:[::1:81", "a ] is missing"),
            ("h:80:http//g:81", "not the name of a host"),
        ] {
            let said = text.parse::<ConnectTo>().unwrap_err().to_string();
            assert!(said.contains(why) && said.contains("HOST2:PORT2"), "{said}");
        }
    }
}
