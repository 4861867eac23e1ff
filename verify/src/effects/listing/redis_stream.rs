//! Entries of a Redis stream, read a page at a time and left where they are.

use std::borrow::Cow;

use redis::streams::{StreamId, StreamRangeReply};
use scenarios::locator::Record;

use super::Take;
use crate::redis_server::{Server, bytes};

/// Entries that are asked for at once.
const PAGE: usize = 1_000;

struct Entry<'a>(&'a StreamId);

impl Record for Entry<'_> {
    fn whole(&self) -> Option<Cow<'_, [u8]>> {
        None
    }

    fn field(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.0.map.get(name).and_then(bytes).map(Cow::Borrowed)
    }

    /// An object of the fields; their values are texts.
    fn document(&self) -> Option<Cow<'_, [u8]>> {
        let mut fields = serde_json::Map::new();
        for (name, value) in &self.0.map {
            // What is no text makes the whole no JSON.
            let text = std::str::from_utf8(bytes(value)?).ok()?;
            fields.insert(name.clone(), text.into());
        }
        serde_json::to_vec(&fields).ok().map(Cow::Owned)
    }
}

/// Hands over every entry. A stream that does not exist has no entries: it comes
/// into being with its first one. Whether it exists.
pub(super) async fn read(url: &str, stream: &str, take: &mut Take<'_>) -> Result<bool, String> {
    let mut server = Server::connect(url, "effects").await.map_err(|error| error.to_string())?;
    let exists = redis::cmd("EXISTS").arg(stream).query_async(&mut server.connection).await;
    let exists: bool = server.answered("EXISTS", exists).map_err(|trouble| trouble.to_string())?;
    let mut from = "-".to_owned();
    loop {
        let mut range = redis::cmd("XRANGE");
        range.arg(stream).arg(&from).arg("+").arg("COUNT").arg(PAGE);
        let page: Result<StreamRangeReply, _> = range.query_async(&mut server.connection).await;
        let page = server.answered("XRANGE", page).map_err(|trouble| trouble.to_string())?;
        page.ids.iter().for_each(|entry| take(&Entry(entry)));
        match page.ids.last() {
            Some(last) if page.ids.len() == PAGE => from = format!("({}", last.id),
            _ => return Ok(exists),
        }
    }
}
