//! Rows of a database, streamed: the server is held back while a row is taken
//! down.

use std::time::Duration;

use crate::postgres::Session;

/// Hands over the first column of every row.
pub(super) async fn read(
    url: &str,
    query: &str,
    timeout: Duration,
    take: &mut impl FnMut(&str),
) -> Result<(), String> {
    let session = Session::open(url, "effects").await.map_err(|error| error.to_string())?;
    let read = session.ask(query, timeout, |row| {
        if row.is_empty() {
            return Err("the query gives no column".to_owned());
        }
        if let Some(text) = row.get(0) {
            take(text);
        }
        Ok(())
    });
    read.await.map(drop).map_err(|error| error.to_string())
}

/// Hands over the first two columns of every row.
pub(super) async fn read_pairs(
    url: &str,
    query: &str,
    timeout: Duration,
    take: &mut impl FnMut(&str, &str) -> Result<(), String>,
) -> Result<(), String> {
    let session = Session::open(url, "effects").await.map_err(|error| error.to_string())?;
    let read = session.ask(query, timeout, |row| {
        if row.len() < 2 {
            return Err("the query for the order must give a key and an identity".to_owned());
        }
        match (row.get(0), row.get(1)) {
            (Some(key), Some(text)) => take(key, text),
            _ => Ok(()),
        }
    });
    read.await.map(drop).map_err(|error| error.to_string())
}
