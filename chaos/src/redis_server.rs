//! The few commands to a Redis server that faults need.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisError};
use services::redis::trouble;
use services::{Address, OWN, Service};

use crate::FaultError;

const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// A connection to a server.
pub(crate) struct Server {
    connection: MultiplexedConnection,
    address: Address,
}

/// A client's connection as `CLIENT LIST` shows it. The order is by what the
/// client calls itself, so that a seed chooses the same in every run.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) user: String,
    pub(crate) address: String,
    /// The server's number for it, which is never used again.
    pub(crate) id: u64,
}

impl std::fmt::Display for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, user, address, id } = self;
        let name = if name.is_empty() { "a client" } else { name };
        write!(f, "{name} {address} (id {id}, user {user})")
    }
}

impl Client {
    /// Whether the text is part of its name, user or address.
    pub(crate) fn matches(&self, text: &str) -> bool {
        [&self.name, &self.user, &self.address].iter().any(|field| field.contains(text))
    }
}

impl Server {
    /// Connects. How long an answer is waited for is said with each question.
    pub(crate) async fn connect(url: &str) -> Result<Self, FaultError> {
        let address = Service::Redis.address(url).map_err(services::Trouble::from)?;
        let connection = services::redis::connect(&address, "chaos", ANSWER_WITHIN, None).await?;
        Ok(Self { connection, address })
    }

    pub(crate) fn shown(&self) -> String {
        self.address.shown()
    }

    /// Every connection of a client but the tools' own, replicas' and
    /// monitors'.
    pub(crate) async fn clients(&mut self) -> Result<Vec<Client>, FaultError> {
        let list = redis::cmd("CLIENT").arg("LIST").to_owned();
        let text: String = self.ask(&list, "CLIENT LIST").await?;
        Ok(text.lines().filter_map(client).filter(|c| !c.name.starts_with(OWN)).collect())
    }

    /// Closes a connection; false if there is none any more.
    pub(crate) async fn kill(&mut self, id: u64) -> Result<bool, FaultError> {
        let kill = redis::cmd("CLIENT").arg("KILL").arg("ID").arg(id).to_owned();
        Ok(self.ask::<u64>(&kill, "CLIENT KILL").await? > 0)
    }

    /// Answers nobody for so long.
    pub(crate) async fn pause(&mut self, lasts: Duration, all: bool) -> Result<(), FaultError> {
        let ms = u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX);
        let how = if all { "ALL" } else { "WRITE" };
        let pause = redis::cmd("CLIENT").arg("PAUSE").arg(ms).arg(how).to_owned();
        self.ask(&pause, "CLIENT PAUSE").await
    }

    /// Answers again; false if it does not within this time. During a pause of
    /// all commands it answers to this one, too, only when the pause is over.
    pub(crate) async fn unpause(&mut self, within: Duration) -> bool {
        let unpause = redis::cmd("CLIENT").arg("UNPAUSE").to_owned();
        let asked = unpause.query_async::<()>(&mut self.connection);
        matches!(tokio::time::timeout(within, asked).await, Ok(Ok(())))
    }

    /// Whether it answers something harmless within this time; a refusal is an
    /// answer as well.
    pub(crate) async fn answers(&mut self, within: Duration, write: bool) -> bool {
        // PUBLISH counts as a write and leaves nothing behind.
        let probe = match write {
            true => redis::cmd("PUBLISH").arg("shakedown:probe").arg("").to_owned(),
            false => redis::cmd("PING").to_owned(),
        };
        let asked = probe.query_async::<redis::Value>(&mut self.connection);
        match tokio::time::timeout(within, asked).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => !error.is_io_error() && !error.is_timeout(),
            Err(_) => false,
        }
    }

    /// Asks one thing.
    pub(crate) async fn ask<T: FromRedisValue>(
        &mut self,
        command: &redis::Cmd,
        what: &str,
    ) -> Result<T, FaultError> {
        let asked = command.query_async(&mut self.connection);
        let answer = tokio::time::timeout(ANSWER_WITHIN, asked).await.ok();
        answered(answer, &self.address, what)
    }

    /// Asks several things at once.
    pub(crate) async fn ask_all<T: FromRedisValue>(
        &mut self,
        commands: &redis::Pipeline,
        what: &str,
    ) -> Result<T, FaultError> {
        let asked = commands.query_async(&mut self.connection);
        let answer = tokio::time::timeout(ANSWER_WITHIN, asked).await.ok();
        answered(answer, &self.address, what)
    }
}

/// What came of a question; `None` is no answer in time.
fn answered<T>(
    answer: Option<Result<T, RedisError>>,
    address: &Address,
    what: &str,
) -> Result<T, FaultError> {
    let answer = answer.ok_or_else(|| address.unreachable(&format!("no answer to {what}")))?;
    Ok(answer.map_err(|error| trouble(address, what, &error))?)
}

/// Reads a line of `CLIENT LIST`; `None` for what is no ordinary client.
fn client(line: &str) -> Option<Client> {
    let field =
        |key: &str| line.split(' ').find_map(|field| field.strip_prefix(key)?.strip_prefix('='));
    // M a master, S a replica, O a monitor.
    if field("flags")?.contains(['M', 'S', 'O']) {
        return None;
    }
    Some(Client {
        name: field("name").unwrap_or_default().to_owned(),
        user: field("user").unwrap_or_default().to_owned(),
        address: field("addr")?.to_owned(),
        id: field("id")?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_list_is_read() {
        let line = "id=3 addr=127.0.0.1:4 laddr=127.0.0.1:5 fd=8 name=worker-1 age=1 flags=N db=0 user=default";
        let read = client(line).unwrap();
        assert_eq!((read.id, read.name.as_str()), (3, "worker-1"));
        assert!(["", "worker", "default", ":4"].iter().all(|text| read.matches(text)));
        assert!(!read.matches("laddr"));
        assert!(client("id=3 addr=1 flags=S name=").is_none());
        assert!(client("").is_none());
    }
}
