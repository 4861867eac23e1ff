//! A reader at the end of a stream, and duplicates as new entries with the same
//! fields.
//!
//! The reader sees its own duplicates as well. It knows them by the ids that
//! the server has given them, and leaves them alone.

use std::collections::HashSet;
use std::time::Duration;

use redis::Value;

use super::End;
use super::pen::{Pen, hash};
use crate::FaultError;
use crate::redis_server::Server;
use crate::service::REDIS;
use crate::timetable::ChoiceError;

/// So many entries are looked at together: their identities share a write.
const BATCH: u32 = 256;
/// How long a read waits for entries.
const WAIT: Duration = Duration::from_millis(200);
/// The fields in which entries carry their identity, the first that is there.
const NAMES: [&[u8]; 3] = [b"id", b"message_id", b"identity"];

type Field = (Vec<u8>, Vec<u8>);

/// An entry of a stream.
struct Entry {
    id: Vec<u8>,
    fields: Vec<Field>,
}

/// A connection and where it stands in the stream.
pub(super) struct Tap {
    server: Server,
    stream: String,
    /// The id of the last entry that was seen.
    last: Vec<u8>,
    /// The ids of duplicates that were not seen yet.
    own: HashSet<Vec<u8>>,
}

impl Tap {
    /// Connects and looks whether the stream is there. Entries that come after
    /// this are seen.
    pub(super) async fn connect(url: &str, stream: &str) -> Result<Self, FaultError> {
        let mut server = Server::connect(url).await?;
        let kind: String = server.ask(redis::cmd("TYPE").arg(stream), "TYPE").await?;
        if kind != "stream" {
            let what = format!("stream {stream:?}");
            return Err(FaultError::Choice { what, source: ChoiceError::Nothing });
        }
        let newest = redis::cmd("XINFO").arg("STREAM").arg(stream).to_owned();
        let facts: Vec<Value> = server.ask(&newest, "XINFO STREAM").await?;
        let last = last_id(&facts).ok_or_else(|| FaultError::Answer {
            service: &REDIS,
            address: server.shown().to_owned(),
            request: "XINFO STREAM".to_owned(),
            answer: "nothing of the last id".to_owned(),
        })?;
        Ok(Self { server, stream: stream.to_owned(), last, own: HashSet::new() })
    }

    /// Puts the chosen ones once more until the end.
    pub(super) async fn run(mut self, pen: &mut Pen, end: &mut End) -> Result<(), String> {
        loop {
            let entries = tokio::select! {
                entries = self.read() => entries.map_err(|error| error.to_string())?,
                () = end.came() => return Ok(()),
            };
            let theirs = entries.into_iter().filter(|entry| !self.own.remove(&entry.id));
            let named = theirs.map(|entry| (identity(&entry), entry)).collect();
            let chosen = pen.choose(named)?;
            let put = self.put(&chosen).await.map_err(|error| error.to_string())?;
            pen.accepted(put);
        }
    }

    /// The next entries, if some come soon.
    async fn read(&mut self) -> Result<Vec<Entry>, FaultError> {
        let mut read = redis::cmd("XREAD");
        let wait = u64::try_from(WAIT.as_millis()).unwrap_or(u64::MAX);
        read.arg("COUNT").arg(BATCH).arg("BLOCK").arg(wait);
        read.arg("STREAMS").arg(&self.stream).arg(&self.last);
        let entries = entries(self.server.ask(&read, "XREAD").await?);
        if let Some(newest) = entries.last() {
            self.last.clone_from(&newest.id);
        }
        Ok(entries)
    }

    async fn put(&mut self, chosen: &[Entry]) -> Result<u64, FaultError> {
        if chosen.is_empty() {
            return Ok(0);
        }
        let mut adds = redis::pipe();
        for entry in chosen {
            let add = adds.cmd("XADD").arg(&self.stream).arg("*");
            entry.fields.iter().for_each(|(name, value)| {
                add.arg(name).arg(value);
            });
        }
        let ids: Vec<Vec<u8>> = self.server.ask_all(&adds, "XADD").await?;
        let count = ids.len() as u64;
        self.own.extend(ids);
        Ok(count)
    }
}

/// What an entry calls itself; of one without a name, what is in it.
fn identity(entry: &Entry) -> String {
    let named = NAMES.iter().find_map(|name| entry.fields.iter().find(|(field, _)| field == name));
    match named {
        Some((_, value)) => String::from_utf8_lossy(value).into_owned(),
        None => {
            let fields = entry.fields.iter().flat_map(|(name, value)| [name, value]);
            let all: Vec<u8> = fields.flat_map(|text| [text, &b"\0"[..]].concat()).collect();
            format!("fields-{:016x}", hash(&all))
        }
    }
}

fn last_id(facts: &[Value]) -> Option<Vec<u8>> {
    let mut pairs = facts.chunks_exact(2);
    pairs.find_map(|pair| (text(&pair[0])? == b"last-generated-id").then(|| text(&pair[1]))?)
}

/// The entries of an answer to XREAD for one stream; none if nothing came.
fn entries(answer: Value) -> Vec<Entry> {
    let Value::Array(streams) = answer else { return Vec::new() };
    let Some(Value::Array(stream)) = streams.into_iter().next() else { return Vec::new() };
    let Some(Value::Array(entries)) = stream.into_iter().nth(1) else { return Vec::new() };
    entries.iter().filter_map(entry).collect()
}

/// An entry; `None` for one that was deleted.
fn entry(value: &Value) -> Option<Entry> {
    let Value::Array(parts) = value else { return None };
    let [id, Value::Array(fields)] = parts.as_slice() else { return None };
    let pairs = fields.chunks_exact(2).map(|pair| Some((text(&pair[0])?, text(&pair[1])?)));
    Some(Entry { id: text(id)?, fields: pairs.collect::<Option<_>>()? })
}

fn text(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes.clone()),
        Value::SimpleString(text) => Some(text.clone().into_bytes()),
        _ => None,
    }
}
