//! Entries of a Redis stream, read a page at a time and left where they are.

use redis::streams::StreamRangeReply;
use scenarios::pointer::Pointer;

use super::lines::identity_in;
use crate::redis_server::{Server, text};

/// Entries that are asked for at once.
const PAGE: usize = 1_000;

/// Hands over the identity of every entry. A stream that does not exist has no
/// entries: it comes into being with its first one.
pub(super) async fn read(
    url: &str,
    stream: &str,
    field: &str,
    pointer: Option<&Pointer>,
    take: &mut impl FnMut(&str),
) -> Result<(), String> {
    let mut server = Server::connect(url, "effects").await.map_err(|error| error.to_string())?;
    let mut from = "-".to_owned();
    loop {
        let mut range = redis::cmd("XRANGE");
        range.arg(stream).arg(&from).arg("+").arg("COUNT").arg(PAGE);
        let page: Result<StreamRangeReply, _> = range.query_async(&mut server.connection).await;
        let page = server.answered("XRANGE", page).map_err(|trouble| trouble.to_string())?;
        for entry in &page.ids {
            if let Some(text) = entry.map.get(field).and_then(text) {
                identity_in(text, pointer, take);
            }
        }
        match page.ids.last() {
            Some(last) if page.ids.len() == PAGE => from = format!("({}", last.id),
            _ => return Ok(()),
        }
    }
}
