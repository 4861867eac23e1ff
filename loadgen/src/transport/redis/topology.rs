//! Which node of a Redis Cluster serves which slots, and what a node says when
//! it does not serve one.

use std::fmt;
use std::time::Duration;

use super::Target;
use super::link::Link;
use super::reply::Reply;
use crate::reach::Unready;

/// How long one node is asked for the topology before another is.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a node listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) host: String,
    pub(super) port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl Endpoint {
    /// Reads `HOST:PORT`. A node that does not know its own host leaves it
    /// out, or says `?`: it is then the host that was asked.
    fn parse(text: &str, asked: &Self) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        Some(Self { host: asked.host_or(host), port: port.parse().ok()? })
    }

    fn host_or(&self, host: &str) -> String {
        if matches!(host, "" | "?") { self.host.clone() } else { host.to_owned() }
    }
}

/// Which node serves which slots.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Topology {
    ranges: Vec<Range>,
    /// Every node, replicas too.
    nodes: Vec<Endpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Range {
    first: u16,
    last: u16,
    master: Endpoint,
}

impl Topology {
    /// Reads the answer to `CLUSTER SLOTS`. The command is older than `CLUSTER
    /// SHARDS`, and every server has it.
    fn parse(reply: &Reply<'_>, asked: &Endpoint) -> Result<Self, String> {
        if let Reply::Error(text) = reply {
            let text = String::from_utf8_lossy(text);
            return Err(format!("{asked} is no node of a cluster: {text}"));
        }
        let mut topology = Self::default();
        for range in reply.items() {
            let [first, last, nodes @ ..] = range.items() else { continue };
            let mut nodes = nodes.iter().filter_map(|node| endpoint(node, asked));
            let (Some(first), Some(last), Some(master)) =
                (number(first), number(last), nodes.next())
            else {
                continue;
            };
            for node in std::iter::once(master.clone()).chain(nodes) {
                if !topology.nodes.contains(&node) {
                    topology.nodes.push(node);
                }
            }
            topology.ranges.push(Range { first, last, master });
        }
        if topology.ranges.is_empty() {
            return Err(format!("{asked} knows of no node that serves slots"));
        }
        Ok(topology)
    }

    /// The node that serves a slot.
    pub(super) fn owner(&self, slot: u16) -> Option<&Endpoint> {
        let range = self.ranges.iter().find(|range| (range.first..=range.last).contains(&slot));
        range.map(|range| &range.master)
    }

    /// Every node, replicas too.
    pub(super) fn nodes(&self) -> &[Endpoint] {
        &self.nodes
    }
}

fn number<T: std::str::FromStr>(reply: &Reply<'_>) -> Option<T> {
    std::str::from_utf8(reply.bytes()?).ok()?.parse().ok()
}

fn endpoint(node: &Reply<'_>, asked: &Endpoint) -> Option<Endpoint> {
    let [host, port, ..] = node.items() else { return None };
    let host = String::from_utf8_lossy(host.bytes().unwrap_or_default());
    let port = number(port).filter(|&port| port > 0)?;
    Some(Endpoint { host: asked.host_or(&host), port })
}

/// Asks one node.
///
/// # Errors
/// When it does not answer, or is no node of a cluster.
pub(super) async fn ask(target: &Target, node: &Endpoint) -> Result<Topology, Unready> {
    let address = target.address.of(&node.host, node.port)?;
    let opened = Link::open(target, &address, "shakedown:topology").await;
    let mut link = opened.map_err(|error| error.at(node))?;
    let told = link.call(&[b"CLUSTER", b"SLOTS"], |reply| Topology::parse(reply, node)).await;
    Ok(told.map_err(|error| Unready::from(error).at(node))??)
}

/// Asks the nodes in turn until one of them knows.
///
/// # Errors
/// When none does: what the last of them said.
pub(super) async fn learn(
    target: &Target,
    nodes: &[Endpoint],
    timeout: Duration,
) -> Result<Topology, Unready> {
    let mut trouble = Unready::from("no node of the cluster is known");
    for node in nodes {
        match tokio::time::timeout(PATIENCE.min(timeout), ask(target, node)).await {
            Ok(Ok(topology)) => return Ok(topology),
            Ok(Err(error)) => trouble = error,
            Err(_) => trouble = Unready::from("no answer").at(node),
        }
    }
    Err(trouble)
}

/// An error that says that a command was definitely not carried out, and that
/// another attempt may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Another node serves the slot.
    Moved {
        /// The slot.
        slot: u16,
        /// That node.
        to: Endpoint,
    },
    /// The key may be at the node to which the slot is being moved.
    Ask(Endpoint),
    /// The slot is served by nobody at present, or not by this node.
    Later,
}

impl Refusal {
    /// Reads an error; `None` when another attempt would not help.
    pub(super) fn parse(error: &[u8], asked: &Endpoint) -> Option<Self> {
        let text = std::str::from_utf8(error).ok()?;
        let mut words = text.split(' ');
        match words.next()? {
            "MOVED" => {
                let slot = words.next()?.parse().ok()?;
                Some(Self::Moved { slot, to: Endpoint::parse(words.next()?, asked)? })
            }
            "ASK" => Some(Self::Ask(Endpoint::parse(words.nth(1)?, asked)?)),
            "TRYAGAIN" | "CLUSTERDOWN" | "LOADING" | "MASTERDOWN" | "READONLY" => Some(Self::Later),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(host: &str, port: u16) -> Endpoint {
        Endpoint { host: host.to_owned(), port }
    }

    #[test]
    fn slots_have_owners() {
        let answer = "*2\r\n\
            *4\r\n:0\r\n:99\r\n\
            *4\r\n$9\r\n127.0.0.1\r\n:7000\r\n$1\r\na\r\n*0\r\n\
            *3\r\n$9\r\n127.0.0.1\r\n:7003\r\n$1\r\nd\r\n\
            *3\r\n:200\r\n:16383\r\n*4\r\n$-1\r\n:7001\r\n$1\r\nb\r\n*0\r\n";
        let (reply, _) = Reply::parse(answer.as_bytes()).unwrap().unwrap();
        let topology = Topology::parse(&reply, &at("asked", 1)).unwrap();
        assert_eq!(topology.owner(99), Some(&at("127.0.0.1", 7000)));
        assert_eq!(topology.owner(100), None);
        assert_eq!(topology.owner(16_383), Some(&at("asked", 7001)));
        assert_eq!(topology.nodes().len(), 3);
        let disabled = Reply::Error(b"ERR This instance has cluster support disabled");
        let error = Topology::parse(&disabled, &at("h", 1)).unwrap_err();
        assert!(error.contains("h:1 is no node of a cluster"), "{error}");
        assert!(Topology::parse(&Reply::Array(vec![]), &at("h", 1)).is_err());
    }

    #[test]
    fn refusals_are_told_from_failures() {
        let asked = at("asked", 1);
        for (error, refusal) in [
            (
                "MOVED 3999 127.0.0.1:6381",
                Some(Refusal::Moved { slot: 3999, to: at("127.0.0.1", 6381) }),
            ),
            ("MOVED 3999 :6381", Some(Refusal::Moved { slot: 3999, to: at("asked", 6381) })),
            ("ASK 3999 ::1:6381", Some(Refusal::Ask(at("::1", 6381)))),
            ("TRYAGAIN Multiple keys request", Some(Refusal::Later)),
            ("CLUSTERDOWN The cluster is down", Some(Refusal::Later)),
            ("READONLY You can't write against a read only replica.", Some(Refusal::Later)),
            ("MOVED", None),
            ("ASK 1 nowhere", None),
            ("WRONGTYPE Operation against a key", None),
        ] {
            assert_eq!(Refusal::parse(error.as_bytes(), &asked), refusal, "{error}");
        }
    }

    proptest! {
        /// No error text makes the reader fail.
        #[test]
        fn any_error_is_safe(
            text in "(MOVED|ASK|LOADING)?[ :0-9a-z.?]{0,30}",
            bytes: Vec<u8>,
        ) {
            let asked = at("asked", 1);
            let _ = Refusal::parse(text.as_bytes(), &asked);
            let _ = Refusal::parse(&bytes, &asked);
        }
    }
}
