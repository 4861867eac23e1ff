//! The database: its tables, and a batch of messages written in one step.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Statement};

use super::message::{Message, Rejection};
use super::variant::Variant;

const SCHEMA: &str = include_str!("schema.sql");
const INSERT: &str = include_str!("insert.sql");
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// A batch takes milliseconds; a server that is silent for so long is away.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Why messages were not written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// It says nothing about the messages: the same may work later.
    Passing(String),
    /// One of the messages can never be written.
    Rejected(Rejection),
}

/// The sessions of one partition: one, but for `reorder`.
pub(crate) struct Store {
    sessions: Vec<Session>,
}

struct Session {
    client: Client,
    insert: Statement,
    variant: Variant,
}

impl Store {
    /// Connects, and makes the tables if there are none.
    pub(crate) async fn connect(
        url: &str,
        name: &str,
        variant: Variant,
    ) -> Result<Self, StoreError> {
        let mut sessions = Vec::new();
        for _ in 0..variant.writers() {
            let session = Session::connect(url, name, variant);
            sessions.push(within(CONNECT_WITHIN, session).await?);
        }
        Ok(Self { sessions })
    }

    /// Writes the messages in their order, with their receipts; those that are
    /// there already are left as they are. Gives how many were new.
    pub(crate) async fn write(&self, messages: &[&Message]) -> Result<u64, StoreError> {
        if let [session] = self.sessions.as_slice() {
            return within(ANSWER_WITHIN, session.write(messages)).await;
        }
        let writers = self.sessions.len();
        let shares = self.sessions.iter().enumerate().map(async |(writer, session)| {
            let mut new = 0;
            for message in messages.iter().skip(writer).step_by(writers) {
                new += within(ANSWER_WITHIN, session.write(&[message])).await?;
            }
            Ok(new)
        });
        join_all(shares).await.into_iter().sum()
    }
}

impl Session {
    async fn connect(
        url: &str,
        name: &str,
        variant: Variant,
    ) -> Result<Self, tokio_postgres::Error> {
        let mut config: Config = url.parse()?;
        config.application_name(name);
        let (client, connection) = config.connect(NoTls).await?;
        // It ends with the client.
        tokio::spawn(async move { drop(connection.await) });
        client.batch_execute(&schema(variant)).await?;
        let insert = client.prepare(INSERT).await?;
        Ok(Self { client, insert, variant })
    }

    async fn write(&self, messages: &[&Message]) -> Result<u64, tokio_postgres::Error> {
        let texts = |column: fn(&Message) -> &String| -> Vec<&str> {
            messages.iter().map(|message| column(message).as_str()).collect()
        };
        let sequence: Vec<i64> =
            messages.iter().map(|message| message.accepted_seq.cast_signed()).collect();
        let told =
            messages.iter().filter(|message| self.variant.has_receipts(message.accepted_seq));
        let receipts = told.flat_map(|message| {
            message.recipients.iter().map(|user| (message.message_id.as_str(), user.as_str()))
        });
        let (receipts_of, users): (Vec<&str>, Vec<&str>) = receipts.unzip();
        let columns: [fn(&Message) -> &String; 8] = [
            |message| &message.message_id,
            |message| &message.idempotency_key,
            |message| &message.correlation_id,
            |message| &message.conversation_id,
            |message| &message.sender_id,
            |message| &message.content_type,
            |message| &message.body,
            |message| &message.accepted_at,
        ];
        let columns = columns.map(texts);
        let values = columns.iter().map(|column| column as &(dyn ToSql + Sync));
        let values: Vec<_> =
            values.chain([&sequence as _, &receipts_of as _, &users as _]).collect();
        let new: i64 = self.client.query_one(&self.insert, &values).await?.get(0);
        Ok(new.cast_unsigned())
    }
}

/// Only one session at a time makes the tables.
fn schema(variant: Variant) -> String {
    let unique = variant.unique_columns().iter().map(|column| {
        format!(
            "create unique index if not exists \"messages_{column}\" on messages (\"{column}\");\n"
        )
    });
    let unique: String = unique.collect();
    format!("begin;\nselect pg_advisory_xact_lock(4711);\n{SCHEMA}{unique}commit;\n")
}

async fn within<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, StoreError> {
    match timeout(limit, asked).await {
        Ok(answer) => answer.map_err(|error| judge(&error)),
        Err(_) => Err(StoreError::Passing(format!("no answer within {} s", limit.as_secs()))),
    }
}

/// The classes of errors that a message has brought upon itself: 22 is bad
/// data, 23 a broken constraint, 54 a value that is too long for an index.
fn judge(error: &tokio_postgres::Error) -> StoreError {
    let Some(told) = error.as_db_error() else {
        let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
        return StoreError::Passing(format!("{error}{}", cause.unwrap_or_default()));
    };
    let (code, reason) = (told.code().code(), told.message().to_owned());
    match &code[..2] {
        "22" | "23" | "54" => {
            let reason = format!("{reason} (SQLSTATE {code})");
            StoreError::Rejected(Rejection { code: "message_unstorable", reason })
        }
        _ => StoreError::Passing(format!("{reason} (SQLSTATE {code})")),
    }
}
