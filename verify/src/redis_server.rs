//! A connection to a Redis server, as probes, sources of effects and the
//! preflight need it.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, RedisError, Value};

use crate::targets::redact;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why a server does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RedisTrouble {
    /// User name or password are wrong, or a right is missing.
    #[error("{address} refuses the user name or password: {why}")]
    Refused {
        /// The address without its password.
        address: String,
        /// What the server says.
        why: String,
    },
    /// Anything else.
    #[error("{address}: {why}")]
    Unreachable {
        /// The address without its password.
        address: String,
        /// What is wrong.
        why: String,
    },
}

/// Connects under a name that faults spare.
///
/// # Errors
/// When nobody answers there, or lets us in.
pub(crate) async fn connect(url: &str, name: &str) -> Result<MultiplexedConnection, RedisTrouble> {
    let unreachable = |why: String| RedisTrouble::Unreachable { address: redact(url), why };
    let client = redis::Client::open(url).map_err(|error| trouble(url, &error))?;
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(PATIENCE))
        .set_response_timeout(Some(PATIENCE));
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let connected = tokio::time::timeout(PATIENCE, connecting).await;
    let mut connection = connected
        .map_err(|_| unreachable("no answer within 5 s".to_owned()))?
        .map_err(|error| trouble(url, &error))?;
    // A user may be forbidden to give a name.
    let mut named = redis::cmd("CLIENT");
    named.arg("SETNAME").arg(format!("shakedown:{name}"));
    let _ = named.query_async::<()>(&mut connection).await;
    // A server that wants a password lets everybody connect.
    let pinged = redis::cmd("PING").query_async::<Value>(&mut connection).await;
    pinged.map_err(|error| trouble(url, &error))?;
    Ok(connection)
}

/// What an error at an address means.
pub(crate) fn trouble(url: &str, error: &RedisError) -> RedisTrouble {
    let (address, why) = (redact(url), error.to_string());
    let denied = error.kind() == ErrorKind::AuthenticationFailed
        || ["NOPERM", "NOAUTH", "WRONGPASS"].iter().any(|code| error.code() == Some(code));
    if denied {
        RedisTrouble::Refused { address, why }
    } else {
        RedisTrouble::Unreachable { address, why }
    }
}

/// The value of a field in a reply of names and values, as `XINFO` gives them.
pub(crate) fn field<'a>(reply: &'a Value, name: &str) -> Option<&'a Value> {
    let is_named = |value: &Value| text(value).is_some_and(|text| text == name);
    match reply {
        Value::Array(list) => {
            list.chunks_exact(2).find(|pair| is_named(&pair[0])).map(|pair| &pair[1])
        }
        Value::Map(pairs) => pairs.iter().find(|(key, _)| is_named(key)).map(|(_, value)| value),
        _ => None,
    }
}

/// A number; `None` for what Redis does not know.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        _ => None,
    }
}

/// A text.
pub(crate) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
