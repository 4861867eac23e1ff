//! AMQP connections closed by the broker, through RabbitMQ's management API.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::Client;
use scenarios::plan::fault::CloseConnections;

use super::severed::{self, Host, Severed};
use super::{About, Order, Scene, Strike};
use crate::FaultError;
use crate::management::{Closed, Connection, Management};

pub(super) const ABOUT: About = About {
    kind: "close_connections",
    command: "close-connections",
    does: "has RabbitMQ close AMQP connections (CONNECTION_FORCED)",
    confirmed: "the management API no longer lists those connections",
    undone: "nothing to undo; clients connect again",
    contract: "a broker may close any connection; unconfirmed publishes are indeterminate, \
               unacknowledged deliveries come again",
};

/// The tools' own connections carry names that begin so, and are never hit.
const OWN: &str = "shakedown:";

pub(super) async fn prepare(
    asked: &CloseConnections,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    let broker = Broker {
        api: Management::new(&order.fill(&asked.management)?, scene.http.clone())?,
        matching: asked.matching.clone(),
        reason: format!("shakedown fault {}", header_text(&order.name)),
    };
    Ok(Box::new(Severed::choose(broker, asked.pick, order.seed).await?))
}

/// Whom it would not hit now, and whom there is instead.
pub(super) async fn nobody(
    asked: &CloseConnections,
    url: &str,
    http: &Client,
) -> Result<Option<String>, FaultError> {
    let api = Management::new(url, http.clone())?;
    let broker = Broker { api, matching: asked.matching.clone(), reason: String::new() };
    severed::nobody(&broker, &asked.matching).await
}

struct Broker {
    api: Management,
    matching: String,
    reason: String,
}

#[async_trait]
impl Host for Broker {
    type Session = Connection;
    const WORD: &'static str = "connections";
    /// Two statistics intervals.
    const APPEAR_WITHIN: Duration = Duration::from_secs(10);
    /// A closed connection leaves the list at once, but answers may be cached.
    const SEE_WITHIN: Duration = Duration::from_secs(30);
    const LOOK_EVERY: Duration = Duration::from_millis(300);

    /// A new connection is listed up to one statistics interval late, so the
    /// system is seen whole late and never early.
    async fn all(&self) -> Result<Vec<Connection>, FaultError> {
        let mut open = self.api.connections().await?;
        open.retain(|connection| !connection.given_name.starts_with(OWN));
        Ok(open)
    }

    fn is_meant(&self, connection: &Connection) -> bool {
        connection.matches(&self.matching)
    }

    fn candidate(&self) -> String {
        match self.matching.as_str() {
            "" => "AMQP connection of the system".to_owned(),
            matching => format!("AMQP connection with {matching:?}"),
        }
    }

    fn since(connection: &Connection) -> i128 {
        connection.connected_at.into()
    }

    fn is(a: &Connection, b: &Connection) -> bool {
        a.is(b)
    }

    async fn end(&self, connection: &Connection) -> Result<bool, FaultError> {
        Ok(self.api.close(&connection.name, &self.reason).await? == Closed::Now)
    }
}

/// A header takes visible ASCII; a fault's name may hold anything.
fn header_text(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
