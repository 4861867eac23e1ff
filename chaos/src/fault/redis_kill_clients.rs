//! Connections of clients closed by Redis itself (`CLIENT KILL`): what a
//! server's `timeout`, an overflowing output buffer or an operator does.

use async_trait::async_trait;
use scenarios::plan::fault::KillClients;
use tokio::sync::Mutex;

use super::severed::{self, Host, Severed};
use super::{About, Order, Strike};
use crate::FaultError;
use crate::redis_server::{Client, Server};

pub(super) const ABOUT: About = About {
    kind: "redis_kill_clients",
    command: "redis-kill-clients",
    does: "has Redis close connections of clients",
    confirmed: "the server no longer lists those connections",
    undone: "nothing to undo; clients connect again",
    contract: "a server may close any connection; commands without an answer are indeterminate",
};

pub(super) async fn prepare(
    asked: &KillClients,
    order: &Order,
) -> Result<Box<dyn Strike>, FaultError> {
    let server = Mutex::new(Server::connect(&order.fill(&asked.url)?).await?);
    let redis = Redis { server, matching: asked.matching.clone() };
    Ok(Box::new(Severed::choose(redis, asked.pick, order.seed).await?))
}

/// Whom it would not hit now, and whom there is instead.
pub(super) async fn nobody(asked: &KillClients, url: &str) -> Result<Option<String>, FaultError> {
    let server = Mutex::new(Server::connect(url).await?);
    let redis = Redis { server, matching: asked.matching.clone() };
    severed::nobody(&redis, &asked.matching).await
}

struct Redis {
    server: Mutex<Server>,
    matching: String,
}

#[async_trait]
impl Host for Redis {
    type Session = Client;
    const WORD: &'static str = "connections";

    async fn all(&self) -> Result<Vec<Client>, FaultError> {
        self.server.lock().await.clients().await
    }

    fn is_meant(&self, client: &Client) -> bool {
        client.matches(&self.matching)
    }

    fn candidate(&self) -> String {
        format!("connection of a Redis client with {:?}", self.matching)
    }

    fn since(client: &Client) -> i128 {
        client.id.into()
    }

    fn is(a: &Client, b: &Client) -> bool {
        a.id == b.id
    }

    async fn end(&self, client: &Client) -> Result<bool, FaultError> {
        self.server.lock().await.kill(client.id).await
    }
}
