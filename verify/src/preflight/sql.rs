//! Whether PostgreSQL can carry out a query, without carrying it out: it is
//! prepared. A table that is not there may be made by the system later; anything
//! else that is wrong with the query is wrong.

use std::time::Duration;

use scenarios::nearest::there_are;
use services::Trouble;

use super::{Found, NAMED};
use crate::postgres::{Session, Unprepared};

/// How long the tables may take to be listed.
const LISTED_WITHIN: Duration = Duration::from_secs(1);

const TABLES: &str = "select c.oid::regclass::text from pg_class c \
    join pg_namespace n on n.oid = c.relnamespace \
    where c.relkind in ('r', 'v', 'm', 'p', 'f') \
    and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') \
    order by 1 limit 500";

/// Looks at what a query reads.
pub(super) async fn look(url: &str, query: &str) -> Result<(), Found> {
    let session = Session::open(url, "preflight").await?;
    match session.prepare(query).await {
        Ok(()) => Ok(()),
        Err(Unprepared::NoTable { name, said }) => {
            let mut tables = Vec::new();
            let listed = session.ask(TABLES, LISTED_WITHIN, |row| {
                tables.extend(row.get(0).map(str::to_owned));
                Ok(())
            });
            let there = match listed.await {
                Ok(_) => there_are(&name, tables.iter().map(String::as_str), NAMED),
                Err(trouble) => format!("its tables could not be listed: {trouble}"),
            };
            Err(Found::Absent(format!("{said} (yet); {there}")))
        }
        Err(Unprepared::Wrong(said)) => {
            Err(Found::Unusable(format!("PostgreSQL cannot carry out the query: {said}")))
        }
        Err(Unprepared::Trouble(trouble @ Trouble::Credentials { .. })) => {
            Err(Found::Unusable(trouble.to_string()))
        }
        Err(Unprepared::Trouble(trouble)) => Err(Found::Wrong(trouble)),
    }
}
