//! AMQP connections closed by the broker, through RabbitMQ's management API.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::CloseConnections;

use super::severed::{Sessions, Severed};
use super::{About, Order, Scene, Strike};
use crate::management::{Closed, Connection, Management};
use crate::patience::Patience;
use crate::timetable::{ChoiceError, choose};
use crate::undo::Undo;
use crate::{FaultError, World};

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
/// A new connection may be missing from the list for two statistics intervals.
const APPEAR_WITHIN: Duration = Duration::from_secs(10);
/// A closed connection leaves the list at once, but answers may be cached.
const CONFIRM_WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(300);

pub(super) async fn prepare(
    asked: &CloseConnections,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    let api = Management::new(&order.fill(&asked.management)?, scene.http.clone())?;
    let patience = Patience::new(APPEAR_WITHIN, LOOK_EVERY);
    let (candidates, victims) = loop {
        let candidates = candidates(&api, &asked.matching).await?;
        let since = |connection: &Connection| connection.connected_at;
        match choose(&candidates, asked.pick, order.seed, since) {
            Ok(victims) => break (candidates, victims),
            Err(source) => {
                if !patience.pause().await {
                    return Err(nobody(&asked.matching, source));
                }
            }
        }
    };
    Ok(Box::new(Close {
        api,
        matching: asked.matching.clone(),
        reason: format!("shakedown fault {}", header_text(&order.name)),
        before: candidates.len(),
        victims,
    }))
}

fn nobody(matching: &str, source: ChoiceError) -> FaultError {
    let what = if matching.is_empty() {
        "AMQP connection of the system".to_owned()
    } else {
        format!("AMQP connection with {matching:?}")
    };
    FaultError::Choice { what, source }
}

/// Chosen connections, and how many matched before.
struct Close {
    api: Management,
    matching: String,
    reason: String,
    before: usize,
    victims: Vec<Connection>,
}

#[async_trait]
impl Severed for Close {
    const WORD: &'static str = "connections";
    const SEE_WITHIN: Duration = CONFIRM_WITHIN;
    const LOOK_EVERY: Duration = LOOK_EVERY;

    fn before(&self) -> usize {
        self.before
    }

    /// A new connection is listed up to one statistics interval late, so the
    /// system is seen whole late and never early.
    async fn count(&self) -> Result<Sessions, FaultError> {
        let open = candidates(&self.api, &self.matching).await?;
        let is_hit = |open: &&Connection| self.victims.iter().any(|victim| victim.is(open));
        let hit = open.iter().filter(is_hit).count();
        Ok(Sessions { hit, others: open.len() - hit })
    }
}

#[async_trait]
impl Strike for Close {
    fn victims(&self) -> Vec<String> {
        self.victims.iter().map(Connection::to_string).collect()
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::Nothing { why: "clients connect again".to_owned() })
    }

    /// One that is gone already is as good as closed. But if that is so for
    /// every one, the list was stale and nobody felt anything.
    async fn land(&mut self) -> Result<(), FaultError> {
        let mut closed = 0;
        for victim in &self.victims {
            if self.api.close(&victim.name, &self.reason).await? == Closed::Now {
                closed += 1;
            }
        }
        if closed == 0 {
            let why = "every chosen connection was closed before".to_owned();
            return Err(FaultError::NotLanded { why });
        }
        Ok(())
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        self.all_gone().await
    }

    async fn whole(&self, _: &dyn World, within: Duration) -> Result<Option<String>, FaultError> {
        self.as_many_again(within).await
    }
}

async fn candidates(api: &Management, matching: &str) -> Result<Vec<Connection>, FaultError> {
    let mut open = api.connections().await?;
    open.retain(|c| !c.given_name.starts_with(OWN) && c.matches(matching));
    Ok(open)
}

/// A header takes visible ASCII; a fault's name may hold anything.
fn header_text(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect()
}
