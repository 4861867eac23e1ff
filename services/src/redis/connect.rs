//! The one connector of Redis.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, Value,
};

use super::{database, login};
use crate::address::Address;
use crate::name;
use crate::trouble::Trouble;

/// Connects under a name that faults spare, and sees that the server answers:
/// one that wants a password lets everybody connect. `answer` is how long each
/// later answer may take; `None` leaves that to whoever asks.
///
/// # Errors
/// When nobody answers there within the time, or lets us in.
pub async fn connect(
    address: &Address,
    role: &str,
    within: Duration,
    answer: Option<Duration>,
) -> Result<MultiplexedConnection, Trouble> {
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(answer);
    let opening = async {
        let client = redis::Client::open(info(address)?)?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        // A user may be forbidden to give a name.
        let named = redis::cmd("CLIENT").arg("SETNAME").arg(name(role)).to_owned();
        let _ = named.query_async::<()>(&mut connection).await;
        redis::cmd("PING").query_async::<Value>(&mut connection).await?;
        Ok::<_, RedisError>(connection)
    };
    match tokio::time::timeout(within, opening).await {
        Ok(opened) => opened.map_err(|error| trouble(address, "PING", &error)),
        Err(_) => Err(address.unreachable(&crate::late(within))),
    }
}

fn info(address: &Address) -> Result<redis::ConnectionInfo, RedisError> {
    let host = address.host();
    let (name, port) = (host.name.clone(), host.port);
    let at = match address.scheme.tls {
        true => ConnectionAddr::TcpTls { host: name, port, insecure: false, tls_params: None },
        false => ConnectionAddr::Tcp(name, port),
    };
    let mut settings =
        RedisConnectionInfo::default().set_db(database(address).unwrap_or_default().into());
    if let Some((user, password)) = login(address) {
        if let Some(user) = user {
            settings = settings.set_username(user);
        }
        settings = settings.set_password(password);
    }
    Ok(at.into_connection_info()?.set_redis_settings(settings))
}

/// What an error means.
#[must_use]
pub fn trouble(address: &Address, request: &str, error: &RedisError) -> Trouble {
    let text = error.to_string();
    let is = |codes: &[&str]| error.code().is_some_and(|code| codes.contains(&code));
    if is(&["NOPERM"]) {
        address.denied(request, &text)
    } else if error.kind() == ErrorKind::AuthenticationFailed || is(&["NOAUTH", "WRONGPASS"]) {
        address.locked(request, &text)
    } else if error.is_io_error() || error.is_timeout() || error.is_connection_dropped() {
        address.unreachable(&text)
    } else {
        address.answered(request, &text)
    }
}
