//! A session at a PostgreSQL server that only reads, as probes, sources of
//! effects and the preflight need it.
//!
//! Answers are asked for as text, whatever the types of the columns are, and
//! come row by row: the server is held back while a row is being worked on, so
//! that an answer of any length takes a bounded amount of memory.

use std::time::Duration;

use chaos::postgres::{connect, whole};
use futures_util::{StreamExt, pin_mut};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, SimpleQueryMessage, SimpleQueryRow};

use crate::targets::redact;

/// How long a server may take to let us in.
const PATIENCE: Duration = Duration::from_secs(5);
/// What an answer may take longer than the time that the server is given.
const GRACE: Duration = Duration::from_secs(2);

/// Why a server does not answer as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PostgresTrouble {
    /// User name or password are wrong.
    #[error("{address} refuses the user name or password: {why}")]
    Refused {
        /// The address without its password.
        address: String,
        /// What the server says.
        why: String,
    },
    /// The server answers, and not with rows.
    #[error("{address}: {why}")]
    Answer {
        /// The address without its password.
        address: String,
        /// What the server says.
        why: String,
    },
    /// Nobody answers, or the session is lost.
    #[error("{address}: {why}")]
    Unreachable {
        /// The address without its password.
        address: String,
        /// What is wrong.
        why: String,
    },
}

impl PostgresTrouble {
    /// Whether another question can be asked in the same session.
    pub(crate) fn is_lasting(&self) -> bool {
        !matches!(self, Self::Answer { .. })
    }
}

/// A session that only reads.
pub(crate) struct Session {
    client: Client,
    url: String,
}

impl Session {
    /// Connects under a name that faults spare.
    ///
    /// # Errors
    /// When nobody answers there, or lets us in.
    pub(crate) async fn open(url: &str, name: &str) -> Result<Self, PostgresTrouble> {
        let unreachable = |why: String| PostgresTrouble::Unreachable { address: redact(url), why };
        let mut config: Config = url.parse().map_err(|error| unreachable(whole(&error)))?;
        config.application_name(format!("shakedown:{name}")).connect_timeout(PATIENCE);
        let connected = tokio::time::timeout(PATIENCE, connect(&config)).await;
        let client = connected
            .map_err(|_| unreachable("no answer within 5 s".to_owned()))?
            .map_err(|error| match error.code() {
                Some(code) => told(url, code, error.tell()),
                None => unreachable(error.tell()),
            })?;
        let session = Self { client, url: url.to_owned() };
        let read_only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
        let said = tokio::time::timeout(PATIENCE, session.client.batch_execute(read_only)).await;
        said.map_err(|_| unreachable("no answer within 5 s".to_owned()))?
            .map_err(|error| trouble(url, &error))?;
        Ok(session)
    }

    /// Asks, and hands over each row of the answer as it comes. Gives the
    /// number of rows.
    ///
    /// # Errors
    /// When the server refuses, the time is up, the session is lost, or a row
    /// is refused.
    pub(crate) async fn ask(
        &self,
        query: &str,
        within: Duration,
        mut take: impl FnMut(&SimpleQueryRow) -> Result<(), String>,
    ) -> Result<u64, PostgresTrouble> {
        let ms = within.as_millis().max(1);
        let begin = format!("BEGIN READ ONLY; SET LOCAL statement_timeout = {ms}");
        let asked = async {
            self.client.batch_execute(&begin).await.map_err(|error| self.trouble(&error))?;
            let rows = self.client.simple_query_raw(query).await;
            let rows = rows.map_err(|error| self.trouble(&error))?;
            pin_mut!(rows);
            let mut count = 0;
            while let Some(message) = rows.next().await {
                match message.map_err(|error| self.trouble(&error))? {
                    SimpleQueryMessage::Row(row) => {
                        count += 1;
                        take(&row).map_err(|why| self.answer(why))?;
                    }
                    _ => continue,
                }
            }
            Ok(count)
        };
        let answered = tokio::time::timeout(within + GRACE, asked).await;
        // Ends the transaction, whatever became of it; a session that is lost
        // says so at the next question.
        let end = self.client.batch_execute("ROLLBACK");
        let ended = tokio::time::timeout(GRACE, end).await;
        match (answered, ended) {
            (Ok(Err(trouble)), _) => Err(trouble),
            (Err(_), _) => Err(self.lost(format!("no answer within {} s", within.as_secs_f64()))),
            (_, Err(_)) => Err(self.lost("no answer to ROLLBACK".to_owned())),
            (Ok(Ok(count)), Ok(_)) => Ok(count),
        }
    }

    fn answer(&self, why: String) -> PostgresTrouble {
        PostgresTrouble::Answer { address: redact(&self.url), why }
    }

    fn lost(&self, why: String) -> PostgresTrouble {
        PostgresTrouble::Unreachable { address: redact(&self.url), why }
    }

    fn trouble(&self, error: &tokio_postgres::Error) -> PostgresTrouble {
        trouble(&self.url, error)
    }
}

fn trouble(url: &str, error: &tokio_postgres::Error) -> PostgresTrouble {
    match error.as_db_error() {
        Some(error) => told(url, error.code(), error.message().to_owned()),
        None => PostgresTrouble::Unreachable { address: redact(url), why: whole(error) },
    }
}

/// What the server's own words mean.
fn told(url: &str, code: &SqlState, why: String) -> PostgresTrouble {
    let address = redact(url);
    if [SqlState::INVALID_PASSWORD, SqlState::INVALID_AUTHORIZATION_SPECIFICATION].contains(code) {
        PostgresTrouble::Refused { address, why }
    } else if code.code().starts_with("57P") || code.code().starts_with("08") {
        // The server ends or begins.
        PostgresTrouble::Unreachable { address, why }
    } else {
        PostgresTrouble::Answer { address, why }
    }
}
