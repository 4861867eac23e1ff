//! A connection to an AMQP broker, as the parts of the reference systems have
//! one: how it is opened, how its end is noticed, how it is closed.

use std::time::Duration;

use futures_util::StreamExt;
use lapin::{Connection, ConnectionProperties, Event};
use tokio::time::timeout;

/// A broker that takes longer to let one in is away.
pub(crate) const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// A connection called `name`; the error is in words.
pub(crate) async fn connect(uri: &str, name: String) -> Result<Connection, String> {
    let properties = ConnectionProperties::default().with_connection_name(name.into());
    let uri = with_small_frames(uri);
    match timeout(CONNECT_LIMIT, Connection::connect(&uri, properties)).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("no answer within {} s", CONNECT_LIMIT.as_secs())),
    }
}

/// lapin sets aside some sixty frames for each connection. With the broker's
/// frames of 128 KiB that is 8 MiB, and a leak of a thousand connections would
/// take the machine with it; these messages fit smaller ones.
fn with_small_frames(uri: &str) -> String {
    let mark = if uri.contains('?') { '&' } else { '?' };
    format!("{uri}{mark}frame_max=8192")
}

/// Returns, with the reason, when the connection is no longer open. The
/// events tell at once; the look at the status covers one that came before
/// anybody listened.
pub(crate) async fn lost(connection: &Connection) -> String {
    let mut events = connection.events_listener();
    loop {
        let event = timeout(Duration::from_millis(500), events.next()).await;
        if connection.status().connected() {
            continue;
        }
        return match event {
            Ok(Some(Event::Error(error))) => format!("the connection was lost: {error}"),
            _ => "the connection was lost".to_owned(),
        };
    }
}

/// Says goodbye to the broker, but does not wait long for its answer.
pub(crate) async fn close(connection: &Connection) {
    let _ = timeout(Duration::from_secs(1), connection.close(200, "bye".into())).await;
}
