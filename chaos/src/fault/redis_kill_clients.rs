//! Connections of clients closed by Redis itself (`CLIENT KILL`): what a
//! server's `timeout`, an overflowing output buffer or an operator does.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::KillClients;
use tokio::sync::Mutex;

use super::severed::{Sessions, Severed};
use super::{About, Order, Strike};
use crate::redis_server::{Client, Server};
use crate::timetable::choose;
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "redis_kill_clients",
    command: "redis-kill-clients",
    does: "has Redis close connections of clients",
    confirmed: "the server no longer lists those connections",
    undone: "nothing to undo; clients connect again",
    contract: "a server may close any connection; commands without an answer are indeterminate",
};

const SEE_WITHIN: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) async fn prepare(
    asked: &KillClients,
    order: &Order,
) -> Result<Box<dyn Strike>, FaultError> {
    let mut server = Server::connect(&order.fill(&asked.url)?).await?;
    let candidates = candidates(&mut server, &asked.matching).await?;
    let victims =
        choose(&candidates, asked.pick, order.seed, |client| client.id).map_err(|source| {
            FaultError::Choice {
                what: format!("connection of a Redis client with {:?}", asked.matching),
                source,
            }
        })?;
    let (matching, before) = (asked.matching.clone(), candidates.len());
    Ok(Box::new(Kill { server: Mutex::new(server), matching, before, victims }))
}

async fn candidates(server: &mut Server, matching: &str) -> Result<Vec<Client>, FaultError> {
    let mut clients = server.clients().await?;
    clients.retain(|client| client.matches(matching));
    Ok(clients)
}

struct Kill {
    server: Mutex<Server>,
    matching: String,
    before: usize,
    victims: Vec<Client>,
}

#[async_trait]
impl Severed for Kill {
    const WORD: &'static str = "connections";
    const SEE_WITHIN: Duration = SEE_WITHIN;
    const LOOK_EVERY: Duration = LOOK_EVERY;

    fn before(&self) -> usize {
        self.before
    }

    async fn count(&self) -> Result<Sessions, FaultError> {
        let open = candidates(&mut *self.server.lock().await, &self.matching).await?;
        let is_hit = |client: &&Client| self.victims.iter().any(|victim| victim.id == client.id);
        let hit = open.iter().filter(is_hit).count();
        Ok(Sessions { hit, others: open.len() - hit })
    }
}

#[async_trait]
impl Strike for Kill {
    fn victims(&self) -> Vec<String> {
        self.victims.iter().map(Client::to_string).collect()
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::Nothing { why: "clients connect again".to_owned() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let mut closed = 0;
        for victim in &self.victims {
            closed += usize::from(self.server.get_mut().kill(victim.id).await?);
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
