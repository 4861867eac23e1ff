//! The few statements to a PostgreSQL server that faults need.

use std::time::Duration;

use tokio_postgres::{Client, Config, error::SqlState};

use crate::FaultError;
use crate::management::redacted;
use crate::postgres::{self, ConnectError, whole};
use crate::service::POSTGRES;

/// What the tool's own sessions are called; they are never hit.
const OWN: &str = "shakedown:";
const CONNECT_WITHIN: Duration = Duration::from_secs(15);

/// A session of our own.
pub(crate) struct Server {
    client: Client,
    shown: String,
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
    /// Connects; see [`postgres::connect`].
    pub(crate) async fn connect(url: &str) -> Result<Self, FaultError> {
        let shown = redacted(url);
        let mut config: Config =
            url.parse().map_err(|error: tokio_postgres::Error| FaultError::Address {
                service: &POSTGRES,
                address: shown.clone(),
                reason: error.to_string(),
            })?;
        // Further hosts could be given as parameters, past every guard.
        if config.get_hosts().len() != 1 || !config.get_hostaddrs().is_empty() {
            return Err(FaultError::Address {
                service: &POSTGRES,
                address: shown,
                reason: "it names more than one host".to_owned(),
            });
        }
        config.application_name("shakedown:chaos").connect_timeout(CONNECT_WITHIN);
        let client = postgres::connect(&config).await.map_err(|error| refused(&error, &shown))?;
        Ok(Self { client, shown })
    }

    /// Every session of a client but the tools' own.
    pub(crate) async fn backends(&self) -> Result<Vec<Backend>, FaultError> {
        let rows = self.client.query(SESSIONS, &[]).await;
        let rows = rows.map_err(|error| refusal(&error, &self.shown, "pg_stat_activity"))?;
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
        Ok(row.map_err(|error| refusal(&error, &self.shown, "pg_terminate_backend"))?.get(0))
    }
}

/// There is no session.
fn refused(error: &ConnectError, shown: &str) -> FaultError {
    let (service, address) = (&POSTGRES, shown.to_owned());
    match error.code() {
        Some(code) => answered(code, address, "a session", error.tell()),
        None => FaultError::Unreachable { service, address, reason: error.tell() },
    }
}

/// A statement was not carried out.
fn refusal(error: &tokio_postgres::Error, shown: &str, what: &str) -> FaultError {
    let (service, address) = (&POSTGRES, shown.to_owned());
    let Some(told) = error.as_db_error() else {
        return FaultError::Unreachable { service, address, reason: whole(error) };
    };
    answered(told.code(), address, what, told.message().to_owned())
}

fn answered(code: &SqlState, address: String, what: &str, answer: String) -> FaultError {
    let (service, request) = (&POSTGRES, what.to_owned());
    let denied = [
        SqlState::INSUFFICIENT_PRIVILEGE,
        SqlState::INVALID_PASSWORD,
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
    ];
    match denied.contains(code) {
        true => FaultError::Credentials { service, address, request, answer },
        false => FaultError::Answer { service, address, request, answer },
    }
}
