//! Free ports on the loopback interface.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketType, sockopt};

use crate::LabError;

/// A port that a server of another program can bind in the next minute.
///
/// The port is closed in such an order that it stays in TIME_WAIT here: the
/// kernel hands it to nobody else, yet a server that sets `SO_REUSEADDR` (as
/// servers do) can take it. Two labs that start at once therefore cannot be
/// given the same port.
///
/// # Errors
/// [`LabError::Port`] if none is free.
pub fn free() -> Result<u16, LabError> {
    let attempt = || -> io::Result<u16> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        let client = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        let (server, _) = listener.accept()?;
        drop(server);
        drop(client);
        Ok(port)
    };
    attempt().map_err(|source| LabError::Port { source })
}

/// Whether a server could bind `port` now.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

/// A port held for servers that bind it with `SO_REUSEPORT`, for as long as
/// this value lives: a replica that was killed finds its port free again.
///
/// The holding socket never listens, so it is never given a connection.
#[derive(Debug)]
pub(crate) struct Shared {
    _socket: OwnedFd,
    port: u16,
}

impl Shared {
    /// Reserves a free port.
    pub(crate) fn reserve() -> Result<Self, LabError> {
        let attempt = || -> io::Result<Self> {
            let flags = rustix::net::SocketFlags::CLOEXEC;
            let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
            let socket = rustix::net::socket_with(family, kind, flags, None)?;
            // Not SO_REUSEADDR as well: then a stranger could bind it too.
            sockopt::set_socket_reuseport(&socket, true)?;
            rustix::net::bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
            let bound = rustix::net::getsockname(&socket)?;
            let port = SocketAddrV4::try_from(bound)?.port();
            Ok(Self { _socket: socket, port })
        };
        attempt().map_err(|source| LabError::Port { source })
    }

    /// The port that is held.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn free_ports_differ_and_can_be_bound() {
        let ports: BTreeSet<u16> = (0..50).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        assert!(ports.into_iter().all(is_free));
    }

    #[test]
    fn a_shared_port_refuses_connections_until_somebody_listens() {
        let shared = Shared::reserve().unwrap();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, shared.port())).is_err());
        assert!(!is_free(shared.port()));
    }
}
