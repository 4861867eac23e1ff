//! How a message is accepted: into its stream, and remembered, in one step.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use redis::aio::MultiplexedConnection;

use super::link::Link;
use super::message::{Fields, Request};
use super::streams;
use super::tactics::Dedupe;
use super::variant::Variant;

/// Redis knows a clientMessageId again for an hour; the database for ever.
const REMEMBERED_MS: u64 = 3_600_000;
/// Numbers the accepted messages of all partitions.
const SEQUENCE: &str = "msg:seq";

/// Answers whether the message was known, and the receipt of the one that was
/// accepted. Nothing can come between the memory and the entry: a server that
/// dies has both or neither.
const ONCE: &str = "local known = redis.call('GET', KEYS[1])
if known then return {1, known} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local seq = redis.call('INCR', KEYS[3])
redis.call('XADD', KEYS[2], '*', 'acceptedSeq', seq, unpack(ARGV, 3))
return {0, ARGV[1]}";
/// As `ONCE`, but does not look.
const ALWAYS: &str = "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local seq = redis.call('INCR', KEYS[3])
redis.call('XADD', KEYS[2], '*', 'acceptedSeq', seq, unpack(ARGV, 3))
return {0, ARGV[1]}";

/// What an accepted message is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) message_id: String,
    pub(crate) accepted_at: String,
}

/// What became of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The message is in the stream of its partition, now or already.
    Accepted { receipt: Receipt, hit: bool, partition: u16 },
    /// It definitely is not.
    NotTaken(String),
    /// Nobody knows.
    Unknown(String),
}

/// Why Redis gave no receipt.
enum Failure {
    NotTaken(String),
    Unknown(String),
}

/// Takes messages into the streams.
pub(crate) struct Admission {
    variant: Variant,
    requests: AtomicU64,
    /// What `dedupe-in-memory` knows.
    remembered: Mutex<HashMap<String, Receipt>>,
}

impl Admission {
    pub(crate) fn new(variant: Variant) -> Self {
        Self { variant, requests: AtomicU64::new(0), remembered: Mutex::default() }
    }

    /// `receipt` is the answer unless the message is known.
    pub(crate) async fn accept(
        &self,
        link: &Link,
        request: Request,
        correlation_id: String,
        receipt: Receipt,
    ) -> Outcome {
        let nth = self.requests.fetch_add(1, Ordering::Relaxed);
        let home = streams::partition_of(&request.conversation_id);
        let partition = self.variant.partition(home, nth);
        let key = request.client_message_id.clone();
        let fields = request.fields(&receipt.message_id, correlation_id, &receipt.accepted_at);
        let asked = Asked { stream: streams::name(partition), key, fields };
        match self.take(link, asked, receipt.clone()).await {
            Ok((known, hit)) => {
                let keeps = !hit || self.variant.keeps_identity();
                let receipt = if keeps { known } else { receipt };
                Outcome::Accepted { receipt, hit, partition }
            }
            Err(_) if !self.variant.waits_for_redis() => {
                Outcome::Accepted { receipt, hit: false, partition }
            }
            Err(Failure::NotTaken(reason)) => Outcome::NotTaken(reason),
            Err(Failure::Unknown(reason)) => Outcome::Unknown(reason),
        }
    }

    /// The receipt of the accepted message, and whether it was known.
    async fn take(
        &self,
        link: &Link,
        asked: Asked,
        receipt: Receipt,
    ) -> Result<(Receipt, bool), Failure> {
        let Some(redis) = link.get() else {
            return Err(Failure::NotTaken("there is no connection to Redis".to_owned()));
        };
        let taken = match self.variant.dedupe() {
            Dedupe::Atomic => asked.put(redis, ONCE, &receipt).await,
            Dedupe::Never => asked.put(redis, ALWAYS, &receipt).await,
            Dedupe::CheckFirst => match asked.look(redis.clone()).await {
                Ok(None) => asked.put(redis, ALWAYS, &receipt).await,
                Ok(Some(known)) => Ok((known, true)),
                Err(error) => Err(error),
            },
            Dedupe::Memory => match self.recall(&asked.key, &receipt) {
                None => {
                    let put = asked.put(redis, ALWAYS, &receipt).await;
                    if put.is_err() {
                        self.lock().remove(&asked.key);
                    }
                    put
                }
                Some(known) => Ok((known, true)),
            },
        };
        taken.map_err(|error| blame(link, &error))
    }

    /// What was remembered under the key; else remembers the receipt.
    fn recall(&self, key: &str, receipt: &Receipt) -> Option<Receipt> {
        match self.lock().entry(key.to_owned()) {
            Entry::Occupied(known) => Some(known.get().clone()),
            Entry::Vacant(free) => {
                free.insert(receipt.clone());
                None
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Receipt>> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A message on its way into a stream.
struct Asked {
    stream: String,
    key: String,
    fields: Fields,
}

impl Asked {
    fn memory(&self) -> String {
        format!("msg:idem:{}", self.key)
    }

    async fn look(&self, mut redis: MultiplexedConnection) -> redis::RedisResult<Option<Receipt>> {
        let known: Option<String> =
            redis::cmd("GET").arg(self.memory()).query_async(&mut redis).await?;
        Ok(known.map(|known| Receipt::read(&known)))
    }

    async fn put(
        &self,
        mut redis: MultiplexedConnection,
        script: &str,
        receipt: &Receipt,
    ) -> redis::RedisResult<(Receipt, bool)> {
        // The whole script each time: a server that was restarted knows none.
        let mut put = redis::cmd("EVAL");
        put.arg(script).arg(3).arg(self.memory()).arg(&self.stream).arg(SEQUENCE);
        put.arg(receipt.write()).arg(REMEMBERED_MS).arg(&self.fields);
        let (hit, known): (bool, String) = put.query_async(&mut redis).await?;
        Ok((Receipt::read(&known), hit))
    }
}

/// An error that the server answered is a refusal; any other may have come
/// after the server did what it was asked.
fn blame(link: &Link, error: &redis::RedisError) -> Failure {
    if error.code().is_some() {
        return Failure::NotTaken(format!("Redis refused it: {error}"));
    }
    link.suspect();
    Failure::Unknown(format!("the answer of Redis was lost: {error}"))
}

impl Receipt {
    fn write(&self) -> String {
        format!("{} {}", self.message_id, self.accepted_at)
    }

    fn read(text: &str) -> Self {
        let (message_id, accepted_at) = text.split_once(' ').unwrap_or((text, ""));
        Self { message_id: message_id.to_owned(), accepted_at: accepted_at.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_read_as_it_was_written() {
        let receipt =
            Receipt { message_id: "m".into(), accepted_at: "2026-01-01T00:00:00.000Z".into() };
        assert_eq!(Receipt::read(&receipt.write()), receipt);
    }

    #[test]
    fn memory_keeps_the_first_receipt() {
        let admission = Admission::new(Variant::DedupeInMemory);
        let receipt = |id: &str| Receipt { message_id: id.into(), accepted_at: String::new() };
        assert_eq!(admission.recall("k", &receipt("first")), None);
        assert_eq!(admission.recall("k", &receipt("second")), Some(receipt("first")));
    }
}
