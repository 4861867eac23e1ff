//! The documents: one for each user, changed by one atomic update for each event.
//!
//! A document says itself which events it holds and of which version it is. An
//! update goes to the version that it was computed from and to no other, so that
//! whoever comes second reads again; a first event is inserted, and the unique index
//! lets one of two do that. The user is its `_id`, too: not every server uses another
//! index.

use std::time::Duration;

use mongodb::bson::{Bson, DateTime, Document, RawDocumentBuf, doc};
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::options::{Acknowledgment, ClientOptions, IndexOptions, WriteConcern};
use mongodb::{Client, Collection, IndexModel};
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

use super::embedding::{self, DIMENSION, Embedding};
use super::event::Event;
use super::tactics::Dedupe;
use super::variant::Variant;
use crate::reference::server::since_epoch;

const COLLECTION: &str = "user_embeddings";
/// Where the address names no database.
const DATABASE: &str = crate::server::mongodb::DATABASE;
/// A database that takes longer to be found is away.
const FOUND_WITHIN: Duration = Duration::from_secs(2);
/// An operation that takes longer is given up: nobody knows what became of it.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// The server's code for a value that is there already in a unique index.
const DUPLICATE_KEY: i32 = 11000;
/// Users share lanes, seldom two that are worked on at the same time.
const LANES: usize = 64;
/// After each conflict one of those who wait for so long at most.
const CONFLICT_PAUSE_MS: u64 = 4;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It has taken effect.
    New,
    /// It had done so before.
    Known,
}

/// The documents.
pub(crate) struct Store {
    documents: Collection<RawDocumentBuf>,
    variant: Variant,
    /// Of this process one event of a user after the other: it need not be in its own
    /// way.
    lanes: [Mutex<()>; LANES],
}

/// A document as it was read.
struct Read {
    version: i64,
    /// Whether the event is among those that it holds.
    is_known: bool,
    embedding: Embedding,
    /// What it holds, for those who write it anew; else empty.
    processed: Vec<Bson>,
}

impl Store {
    /// Makes no connection yet.
    pub(crate) async fn new(url: &str, name: &str, variant: Variant) -> Result<Self, Error> {
        let mut options = ClientOptions::parse(url).await?;
        options.app_name = Some(name.to_owned());
        options.direct_connection = Some(true);
        options.server_selection_timeout = Some(FOUND_WITHIN);
        options.connect_timeout = Some(FOUND_WITHIN);
        // Who was answered may rely on it, whatever happens to the server.
        let concern = WriteConcern::builder().w(Acknowledgment::Nodes(1)).journal(true).build();
        options.write_concern = Some(concern);
        // What is tried again is decided here.
        options.retry_reads = Some(false);
        options.retry_writes = Some(false);
        let database = options.default_database.clone();
        let client = Client::with_options(options)?;
        let database = client.database(database.as_deref().unwrap_or(DATABASE));
        let lanes = std::array::from_fn(|_| Mutex::new(()));
        Ok(Self { documents: database.collection(COLLECTION), variant, lanes })
    }

    /// Sees to it that no user has two documents.
    pub(crate) async fn declare(&self) -> Result<(), String> {
        let unique = IndexOptions::builder().unique(true).build();
        let index = IndexModel::builder().keys(doc! { "user_id": 1 }).options(unique).build();
        let made = async { self.documents.create_index(index).await.map(drop) };
        within(made).await.map_err(|error| error.to_string())
    }

    /// Applies an event once, however often it comes; an error is of the database, and
    /// may come after the event took effect.
    pub(crate) async fn apply(&self, event: &Event, redelivered: bool) -> Result<Applied, String> {
        let lane = embedding::fnv1a(event.user_id.as_bytes()) % LANES as u64;
        let _turn = self.lanes[lane as usize].lock().await;
        within(self.try_to_apply(event, redelivered)).await
    }

    async fn try_to_apply(&self, event: &Event, redelivered: bool) -> Result<Applied, Error> {
        let dedupe = self.variant.dedupe();
        if dedupe == Dedupe::CheckFirst && self.read(event).await?.is_some_and(|read| read.is_known)
        {
            return Ok(Applied::Known);
        }
        if let Some(pause) = self.variant.dawdles().filter(|_| dedupe == Dedupe::CheckFirst) {
            sleep(pause).await;
        }
        let mut pause = 0;
        loop {
            let done = match self.read(event).await? {
                None => self.insert(event).await?,
                Some(read) if read.is_known && dedupe == Dedupe::Atomic => {
                    return self.leave(event, &read).await;
                }
                Some(read) => self.update(event, redelivered, read).await?,
            };
            if done {
                return Ok(Applied::New);
            }
            pause += CONFLICT_PAUSE_MS;
            sleep(Duration::from_micros(fastrand::u64(..pause * 1_000))).await;
        }
    }

    async fn read(&self, event: &Event) -> Result<Option<Read>, Error> {
        let filter = doc! { "_id": &event.user_id };
        let document = self.documents.find_one(filter).await?;
        document.map(|document| Read::of(&document, event, self.variant.locks())).transpose()
    }

    /// False if somebody else has made the user's document meanwhile.
    async fn insert(&self, event: &Event) -> Result<bool, Error> {
        let Embedding { vector, newest } = Embedding::first(event, self.variant);
        let now = now();
        let document = doc! {
            "_id": &event.user_id,
            "user_id": &event.user_id,
            "vector": vector,
            "version": 1_i64,
            "newest_event": DateTime::from_millis(newest),
            "last_updated": now,
            "processed": [processed(event, now)],
        };
        let document = RawDocumentBuf::try_from(&document).map_err(Error::custom)?;
        match self.documents.insert_one(document).await {
            Ok(_) => Ok(true),
            Err(error) if is_taken(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// False if the document is no longer of the version that was read.
    async fn update(&self, event: &Event, redelivered: bool, read: Read) -> Result<bool, Error> {
        let Read { version, embedding, processed: mut before, .. } = read;
        let Embedding { vector, newest } = embedding.with(event, redelivered, self.variant);
        let now = now();
        let mut set = doc! {
            "vector": vector,
            "newest_event": DateTime::from_millis(newest),
            "last_updated": now,
        };
        if !self.variant.locks() {
            if let Some(pause) = self.variant.dawdles() {
                sleep(pause).await;
            }
            before.push(processed(event, now).into());
            set.insert("version", version + 1);
            set.insert("processed", before);
            let filter = doc! { "_id": &event.user_id };
            self.documents.update_one(filter, doc! { "$set": set }).await?;
            return Ok(true);
        }
        let filter = doc! { "_id": &event.user_id, "version": version };
        let update = doc! {
            "$set": set,
            "$inc": { "version": 1_i64 },
            "$push": { "processed": processed(event, now) },
        };
        Ok(self.documents.update_one(filter, update).await?.matched_count == 1)
    }

    /// The event is known: nothing is to be done.
    async fn leave(&self, event: &Event, read: &Read) -> Result<Applied, Error> {
        if self.variant.counts_duplicates() {
            let filter = doc! { "_id": &event.user_id, "version": read.version };
            let update = doc! { "$inc": { "version": 1_i64 } };
            self.documents.update_one(filter, update).await?;
        }
        Ok(Applied::Known)
    }
}

impl Read {
    fn of(document: &RawDocumentBuf, event: &Event, locks: bool) -> Result<Self, Error> {
        let read = || -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
            let mut vector = Vec::with_capacity(DIMENSION);
            for number in document.get_array("vector")? {
                vector.push(number?.as_f64().ok_or("a vector has something that is no double")?);
            }
            let (mut is_known, mut processed) = (false, Vec::new());
            for entry in document.get_array("processed")? {
                let entry = entry?.as_document().ok_or("processed has something without an id")?;
                is_known |= entry.get_str("id")? == event.message_id;
                if !locks {
                    processed.push(Bson::Document(Document::try_from(entry)?));
                }
            }
            let newest = document.get_datetime("newest_event")?.timestamp_millis();
            let version = document.get_i64("version")?;
            Ok(Self { version, is_known, embedding: Embedding { vector, newest }, processed })
        };
        read().map_err(|error| Error::custom(error.to_string()))
    }
}

fn processed(event: &Event, now: DateTime) -> Document {
    doc! { "id": &event.message_id, "at": now }
}

fn now() -> DateTime {
    DateTime::from_millis(i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX))
}

/// Whether a document of the user is there already.
fn is_taken(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == DUPLICATE_KEY,
        ErrorKind::Command(error) => error.code == DUPLICATE_KEY,
        _ => false,
    }
}

async fn within<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, String> {
    match timeout(ANSWER_WITHIN, work).await {
        Ok(done) => done.map_err(|error| error.to_string()),
        Err(_) => Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
    }
}
