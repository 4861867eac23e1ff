//! Sessions at a PostgreSQL server, plain or encrypted, for everything of the
//! tools that needs one.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is nothing to trust.
    #[error("TLS: {0}")]
    Tls(#[from] rustls::Error),
    /// The server, or the way to it.
    #[error(transparent)]
    Server(#[from] tokio_postgres::Error),
}

impl ConnectError {
    /// The error with its cause, and what to do about it where that is known.
    #[must_use]
    pub fn tell(&self) -> String {
        let Self::Server(error) = self else { return self.to_string() };
        if let Some(told) = error.as_db_error() {
            // So the server speaks of a client that must come through TLS.
            let advice = match told.message().contains("no encryption") {
                true => "; to come through TLS, let the address end in ?sslmode=require",
                false => "",
            };
            return format!("{}{advice}", told.message());
        }
        let whole = whole(error);
        let advice = match whole.contains("invalid peer certificate") {
            true => {
                "; an authority of your own can be given as a PEM file by the variable SSL_CERT_FILE"
            }
            false => "",
        };
        format!("{whole}{advice}")
    }

    /// What the server said, if it said anything.
    #[must_use]
    pub fn code(&self) -> Option<&tokio_postgres::error::SqlState> {
        match self {
            Self::Server(error) => error.code(),
            Self::Tls(_) => None,
        }
    }
}

/// An error with its cause, which the driver's own text leaves out.
#[must_use]
pub fn whole(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// Opens a session. With `sslmode=require` it is encrypted, and the server must
/// have a certificate that the system trusts, or an authority in the file that
/// `SSL_CERT_FILE` names; otherwise it is plain.
///
/// # Errors
/// When nobody answers, the certificate is not trusted, or the server refuses.
pub async fn connect(config: &Config) -> Result<Client, ConnectError> {
    match config.get_ssl_mode() {
        SslMode::Require => open(config, MakeRustlsConnect::new(trusting()?)).await,
        _ => open(config, NoTls).await,
    }
}

async fn open<T>(config: &Config, tls: T) -> Result<Client, ConnectError>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let (client, connection) = config.connect(tls).await?;
    // It ends with the client.
    tokio::spawn(async move { drop(connection.await) });
    Ok(client)
}

fn trusting() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_platform_verifier()?.with_no_client_auth())
}
