//! Documents of a MongoDB collection, streamed: the server is held back while one
//! is taken down.

use std::time::Duration;

use scenarios::plan::Ask;

use super::Take;
use crate::mongodb::plain::Found;
use crate::mongodb::{Question, Session};

/// Hands over every document. Whether there is such a collection: it comes into
/// being with its first document.
pub(super) async fn read(
    url: &str,
    database: Option<&str>,
    collection: &str,
    ask: &Ask,
    timeout: Duration,
    take: &mut Take<'_>,
) -> Result<bool, String> {
    let question = Question::of(ask)?;
    let session = Session::open(url, database, "effects").await.map_err(|e| e.to_string())?;
    let asked = session.ask(collection, &question, timeout, |document| {
        take(&Found(document));
        Ok(())
    });
    let found = asked.await.map_err(|trouble| trouble.to_string())?;
    match found {
        0 => session.exists(collection).await.map_err(|trouble| trouble.to_string()),
        _ => Ok(true),
    }
}
