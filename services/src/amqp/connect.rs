//! The one connector of AMQP off the hot path of the load.

use std::time::Duration;

use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Connection, ConnectionProperties, Error};

use crate::address::Address;
use crate::name;
use crate::trouble::Trouble;

/// Connects under a name that faults spare.
///
/// # Errors
/// When nobody answers within the time, or the broker does not let us in.
pub async fn connect(
    address: &Address,
    role: &str,
    within: Duration,
) -> Result<Connection, Trouble> {
    let properties = ConnectionProperties::default().with_connection_name(name(role).into());
    let opening = Connection::connect_uri(uri(address), properties);
    match tokio::time::timeout(within, opening).await {
        Ok(opened) => opened.map_err(|error| trouble(address, "a connection", &error)),
        Err(_) => Err(address.unreachable(&crate::late(within))),
    }
}

fn uri(address: &Address) -> AMQPUri {
    let host = address.host();
    let (username, password) = super::credentials(address);
    let number = |name: &str| address.parameter(name)?.parse::<u32>().ok();
    AMQPUri {
        scheme: match address.scheme.tls {
            true => AMQPScheme::AMQPS,
            false => AMQPScheme::AMQP,
        },
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo { username, password },
            host: host.name.clone(),
            port: host.port,
        },
        vhost: super::vhost(address),
        query: AMQPQueryString {
            frame_max: number("frame_max"),
            channel_max: number("channel_max").and_then(|n| n.try_into().ok()),
            heartbeat: number("heartbeat").and_then(|n| n.try_into().ok()),
            connection_timeout: number("connection_timeout").map(u64::from),
            ..AMQPQueryString::default()
        },
    }
}

/// What an error means.
#[must_use]
pub fn trouble(address: &Address, request: &str, error: &Error) -> Trouble {
    let text = error.to_string();
    let denied = ["ACCESS_REFUSED", "ACCESS-REFUSED", "refused for user"];
    if text.contains("Login was refused") {
        address.locked(request, &text)
    } else if denied.iter().any(|word| text.contains(word)) {
        address.denied(request, &text)
    } else if matches!(error.kind(), lapin::ErrorKind::ProtocolError(_)) {
        address.answered(request, &text)
    } else {
        address.unreachable(&text)
    }
}
