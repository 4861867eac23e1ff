//! The services, as a closed set.

use crate::address::{Address, AddressError, Host};
use crate::{amqp, http, kafka, management, mongodb, postgres, prometheus, proxy, redis};

/// A service that the tools talk to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Service {
    /// A broker of AMQP 0-9-1, that is RabbitMQ.
    Amqp,
    /// RabbitMQ's management API.
    Management,
    /// A Redis server.
    Redis,
    /// A PostgreSQL server.
    Postgres,
    /// A MongoDB server or replica set.
    Mongodb,
    /// A Kafka cluster.
    Kafka,
    /// Anything that speaks HTTP.
    Http,
    /// A Prometheus server, or metrics in its format.
    Prometheus,
    /// The admin API of a proxy.
    Proxy,
}

/// What there is to say about a service.
#[derive(Debug)]
pub struct About {
    /// What messages call it.
    pub name: &'static str,
    /// What to look at when it does not answer.
    pub see: &'static str,
    /// What to give when it knows the user, who may not do what is asked.
    pub credentials: &'static str,
    /// How user and password are given.
    pub login: &'static str,
    /// An address of it.
    pub example: &'static str,
    /// The schemes of its addresses.
    pub schemes: &'static [Scheme],
    /// How an address is read.
    pub(crate) read: fn(&mut Address) -> Result<(), String>,
}

/// The beginning of an address, and what follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scheme {
    /// `amqps` of `amqps://host`; empty where the service's addresses need none.
    pub name: &'static str,
    /// The port of a host that names none; 0 where every host must name one.
    pub port: u16,
    /// Whether connections are encrypted.
    pub tls: bool,
}

impl Scheme {
    /// A scheme of plain connections.
    pub(crate) const fn plain(name: &'static str, port: u16) -> Self {
        Self { name, port, tls: false }
    }

    /// A scheme of encrypted connections.
    pub(crate) const fn encrypted(name: &'static str, port: u16) -> Self {
        Self { name, port, tls: true }
    }
}

impl Service {
    /// Every service.
    pub const ALL: [Self; 9] = [
        Self::Amqp,
        Self::Management,
        Self::Redis,
        Self::Postgres,
        Self::Mongodb,
        Self::Kafka,
        Self::Http,
        Self::Prometheus,
        Self::Proxy,
    ];

    /// What there is to say about it.
    #[must_use]
    pub const fn about(self) -> &'static About {
        match self {
            Self::Amqp => &amqp::ABOUT,
            Self::Management => &management::ABOUT,
            Self::Redis => &redis::ABOUT,
            Self::Postgres => &postgres::ABOUT,
            Self::Mongodb => &mongodb::ABOUT,
            Self::Kafka => &kafka::ABOUT,
            Self::Http => &http::ABOUT,
            Self::Prometheus => &prometheus::ABOUT,
            Self::Proxy => &proxy::ABOUT,
        }
    }

    /// What to do when it refuses: the login, or else what a user asks for.
    #[must_use]
    pub fn advice(self, login: bool) -> String {
        match login {
            true => format!("wrong user or password; give them as {}", self.about().login),
            false => self.about().credentials.to_owned(),
        }
    }

    /// The service that an address of this scheme belongs to; of the several
    /// that speak HTTP, [`Service::Http`].
    #[must_use]
    pub fn of_scheme(scheme: &str) -> Option<Self> {
        let own = [Self::Amqp, Self::Redis, Self::Postgres, Self::Mongodb, Self::Kafka, Self::Http];
        let has = |service: &Self| {
            let mut schemes = service.about().schemes.iter();
            schemes.any(|own| !own.name.is_empty() && own.name.eq_ignore_ascii_case(scheme))
        };
        own.into_iter().find(has)
    }

    /// The service that an address belongs to, by its scheme.
    #[must_use]
    pub fn of_address(address: &str) -> Option<Self> {
        Self::of_scheme(address.split_once("://")?.0)
    }

    /// Reads an address of this service.
    ///
    /// # Errors
    /// When any part of it is not as it must be.
    pub fn address(self, text: &str) -> Result<Address, AddressError> {
        Address::read(self, text)
    }

    /// Every host of an address, each with its port.
    ///
    /// # Errors
    /// As [`Service::address`].
    pub fn hosts(self, text: &str) -> Result<Vec<Host>, AddressError> {
        Ok(self.address(text)?.hosts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_every_service_is_an_address_of_it() {
        for service in Service::ALL {
            let about = service.about();
            let address = service.address(about.example).unwrap();
            assert!(!address.hosts.is_empty(), "{}", about.name);
            assert!(about.schemes.contains(&address.scheme), "{}", about.name);
        }
    }

    #[test]
    fn a_scheme_tells_the_service() {
        for (address, service) in [
            ("amqps://h", Some(Service::Amqp)),
            ("REDIS://h", Some(Service::Redis)),
            ("postgresql://h/d", Some(Service::Postgres)),
            ("mongodb://a,b/d", Some(Service::Mongodb)),
            ("kafka://a:1", Some(Service::Kafka)),
            ("https://h", Some(Service::Http)),
            ("a:9092", None),
            ("ftp://h", None),
        ] {
            assert_eq!(Service::of_address(address), service, "{address}");
        }
    }
}
