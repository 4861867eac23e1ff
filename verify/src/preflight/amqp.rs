//! Whether RabbitMQ has the exchange and the queue that are used. Both are
//! declared passively, which makes nothing. Without its exchange nothing can be
//! published or bound; a queue may be made by the system later.

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ExchangeKind};
use services::Service;

use super::{Found, PATIENCE};

/// Looks at an exchange, and perhaps at a queue.
pub(super) async fn look(url: &str, exchange: &str, queue: Option<&str>) -> Result<(), Found> {
    let address = Service::Amqp.address(url).map_err(services::Trouble::from)?;
    let connection = services::amqp::connect(&address, "preflight", PATIENCE).await?;
    let looked = match declared(&connection, exchange, queue).await {
        Ok(()) => Ok(()),
        Err(Missing::Exchange(error)) if is_missing(&error) => Err(Found::Unusable(format!(
            "exchange {exchange:?} does not exist at {}; make it, or name the one that is meant",
            address.shown()
        ))),
        Err(Missing::Queue(queue, error)) if is_missing(&error) => Err(Found::Doubt(format!(
            "queue {queue:?} does not exist (yet) at {}; what is published to it is returned",
            address.shown()
        ))),
        Err(Missing::Exchange(error) | Missing::Queue(_, error)) => {
            Err(services::amqp::trouble(&address, "a passive declaration", &error).into())
        }
    };
    let _ = connection.close(200, "done".into()).await;
    looked
}

/// Looks at a queue whose messages are read.
pub(super) async fn queue(url: &str, queue: &str) -> Result<(), Found> {
    let address = Service::Amqp.address(url).map_err(services::Trouble::from)?;
    let connection = services::amqp::connect(&address, "preflight", PATIENCE).await?;
    let looked = async {
        let channel = connection.create_channel().await?;
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        channel.queue_declare(queue.into(), passive, FieldTable::default()).await
    };
    let told = match looked.await {
        Ok(found) => match found.consumer_count() {
            0 => Ok(()),
            count => Err(Found::Doubt(format!(
                "queue {queue:?} has {count} consumers now; it can be read when it has none"
            ))),
        },
        Err(error) if is_missing(&error) => Err(Found::Absent(format!(
            "queue {queue:?} does not exist (yet) at {}",
            address.shown()
        ))),
        Err(error) => {
            Err(services::amqp::trouble(&address, "a passive declaration", &error).into())
        }
    };
    let _ = connection.close(200, "done".into()).await;
    told
}

enum Missing {
    Exchange(lapin::Error),
    Queue(String, lapin::Error),
}

async fn declared(
    connection: &Connection,
    exchange: &str,
    queue: Option<&str>,
) -> Result<(), Missing> {
    let channel = connection.create_channel().await.map_err(Missing::Exchange)?;
    if !exchange.is_empty() {
        let passive = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let (kind, none) = (ExchangeKind::Direct, FieldTable::default());
        let declared = channel.exchange_declare(exchange.into(), kind, passive, none).await;
        declared.map_err(Missing::Exchange)?;
    }
    if let Some(queue) = queue {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let declared = channel.queue_declare(queue.into(), passive, FieldTable::default()).await;
        declared.map_err(|error| Missing::Queue(queue.to_owned(), error))?;
    }
    Ok(())
}

fn is_missing(error: &lapin::Error) -> bool {
    let text = error.to_string();
    text.contains("NOT_FOUND") || text.contains("NOT-FOUND")
}
