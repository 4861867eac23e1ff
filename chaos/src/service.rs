//! The services that faults talk to, by the names that this crate uses.

pub use services::Service;

/// RabbitMQ's management API.
pub const MANAGEMENT: Service = Service::Management;

/// RabbitMQ itself.
pub const AMQP: Service = Service::Amqp;

/// A Redis server.
pub const REDIS: Service = Service::Redis;

/// A PostgreSQL server.
pub const POSTGRES: Service = Service::Postgres;

/// Anything that speaks HTTP.
pub const HTTP: Service = Service::Http;

/// The admin API of a proxy.
pub const PROXY: Service = Service::Proxy;
