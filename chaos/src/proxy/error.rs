//! Why the proxy's server does not do what it is asked to.

use std::io;
use std::path::PathBuf;

/// A refusal, with the status that clients of the HTTP API expect.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// There is no proxy of this name.
    #[error("proxy not found: there is no proxy {name:?}")]
    NoProxy {
        /// The name.
        name: String,
    },
    /// The proxy has no such toxic.
    #[error("toxic not found: proxy {proxy:?} has no toxic {name:?}")]
    NoToxic {
        /// The proxy.
        proxy: String,
        /// The toxic's name.
        name: String,
    },
    /// The connection is not open, or never was.
    #[error("connection not found: proxy {proxy:?} has no open connection {id}")]
    NoConnection {
        /// The proxy.
        proxy: String,
        /// The connection's number.
        id: u64,
    },
    /// Nothing is at this path, or not by this method.
    #[error("{method} {path} is nothing that this server answers")]
    NoRoute {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// The name is taken by another proxy.
    #[error("proxy already exists: {name:?}")]
    ProxyExists {
        /// The name.
        name: String,
    },
    /// The name is taken by another toxic of the same proxy.
    #[error("toxic already exists: {name:?} of proxy {proxy:?}")]
    ToxicExists {
        /// The proxy.
        proxy: String,
        /// The toxic's name.
        name: String,
    },
    /// A field that must be given is not.
    #[error("missing required field: {field}")]
    Missing {
        /// The field.
        field: &'static str,
    },
    /// Something that is given makes no sense.
    #[error("bad request body: {why}")]
    Bad {
        /// What is wrong with it.
        why: String,
    },
    /// The upstream is not on this machine, and nobody allowed it.
    #[error("proxy {name:?} may not connect there: {why}")]
    Forbidden {
        /// The proxy.
        name: String,
        /// Which host, and what allows it.
        why: String,
    },
    /// The port is taken, or the address is not one of this machine's.
    #[error("proxy {name:?} cannot listen on {listen}: {source}")]
    Listen {
        /// The proxy.
        name: String,
        /// The address.
        listen: String,
        /// What the system said.
        source: io::Error,
    },
    /// A file that is given cannot be read or written.
    #[error("{} cannot be used: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl ProxyError {
    /// The HTTP status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Missing { .. } | Self::Bad { .. } => 400,
            Self::Forbidden { .. } => 403,
            Self::NoProxy { .. }
            | Self::NoToxic { .. }
            | Self::NoConnection { .. }
            | Self::NoRoute { .. } => 404,
            Self::ProxyExists { .. } | Self::ToxicExists { .. } => 409,
            Self::Listen { .. } | Self::File { .. } => 500,
        }
    }
}
