//! The byte stream under a connection: TCP or a Unix socket, plain or encrypted,
//! by the way that leads to the host.

use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig};
use services::AddressError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

use crate::error::LoadError;
use crate::limit::Limit;
use crate::reach::Unready;
use crate::route::Route;
use crate::tls::Tls;
use peers::Peers;
use proxy::Proxy;
pub(super) use proxy::basic;
use socket::Socket;

mod peers;
mod proxy;
mod socket;

/// What is said of a server that is asked for HTTP/2 in the TLS handshake.
pub(super) const DISAGREES: &str = "the server does not speak HTTP/2: it does not agree on h2";

/// Where a connection goes, and how.
#[derive(Debug)]
pub(super) struct Address {
    /// As it was given.
    given: services::Address,
    pub(super) host: String,
    pub(super) port: u16,
    way: Way,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

/// What is really connected to.
#[derive(Debug)]
enum Way {
    Tcp(Peers),
    Unix(PathBuf),
    Proxy(Box<Proxy>),
}

impl Address {
    /// The first host of an address, which the resolver must know; encrypted
    /// if the address is, with the protocols to be agreed on.
    pub(super) fn new(
        address: &services::Address,
        tls: &Tls,
        protocols: &[&[u8]],
    ) -> Result<Self, LoadError> {
        Self::by(&Route::default(), address, tls, protocols)
    }

    /// The same by another way than its name says. What is connected to must be
    /// known or there.
    pub(super) fn by(
        route: &Route,
        address: &services::Address,
        tls: &Tls,
        protocols: &[&[u8]],
    ) -> Result<Self, LoadError> {
        let services::Host { name: host, port } = address.host().clone();
        let way = Way::new(route, address)?;
        let tls = match address.scheme.tls {
            false => None,
            true => {
                let name = ServerName::try_from(host.clone()).map_err(|error| {
                    let reason = format!("{host} cannot stand in a certificate: {error}");
                    refused(address, reason)
                })?;
                Some((tls.client(protocols)?, name))
            }
        };
        Ok(Self { given: address.clone(), host, port, way, tls })
    }

    /// The address of another server that is reached in the same way.
    ///
    /// # Errors
    /// When the host cannot stand in a certificate and should.
    pub(super) fn of(&self, host: &str, port: u16) -> Result<Self, String> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let tls = match &self.tls {
            None => None,
            Some((config, _)) => {
                let name = ServerName::try_from(host.to_owned())
                    .map_err(|error| format!("{host} cannot stand in a certificate: {error}"))?;
                Some((Arc::clone(config), name))
            }
        };
        let way = Way::Tcp(Peers::new(host, port, None));
        Ok(Self { given: self.given.clone(), host: host.to_owned(), port, way, tls })
    }

    /// Connects.
    ///
    /// # Errors
    /// When there is no connection, apart whether that is for want of something
    /// of this machine.
    pub(super) async fn connect(&self) -> Result<Stream, Unready> {
        let socket = self.way.connect().await?;
        let Some((config, name)) = &self.tls else { return Ok(Stream::Plain(socket)) };
        let connector = TlsConnector::from(Arc::clone(config));
        match connector.connect(name.clone(), socket).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(stream))),
            Err(error) => Err(self.untold(&error)),
        }
    }

    /// Whether connections are encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Where a proxy is asked for everything itself: the value of its
    /// `proxy-authorization`, if it has a user.
    pub(super) fn asks_proxy(&self) -> Option<Option<&str>> {
        match &self.way {
            Way::Proxy(proxy) if !self.is_secure() => Some(proxy.authorization.as_deref()),
            Way::Proxy(_) | Way::Tcp(_) | Way::Unix(_) => None,
        }
    }

    /// Why there is no encrypted connection over one that stands.
    fn untold(&self, error: &io::Error) -> Unready {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            // Others go on without a protocol.
            Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
                DISAGREES.into()
            }
            Some(error) => match denial(error) {
                Some(why) => Unready::Denied(self.given.answered("a TLS handshake", &why)),
                None => error.to_string().into(),
            },
            None => unmade(error),
        }
    }
}

impl Way {
    fn new(route: &Route, address: &services::Address) -> Result<Self, LoadError> {
        let Route { resolve, connect_to, unix_socket, proxy } = route;
        let setting = |what, value: &dyn ToString, problem: &str| LoadError::Setting {
            what,
            value: value.to_string(),
            problem: problem.to_owned(),
        };
        let others = connect_to.is_some() || !resolve.is_empty();
        let one_way = "connections go one way: leave the other ways to connect out";
        let services::Host { name: host, port } = address.host();
        match (unix_socket, proxy) {
            (Some(path), None) if !others => {
                there(path).map_err(|problem| setting("Unix socket", &path.display(), &problem))?;
                return Ok(Self::Unix(path.clone()));
            }
            (None, Some(proxy)) if !others => {
                let proxy = Proxy::new(proxy, address.scheme.tls.then(|| address.host()))?;
                proxy.peers.look_up().map_err(|source| proxy.unknown(source))?;
                return Ok(Self::Proxy(Box::new(proxy)));
            }
            (None, None) => {}
            (Some(path), _) => return Err(setting("Unix socket", &path.display(), one_way)),
            (None, Some(proxy)) => {
                let shown = scenarios::redact::redact_address(proxy);
                return Err(setting("proxy", &shown, one_way));
            }
        }
        let (host, port) = match connect_to {
            None => (host.clone(), *port),
            Some(to) => to.of(host, *port).ok_or_else(|| {
                let problem =
                    format!("it says nothing of {}, to which the requests go", address.host());
                setting("place to connect to", to, &problem)
            })?,
        };
        let given = resolve.iter().find_map(|resolve| resolve.of(&host, port));
        if let (None, Some(resolve)) = (given, resolve.first()) {
            let problem = format!("it says nothing of {host}:{port}, which is connected to");
            return Err(setting("address of a name", resolve, &problem));
        }
        let peers = Peers::new(&host, port, given);
        peers.look_up().map_err(|source| LoadError::Host {
            url: match connect_to {
                None => address.shown(),
                Some(to) => to.to_string(),
            },
            source,
        })?;
        Ok(Self::Tcp(peers))
    }

    async fn connect(&self) -> Result<Socket, Unready> {
        let stream = match self {
            Self::Tcp(peers) => peers.connect().await.map_err(|error| unmade(&error))?,
            Self::Proxy(proxy) => proxy.connect().await?,
            Self::Unix(path) => {
                let connected = socket::unix(path).await.map(Either::Right);
                return connected.map_err(|error| match unmade(&error) {
                    Unready::Problem(why) => format!("{}: {why}", path.display()).into(),
                    other => other,
                });
            }
        };
        stream.set_nodelay(true)?;
        Ok(Either::Left(stream))
    }
}

/// Sees that there is a socket that can be connected to, as far as its file tells.
fn there(path: &Path) -> Result<(), String> {
    if std::os::unix::net::SocketAddr::from_pathname(path).is_err() {
        return Err("the path of a socket has at most 107 bytes; give a shorter one".to_owned());
    }
    let found = std::fs::metadata(path)
        .map_err(|error| format!("{error}; see that the server runs and listens there"))?;
    if !found.file_type().is_socket() {
        return Err("it is not a socket; give the one that the server listens on".to_owned());
    }
    Ok(())
}

/// Why there is no connection, apart whether that is for want of something of this
/// machine.
fn unmade(error: &io::Error) -> Unready {
    if let Some(limit) = Limit::of(error) {
        return Unready::Limit(limit);
    }
    // A name server has no number for what went wrong.
    if error.raw_os_error().is_none() && Limit::now().is_some() {
        return Unready::Limit(Limit::Files);
    }
    text(error).into()
}

/// What a server said that will not come to terms in a handshake; `None` where
/// another attempt may.
fn denial(error: &rustls::Error) -> Option<String> {
    use rustls::{Error, InvalidMessage};
    Some(match error {
        Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "what is not TLS; use the address without it, or the port with it".to_owned()
        }
        Error::InvalidCertificate(why) => format!(
            "with a certificate that is not trusted ({}); give its authority, or itself, with \
             --cacert, or trust any with --insecure",
            services::plain(&why.to_string())
        ),
        Error::NoCertificatesPresented => "without a certificate".to_owned(),
        Error::PeerIncompatible(why) => format!("in a way that is not supported ({why:?})"),
        Error::AlertReceived(alert) => {
            use AlertDescription as Alert;
            let about_us = matches!(
                alert,
                Alert::BadCertificate
                    | Alert::UnsupportedCertificate
                    | Alert::CertificateRevoked
                    | Alert::CertificateExpired
                    | Alert::CertificateUnknown
                    | Alert::UnknownCA
                    | Alert::AccessDenied
                    | Alert::CertificateRequired
            );
            match (about_us, alert) {
                (true, _) => format!(
                    "that it wants another certificate of ours ({alert:?}); give --cert and --key"
                ),
                (_, Alert::HandshakeFailure | Alert::ProtocolVersion) => {
                    format!("that it supports nothing that was offered ({alert:?})")
                }
                _ => return None,
            }
        }
        _ => return None,
    })
}

/// The innermost cause, which is the one that tells something.
pub(super) fn text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// An address that is one, and that load cannot be sent to.
pub(super) fn refused(address: &services::Address, reason: impl Into<String>) -> AddressError {
    AddressError { service: address.service, shown: address.shown(), reason: reason.into() }
}

/// A byte stream.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(Socket),
    Tls(Box<TlsStream<Socket>>),
}

impl Stream {
    /// The protocol that was agreed on; `None` if that was not possible.
    pub(super) fn protocol(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol(),
        }
    }

    /// Whether the stream is encrypted.
    pub(super) fn is_secure(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether written bytes may wait in this program for a flush.
    pub(super) fn buffers(&self) -> bool {
        self.is_secure()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
