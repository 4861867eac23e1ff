//! Reads what the operations became: a consumer of a queue.

use std::future::poll_fn;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::Target;
use super::argument::Value;
use super::beat::{Beat, SILENT};
use super::frame::{
    self, ACK, BODY, CHANNEL_CLOSE, CONNECTION_CLOSE, Fields, HEADER, HEARTBEAT, Name,
};
use super::opening::{self, Wanted};
use super::wire::Wire;
use crate::backoff::Backoff;
use crate::reach::Unready;
use crate::reader::Reader;

const QOS: Name = (60, 10);
const QOS_OK: Name = (60, 11);
const CONSUME: Name = (60, 20);
const CONSUME_OK: Name = (60, 21);
const CANCEL: Name = (60, 30);
const DELIVER: Name = (60, 60);

/// The consumer acknowledges nothing; the broker forgets what it has sent.
const NO_ACK: u8 = 2;

/// Where a message stands in its stream, and where a consumer of it begins.
const OFFSET: &str = "x-stream-offset";

/// Deliveries that are not acknowledged yet are, when none came for this long.
const IDLE: Duration = Duration::from_millis(100);

/// How a consumer acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acks {
    /// So many at once.
    Every(u32),
    /// Not at all: the broker counts what it sends as read.
    Auto,
}

/// What has come of a message that is coming in.
#[derive(Default)]
struct Incoming {
    tag: u64,
    redelivered: bool,
    id: Vec<u8>,
    /// Bytes of the body: those that came, and all.
    size: (u64, u64),
    /// Whether it has a place in a stream, and which.
    is_of_stream: bool,
    offset: Option<i64>,
}

/// Reads until the consumers are to go; makes the connection again when it is
/// lost.
pub(super) async fn run(target: &Target, reader: &Reader) {
    let mut backoff = Backoff::default();
    let mut from = target.stream_offset.clone();
    while !reader.is_over() {
        let ended = tokio::select! {
            ended = session(target, reader, &mut from) => ended,
            () = reader.over() => return,
        };
        if let Err(error) = ended {
            reader.trouble(error);
            reader.pause(backoff.pause()).await;
        }
    }
}

/// Reads over one connection; of a stream `from` here, which goes on with what is
/// read.
async fn session(
    target: &Target,
    reader: &Reader,
    from: &mut Option<Value>,
) -> Result<(), Unready> {
    let name = format!("shakedown:reader:{}", reader.workload());
    let wanted = Wanted { name: &name, channels: 1, confirms: false };
    let opening = opening::open(target, &wanted);
    let opened = tokio::time::timeout(reader.timeout(), opening).await;
    let (mut wire, every) = opened.map_err(|_| "no answer within the timeout")??;
    let queues = &target.queues;
    let queue = queues.get(reader.index() as usize % queues.len().max(1));
    let queue = queue.ok_or("there is no queue to read from; give --queue")?;
    if let Acks::Every(_) = target.acks {
        frame::put_method(wire.out(), 1, QOS, |out| {
            out.extend_from_slice(&[0; 4]);
            out.extend_from_slice(&target.prefetch.to_be_bytes());
            out.push(0);
        });
        wire.call(1, QOS_OK).await?;
    }
    frame::put_method(wire.out(), 1, CONSUME, |out| {
        out.extend_from_slice(&[0, 0]);
        frame::put_short(out, |out| out.extend_from_slice(queue.as_bytes()));
        out.push(0);
        out.push(if target.acks == Acks::Auto { NO_ACK } else { 0 });
        frame::put_long(out, |out| {
            if let Some(from) = &*from {
                from.put(out, OFFSET);
            }
        });
    });
    wire.call(1, CONSUME_OK).await?;
    Ok(read(target, reader, &mut wire, every, from).await?)
}

async fn read(
    target: &Target,
    reader: &Reader,
    wire: &mut Wire,
    every: Duration,
    from: &mut Option<Value>,
) -> Result<(), String> {
    let began = Instant::now();
    let mut beat = Beat::new(every, Duration::ZERO);
    let mut incoming = Incoming { is_of_stream: from.is_some(), ..Incoming::default() };
    // The last delivery, and how many are not acknowledged.
    let (mut last, mut open) = (0, 0);
    while !reader.is_over() {
        wire.frames(|frame| {
            if let Some(tag) = take(&frame, &mut incoming, reader)? {
                last = tag;
                open += 1;
                if let Some(offset) = incoming.offset {
                    *from = Some(Value::Long(offset.saturating_add(1)));
                }
            }
            Ok(())
        })?;
        if matches!(target.acks, Acks::Every(every) if open >= every) {
            ack(wire, last);
            open = 0;
        }
        let now = began.elapsed();
        if beat.is_dead(now) {
            return Err(SILENT.to_owned());
        }
        if beat.send(now) {
            frame::put(wire.out(), HEARTBEAT, 0, |_| {});
        }
        // A broker that takes nothing in may have something to say all the same.
        let exchange = poll_fn(|cx| {
            if let Poll::Ready(Err(error)) = wire.poll_write(cx) {
                return Poll::Ready(Err(error));
            }
            wire.poll_read(cx)
        });
        match tokio::time::timeout(IDLE.min(every / 4), exchange).await {
            Ok(read) => {
                read.map_err(|error| error.to_string())?;
                beat.heard(began.elapsed());
            }
            Err(_) if open > 0 && target.acks != Acks::Auto => {
                ack(wire, last);
                open = 0;
            }
            Err(_) => {}
        }
    }
    Ok(())
}

fn ack(wire: &mut Wire, tag: u64) {
    frame::put_method(wire.out(), 1, ACK, |out| {
        out.extend_from_slice(&tag.to_be_bytes());
        // This one and all before it.
        out.push(1);
    });
}

/// Takes in a frame; gives the tag of the delivery that it ends.
fn take(
    frame: &frame::Frame<'_>,
    incoming: &mut Incoming,
    reader: &Reader,
) -> Result<Option<u64>, String> {
    if let Some((name, mut fields)) = frame.method() {
        match name {
            DELIVER => {
                let tag = fields.short().and_then(|_| fields.u64());
                incoming.tag = tag.ok_or("a delivery without a tag")?;
                incoming.redelivered = fields.u8().is_some_and(|bits| bits & 1 != 0);
            }
            CANCEL => return Err("the queue is gone, or has no leader".to_owned()),
            CONNECTION_CLOSE | CHANNEL_CLOSE => return Err(fields.reason()),
            _ => {}
        }
        return Ok(None);
    }
    match frame.kind {
        HEADER => {
            let mut fields = Fields(frame.payload);
            let _class_and_weight = fields.u32();
            incoming.size = (0, fields.u64().unwrap_or_default());
            incoming.id.clear();
            let id = Fields(frame.payload).message_id().unwrap_or_default();
            incoming.id.extend_from_slice(id);
            if incoming.is_of_stream {
                incoming.offset = Fields(frame.payload).header_number(OFFSET);
            }
        }
        BODY => incoming.size.0 += frame.payload.len() as u64,
        _ => return Ok(None),
    }
    if incoming.size.0 < incoming.size.1 {
        return Ok(None);
    }
    reader.take(&incoming.id, incoming.size.1 as usize, incoming.redelivered);
    Ok(Some(incoming.tag))
}
