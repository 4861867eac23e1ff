//! The ingress's one connection to Redis: opened, watched, and opened again.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::streams::{self, PARTITIONS};
use crate::reference::diary::Diary;

const LOOK_EVERY: Duration = Duration::from_millis(500);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The connection as it is now, if it is open. All requests share it.
pub(crate) struct Link {
    url: String,
    name: String,
    current: watch::Sender<Option<MultiplexedConnection>>,
    suspect: Notify,
}

impl Link {
    pub(crate) fn new(url: String, name: String) -> Self {
        Self { url, name, current: watch::Sender::new(None), suspect: Notify::new() }
    }

    /// The connection, if there is one that answered lately.
    pub(crate) fn get(&self) -> Option<MultiplexedConnection> {
        self.current.borrow().clone()
    }

    /// Waits, as long as it takes, until there is one.
    pub(crate) async fn up(&self) {
        // The sender is part of this link, so there is always a next value.
        let _ = self.current.subscribe().wait_for(Option::is_some).await;
    }

    /// Somebody met an error: the connection is looked at without delay.
    pub(crate) fn suspect(&self) {
        self.suspect.notify_one();
    }

    /// Keeps the link open for as long as the task runs.
    pub(crate) async fn maintain(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.establish().await {
                Ok(connection) => {
                    pause = FIRST_PAUSE;
                    Diary.info("redis_connected", "connected to Redis");
                    self.current.send_replace(Some(connection.clone()));
                    let reason = self.lost(connection).await;
                    self.current.send_replace(None);
                    Diary.error("redis_connection_lost", &reason);
                }
                Err(error) => {
                    Diary.error("redis_connect_failed", &error.to_string());
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
            sleep(pause).await;
        }
    }

    /// Connects and makes the groups that are missing, so that what is accepted
    /// waits for workers that have never been there.
    async fn establish(&self) -> redis::RedisResult<MultiplexedConnection> {
        let mut connection = streams::connect(&self.url, &self.name).await?;
        streams::declare(&mut connection, 0..PARTITIONS).await?;
        Ok(connection)
    }

    /// Returns, with the reason, when the connection no longer answers.
    async fn lost(&self, mut connection: MultiplexedConnection) -> String {
        loop {
            let _ = timeout(LOOK_EVERY, self.suspect.notified()).await;
            if let Err(error) = redis::cmd("PING").exec_async(&mut connection).await {
                return error.to_string();
            }
        }
    }
}
