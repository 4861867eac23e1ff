//! A session at a MongoDB server that only reads, as probes, sources of effects
//! and the preflight need it.
//!
//! Documents come in batches: the server is held back while they are being worked
//! on, so that an answer of any length takes a bounded amount of memory.

pub(crate) mod plain;

use std::time::{Duration, Instant};

use mongodb::bson::{Document, RawDocument, RawDocumentBuf, doc};
use mongodb::error::Error;
use mongodb::{Client, Collection, Cursor};
use scenarios::plan::Ask;
use services::mongodb::{database_or, trouble};
use services::{Address, Service, Trouble};

use crate::clock;

/// How long a server may take to let us in.
const PATIENCE: Duration = Duration::from_secs(5);
/// What an answer may take longer than the time that the server is given.
const GRACE: Duration = Duration::from_secs(2);
/// Documents that are asked for at once; the server sends at most 16 MiB of them.
const BATCH: u32 = 1_000;
/// How often a clock is asked; the quickest answer counts.
const CLOCK_ASKED: usize = 5;

/// What is asked, as the server reads it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Question {
    /// Documents.
    Find {
        /// Which ones.
        filter: Document,
        /// What of them.
        projection: Option<Document>,
        /// In which order.
        sort: Option<Document>,
    },
    /// How many documents.
    Count(Document),
    /// What a pipeline gives.
    Aggregate(Vec<Document>),
}

impl Question {
    /// What is asked by a plan.
    ///
    /// # Errors
    /// Where a text is no extended JSON.
    pub(crate) fn of(ask: &Ask) -> Result<Self, String> {
        fn read<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
            serde_json::from_str(text).map_err(|error| format!("{text} is not understood: {error}"))
        }
        let all = |document: &Option<scenarios::documents::Document>| {
            document.as_ref().map(|document| read(document.as_str())).transpose()
        };
        Ok(match ask {
            Ask::Find { filter, projection, sort } => Self::Find {
                filter: read(filter.as_str())?,
                projection: all(projection)?,
                sort: all(sort)?,
            },
            Ask::Count { filter } => Self::Count(read(filter.as_str())?),
            Ask::Aggregate { pipeline } => Self::Aggregate(read(pipeline.as_str())?),
        })
    }

    /// Whether no result at all means that there are none: a count of nothing.
    pub(crate) fn counts(&self) -> bool {
        match self {
            Self::Find { .. } => false,
            Self::Count(_) => true,
            Self::Aggregate(stages) => {
                stages.last().is_some_and(|stage| stage.contains_key("$count"))
            }
        }
    }

    /// What messages call it.
    pub(crate) const fn name(&self) -> &'static str {
        match self {
            Self::Find { .. } => "find",
            Self::Count(_) => "count",
            Self::Aggregate(_) => "aggregate",
        }
    }

    /// The same, for one result at most.
    #[must_use]
    pub(crate) fn first(&self) -> Self {
        match self {
            Self::Aggregate(stages) => {
                let limit = doc! { "$limit": 1 };
                Self::Aggregate(stages.iter().cloned().chain([limit]).collect())
            }
            other => other.clone(),
        }
    }
}

/// How the clock of the server at an address stands to ours.
///
/// # Errors
/// When nobody answers there, or lets us in, or says what the time is.
pub async fn clock_of(url: &str) -> Result<ClockOffset, Trouble> {
    Session::open(url, Some("admin"), "clock").await?.clock().await
}

/// How a server's clock stands to ours.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClockOffset {
    /// By how much the server's clock is ahead of ours, in milliseconds.
    pub ms: f64,
    /// By how much that may be wrong either way: half the time that the answer
    /// took, and half of the millisecond that the server counts in.
    pub error_ms: f64,
}

/// A session that only reads.
pub(crate) struct Session {
    client: Client,
    address: Address,
    database: String,
}

impl Session {
    /// Connects under a name that faults spare. The database is that of the
    /// address where none is given.
    ///
    /// # Errors
    /// When nobody answers there, or lets us in, or no database is named.
    pub(crate) async fn open(
        url: &str,
        database: Option<&str>,
        role: &str,
    ) -> Result<Self, Trouble> {
        let address = Service::Mongodb.address(url)?;
        let database = database_or(&address, database)?;
        let client = services::mongodb::connect(&address, role, PATIENCE).await?;
        Ok(Self { client, address, database })
    }

    /// Asks, and hands over each document of the answer as it comes; of a count one
    /// with `value`. Gives their number.
    ///
    /// # Errors
    /// When the server refuses, the time is up, the session is lost, or a document is
    /// refused.
    pub(crate) async fn ask(
        &self,
        collection: &str,
        question: &Question,
        within: Duration,
        mut take: impl FnMut(&RawDocument) -> Result<(), String>,
    ) -> Result<u64, Trouble> {
        let request = question.name();
        let failed = |error: Error| trouble(&self.address, request, &error);
        let mut give = |document: &RawDocument| {
            take(document).map_err(|why| self.address.answered(request, &why))
        };
        let asked = async {
            let documents = self.documents(collection);
            let mut cursor: Cursor<RawDocumentBuf> = match question {
                Question::Count(filter) => {
                    let counted = documents.count_documents(filter.clone()).max_time(within);
                    let value = i64::try_from(counted.await.map_err(failed)?).unwrap_or(i64::MAX);
                    let counted = RawDocumentBuf::try_from(&doc! { "value": value });
                    let counted =
                        counted.map_err(|error| self.address.answered(request, &error.to_string()));
                    give(&counted?)?;
                    return Ok(1);
                }
                Question::Find { filter, projection, sort } => {
                    let mut find =
                        documents.find(filter.clone()).batch_size(BATCH).max_time(within);
                    if let Some(projection) = projection {
                        find = find.projection(projection.clone());
                    }
                    if let Some(sort) = sort {
                        find = find.sort(sort.clone());
                    }
                    find.await.map_err(failed)?
                }
                Question::Aggregate(stages) => {
                    let aggregate = documents.aggregate(stages.clone()).batch_size(BATCH);
                    let aggregate = aggregate.max_time(within).with_type::<RawDocumentBuf>();
                    aggregate.await.map_err(failed)?
                }
            };
            let mut count = 0;
            while cursor.advance().await.map_err(failed)? {
                count += 1;
                give(cursor.current())?;
            }
            Ok(count)
        };
        match tokio::time::timeout(within + GRACE, asked).await {
            Ok(answered) => answered,
            Err(_) => {
                let late = format!("no answer to {request} within {} s", within.as_secs_f64());
                Err(self.address.unreachable(&late))
            }
        }
    }

    /// Whether the server can carry a question out: it is asked for one result.
    ///
    /// # Errors
    /// What the server says of it. That it took too long is none.
    pub(crate) async fn try_out(
        &self,
        collection: &str,
        question: &Question,
        within: Duration,
    ) -> Result<(), Trouble> {
        let failed = |error: &Error| trouble(&self.address, question.name(), error);
        let documents = self.documents(collection);
        let asked = async {
            match question.first() {
                Question::Find { filter, projection, sort } => {
                    let mut find = documents.find(filter).limit(1).max_time(within);
                    find = find.projection(projection.unwrap_or_default());
                    find.sort(sort.unwrap_or_default()).await.map(drop)
                }
                Question::Count(filter) => {
                    documents.find(filter).limit(1).max_time(within).await.map(drop)
                }
                Question::Aggregate(stages) => {
                    documents.aggregate(stages).max_time(within).await.map(drop)
                }
            }
        };
        match tokio::time::timeout(within + GRACE, asked).await {
            Ok(Err(error)) if !is_late(&error) => Err(failed(&error)),
            _ => Ok(()),
        }
    }

    fn documents(&self, collection: &str) -> Collection<RawDocumentBuf> {
        self.client.database(&self.database).collection(collection)
    }

    /// The database that is asked.
    pub(crate) fn database(&self) -> &str {
        &self.database
    }

    /// The names of the collections that this user may see.
    ///
    /// # Errors
    /// When the server does not say.
    pub(crate) async fn collections(&self) -> Result<Vec<String>, Trouble> {
        self.named(doc! {}).await
    }

    /// Whether there is such a collection, or view.
    ///
    /// # Errors
    /// When the server does not say.
    pub(crate) async fn exists(&self, collection: &str) -> Result<bool, Trouble> {
        let named = self.named(doc! { "name": collection }).await?;
        Ok(named.iter().any(|name| name == collection))
    }

    async fn named(&self, filter: Document) -> Result<Vec<String>, Trouble> {
        let database = self.client.database(&self.database);
        let asked = async {
            database.list_collection_names().filter(filter).authorized_collections(true).await
        };
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(names) => names.map_err(|error| trouble(&self.address, "listCollections", &error)),
            Err(_) => Err(self.address.unreachable("no answer to listCollections within 5 s")),
        }
    }

    /// How the server's clock stands to ours, by what it says the time is (`localTime`
    /// of `hello`): when it answered lies between the question and the answer.
    ///
    /// # Errors
    /// When the server does not say.
    pub(crate) async fn clock(&self) -> Result<ClockOffset, Trouble> {
        let database = self.client.database("admin");
        let mut best: Option<ClockOffset> = None;
        for _ in 0..CLOCK_ASKED {
            let (wall, begun) = (clock::wall(), Instant::now());
            let asked = async { database.run_command(doc! { "hello": 1 }).await };
            let answer = tokio::time::timeout(PATIENCE, asked).await;
            let took = begun.elapsed().as_secs_f64() * 1e3;
            let answer =
                answer.map_err(|_| self.address.unreachable("no answer to hello within 5 s"))?;
            let answer = answer.map_err(|error| trouble(&self.address, "hello", &error))?;
            let said = answer.get_datetime("localTime");
            let said = said.map_err(|_| self.address.answered("hello", "no localTime"))?;
            let ours = ms_since_epoch(wall) + took / 2.0;
            let offset = ClockOffset {
                // Its milliseconds are cut off.
                ms: said.timestamp_millis() as f64 + 0.5 - ours,
                error_ms: took / 2.0 + 0.5,
            };
            if best.is_none_or(|best| offset.error_ms < best.error_ms) {
                best = Some(offset);
            }
        }
        best.ok_or_else(|| self.address.answered("hello", "nothing"))
    }
}

fn ms_since_epoch(wall: std::time::SystemTime) -> f64 {
    wall.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e3)
}

/// Whether the server gave up because the time was over.
fn is_late(error: &Error) -> bool {
    const MAX_TIME_EXPIRED: i32 = 50;
    matches!(&*error.kind, mongodb::error::ErrorKind::Command(told) if told.code == MAX_TIME_EXPIRED)
}

#[cfg(test)]
mod tests {
    use mongodb::bson::Bson;

    use super::*;

    #[test]
    fn a_question_keeps_its_types_and_the_order_of_its_keys() {
        let ask = Ask::Find {
            filter: r#"{"at":{"$gt":{"$date":"2026-01-31T00:00:00Z"}},"n":1}"#.parse().unwrap(),
            projection: None,
            sort: Some(r#"{"z":1,"a":-1}"#.parse().unwrap()),
        };
        let Question::Find { filter, sort: Some(sort), .. } = Question::of(&ask).unwrap() else {
            panic!("no find");
        };
        let at = filter.get_document("at").unwrap().get_datetime("$gt").unwrap();
        assert_eq!(at.timestamp_millis(), 1_769_817_600_000);
        assert_eq!(filter.get("n"), Some(&Bson::Int32(1)));
        assert_eq!(sort.keys().collect::<Vec<_>>(), ["z", "a"]);
        let wrong =
            Ask::Count { filter: r#"{"at":{"$date":"2026-13-31T00:00:00Z"}}"#.parse().unwrap() };
        assert!(Question::of(&wrong).unwrap_err().contains("is not understood"));
    }

    #[test]
    fn nothing_of_a_count_is_zero() {
        let asked = |text: &str| {
            Question::of(&Ask::Aggregate { pipeline: text.parse().unwrap() }).unwrap().counts()
        };
        assert!(asked(r#"[{"$match":{}},{"$count":"value"}]"#));
        assert!(!asked(r#"[{"$group":{"_id":"$user"}}]"#));
    }
}
