//! The streams and their groups: names, and the commands on one partition.

use redis::aio::MultiplexedConnection;
use redis::streams::{
    StreamAutoClaimReply, StreamId, StreamInfoGroupsReply, StreamPendingReply, StreamReadReply,
};
use redis::{AsyncConnectionConfig, RedisResult};
use std::time::Duration;

use super::message::Fields;

/// How many streams there are.
pub(crate) const PARTITIONS: u16 = 16;
/// The workers' group.
pub(crate) const GROUP: &str = "persistence-workers";
/// Where messages go that fail for good.
pub(crate) const DEAD_LETTERS: &str = "msg:dlq";
const DEAD_LETTER_GROUP: &str = "dlq-processors";

const DECLARE: &str = include_str!("declare.lua");

/// Messages of one read.
const BATCH: usize = 10;
/// How long a read waits for a message.
const BLOCK: Duration = Duration::from_millis(500);
/// A whole batch takes milliseconds, and nobody else has this partition.
const ABANDONED_AFTER: Duration = Duration::from_secs(5);
/// What was handled stays readable for so long.
const KEPT_MS: u64 = 60_000;
const CONNECT_WITHIN: Duration = Duration::from_secs(2);
/// Longer than a read blocks, and than a network that is merely slow.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The stream of a partition.
pub(crate) fn name(partition: u16) -> String {
    format!("msg:stream:{partition}")
}

/// The partition of a conversation: FNV-1a, the same in every process and run.
pub(crate) fn partition_of(conversation: &str) -> u16 {
    let hash = conversation.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The low bits of FNV-1a are its weakest.
    ((hash ^ (hash >> 32)) % u64::from(PARTITIONS)) as u16
}

/// A connection that the server knows as `name`.
pub(crate) async fn connect(url: &str, name: &str) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_WITHIN))
        .set_response_timeout(Some(ANSWER_WITHIN))
        .set_pipeline_buffer_size(1024);
    let client = redis::Client::open(url)?;
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    redis::cmd("CLIENT").arg("SETNAME").arg(name).exec_async(&mut connection).await?;
    Ok(connection)
}

/// Makes the groups that are missing, of the dead letters and of these
/// partitions, and has the server know their lag again. They begin at the first
/// entry: what was accepted before there was a worker waits for one.
pub(crate) async fn declare(
    connection: &mut MultiplexedConnection,
    partitions: impl IntoIterator<Item = u16>,
) -> RedisResult<()> {
    let partitions = partitions.into_iter().map(|partition| (name(partition), GROUP));
    let dead_letters = (DEAD_LETTERS.to_owned(), DEAD_LETTER_GROUP);
    let (streams, groups): (Vec<String>, Vec<&str>) = partitions.chain([dead_letters]).unzip();
    let mut declare = redis::cmd("EVAL");
    declare.arg(DECLARE).arg(streams.len()).arg(&streams).arg(&groups);
    declare.exec_async(connection).await
}

/// Entries that are not yet acknowledged, delivered or not, by partition.
/// Absent where the server does not know.
pub(crate) async fn backlogs(
    connection: &mut MultiplexedConnection,
) -> RedisResult<Vec<Option<usize>>> {
    let mut ask = redis::pipe();
    for partition in 0..PARTITIONS {
        ask.cmd("XINFO").arg("GROUPS").arg(name(partition));
    }
    let answers: Vec<StreamInfoGroupsReply> = ask.query_async(connection).await?;
    let backlog = |answer: StreamInfoGroupsReply| {
        let group = answer.groups.into_iter().find(|group| group.name == GROUP)?;
        Some(group.lag? + group.pending)
    };
    Ok(answers.into_iter().map(backlog).collect())
}

/// One partition, as one consumer sees it.
pub(crate) struct Partition {
    stream: String,
    consumer: String,
    connection: MultiplexedConnection,
}

impl Partition {
    pub(crate) fn new(number: u16, consumer: String, connection: MultiplexedConnection) -> Self {
        Self { stream: name(number), consumer, connection }
    }

    /// The next entries that nobody has had; none if none comes in time.
    pub(crate) async fn fresh(&mut self) -> RedisResult<Vec<StreamId>> {
        let block = u64::try_from(BLOCK.as_millis()).unwrap_or(u64::MAX);
        self.read(BATCH, Some(block), ">").await
    }

    /// The first of the entries that this consumer has had and not
    /// acknowledged.
    pub(crate) async fn own(&mut self) -> RedisResult<Vec<StreamId>> {
        self.read(BATCH, None, "0").await
    }

    async fn read(
        &mut self,
        count: usize,
        block: Option<u64>,
        from: &str,
    ) -> RedisResult<Vec<StreamId>> {
        let mut read = redis::cmd("XREADGROUP");
        read.arg(&["GROUP", GROUP, &self.consumer]).arg("COUNT").arg(count);
        if let Some(block) = block {
            read.arg("BLOCK").arg(block);
        }
        read.arg(&["STREAMS", &self.stream, from]);
        let reply: Option<StreamReadReply> = read.query_async(&mut self.connection).await?;
        let streams = reply.into_iter().flat_map(|reply| reply.keys);
        Ok(streams.flat_map(|stream| stream.ids).collect())
    }

    /// How many entries were delivered and not acknowledged, by anybody.
    pub(crate) async fn pending(&mut self) -> RedisResult<usize> {
        Ok(self.pending_summary().await?.count())
    }

    async fn pending_summary(&mut self) -> RedisResult<StreamPendingReply> {
        redis::cmd("XPENDING").arg(&self.stream).arg(GROUP).query_async(&mut self.connection).await
    }

    /// Takes over entries that were delivered long ago and not acknowledged.
    pub(crate) async fn claim(&mut self) -> RedisResult<Vec<StreamId>> {
        let idle = u64::try_from(ABANDONED_AFTER.as_millis()).unwrap_or(u64::MAX);
        let mut claim = redis::cmd("XAUTOCLAIM");
        claim.arg(&[&self.stream, GROUP, &self.consumer]).arg(idle).arg("0");
        claim.arg("COUNT").arg(BATCH);
        let reply: StreamAutoClaimReply = claim.query_async(&mut self.connection).await?;
        Ok(reply.claimed)
    }

    pub(crate) async fn ack(&mut self, ids: &[&str]) -> RedisResult<()> {
        let mut ack = redis::cmd("XACK");
        ack.arg(&self.stream).arg(GROUP).arg(ids);
        ack.exec_async(&mut self.connection).await
    }

    /// Puts an entry to the dead letters and acknowledges it, in one step.
    pub(crate) async fn bury(&mut self, id: &str, fields: &Fields) -> RedisResult<()> {
        let mut both = redis::pipe();
        both.atomic().cmd("XADD").arg(DEAD_LETTERS).arg("*").arg(fields).ignore();
        both.cmd("XACK").arg(&self.stream).arg(GROUP).arg(id).ignore();
        both.exec_async(&mut self.connection).await
    }

    /// Removes what was handled a minute ago and before. Only entries that the
    /// group is past go, so the server still knows its lag.
    pub(crate) async fn trim(&mut self) -> RedisResult<()> {
        let pending = self.pending_summary().await?;
        let mut ask = redis::cmd("XINFO");
        ask.arg("GROUPS").arg(&self.stream);
        let groups: StreamInfoGroupsReply = ask.query_async(&mut self.connection).await?;
        let Some(group) = groups.groups.iter().find(|group| group.name == GROUP) else {
            return Ok(());
        };
        let oldest = match &pending {
            StreamPendingReply::Data(data) => milliseconds(&data.start_id),
            _ => u64::MAX,
        };
        let old = milliseconds(&group.last_delivered_id).saturating_sub(KEPT_MS);
        let mut trim = redis::cmd("XTRIM");
        trim.arg(&[&self.stream, "MINID", "~"]).arg(old.min(oldest));
        trim.exec_async(&mut self.connection).await
    }
}

/// The first part of an entry's identity.
fn milliseconds(id: &str) -> u64 {
    id.split('-').next().and_then(|ms| ms.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conversations_spread_over_all_partitions_and_stay_where_they_are() {
        let mut counts = [0_u32; PARTITIONS as usize];
        for number in 0..1600 {
            counts[usize::from(partition_of(&format!("conversation-{number}")))] += 1;
        }
        assert!(counts.iter().all(|&count| (60..150).contains(&count)), "{counts:?}");
        assert_eq!(partition_of("a"), partition_of("a"));
    }

    #[test]
    fn an_identity_begins_with_its_milliseconds() {
        assert_eq!(milliseconds("1700000000000-3"), 1_700_000_000_000);
        assert_eq!(milliseconds("0-0"), 0);
    }
}
