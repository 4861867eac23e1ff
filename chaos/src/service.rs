//! The services that faults talk to, and what messages advise about each.

/// A service that a fault needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// What messages call it.
    pub name: &'static str,
    /// What to look at when it does not answer.
    pub see: &'static str,
    /// What to give when it knows nobody of that name.
    pub credentials: &'static str,
    /// An address of it.
    pub example: &'static str,
}

/// RabbitMQ's management API.
pub const MANAGEMENT: Service = Service {
    name: "RabbitMQ's management API",
    see: "see that the broker runs with the plugin rabbitmq_management",
    credentials: "give a user with the tag administrator as http://USER:PASSWORD@HOST:PORT",
    example: "http://guest:guest@127.0.0.1:15672",
};

/// RabbitMQ itself.
pub const AMQP: Service = Service {
    name: "RabbitMQ",
    see: "see that the broker runs, and that user, password and virtual host are right",
    credentials: "give a user who may write and configure as amqp://USER:PASSWORD@HOST:PORT/VHOST",
    example: "amqp://guest:guest@127.0.0.1:5672/%2f or redis://127.0.0.1:6379",
};

/// A Redis server.
pub const REDIS: Service = Service {
    name: "Redis",
    see: "see that the server runs",
    credentials: "give a user who may use CLIENT as redis://USER:PASSWORD@HOST:PORT",
    example: "redis://127.0.0.1:6379",
};

/// A PostgreSQL server.
pub const POSTGRES: Service = Service {
    name: "PostgreSQL",
    see: "see that the server runs",
    credentials: "give a user with the role pg_signal_backend as postgres://USER:PASSWORD@HOST:PORT/NAME",
    example: "postgres://postgres@127.0.0.1:5432/postgres",
};

/// The admin API of a proxy.
pub const PROXY: Service = Service {
    name: "the proxy's admin API",
    see: "see that chaos proxy runs there",
    credentials: "give the address of one that lets you in",
    example: "http://127.0.0.1:8474",
};
