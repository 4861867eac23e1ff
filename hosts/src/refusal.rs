//! The decision: which hosts are refused. No socket and no name server is asked
//! here.

use std::fmt;
use std::net::IpAddr;

/// A host without brackets and without the dot that ends a full name.
fn bare(host: &str) -> String {
    let host = host.trim().trim_start_matches('[').trim_end_matches(']');
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// How far one may go without having been allowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Only addresses of this machine: loopback, and those of its interfaces.
    Machine,
    /// Private networks, too.
    Private,
}

/// A host with every address that its name has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The name, or the address itself.
    pub name: String,
    /// What the name means.
    pub addresses: Vec<IpAddr>,
}

/// What a host is wanted for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// For people: `fault pause-redis: Redis`.
    pub what: String,
    /// The host.
    pub host: Host,
}

/// A use that nobody allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What the host was wanted for.
    pub what: String,
    /// The host.
    pub host: String,
    /// The address for which it was refused; `None` if it has none.
    pub address: Option<IpAddr>,
}

/// The uses that are not allowed: of hosts one of whose addresses lies beyond
/// the ground and is not allowed, unless the host is allowed by its name. A
/// host without an address is refused, because nobody knows what it will mean
/// later. `own` are the addresses of this machine's interfaces; loopback belongs
/// to it in any case.
#[must_use]
pub fn refused(uses: &[Use], ground: Ground, allowed: &[String], own: &[IpAddr]) -> Vec<Refused> {
    let names: Vec<String> = allowed.iter().map(|word| bare(word)).collect();
    let permitted: Vec<IpAddr> =
        names.iter().filter_map(|name| Some(name.parse::<IpAddr>().ok()?.to_canonical())).collect();
    let passes = |ip: &IpAddr| {
        let ip = ip.to_canonical();
        permitted.contains(&ip) || is_within(ip, ground, own)
    };
    let refuse = |wanted: &Use| {
        let Host { name, addresses } = &wanted.host;
        let far = addresses.iter().find(|ip| !passes(ip)).copied();
        let is_free = far.is_none() && !addresses.is_empty();
        (!is_free && !names.contains(&bare(name))).then(|| Refused {
            what: wanted.what.clone(),
            host: bare(name),
            address: far,
        })
    };
    uses.iter().filter_map(refuse).collect()
}

fn is_within(ip: IpAddr, ground: Ground, own: &[IpAddr]) -> bool {
    // Whoever connects to 0.0.0.0 reaches this machine.
    let here =
        ip.is_loopback() || ip.is_unspecified() || own.iter().any(|own| own.to_canonical() == ip);
    here || match ground {
        Ground::Machine => false,
        Ground::Private => match ip {
            IpAddr::V4(ip) => ip.is_private(),
            IpAddr::V6(ip) => ip.is_unique_local(),
        },
    }
}

/// Every refusal at once, and what to type if they are meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refusals {
    /// How far one may go without having been allowed to.
    pub ground: Ground,
    /// What was refused; not empty.
    pub list: Vec<Refused>,
}

impl Refusals {
    /// The flags that allow all of it: `--allow a --allow b`.
    #[must_use]
    pub fn flags(&self) -> String {
        let hosts = self.hosts();
        hosts.iter().map(|host| format!("--allow {host}")).collect::<Vec<_>>().join(" ")
    }

    /// The message without line breaks.
    #[must_use]
    pub fn in_one_line(&self) -> String {
        format!("{}; if this is meant, allow it with {}", self.lines().join("; "), self.flags())
    }

    /// A line for each host.
    fn lines(&self) -> Vec<String> {
        let ground = match self.ground {
            Ground::Machine => "not on this machine",
            Ground::Private => "neither on this machine nor in a private network",
        };
        let line = |host: &str| {
            let all = || self.list.iter().filter(move |refused| refused.host == host);
            let shown = match all().find_map(|refused| refused.address) {
                Some(ip) if ip.to_string() == host => host.to_owned(),
                Some(ip) => format!("{host} ({ip})"),
                None => format!("{host} (no address)"),
            };
            let mut uses: Vec<&str> = all().map(|refused| refused.what.as_str()).collect();
            uses.dedup();
            format!("{shown} is {ground}: {}", uses.join(", "))
        };
        self.hosts().into_iter().map(line).collect()
    }

    /// Each host once, in the order in which they came.
    fn hosts(&self) -> Vec<&str> {
        let mut hosts: Vec<&str> = Vec::new();
        for refused in &self.list {
            if !hosts.contains(&refused.host.as_str()) {
                hosts.push(&refused.host);
            }
        }
        hosts
    }
}

impl fmt::Display for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.lines().join("\n");
        write!(f, "{lines}\nIf this is meant, allow it with {}", self.flags())
    }
}
