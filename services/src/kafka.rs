//! Kafka: `host:9092,host:9092`, the brokers to begin with.
//!
//! A broker tells clients of all others; these are not in the address.

use crate::address::Address;
use crate::service::{About, Scheme};

pub(crate) const ABOUT: About = About {
    name: "Kafka",
    see: "see that the brokers run, and that clients can reach what they advertise",
    credentials: "give user and password as settings of the client, sasl.username and sasl.password",
    login: "the settings sasl.username and sasl.password of the client",
    example: "127.0.0.1:9092",
    schemes: &[Scheme::plain("", 9092), Scheme::plain("kafka", 9092)],
    read,
};

/// The settings of a client that name the brokers once more.
pub const SETTINGS: [&str; 2] = ["bootstrap.servers", "metadata.broker.list"];

/// The brokers as a client takes them: `host:port,host:port`.
#[must_use]
pub fn bootstrap(address: &Address) -> String {
    address.hosts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn read(address: &mut Address) -> Result<(), String> {
    if address.user.is_some() || address.password.is_some() {
        return Err("user and password are settings of the client, not of the address".to_owned());
    }
    match address.path.as_str() {
        "" | "/" => address.only(&[]),
        _ => Err("nothing must follow the brokers".to_owned()),
    }
}
