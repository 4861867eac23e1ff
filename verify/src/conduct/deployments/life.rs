//! The life of one deployment, from its first look to the moment it is restored.

use std::sync::Arc;
use std::time::Duration;

use chaos::FaultError;
use chaos::Scene;
use chaos::deployment::{Asked, Guarded, Port, Status, aims_of_deployment};
use reports::record::{DeploymentRecord, Restored, RollBackAdvice};
use scenarios::plan::Deployment;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, sleep_until, timeout};

use super::course::{Course, Seen};
use super::{Met, Tide, Told, Wanted, eye};
use crate::clock::Clock;
use crate::event::Event;
use crate::judge::Breach;
use crate::observe::Observer;

/// A deployment with what its life needs.
pub(super) struct Life {
    /// Where it is changed, and the deployment with its addresses, or why it cannot be.
    pub(super) ready: Result<(Scene, Deployment), String>,
    pub(super) observer: Observer,
    pub(super) tide: watch::Receiver<Tide>,
    pub(super) advice: mpsc::UnboundedReceiver<Met>,
    pub(super) told: Arc<Told>,
    pub(super) wanted: Wanted,
    /// After so long its watchdog takes it back in any case.
    pub(super) lasts: Duration,
    /// Whether it is rolled back where that is advised.
    pub(super) act: bool,
    pub(super) course: Course,
    /// What was last written down.
    pub(super) last: DeploymentRecord,
}

/// The way to it, and what holds its undo as soon as something is to be asked for.
struct Hands {
    scene: Scene,
    port: Port,
    held: Option<Guarded>,
    lasts: Duration,
}

impl Hands {
    async fn new(
        ready: Result<(Scene, Deployment), String>,
        lasts: Duration,
    ) -> Result<Self, String> {
        let (scene, deployment) = ready?;
        let told = |error: FaultError| error.to_string();
        for aim in aims_of_deployment(&deployment).map_err(told)? {
            scene.world.may_reach(&aim).map_err(told)?;
        }
        let port = Port::new(&deployment, &scene.http, &scene.limits).await.map_err(told)?;
        Ok(Self { scene, port, held: None, lasts })
    }

    /// Who may ask. The undo is written down before the first time.
    async fn held(&mut self) -> Result<&Guarded, FaultError> {
        let held = match self.held.take() {
            Some(held) => held,
            None => {
                let (journal, limits) = (self.scene.journal.clone(), self.scene.limits.clone());
                self.port.clone().guard(journal, limits, self.lasts).await?
            }
        };
        Ok(self.held.insert(held))
    }
}

impl Life {
    pub(super) async fn live(mut self) {
        let ready = std::mem::replace(&mut self.ready, Err(String::new()));
        let mut hands = match Hands::new(ready, self.lasts).await {
            Ok(hands) => hands,
            Err(why) => return self.give_up(&why),
        };
        let (sender, mut seen) = watch::channel(None);
        let looking = eye::watch(hands.port.clone(), self.observer.clone(), sender);
        let looking = tokio::spawn(looking);
        self.go(&mut hands, &mut seen).await;
        self.restore(hands, &mut seen).await;
        looking.abort();
    }

    /// Takes one step after the other, until the run ends.
    async fn go(&mut self, hands: &mut Hands, seen: &mut watch::Receiver<Option<Seen>>) {
        loop {
            let tide = self.tide.borrow_and_update().clone();
            match &tide {
                Tide::Going => {}
                Tide::NoMore(why) | Tide::Restore(why) | Tide::TakeBack(why) => {
                    self.course.skip_rest(why);
                }
            }
            self.course.expire(self.now());
            let next = self.course.next(self.now());
            self.tell();
            match tide {
                Tide::TakeBack(_) => return,
                Tide::Restore(_) if self.course.is_over() => return,
                _ => {}
            }
            if let Some(step) = next {
                self.take(step, hands).await;
                continue;
            }
            let wakes_at = self.course.wakes_at(self.now());
            tokio::select! {
                changed = seen.changed() => match changed {
                    Ok(()) => self.see(seen),
                    // Whoever looks has crashed; the times of the steps go on.
                    Err(_) => sleep(Duration::from_millis(100)).await,
                },
                () = wake(self.observer.clock(), wakes_at) => {}
                Some(met) = self.advice.recv() => self.advised(met, hands).await,
                Ok(()) = self.tide.changed() => {}
            }
        }
    }

    fn see(&mut self, seen: &mut watch::Receiver<Option<Seen>>) {
        let seen = seen.borrow_and_update().clone();
        if let Some(seen) = seen {
            self.wanted.see(&seen.look);
            self.course.see(seen, self.now());
            let told = self.course.told();
            self.told.send_if_modified(|known| {
                let is_new = told.iter().any(|(step, seen)| known.get(step) != Some(seen));
                known.extend(told);
                is_new
            });
        }
    }

    async fn take(&mut self, step: usize, hands: &mut Hands) {
        self.course.asking(step, self.now());
        self.tell();
        let change = self.course.change(step).clone();
        let asked = match hands.held().await {
            Ok(held) => held.ask(&change).await,
            Err(error) => Err(error),
        };
        self.course.took(step, said(asked), self.now());
        self.tell();
    }

    /// A check says that it should be rolled back. What was so before its first step is not
    /// its doing.
    async fn advised(&mut self, met: Met, hands: &mut Hands) {
        let Some(begun) = self.course.begun_at() else { return };
        let Met { check, breach } = met;
        let Breach { judged_to, since, why } = breach;
        if self.course.record().rolled_back.is_some() || since.is_some_and(|since| since < begun) {
            return;
        }
        let at = (self.now() * 1e3).round() / 1e3;
        let acted = self.act && hands.held.is_some();
        let deployment = self.course.record().name.clone();
        let because = format!("rolled back, because {check} was violated");
        let advice = RollBackAdvice { deployment, check, since, at, judged_to, why, acted };
        self.observer.event(Event::RollBackAdvised { advice });
        let Some(held) = hands.held.as_ref().filter(|_| acted) else { return };
        self.course.rolling_back(&because, self.now());
        self.tell();
        let asked = held.roll_back().await;
        self.course.rolled_back(said(asked), self.now());
        self.tell();
    }

    /// Sets what was there before the first step, unless it is to stay as it is.
    async fn restore(&mut self, hands: Hands, seen: &mut watch::Receiver<Option<Seen>>) {
        let Some(held) = hands.held else {
            return self.restored(Ok("nothing was changed".to_owned()));
        };
        if self.course.is_kept() {
            let kept = held.keep().await.map(|()| "kept as its last step left it".to_owned());
            return self.restored(kept.map_err(|error| error.to_string()));
        }
        let taken_back = held.take_back().await.map_err(|error| error.to_string());
        let since = self.now();
        if taken_back.is_ok() && !matches!(*self.tide.borrow(), Tide::TakeBack(_)) {
            let is_whole = seen.wait_for(|seen| {
                seen.as_ref().is_some_and(|seen| {
                    seen.begun >= since && seen.look.statuses().all(Status::is_done)
                })
            });
            let mut tide = self.tide.clone();
            tokio::select! {
                _ = timeout(FOLLOW_WITHIN, is_whole) => {}
                _ = tide.wait_for(|tide| matches!(tide, Tide::TakeBack(_))) => {}
            }
        }
        self.restored(taken_back);
    }

    fn restored(&mut self, how: Result<String, String>) {
        let at = self.now();
        let (how, problem) = match how {
            Ok(how) => (Some(how), None),
            Err(why) => (None, Some(why)),
        };
        self.course.record_mut().restored = Some(Restored { at, how, problem });
        self.tell();
    }

    /// Nothing of it can be asked for.
    fn give_up(&mut self, why: &str) {
        for step in 0..self.course.record().steps.len() {
            self.course.took(step, Err(why.to_owned()), self.now());
        }
        self.tell();
    }

    fn now(&self) -> f64 {
        self.observer.clock().now()
    }

    /// Writes down what is new.
    fn tell(&mut self) {
        if self.last == *self.course.record() {
            return;
        }
        self.last = self.course.record().clone();
        self.told.send_modify(|known| known.extend(self.course.told()));
        self.observer.event(Event::DeploymentChanged { deployment: self.last.clone() });
    }
}

/// Whoever reads effects waits so long for the pods to follow.
const FOLLOW_WITHIN: Duration = Duration::from_secs(120);

fn said(asked: Result<Asked, FaultError>) -> Result<Asked, String> {
    asked.map_err(|error| error.to_string())
}

/// Waits for a time, in seconds; for ever, if that is infinite.
async fn wake(clock: Clock, at: f64) {
    match Duration::try_from_secs_f64(at) {
        Ok(at) => sleep_until(clock.at(at)).await,
        Err(_) => std::future::pending().await,
    }
}
