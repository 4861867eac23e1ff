//! The ready messages of a RabbitMQ queue are thrown away: what an operator's
//! slip does. No contract covers it, so it must be asked for by name.

use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::PurgeQueue;

use super::{About, Order, Scene, Strike};
use crate::management::Management;
use crate::undo::Undo;
use crate::{FaultError, World};

pub(super) const ABOUT: About = About {
    kind: "purge_queue",
    command: "purge-queue",
    does: "throws away the messages that wait in a RabbitMQ queue",
    confirmed: "the broker accepts the purge, and gave one message out before",
    undone: "cannot be undone: the messages are gone",
    contract: "beyond contract: accepted messages are lost; only with lose_messages",
};

pub(super) async fn prepare(
    asked: &PurgeQueue,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    if !asked.lose_messages {
        return Err(FaultError::Blocked {
            what: format!("the purge of queue {:?}", asked.queue),
            why: "it loses messages; say that this is meant with lose_messages (--lose-messages)"
                .to_owned(),
        });
    }
    let api = Management::new(&order.fill(&asked.management)?, scene.http.clone())?;
    let waiting = api.depth(&asked.vhost, &asked.queue).await?;
    Ok(Box::new(Purge { api, vhost: asked.vhost.clone(), queue: asked.queue.clone(), waiting }))
}

struct Purge {
    api: Management,
    vhost: String,
    queue: String,
    /// Messages that waited when the fault was prepared, up to one statistics
    /// interval old.
    waiting: u64,
}

#[async_trait]
impl Strike for Purge {
    fn victims(&self) -> Vec<String> {
        vec![format!("queue {} with about {} messages", self.queue, self.waiting)]
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::Nothing { why: "purged messages cannot be brought back".to_owned() })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        // The figures are too old to tell whether there is anything to lose, and
        // the purge does not say; so one message is taken out by itself.
        if !self.api.lose_one(&self.vhost, &self.queue).await? {
            let why = format!("no message waits in queue {:?}", self.queue);
            return Err(FaultError::NotLanded { why });
        }
        self.api.purge(&self.vhost, &self.queue).await
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        // The broker has answered, and new messages may have come since.
        Ok(())
    }

    async fn whole(&self, _: &dyn World, _: Duration) -> Result<Option<String>, FaultError> {
        Ok(None)
    }
}
