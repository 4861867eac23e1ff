//! One message in the hands of a worker, from its delivery to its end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use tokio::sync::watch;
use tokio::time::timeout;

use super::counts::Status;
use super::{Common, FIRST_PAUSE, LONGEST_PAUSE};
use crate::reference::diary::Diary;
use crate::reference::worker_queue::event::Event;
use crate::reference::worker_queue::queue::{self, Copy, Published, QUEUE};
use crate::reference::worker_queue::store::Applied;
use crate::reference::worker_queue::tactics::Verdict;

/// What a message needs of the session that it was delivered in.
pub(super) struct Session {
    pub(super) common: Arc<Common>,
    /// A channel in confirm mode.
    pub(super) publishing: Channel,
    /// Whether it ends: nothing new is begun, and what waits is left to others.
    pub(super) over: watch::Receiver<bool>,
}

/// Handles a message when it is its turn.
pub(super) async fn handle(mut session: Session, delivery: Delivery) {
    let common = Arc::clone(&session.common);
    let _held = common.counts.held();
    let begun = Instant::now();
    let hand = tokio::select! {
        biased;
        _ = session.over.wait_for(|over| *over) => return,
        hand = common.hands.acquire() => hand,
    };
    let Ok(_hand) = hand else { return };
    if let Some(wait) = common.variant.drags()
        && session.pause(wait).await
    {
        return;
    }
    if let Some(status) = session.settle(&delivery).await {
        common.counts.took(status, begun.elapsed());
    }
}

impl Session {
    /// What became of it; `None` if that is for somebody else to say.
    async fn settle(&mut self, delivery: &Delivery) -> Option<Status> {
        let variant = self.common.variant;
        if variant.buries_unread(delivery.redelivered) {
            return self.bury(delivery, "it was tried before").await;
        }
        let event = match Event::parse(&delivery.data) {
            Ok(event) => event,
            Err(reason) => return self.judge(delivery, &reason).await,
        };
        if let Some(wait) = variant.acks_before_writing() {
            self.ack(delivery).await;
            self.pause(wait).await;
        }
        let status = match self.apply(&event, delivery).await? {
            Applied::New => Status::Success,
            Applied::Known if variant.dies_of_duplicate(delivery.redelivered) => {
                Diary.error("duplicate", &format!("{} is known", event.message_id));
                std::process::exit(1);
            }
            Applied::Known => Status::Duplicate,
        };
        if variant.acks_before_writing().is_none() {
            self.ack(delivery).await;
        }
        Some(status)
    }

    /// Applies an event, however long the database may be away. `None` if the session
    /// ends before that, or if it is given up.
    async fn apply(&mut self, event: &Event, delivery: &Delivery) -> Option<Applied> {
        let mut pause = FIRST_PAUSE;
        let mut is_doubtful = false;
        loop {
            let applied = self.common.store.apply(event, delivery.redelivered).await;
            self.common.stored.store(applied.is_ok(), Ordering::Relaxed);
            match applied {
                // By the attempt of which nobody knew.
                Ok(Applied::Known) if is_doubtful => return Some(Applied::New),
                Ok(applied) => return Some(applied),
                Err(error) => {
                    Diary.error("store_failed", &format!("{}: {error}", event.message_id));
                }
            }
            is_doubtful = true;
            if self.common.variant.gives_up_at_once() {
                let status = self.bury(delivery, "the database is away").await?;
                self.common.counts.took(status, Duration::ZERO);
                return None;
            }
            if self.pause(pause).await {
                return None;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Decides about a message that does not follow the contract.
    async fn judge(&mut self, delivery: &Delivery, reason: &str) -> Option<Status> {
        let retried = queue::retried(delivery);
        match self.common.variant.verdict(retried) {
            Verdict::Retry { count, delay } => {
                let words = format!("{}: retry {}: {reason}", id(delivery), retried + 1);
                Diary.error("event_failed", &words);
                let queue = delay.map_or_else(|| QUEUE.to_owned(), queue::delayed);
                self.publish(&Copy::Retry { queue, count }, delivery).await?;
                self.ack(delivery).await;
                Some(Status::Retry)
            }
            Verdict::Bury => self.bury(delivery, reason).await,
            Verdict::Requeue => {
                self.requeue(delivery).await;
                Some(Status::Retry)
            }
            Verdict::Drop => {
                self.ack(delivery).await;
                Some(Status::Failed)
            }
        }
    }

    /// Publishes a copy until the broker has it; `None` if the session ends before.
    async fn publish(&mut self, copy: &Copy, delivery: &Delivery) -> Option<()> {
        let mut pause = FIRST_PAUSE;
        loop {
            let sent = queue::publish_again(&self.publishing, copy, delivery).await;
            match sent {
                Published::Confirmed => return Some(()),
                Published::NotTaken(why) | Published::Unknown(why) => {
                    Diary.error("copy_not_published", &format!("{}: {why}", id(delivery)));
                }
            }
            if self.pause(pause).await {
                return None;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// To the dead letters. `None` if the session ends before.
    async fn bury(&mut self, delivery: &Delivery, reason: &str) -> Option<Status> {
        let words = format!(
            "{}: given up after {} retries: {reason}",
            id(delivery),
            queue::retried(delivery)
        );
        self.publish(&Copy::DeadLetter, delivery).await?;
        Diary.error("event_dead_lettered", &words);
        self.ack(delivery).await;
        Some(Status::Failed)
    }

    /// An acknowledgement that is lost brings the message again.
    async fn ack(&self, delivery: &Delivery) {
        if !self.common.variant.takes_without_ack()
            && let Err(error) = delivery.acker.ack(BasicAckOptions::default()).await
        {
            Diary.error("ack_failed", &error.to_string());
        }
    }

    async fn requeue(&self, delivery: &Delivery) {
        let options = BasicNackOptions { multiple: false, requeue: true };
        if !self.common.variant.takes_without_ack()
            && let Err(error) = delivery.acker.nack(options).await
        {
            Diary.error("nack_failed", &error.to_string());
        }
    }

    /// Waits; true if the session ends.
    async fn pause(&mut self, lasts: Duration) -> bool {
        timeout(lasts, self.over.wait_for(|over| *over)).await.is_ok()
    }
}

fn id(delivery: &Delivery) -> &str {
    delivery.properties.message_id().as_ref().map_or("a message without id", |id| id.as_str())
}
