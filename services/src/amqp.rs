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
    login: "amqp://USER:PASSWORD@HOST:PORT/VHOST",
    example: "amqp://guest:guest@127.0.0.1:5672/%2f",
    schemes: &[Scheme::plain("amqp", 5672), Scheme::encrypted("amqps", 5671)],
    read,
};

/// The parameters that set how a connection behaves, and nothing else.
const PARAMETERS: [&str; 4] = ["heartbeat", "connection_timeout", "channel_max", "frame_max"];

fn read(address: &mut Address) -> Result<(), String> {
    address.one_host()?;
    name(address)?;
    address.only(&PARAMETERS)?;
    for (name, value) in &address.query {
        let number: u32 = value.parse().map_err(|_| format!("{name}={value} is no number"))?;
        if matches!(name.as_str(), "heartbeat" | "channel_max") && u16::try_from(number).is_err() {
            return Err(format!("{name}={value} is more than 65535"));
        }
    }
    Ok(())
}

/// User and password, `guest` where they are not named, as the broker has it.
#[must_use]
pub fn credentials(address: &Address) -> (String, String) {
    let or_guest = |text: &Option<String>| text.clone().unwrap_or_else(|| "guest".to_owned());
    (or_guest(&address.user), or_guest(&address.password))
}

/// The virtual host: `/` where none is named, and where it is written as itself.
#[must_use]
pub fn vhost(address: &Address) -> String {
    let named = name(address).ok().flatten().filter(|name| !name.is_empty());
    named.unwrap_or_else(|| "/".to_owned())
}

/// The name after the host. That of `amqp://host//` is a slash.
fn name(address: &Address) -> Result<Option<String>, String> {
    match address.path.as_str() {
        "//" => Ok(Some("/".to_owned())),
        _ => address.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::Service;

    #[test]
    fn virtual_hosts_are_read_in_every_usual_form() {
        for (text, name) in [
            ("amqp://h", "/"),
            ("amqp://h/", "/"),
            ("amqp://h//", "/"),
            ("amqp://h/%2F", "/"),
            ("amqp://h/%2f?heartbeat=5", "/"),
            ("amqp://h?heartbeat=5", "/"),
            ("amqp://h/a%2Fb", "a/b"),
            ("amqp://h/a%20b/", ""),
        ] {
            match Service::Amqp.address(text) {
                Ok(address) => assert_eq!(vhost(&address), name, "{text}"),
                Err(error) => assert!(name.is_empty(), "{error}"),
            }
        }
    }
}
