//! The few statements to a PostgreSQL server that faults need.

use std::time::Duration;

use services::postgres::trouble;
use services::{Address, OWN, Service, Trouble};
use tokio_postgres::Client;

use crate::FaultError;

const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// A session of our own.
pub(crate) struct Server {
    client: Client,
    address: Address,
}

/// Somebody's session. The order is by what the client calls itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Backend {
    pub(crate) application: String,
    pub(crate) user: String,
    pub(crate) database: String,
    /// Microseconds since 2000 at which it began.
    pub(crate) since: i64,
    /// The server process. With `since` this is one session for ever.
    pub(crate) pid: i32,
}

impl std::fmt::Display for Backend {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { application, user, database, pid, .. } = self;
        let application = if application.is_empty() { "a session" } else { application };
        write!(f, "{application} (pid {pid}, user {user}, database {database})")
    }
}

impl Backend {
    /// Whether this is the same session, whatever it calls itself by now.
    pub(crate) fn is(&self, other: &Self) -> bool {
        (self.pid, self.since) == (other.pid, other.since)
    }

    /// Whether the text is part of its application name, user or database.
    pub(crate) fn matches(&self, text: &str) -> bool {
        [&self.application, &self.user, &self.database].iter().any(|field| field.contains(text))
    }
}

const SESSIONS: &str = "select coalesce(application_name, ''), coalesce(usename::text, ''), \
    coalesce(datname::text, ''), \
    (extract(epoch from backend_start) * 1000000)::bigint, pid \
    from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()";

impl Server {
    /// Connects. The sessions of one server are ended, so it has to be one.
    pub(crate) async fn connect(url: &str) -> Result<Self, FaultError> {
        let address = Service::Postgres.address(url).map_err(Trouble::from)?;
        if address.hosts.len() > 1 {
            return Err(FaultError::Address {
                service: &crate::service::POSTGRES,
                address: address.shown(),
                reason: "it names more than one host".to_owned(),
            });
        }
        let client = services::postgres::connect(&address, "chaos", CONNECT_WITHIN).await?;
        Ok(Self { client, address })
    }

    /// Every session of a client but the tools' own.
    pub(crate) async fn backends(&self) -> Result<Vec<Backend>, FaultError> {
        let rows = self.client.query(SESSIONS, &[]).await;
        let rows = rows.map_err(|error| trouble(&self.address, "pg_stat_activity", &error))?;
        let backend = |row: &tokio_postgres::Row| Backend {
            application: row.get(0),
            user: row.get(1),
            database: row.get(2),
            since: row.get(3),
            pid: row.get(4),
        };
        let theirs = |backend: &Backend| !backend.application.starts_with(OWN);
        Ok(rows.iter().map(backend).filter(theirs).collect())
    }

    /// Ends a session; false if there is none any more.
    pub(crate) async fn end(&self, backend: &Backend) -> Result<bool, FaultError> {
        // The number may have gone to another session since.
        let statement = "select coalesce(bool_or(pg_terminate_backend(pid)), false) \
                         from pg_stat_activity where pid = $1 \
                         and (extract(epoch from backend_start) * 1000000)::bigint = $2";
        let row = self.client.query_one(statement, &[&backend.pid, &backend.since]).await;
        Ok(row.map_err(|error| trouble(&self.address, "pg_terminate_backend", &error))?.get(0))
    }
}
