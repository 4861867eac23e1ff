//! A connection to the broker, from its begin to its loss, and what is delivered on
//! it.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, Consumer};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::hands::{Session, handle};
use super::{Common, FIRST_PAUSE, LONGEST_PAUSE};
use crate::reference::amqp;
use crate::reference::diary::Diary;
use crate::reference::worker_queue::queue::{self, QUEUE};

/// A network that swallows everything is noticed after twice as many seconds.
const HEARTBEAT: u8 = 5;
/// A broker that lets one in answers sooner.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// Consumes over one connection after the other until the process is to stop.
pub(super) async fn keep(common: Arc<Common>) {
    let mut stopping = common.stopping.subscribe();
    let mut pause = FIRST_PAUSE;
    while let Err(reason) = consume(&common).await {
        if common.linked.swap(false, Ordering::Relaxed) {
            pause = FIRST_PAUSE;
        }
        Diary.error("amqp_connection_lost", &reason);
        if timeout(pause, stopping.wait_for(|stop| *stop)).await.is_ok() {
            return;
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// One session; an error is why it ended although nobody asked for it.
async fn consume(common: &Arc<Common>) -> Result<(), String> {
    let mut stopping = common.stopping.subscribe();
    let prepared = tokio::select! {
        prepared = prepare(common) => prepared?,
        _ = stopping.wait_for(|stop| *stop) => return Ok(()),
    };
    let Prepared { connection, channel, publishing, mut consumer } = prepared;
    Diary.info("amqp_connected", "connected to the broker");
    common.linked.store(true, Ordering::Relaxed);
    let over = watch::Sender::new(false);
    let mut events = JoinSet::new();
    let mut lost = pin!(amqp::lost(&connection));
    let reason = loop {
        let delivery = tokio::select! {
            biased;
            _ = stopping.wait_for(|stop| *stop) => break None,
            reason = &mut lost => break Some(reason),
            Some(_) = events.join_next() => continue,
            delivery = consumer.next() => delivery,
        };
        match delivery {
            Some(Ok(delivery)) => {
                let session = Session {
                    common: Arc::clone(common),
                    publishing: publishing.clone(),
                    over: over.subscribe(),
                };
                events.spawn(handle(session, delivery));
            }
            Some(Err(error)) => break Some(error.to_string()),
            None => break Some("the broker has ended the consumer".to_owned()),
        }
    };
    if let Some(reason) = reason {
        over.send_replace(true);
        // What is being written may as well be finished; the rest comes again.
        events.detach_all();
        amqp::close(&connection).await;
        return Err(reason);
    }
    let cancel = channel.basic_cancel(consumer.tag(), BasicCancelOptions::default());
    let _ = timeout(ANSWER_WITHIN, cancel).await;
    over.send_replace(true);
    while events.join_next().await.is_some() {}
    // The broker gives what was not acknowledged to others.
    amqp::close(&connection).await;
    Ok(())
}

struct Prepared {
    connection: Connection,
    channel: Channel,
    /// In confirm mode, for retries.
    publishing: Channel,
    consumer: Consumer,
}

/// Connects, declares everything and reaches the database: only then does it consume,
/// and says that it is healthy.
async fn prepare(common: &Common) -> Result<Prepared, String> {
    let mut pause = FIRST_PAUSE;
    while let Err(error) = common.store.declare().await {
        common.stored.store(false, Ordering::Relaxed);
        Diary.error("store_failed", &error);
        sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
    common.stored.store(true, Ordering::Relaxed);
    let mark = if common.amqp.contains('?') { '&' } else { '?' };
    let uri = format!("{}{mark}heartbeat={HEARTBEAT}", common.amqp);
    let connection = amqp::connect(&uri, common.name.clone()).await?;
    let open = async {
        let channel = connection.create_channel().await?;
        queue::declare(&channel, common.backoff, common.variant.retries()).await?;
        let publishing = queue::confirming(&connection).await?;
        if common.prefetch > 0 {
            channel.basic_qos(common.prefetch, BasicQosOptions::default()).await?;
        }
        let no_ack = common.variant.takes_without_ack();
        let options = BasicConsumeOptions { no_ack, ..BasicConsumeOptions::default() };
        let tag = common.name.as_str().into();
        let none = FieldTable::default();
        let consumer = channel.basic_consume(QUEUE.into(), tag, options, none).await?;
        Ok::<_, lapin::Error>((channel, publishing, consumer))
    };
    let (channel, publishing, consumer) = match timeout(ANSWER_WITHIN, open).await {
        Ok(opened) => opened.map_err(|error| error.to_string())?,
        Err(_) => return Err(format!("no answer within {} s", ANSWER_WITHIN.as_secs())),
    };
    Ok(Prepared { connection, channel, publishing, consumer })
}
