//! RabbitMQ's management API: `http://user:password@host:15672`.

use crate::address::Address;
use crate::http::SCHEMES;
use crate::service::About;

#[cfg(feature = "http")]
mod connect;

#[cfg(feature = "http")]
pub use connect::check;

pub(crate) const ABOUT: About = About {
    name: "RabbitMQ's management API",
    see: "see that the broker runs with the plugin rabbitmq_management",
    credentials: "give a user with the tag administrator as http://USER:PASSWORD@HOST:PORT",
    login: "http://USER:PASSWORD@HOST:PORT",
    example: "http://guest:guest@127.0.0.1:15672",
    schemes: &SCHEMES,
    read,
};

fn read(address: &mut Address) -> Result<(), String> {
    address.one_host()?;
    address.only(&[])
}

/// User and password, `guest` where they are not named, as the broker has it.
#[must_use]
pub fn credentials(address: &Address) -> (String, String) {
    let or_guest = |text: &Option<String>| match text {
        Some(text) if !text.is_empty() => text.clone(),
        _ => "guest".to_owned(),
    };
    (or_guest(&address.user), or_guest(&address.password))
}
