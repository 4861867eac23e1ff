//! RabbitMQ, by AMQP 0-9-1: `amqp://user:password@host:5672/vhost`.

use crate::address::Address;
use crate::service::{About, Scheme};

#[cfg(feature = "amqp")]
mod connect;

#[cfg(feature = "amqp")]
pub use connect::{connect, trouble};

pub(crate) const ABOUT: About = About {
    name: "RabbitMQ",
    see: "see that the broker runs, and that user, password and virtual host are right",
    credentials: "give a user who may write and configure as amqp://USER:PASSWORD@HOST:PORT/VHOST",
    example: "amqp://guest:guest@127.0.0.1:5672/%2f",
    schemes: &[Scheme::plain("amqp", 5672), Scheme::encrypted("amqps", 5671)],
    read,
};

/// The parameters that set how a connection behaves, and nothing else.
const PARAMETERS: [&str; 4] = ["heartbeat", "connection_timeout", "channel_max", "frame_max"];

fn read(address: &mut Address) -> Result<(), String> {
    address.one_host()?;
    address.name()?;
    address.only(&PARAMETERS)?;
    match address.query.iter().find(|(_, value)| value.parse::<u32>().is_err()) {
        Some((name, value)) => Err(format!("{name}={value} is no number")),
        None => Ok(()),
    }
}

/// The virtual host, `/` where none is named.
#[must_use]
pub fn vhost(address: &Address) -> String {
    address.name().ok().flatten().unwrap_or_else(|| "/".to_owned())
}
