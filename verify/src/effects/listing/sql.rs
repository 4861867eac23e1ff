//! Rows of a database, streamed: the server is held back while a row is taken
//! down.

use std::borrow::Cow;
use std::time::Duration;

use scenarios::locator::Record;
use tokio_postgres::SimpleQueryRow;

use super::Take;
use crate::postgres::Session;

struct Row<'a>(&'a SimpleQueryRow);

impl Record for Row<'_> {
    fn whole(&self) -> Option<Cow<'_, [u8]>> {
        self.0.get(0).map(|text| Cow::Borrowed(text.as_bytes()))
    }

    fn field(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        let text = self.0.try_get(name).ok().flatten();
        text.map(|text| Cow::Borrowed(text.as_bytes()))
    }
}

/// Hands over every row. Whether there is a table: without one there are no rows
/// where it `may_lack`, and an error elsewhere.
pub(super) async fn read(
    url: &str,
    query: &str,
    timeout: Duration,
    may_lack: bool,
    take: &mut Take<'_>,
) -> Result<bool, String> {
    let session = Session::open(url, "effects").await.map_err(|error| error.to_string())?;
    let read = session.ask(query, timeout, |row| {
        if row.is_empty() {
            return Err("the query gives no column".to_owned());
        }
        take(&Row(row));
        Ok(())
    });
    match read.await {
        Ok(_) => Ok(true),
        Err(_) if may_lack && session.lacks_table() => Ok(false),
        Err(error) => Err(error.to_string()),
    }
}

/// Hands over the first two columns of every row.
pub(super) async fn read_pairs(
    url: &str,
    query: &str,
    timeout: Duration,
    mut take: impl FnMut(&str, &str),
) -> Result<(), String> {
    let session = Session::open(url, "effects").await.map_err(|error| error.to_string())?;
    let read = session.ask(query, timeout, |row| {
        if row.len() < 2 {
            return Err("the query for the order must give a key and an identity".to_owned());
        }
        if let (Some(key), Some(text)) = (row.get(0), row.get(1)) {
            take(key, text);
        }
        Ok(())
    });
    read.await.map(drop).map_err(|error| error.to_string())
}
