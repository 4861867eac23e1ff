//! A share of the messages that arrive is put into their queue or stream once
//! more, as a publisher does that missed a confirm and tries again. The
//! originals are not touched.
//!
//! A tap of its own sees every message: a queue that only this connection has
//! (AMQP), or a reader at the end of the stream (Redis). It ends with its
//! connection, so a killed program leaves none. Which messages are chosen
//! depends on the seed and on their identity alone; every chosen identity is in
//! a file beside the journal before its duplicate exists, so that the verdict
//! can tell duplicates of ours from those of the system.

mod amqp;
mod identities;
mod pen;
mod redis;

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::fault::Duplicate as Asked;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::{About, Order, Scene, Strike};
use crate::service::AMQP;
use crate::undo::Undo;
use crate::{FaultError, World};
use identities::Identities;
use pen::{Choice, Pen, Tally};
use scenarios::redact::redact;

pub(super) const ABOUT: About = About {
    kind: "duplicate",
    command: "duplicate",
    does: "puts a share of the messages that arrive into their queue or stream once more",
    confirmed: "the broker has taken at least one duplicate",
    undone: "the tap ends, with chaos in any case; duplicates stay, and each one's identity is known",
    contract: "delivery is at least once: any message may come twice; its effect must not",
};

/// What a broker may take to answer the last duplicates.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn prepare(
    asked: &Asked,
    order: &Order,
    scene: &Scene,
) -> Result<Box<dyn Strike>, FaultError> {
    let url = order.fill(&asked.url)?;
    let tap = match url.split_once("://").map(|(scheme, _)| scheme) {
        Some("amqp" | "amqps") => Tap::Amqp(Box::new(amqp::Tap::connect(&url, asked).await?)),
        Some("redis" | "rediss") => {
            Tap::Redis(Box::new(redis::Tap::connect(&url, &asked.from).await?))
        }
        _ => {
            return Err(FaultError::Address {
                service: &AMQP,
                address: redact(&url),
                reason: "it begins with neither amqp:// nor redis://".to_owned(),
            });
        }
    };
    Ok(Box::new(Duplicate {
        at: format!("{} of {}", asked.from, redact(&url)),
        choice: Choice::new(order.seed, asked.share.0, asked.most),
        share: asked.share.to_string(),
        lasts: asked.lasts.0,
        identities: Identities::at(&scene.journal, &order.name, &asked.from),
        tap: Some(tap),
        tally: watch::Sender::default(),
        work: JoinSet::new(),
        stop: None,
    }))
}

/// Where messages are seen and put once more.
enum Tap {
    Amqp(Box<amqp::Tap>),
    Redis(Box<redis::Tap>),
}

/// When a tap is to end: at a time, or when it is told to.
struct End {
    at: Instant,
    told: oneshot::Receiver<()>,
}

impl End {
    /// Returns when the tap is to end.
    async fn came(&mut self) {
        tokio::select! {
            () = tokio::time::sleep_until(self.at) => {}
            // Told, or nobody is there any more to tell it.
            _ = &mut self.told => {}
        }
    }
}

struct Duplicate {
    at: String,
    choice: Choice,
    share: String,
    lasts: Duration,
    identities: Identities,
    tap: Option<Tap>,
    tally: watch::Sender<Tally>,
    /// The tap's task, which ends with this value.
    work: JoinSet<()>,
    stop: Option<oneshot::Sender<()>>,
}

impl Duplicate {
    fn file(&self) -> PathBuf {
        self.identities.path().to_owned()
    }
}

#[async_trait]
impl Strike for Duplicate {
    fn victims(&self) -> Vec<String> {
        vec![format!("{} of the messages in {}", self.share, self.at)]
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        self.identities.open()?;
        let why = format!(
            "the tap ends with its connection; duplicates stay, and {} names them",
            self.file().display()
        );
        Ok(Undo::Nothing { why })
    }

    async fn land(&mut self) -> Result<(), FaultError> {
        let (stop, told) = oneshot::channel();
        let mut end = End { at: Instant::now() + self.lasts, told };
        let mut pen = Pen {
            choice: self.choice.clone(),
            identities: self.identities.clone(),
            tally: self.tally.clone(),
        };
        self.stop = Some(stop);
        match self.tap.take() {
            Some(Tap::Amqp(mut tap)) => {
                tap.open().await?;
                self.work.spawn(async move {
                    let how = tap.run(&mut pen, &mut end).await;
                    pen.close(how);
                });
            }
            Some(Tap::Redis(tap)) => {
                self.work.spawn(async move {
                    let how = tap.run(&mut pen, &mut end).await;
                    pen.close(how);
                });
            }
            None => {}
        }
        Ok(())
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        let mut tally = self.tally.subscribe();
        let seen = tally.wait_for(|tally| tally.accepted > 0 || tally.ended.is_some());
        let within = self.lasts + ANSWER_WITHIN;
        let what = match tokio::time::timeout(within, seen).await {
            Ok(Ok(tally)) if tally.accepted > 0 => return Ok(()),
            Ok(Ok(tally)) => tally.to_string(),
            _ => "the tap does not end".to_owned(),
        };
        let what = format!("{}: {what}", self.at);
        Err(FaultError::NotConfirmed { what, within: self.lasts })
    }

    async fn release(&mut self) -> Option<String> {
        drop(self.stop.take());
        // A broker that does not answer is not waited for: the tap ends with it.
        if tokio::time::timeout(ANSWER_WITHIN, self.work.join_next()).await.is_err() {
            self.work.abort_all();
        }
        Some(format!("{}: {}", self.at, *self.tally.borrow()))
    }

    async fn whole(&self, _: &dyn World, _: Duration) -> Result<Option<String>, FaultError> {
        Ok(None)
    }
}
