//! A connection to a Redis server, as probes and sources of effects need it.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{RedisResult, Value};
use services::{Address, Service, Trouble};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A server that answered.
pub(crate) struct Server {
    /// The connection.
    pub(crate) connection: MultiplexedConnection,
    address: Address,
}

impl Server {
    /// Connects under a name that faults spare.
    ///
    /// # Errors
    /// When nobody answers there, or lets us in.
    pub(crate) async fn connect(url: &str, role: &str) -> Result<Self, Trouble> {
        let address = Service::Redis.address(url)?;
        let connection = services::redis::connect(&address, role, PATIENCE, Some(PATIENCE)).await?;
        Ok(Self { connection, address })
    }

    /// The answer, or what its error means.
    ///
    /// # Errors
    /// When it is an error.
    pub(crate) fn answered<T>(&self, request: &str, answer: RedisResult<T>) -> Result<T, Trouble> {
        answer.map_err(|error| services::redis::trouble(&self.address, request, &error))
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
    bytes(value).and_then(|bytes| std::str::from_utf8(bytes).ok())
}

/// The bytes of a string.
pub(crate) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}
