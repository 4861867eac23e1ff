//! The database: results, each written once, however often it comes.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls, Statement};

use crate::reference::rolling_deploy::event::Outcome;
use crate::reference::rolling_deploy::variant::Variant;

const SCHEMA: &str = include_str!("schema.sql");
/// The event's identity makes what comes again change nothing.
const UNIQUE: &str = "create unique index if not exists results_event on results (event_id);\n";
const INSERT: &str = "\
    insert into results (event_id, account, object, bytes, digest, version, others)
    select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[],
        $6::text[], $7::text[]::jsonb[])
    on conflict do nothing";
const CONNECT_WITHIN: Duration = Duration::from_secs(3);
/// A batch takes milliseconds; a server that is silent for so long is away.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// A session of the database.
pub(crate) struct Store {
    client: Client,
    insert: Statement,
}

impl Store {
    /// Connects, and makes the table if there is none.
    ///
    /// # Errors
    /// Why not, in words; the same may work later.
    pub(crate) async fn connect(url: &str, name: &str, variant: Variant) -> Result<Self, String> {
        within(CONNECT_WITHIN, async {
            let mut config: Config = url.parse()?;
            config.application_name(name);
            let (client, connection) = config.connect(NoTls).await?;
            // It ends with the client.
            tokio::spawn(async move { drop(connection.await) });
            client.batch_execute(&schema(variant)).await?;
            let insert = client.prepare(INSERT).await?;
            Ok(Self { client, insert })
        })
        .await
    }

    /// Writes results in one step, and gives how many were new.
    ///
    /// # Errors
    /// Why not, in words; they may have been written.
    pub(crate) async fn write(&self, results: &[Outcome]) -> Result<u64, String> {
        let texts = |of: fn(&Outcome) -> String| results.iter().map(of).collect::<Vec<_>>();
        let event_ids = texts(|result| result.event_id.clone());
        let accounts = texts(|result| result.account.clone());
        let objects = texts(|result| result.object.clone());
        let bytes: Vec<i64> = results.iter().map(|result| result.bytes.cast_signed()).collect();
        let digests = texts(|result| result.digest.clone());
        let versions = texts(|result| result.version.to_string());
        let others = texts(|result| serde_json::Value::from(result.others.clone()).to_string());
        within(ANSWER_WITHIN, async {
            self.client
                .execute(
                    &self.insert,
                    &[&event_ids, &accounts, &objects, &bytes, &digests, &versions, &others],
                )
                .await
        })
        .await
    }
}

/// Only one session at a time makes the table.
fn schema(variant: Variant) -> String {
    let unique = if variant.writes_once() { UNIQUE } else { "" };
    format!("begin;\nselect pg_advisory_xact_lock(4712);\n{SCHEMA}{unique}commit;\n")
}

async fn within<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, tokio_postgres::Error>>,
) -> Result<T, String> {
    match timeout(limit, asked).await {
        Ok(answer) => answer.map_err(|error| {
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
            format!("{error}{}", cause.unwrap_or_default())
        }),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}
