//! One host of an address, with its port.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// A host and the port of a service there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    /// A name in lower case, or an IP address, that of IPv6 without brackets.
    pub name: String,
    /// The port, never 0.
    pub port: u16,
}

/// `host:port`, with brackets around an address of IPv6.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.bracketed(), self.port)
    }
}

impl Host {
    /// The name as it stands in an address.
    #[must_use]
    pub fn bracketed(&self) -> String {
        match self.name.contains(':') {
            true => format!("[{}]", self.name),
            false => self.name.clone(),
        }
    }

    /// Reads `host`, `host:port` or `[::1]:port`; `port` is that of a host that
    /// names none, 0 if every host must.
    pub(super) fn read(text: &str, port: u16) -> Result<Self, String> {
        if text.is_empty() {
            return Err("a host is missing".to_owned());
        }
        let (name, given) = match text.strip_prefix('[') {
            Some(rest) => {
                let (name, after) = rest.split_once(']').ok_or("a ] is missing")?;
                let given = match after {
                    "" => None,
                    after => Some(after.strip_prefix(':').ok_or("a : must follow the ]")?),
                };
                (six(name)?, given)
            }
            None => match text.split_once(':') {
                Some((_, given)) if given.contains(':') => {
                    return Err(format!("an address of IPv6 stands in brackets: [{text}]"));
                }
                Some((name, given)) => (named(name)?, Some(given)),
                None => (named(text)?, None),
            },
        };
        let port = match (given, port) {
            (Some(given), _) => number(given)?,
            (None, 0) => return Err(format!("the port of {name} is missing")),
            (None, port) => port,
        };
        Ok(Self { name, port })
    }
}

/// `HOST:PORT`.
impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::read(text, 0)
    }
}

/// An address of IPv6, in its shortest form.
fn six(text: &str) -> Result<String, String> {
    let address: Ipv6Addr =
        text.parse().map_err(|_| format!("[{text}] is not an address of IPv6"))?;
    Ok(address.to_string())
}

/// A name, or an address of IPv4. What only looks like one, such as `127.1` or
/// `0x7f.1`, is read differently by different programs.
fn named(text: &str) -> Result<String, String> {
    let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if text.is_empty() {
        return Err("a host is missing".to_owned());
    }
    let mut labels = text.strip_suffix('.').unwrap_or(text).split('.');
    if !text.chars().all(letter) || labels.clone().any(str::is_empty) {
        return Err(format!("{text:?} is not the name of a host"));
    }
    let last = labels.next_back().unwrap_or_default().to_ascii_lowercase();
    let number = last.chars().all(|c| c.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.chars().all(|c| c.is_ascii_hexdigit()));
    if number && text.parse::<Ipv4Addr>().is_err() {
        return Err(format!("{text} is not an address of IPv4; write four numbers: 127.0.0.1"));
    }
    Ok(text.to_ascii_lowercase())
}

fn number(text: &str) -> Result<u16, String> {
    let digits = text.chars().all(|c| c.is_ascii_digit());
    let port = text.parse().ok().filter(|&port: &u16| digits && port > 0);
    port.ok_or_else(|| match text {
        "" => "the port after the : is missing".to_owned(),
        text => format!("the port {text:?} is not a number from 1 to 65535"),
    })
}
