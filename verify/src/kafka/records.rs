//! All records of a topic, from where it ended when the run began to where it ends now.
//!
//! A partition is at its end when a record at or behind it comes, or when librdkafka says
//! so: behind the last record there may be marks of transactions, and records of
//! aborted ones, which nobody is given.
//!
//! Such offsets without a record look like those that compaction leaves behind. Where
//! there are any and the topic is compacted, nobody knows what stood there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::message::{BorrowedMessage, Headers as _};
use rdkafka::{Message as _, Offset, TopicPartitionList};
use tokio::sync::mpsc::Sender;

use super::client::{self, Client, Inbox};
use super::policy::is_compacted;
use super::{Access, Deadline, Edge, Looked, Partition, Place, Starts, Taken};

/// How long brokers may take to say what there is.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long may pass without a record before a look is given up.
const STALLED: Duration = Duration::from_secs(10);
/// How long one wait for a record is: somebody may have gone meanwhile.
const GLANCE: Duration = Duration::from_millis(100);
/// Records, and their bytes, that are handed over at once.
const BATCH: usize = 1_000;
const BATCH_BYTES: usize = 1 << 20;

/// Hands over every record that the topic has now. Without `starts` it is not known
/// where it ended when the run began, and all of it is read.
///
/// # Errors
/// Why not all of them could be read.
pub(crate) fn read(
    access: &Access,
    topic: &str,
    starts: Option<&Starts>,
    deadline: Deadline,
    sender: &Sender<Vec<Taken>>,
) -> Result<Looked, String> {
    let Some(plan) = plan(access, topic, starts)? else { return Ok(Looked::default()) };
    let mut looked = Looked { is_there: true, blind: plan.blind };
    if plan.spans.is_empty() {
        return Ok(looked);
    }
    let mut config = client::config(access, "effects");
    // Without a group nothing can be assigned. It is never joined.
    config.set("group.id", "shakedown-effects");
    config.set("enable.partition.eof", "true");
    config.set("auto.offset.reset", "error");
    let consumer: BaseConsumer<Inbox> =
        config.create_with_context(Inbox::default()).map_err(|error| client::unmade(&error))?;
    let mut list = TopicPartitionList::new();
    for (partition, (from, _)) in &plan.spans {
        let added = list.add_partition_offset(topic, *partition, Offset::Offset(*from));
        added.map_err(|error| client::text(&error))?;
    }
    consumer.assign(&list).map_err(|error| client::text(&error))?;
    let spans = plan.spans;
    let look = Look {
        consumer: &consumer,
        topic,
        sender,
        spans,
        came: 0,
        has_gaps: false,
        batch: Batch::default(),
    };
    let has_gaps = look.run(deadline)?;
    drop(consumer);
    if has_gaps && looked.blind.is_none() {
        looked.blind = match is_compacted(access, topic, Deadline::within(PATIENCE)) {
            Ok(false) => None,
            Ok(true) => Some(format!(
                "topic {topic} is compacted, and not every offset has a record: what stood there \
                 is not known; write effects to a topic with cleanup.policy = delete"
            )),
            Err(why) => Some(format!(
                "not every offset of topic {topic} has a record, and whether it is compacted is \
                 not known: {why}"
            )),
        };
    }
    Ok(looked)
}

/// What is to be read.
struct Plan {
    /// From which offset to before which, by partition.
    spans: BTreeMap<i32, (i64, i64)>,
    blind: Option<String>,
}

/// What there is to be read, unless there is no such topic.
fn plan(access: &Access, topic: &str, starts: Option<&Starts>) -> Result<Option<Plan>, String> {
    let deadline = Deadline::within(PATIENCE);
    let client = Client::open(access, "effects")?;
    let partitions = client.partitions(topic, deadline).map_err(|trouble| trouble.to_string())?;
    let Some(partitions) = partitions else { return Ok(None) };
    let ends = known(&client, Edge::End, &partitions, deadline)?;
    let firsts = known(&client, Edge::Start, &partitions, deadline)?;
    let mut plan = Plan { spans: BTreeMap::new(), blind: None };
    for ((_, partition), end) in &ends {
        let first = firsts.get(&(topic.to_owned(), *partition)).copied().unwrap_or(0);
        let start = starts.map(|starts| starts.get(partition).copied().unwrap_or(0));
        if first > start.unwrap_or(0) {
            let since = match start {
                Some(start) => format!("and ended at {start} when the run began"),
                None => "and it is not known where it ended when the run began".to_owned(),
            };
            plan.blind.get_or_insert_with(|| {
                format!(
                    "partition {partition} of topic {topic} begins at offset {first} now, {since}: \
                     what stood in between was deleted; give the topic a longer retention"
                )
            });
        }
        let from = first.max(start.unwrap_or(0));
        if from < *end {
            plan.spans.insert(*partition, (from, *end));
        }
    }
    Ok(Some(plan))
}

fn known(
    client: &Client,
    edge: Edge,
    partitions: &[Partition],
    deadline: Deadline,
) -> Result<BTreeMap<Place, i64>, String> {
    let told = client.offsets(edge, partitions, deadline).into_iter();
    let each = told.map(|(place, offset)| match offset {
        Ok(offset) => Ok((place, offset)),
        Err(why) => Err(format!("partition {} of topic {}: {why}", place.1, place.0)),
    });
    each.collect()
}

/// Records on their way.
#[derive(Default)]
struct Batch {
    records: Vec<Taken>,
    bytes: usize,
}

struct Look<'a> {
    consumer: &'a BaseConsumer<Inbox>,
    topic: &'a str,
    sender: &'a Sender<Vec<Taken>>,
    /// The partitions that are not at their end: what comes next, and where that is.
    spans: BTreeMap<i32, (i64, i64)>,
    came: u64,
    /// Whether an offset had no record.
    has_gaps: bool,
    batch: Batch,
}

impl Look<'_> {
    /// Whether an offset had no record.
    fn run(mut self, deadline: Deadline) -> Result<bool, String> {
        let mut moved = Instant::now();
        while !self.spans.is_empty() {
            let left = self.spans.len();
            match self.consumer.poll(GLANCE) {
                Some(Ok(message)) => {
                    moved = Instant::now();
                    self.take(&message)?;
                }
                Some(Err(KafkaError::PartitionEOF(partition))) => {
                    self.has_gaps |= self.spans.remove(&partition).is_some();
                }
                Some(Err(error)) => self.failed(&error)?,
                None => {}
            }
            if self.sender.is_closed() {
                return Err("nobody waits for it any more".to_owned());
            }
            if left > self.spans.len() {
                moved = Instant::now();
            } else if deadline.left().is_zero() {
                return Err(self.late("give it a longer timeout"));
            } else if moved.elapsed() > STALLED {
                let said = self.consumer.context().trouble();
                return Err(self.late(&said.unwrap_or_else(|| "no more came".to_owned())));
            }
        }
        self.hand_over()?;
        Ok(self.has_gaps)
    }

    fn late(&self, why: &str) -> String {
        format!("topic {}: {} records came, and not all of them; {why}", self.topic, self.came)
    }

    fn take(&mut self, message: &BorrowedMessage<'_>) -> Result<(), String> {
        let (partition, offset) = (message.partition(), message.offset());
        // What is behind the end may have been fetched already.
        let Some((next, end)) = self.spans.get_mut(&partition) else { return Ok(()) };
        self.has_gaps |= offset != *next;
        *next = offset + 1;
        let end = *end;
        if offset < end {
            self.came += 1;
            self.batch.bytes += message.payload_len() + message.key_len();
            self.batch.records.push(taken(message));
        }
        if offset + 1 >= end {
            self.spans.remove(&partition);
            let mut done = TopicPartitionList::new();
            done.add_partition(self.topic, partition);
            self.consumer.pause(&done).map_err(|error| client::text(&error))?;
        }
        let is_full = self.batch.records.len() >= BATCH || self.batch.bytes >= BATCH_BYTES;
        if is_full { self.hand_over() } else { Ok(()) }
    }

    fn hand_over(&mut self) -> Result<(), String> {
        let batch = std::mem::take(&mut self.batch).records;
        let sent = self.sender.blocking_send(batch);
        sent.map_err(|_| "nobody waits for it any more".to_owned())
    }

    /// What no waiting mends.
    fn failed(&self, error: &KafkaError) -> Result<(), String> {
        let said = match error.rdkafka_error_code() {
            Some(Code::AutoOffsetReset | Code::OffsetOutOfRange) => {
                "records were deleted while they were read".to_owned()
            }
            Some(
                code @ (Code::UnknownTopicOrPartition
                | Code::UnknownTopic
                | Code::UnknownPartition
                | Code::TopicAuthorizationFailed
                | Code::Authentication
                | Code::SaslAuthenticationFailed
                | Code::BadMessage
                | Code::BadCompression
                | Code::Fatal),
            ) => code.to_string(),
            // Its group, which it does not join, may be one that we may not see.
            _ => return Ok(()),
        };
        Err(format!("topic {}: {said}", self.topic))
    }
}

fn taken(message: &BorrowedMessage<'_>) -> Taken {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers = headers.map(|of| (of.key.to_owned(), of.value.map(<[u8]>::to_vec)));
    Taken {
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.collect(),
        timestamp: message.timestamp().to_millis(),
        partition: message.partition(),
        offset: message.offset(),
    }
}
