//! The control's connection to the broker: opened, watched, and opened again.

use std::time::Duration;

use lapin::{Channel, Connection};
use tokio::sync::{Mutex, watch};
use tokio::time::{sleep, timeout};

use super::queues;
use crate::reference::amqp;
use crate::reference::diary::Diary;
use crate::reference::worker_queue::queue;

const PAUSE: Duration = Duration::from_millis(200);
/// What a broker that is well takes less than.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// The connection as it is now, if it is open, and a channel in confirm mode.
pub(super) struct Link {
    amqp: String,
    name: String,
    current: watch::Sender<Option<Linked>>,
    /// For questions, one after the other; a queue that is not there closes it.
    asking: Mutex<Option<Channel>>,
}

#[derive(Clone)]
struct Linked {
    connection: std::sync::Arc<Connection>,
    publishing: Channel,
}

impl Link {
    pub(super) fn new(amqp: String, name: String) -> Self {
        Self { amqp, name, current: watch::Sender::new(None), asking: Mutex::new(None) }
    }

    pub(super) fn is_up(&self) -> bool {
        self.current.borrow().is_some()
    }

    fn linked(&self) -> Option<Linked> {
        let current = self.current.borrow().clone();
        current.filter(|linked| linked.connection.status().connected())
    }

    /// A channel in confirm mode, if there is a connection.
    pub(super) async fn channel(&self) -> Option<Channel> {
        let linked = self.linked()?;
        if linked.publishing.status().connected() {
            return Some(linked.publishing);
        }
        // The broker has closed it for something that it did not like.
        let opened = timeout(ANSWER_WITHIN, queue::confirming(&linked.connection)).await;
        let publishing = opened.ok()?.ok()?;
        self.current.send_replace(Some(Linked { publishing: publishing.clone(), ..linked }));
        Some(publishing)
    }

    /// How many messages are ready in each queue, if the broker says it.
    pub(super) async fn depths(&self, retries: u32) -> Option<Vec<(String, u32)>> {
        let connection = self.linked()?.connection;
        let mut asking = self.asking.lock().await;
        let ask = async {
            let channel = match asking.take().filter(|channel| channel.status().connected()) {
                Some(channel) => channel,
                None => connection.create_channel().await?,
            };
            let mut depths = Vec::new();
            for queue in queues(retries) {
                let ready = queue::ready(&channel, &queue).await?;
                depths.push((queue, ready));
            }
            Ok::<_, lapin::Error>((channel, depths))
        };
        let (channel, depths) = timeout(ANSWER_WITHIN, ask).await.ok()?.ok()?;
        *asking = Some(channel);
        Some(depths)
    }

    /// Keeps the link open for as long as the task runs.
    pub(super) async fn maintain(&self) {
        loop {
            match self.establish().await {
                Ok(linked) => {
                    Diary.info("amqp_connected", "connected to the broker");
                    self.current.send_replace(Some(linked.clone()));
                    let reason = amqp::lost(&linked.connection).await;
                    self.current.send_replace(None);
                    Diary.error("amqp_connection_lost", &reason);
                }
                Err(reason) => Diary.error("amqp_connect_failed", &reason),
            }
            sleep(PAUSE).await;
        }
    }

    async fn establish(&self) -> Result<Linked, String> {
        let connection = amqp::connect(&self.amqp, self.name.clone()).await?;
        let publishing = timeout(ANSWER_WITHIN, queue::confirming(&connection)).await;
        let publishing = publishing.map_err(|_| "no channel in time".to_owned())?;
        let publishing = publishing.map_err(|error| error.to_string())?;
        Ok(Linked { connection: connection.into(), publishing })
    }
}
