//! A session at a PostgreSQL server that only reads, as probes, sources of
//! effects and the preflight need it.
//!
//! Answers are asked for as text, whatever the types of the columns are, and
//! come row by row: the server is held back while a row is being worked on, so
//! that an answer of any length takes a bounded amount of memory.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::{StreamExt, pin_mut};
use services::postgres::trouble;
use services::{Address, Service, Trouble};
use tokio_postgres::error::{ErrorPosition, SqlState};
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

/// How long a server may take to let us in.
const PATIENCE: Duration = Duration::from_secs(5);
/// What an answer may take longer than the time that the server is given.
const GRACE: Duration = Duration::from_secs(2);
/// What messages call what was asked.
const QUERY: &str = "the query";

/// Why a query cannot be carried out.
pub(crate) enum Unprepared {
    /// A table or view that it names is not there.
    NoTable {
        /// Its name.
        name: String,
        /// What the server said, and where in the query.
        said: String,
    },
    /// The query is wrong: what the server said, and where.
    Wrong(String),
    /// The server does not answer, or not this user.
    Trouble(Trouble),
}

/// A session that only reads.
pub(crate) struct Session {
    client: Client,
    address: Address,
    lacks_table: AtomicBool,
}

impl Session {
    /// Connects under a name that faults spare.
    ///
    /// # Errors
    /// When nobody answers there, or lets us in.
    pub(crate) async fn open(url: &str, role: &str) -> Result<Self, Trouble> {
        let address = Service::Postgres.address(url)?;
        let client = services::postgres::connect(&address, role, PATIENCE).await?;
        let read_only = "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY";
        let said = tokio::time::timeout(PATIENCE, client.batch_execute(read_only)).await;
        said.map_err(|_| address.unreachable("no answer within 5 s"))?
            .map_err(|error| trouble(&address, "SET SESSION", &error))?;
        Ok(Self { client, address, lacks_table: AtomicBool::new(false) })
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
    ) -> Result<u64, Trouble> {
        self.lacks_table.store(false, Ordering::Relaxed);
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

    /// Whether the server refused what it was asked last because there is no such
    /// table (`undefined_table`).
    pub(crate) fn lacks_table(&self) -> bool {
        self.lacks_table.load(Ordering::Relaxed)
    }

    /// Has the server read a query, and look up what it names, without carrying
    /// it out. Several statements in one are not looked at.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) async fn prepare(&self, query: &str) -> Result<(), Unprepared> {
        let prepared = tokio::time::timeout(PATIENCE, self.client.prepare(query)).await;
        let prepared =
            prepared.map_err(|_| Unprepared::Trouble(self.lost("no answer to PREPARE".into())))?;
        let Err(error) = prepared else { return Ok(()) };
        let Some(told) = error.as_db_error() else {
            return Err(Unprepared::Trouble(self.trouble(&error)));
        };
        let at = match told.position() {
            Some(ErrorPosition::Original(number)) => place(query, *number),
            _ => String::new(),
        };
        let hint = told.hint().map(|hint| format!(" ({hint})")).unwrap_or_default();
        let said = format!("{}{at}{hint}", told.message());
        match told.code().code() {
            "42P01" => {
                let name = told.message().split('"').nth(1).unwrap_or_default().to_owned();
                Err(Unprepared::NoTable { name, said })
            }
            // One for the protocol of simple queries, by which it is asked later.
            "42601" if told.message().contains("multiple commands") => Ok(()),
            code if code.starts_with("42") && code != "42501" => Err(Unprepared::Wrong(said)),
            _ => Err(Unprepared::Trouble(self.trouble(&error))),
        }
    }

    fn answer(&self, why: String) -> Trouble {
        self.address.answered(QUERY, &why)
    }

    fn lost(&self, why: String) -> Trouble {
        self.address.unreachable(&why)
    }

    fn trouble(&self, error: &tokio_postgres::Error) -> Trouble {
        let is_missing = error.code() == Some(&SqlState::UNDEFINED_TABLE);
        self.lacks_table.store(is_missing, Ordering::Relaxed);
        trouble(&self.address, QUERY, error)
    }
}

/// Where in a query something stands, by the number of its character from 1.
fn place(query: &str, number: u32) -> String {
    let before = usize::try_from(number).unwrap_or_default().saturating_sub(1);
    let rest = query.chars().skip(before);
    let shown: String = rest.take_while(|c| *c != '\n').take(20).collect();
    format!(", at character {number}: {:?}", shown.trim_end())
}
