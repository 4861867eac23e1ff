//! Reads what the operations became: a member of a consumer group.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::{ClientContext, Message as _, config::RDKafkaLogLevel};
use tokio::sync::Notify;

use super::client::Target;
use crate::backoff::Backoff;
use crate::identity;
use crate::reader::Reader;

/// Members of a group have to be heard of even if there is nothing to read.
const GLANCE: Duration = Duration::from_millis(50);

/// Records between two looks at what else is to be done.
const BATCH: usize = 1_000;

/// Keeps quiet: errors come back from the reads, too.
struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, _: RDKafkaLogLevel, _: &str, _: &str) {}

    fn error(&self, _: KafkaError, _: &str) {}
}

impl ConsumerContext for Quiet {}

/// Reads until the consumers are to go.
pub(super) async fn run(target: &Target, reader: &Reader) {
    let mut backoff = Backoff::default();
    while !reader.is_over() {
        let problem = match open(target) {
            Ok((consumer, bell)) => {
                read(&consumer, &bell, reader).await;
                return;
            }
            Err(error) => error.to_string(),
        };
        reader.trouble(problem);
        reader.pause(backoff.pause()).await;
    }
}

fn open(target: &Target) -> Result<(BaseConsumer<Quiet>, Arc<Notify>), KafkaError> {
    let mut consumer: BaseConsumer<Quiet> = target.consumer_config().create_with_context(Quiet)?;
    let bell = Arc::new(Notify::new());
    consumer.set_nonempty_callback({
        let bell = Arc::clone(&bell);
        move || bell.notify_one()
    });
    consumer.subscribe(&[&target.topic])?;
    Ok((consumer, bell))
}

async fn read(consumer: &BaseConsumer<Quiet>, bell: &Notify, reader: &Reader) {
    let began = Instant::now();
    let mut is_in = false;
    while !reader.is_over() {
        // Brokers wait some seconds for the other members of a new group.
        if !is_in && began.elapsed() < reader.timeout() {
            is_in = consumer.assignment().is_ok_and(|list| list.count() > 0);
            reader.not_yet();
        }
        let mut count = 0;
        while count < BATCH
            && let Some(record) = consumer.poll(Duration::ZERO)
        {
            count += 1;
            match record {
                Ok(record) => {
                    let value = record.payload().unwrap_or_default();
                    reader.take(identity::leading(value), value.len(), false);
                }
                Err(error) => {
                    let code = error.rdkafka_error_code();
                    reader.trouble(code.map_or(error.to_string(), |code| code.to_string()));
                }
            }
        }
        if count == BATCH {
            tokio::task::yield_now().await;
        } else {
            tokio::select! {
                () = bell.notified() => {}
                () = tokio::time::sleep(GLANCE) => {}
                () = reader.over() => return,
            }
        }
    }
}
