//! The one connector of PostgreSQL: sessions, plain or encrypted.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::config::{SslMode, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, Error, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::address::Address;
use crate::name;
use crate::trouble::Trouble;

/// Opens a session under a name that faults spare. With `sslmode=require` it is
/// encrypted, and the server must have a certificate that the system trusts, or
/// an authority in the file that `SSL_CERT_FILE` names; otherwise it is plain.
/// Of several hosts it is the first that answers.
///
/// # Errors
/// When nobody answers within the time, the certificate is not trusted, or the
/// server refuses.
pub async fn connect(address: &Address, role: &str, within: Duration) -> Result<Client, Trouble> {
    let config = config(address, role, within);
    let opening = async {
        match config.get_ssl_mode() {
            SslMode::Require => {
                let tls = trusting().map_err(|error| {
                    address.unreachable(&format!("there is nothing to trust: {error}"))
                })?;
                open(&config, MakeRustlsConnect::new(tls)).await.map_err(|e| refused(address, &e))
            }
            _ => open(&config, NoTls).await.map_err(|error| refused(address, &error)),
        }
    };
    let late = |_| address.unreachable(&crate::late(within));
    tokio::time::timeout(within, opening).await.map_err(late)?
}

fn config(address: &Address, role: &str, within: Duration) -> Config {
    let mut config = Config::new();
    for host in &address.hosts {
        config.host(&host.name).port(host.port);
    }
    if let Some(user) = &address.user {
        config.user(user);
    }
    if let Some(password) = &address.password {
        config.password(password);
    }
    if let Ok(Some(database)) = address.name()
        && !database.is_empty()
    {
        config.dbname(database);
    }
    if address.parameter("sslmode") == Some("require") {
        config.ssl_mode(SslMode::Require);
    }
    if let Some(options) = address.parameter("options") {
        config.options(options);
    }
    match address.parameter("target_session_attrs") {
        Some("read-write") => config.target_session_attrs(TargetSessionAttrs::ReadWrite),
        Some("read-only") => config.target_session_attrs(TargetSessionAttrs::ReadOnly),
        _ => &mut config,
    };
    config.application_name(name(role)).connect_timeout(within);
    config
}

async fn open<T>(config: &Config, tls: T) -> Result<Client, Error>
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

/// There is no session.
fn refused(address: &Address, error: &Error) -> Trouble {
    if error.as_db_error().is_some_and(|told| told.message().contains("no encryption")) {
        // So the server speaks of a client that must come through TLS.
        let advice = "to come through TLS, let the address end in ?sslmode=require";
        return address.denied("a session", &format!("{}; {advice}", told(error)));
    }
    if told(error).contains("invalid peer certificate") {
        let advice = "an authority of your own can be given as a PEM file by the variable \
                      SSL_CERT_FILE";
        return address.unreachable(&format!("{}; {advice}", told(error)));
    }
    trouble(address, "a session", error)
}

/// What an error means.
#[must_use]
pub fn trouble(address: &Address, request: &str, error: &Error) -> Trouble {
    let text = told(error);
    let Some(code) = error.code() else { return address.unreachable(&text) };
    let locked = [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION];
    if locked.contains(code) {
        address.locked(request, &text)
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        address.denied(request, &text)
    } else if code.code().starts_with("57P") || code.code().starts_with("08") {
        // The server ends or begins.
        address.unreachable(&text)
    } else {
        address.answered(request, &text)
    }
}

/// What the server says, or the error with its cause, which the driver's own
/// text leaves out.
fn told(error: &Error) -> String {
    match (error.as_db_error(), std::error::Error::source(error)) {
        (Some(told), _) => told.message().to_owned(),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}
