//! The byte stream under a connection: TCP, plain or encrypted.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConfig};
use services::AddressError;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::error::LoadError;
use crate::limit::Limit;
use crate::reach::Unready;
use crate::tls::Tls;

/// What is said of a server that is asked for HTTP/2 in the TLS handshake.
pub(super) const DISAGREES: &str = "the server does not speak HTTP/2: it does not agree on h2";

/// Where a connection goes, and how.
#[derive(Debug)]
pub(super) struct Address {
    /// As it was given.
    given: services::Address,
    pub(super) host: String,
    pub(super) port: u16,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Address {
    /// The first host of an address, which the resolver must know; encrypted
    /// if the address is, with the protocols to be agreed on.
    pub(super) fn new(
        address: &services::Address,
        tls: &Tls,
        protocols: &[&[u8]],
    ) -> Result<Self, LoadError> {
        let services::Host { name: host, port } = address.host().clone();
        std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port))
            .map_err(|source| LoadError::Host { url: address.shown(), source })?;
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
        Ok(Self { given: address.clone(), host, port, tls })
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
        Ok(Self { given: self.given.clone(), host: host.to_owned(), port, tls })
    }

    /// Connects.
    ///
    /// # Errors
    /// When there is no connection, apart whether that is for want of something
    /// of this machine.
    pub(super) async fn connect(&self) -> Result<Stream, Unready> {
        self.reach().await.map_err(|error| {
            if let Some(limit) = Limit::of(&error) {
                return Unready::Limit(limit);
            }
            // A name server has no number for what went wrong.
            if error.raw_os_error().is_none() && Limit::now().is_some() {
                return Unready::Limit(Limit::Files);
            }
            match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                // Others go on without a protocol.
                Some(rustls::Error::AlertReceived(AlertDescription::NoApplicationProtocol)) => {
                    DISAGREES.into()
                }
                Some(error) => match denial(error) {
                    Some(why) => Unready::Denied(self.given.answered("a TLS handshake", &why)),
                    None => error.to_string().into(),
                },
                None => text(&error).into(),
            }
        })
    }

    /// Whether connections are encrypted.
    pub(super) fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    async fn reach(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Stream::Plain(stream)),
            Some((config, name)) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), stream).await?;
                Ok(Stream::Tls(Box::new(stream)))
            }
        }
    }
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
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
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
