//! Where a proxy connects to, and whether it may.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use hosts::{Guard, Refusals, Use};
use services::Host;
use tokio::net::{TcpStream, lookup_host};

use super::ProxyError;

/// An upstream server. What its name means is asked, and judged, for each
/// connection anew: what was judged is what is connected to.
#[derive(Debug, Clone)]
pub(crate) struct Upstream {
    /// As it was given.
    pub(crate) text: Arc<str>,
    host: Arc<Host>,
    guard: Arc<Guard>,
}

/// Why there is no connection.
enum Lost {
    /// Nobody allowed it.
    Refused(Refusals),
    /// The name means nothing, or nobody answers.
    Io(io::Error),
}

impl Upstream {
    /// Reads `HOST:PORT`.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn read(text: &str, guard: &Arc<Guard>) -> Result<Self, ProxyError> {
        let host = text.parse::<Host>().map_err(|why| {
            let why = format!("upstream {text:?}: {why}; write it as HOST:PORT, 127.0.0.1:6379");
            ProxyError::Bad { why }
        })?;
        Ok(Self { text: text.into(), host: Arc::new(host), guard: Arc::clone(guard) })
    }

    /// Judges where it is now. A name that means nothing yet is no error: it is
    /// judged again when somebody connects.
    ///
    /// # Errors
    /// When it is not on this machine and nobody allowed it.
    pub(crate) async fn judge(&self, proxy: &str) -> Result<(), ProxyError> {
        match self.addresses().await {
            Ok(_) | Err(Lost::Io(_)) => Ok(()),
            Err(Lost::Refused(refusals)) => {
                let why = refusals.in_one_line();
                Err(ProxyError::Forbidden { name: proxy.to_owned(), why })
            }
        }
    }

    /// Connects to the first of its addresses that answers.
    ///
    /// # Errors
    /// When none does, or one of them is not allowed.
    pub(crate) async fn connect(&self) -> io::Result<TcpStream> {
        match self.addresses().await {
            Ok(addresses) => TcpStream::connect(&*addresses).await,
            Err(Lost::Io(error)) => Err(error),
            Err(Lost::Refused(refusals)) => Err(io::Error::other(refusals.in_one_line())),
        }
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Lost> {
        let Host { name, port } = &*self.host;
        let found: Vec<SocketAddr> = match name.parse::<IpAddr>() {
            Ok(address) => vec![(address, *port).into()],
            Err(_) => lookup_host((&**name, *port)).await.map_err(Lost::Io)?.collect(),
        };
        if !self.guard.names(name) {
            let addresses = found.iter().map(SocketAddr::ip).collect();
            let host = hosts::Host { name: name.clone(), addresses };
            let what = "the upstream of a proxy".to_owned();
            self.guard.judge(&[Use { what, host }]).map_err(Lost::Refused)?;
        }
        Ok(found)
    }
}
