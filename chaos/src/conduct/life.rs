//! The life of one fault, from its place in the timetable to the whole system.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scenarios::plan::{After, AfterLoad, AfterStep};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::{
    Acked, Entry, HANGS, Hands, Holding, Manner, Standing, Step, StepSeen, Steps, Tide, Watch,
};
use crate::FaultError;

/// Whoever interrupts a run waits so long for the system to be whole again.
const SEEN_SOON: Duration = Duration::from_secs(2);

/// A fault with what it shares with the others.
pub(super) struct Life<H> {
    pub(super) hands: H,
    pub(super) entry: Entry,
    pub(super) zero: Instant,
    pub(super) acked: Option<Acked>,
    pub(super) steps: Option<Steps>,
    pub(super) watch: Arc<dyn Watch>,
    pub(super) standing: Arc<Standing>,
    pub(super) tide: Arc<watch::Sender<Tide>>,
}

impl<H: Hands> Life<H> {
    pub(super) async fn live(self) {
        if let Err(why) = self.due().await {
            return self.tell(&Step::Failed { manner: Manner::NotReached, why });
        }
        // The place is taken before the injection, so that a stop in its middle
        // finds it standing.
        let place = self.standing.enter();
        let injected = self.hands.inject(&self.entry.order, self.entry.expected.as_ref()).await;
        let landed = Instant::now();
        let mut held = match injected {
            Ok(held) => held,
            Err(error) => {
                self.standing.leave(place);
                return self.not_injected(&error);
            }
        };
        self.tell(&Step::Injected { victims: held.victims() });
        if self.confirm(&held).await {
            tokio::select! {
                () = sleep_until(landed + self.entry.order.lasts()) => {}
                () = self.is(Tide::takes_back) => {}
            }
        }
        if self.tide.borrow().takes_back() {
            // Whoever hangs keeps the others for a while only.
            let _ = timeout(HANGS, self.standing.is_last(place)).await;
        }
        let undone = held.take_back().await;
        self.standing.leave(place);
        match undone {
            Ok(how) => self.tell(&Step::Undone { how }),
            Err(error) => return self.failed(&error),
        }
        let is_cut_off = async {
            self.is(Tide::is_impatient).await;
            sleep(SEEN_SOON).await;
        };
        tokio::select! {
            biased;
            () = is_cut_off => {}
            whole = held.whole() => match whole {
                Ok(how) => self.tell(&Step::Healed { how }),
                Err(error) => self.failed(&error),
            },
        }
    }

    /// Waits for the fault's time, and for what must happen before.
    async fn due(&self) -> Result<(), String> {
        let planned = &self.entry.planned;
        tokio::select! {
            biased;
            why = self.ended() => return Err(why),
            () = sleep_until(self.zero + planned.at) => {}
        }
        match &planned.fault.after {
            None => Ok(()),
            Some(After::Load(after)) => self.loaded(after).await,
            Some(After::Step(after)) => self.stepped(after).await,
        }
    }

    /// Waits until so many operations are acknowledged.
    async fn loaded(&self, after: &AfterLoad) -> Result<(), String> {
        let planned = &self.entry.planned;
        let Some(mut acked) = self.acked.clone() else {
            return Err(format!("nobody counts the operations of {:?} here", after.workload));
        };
        let count = |acked: &Acked| acked.borrow().get(&after.workload).copied().unwrap_or(0);
        let short = |why: &str, acked: &Acked| {
            let (so_far, asked) = (count(acked), after.acked);
            format!("{why} with {so_far} of {asked} operations of {} acknowledged", after.workload)
        };
        let seen = acked.clone();
        let reached = acked.wait_for(|counts| {
            counts.get(&after.workload).is_some_and(|&count| count >= u64::from(after.acked))
        });
        tokio::select! {
            biased;
            why = self.ended() => Err(short(&why, &seen)),
            reached = reached => reached.map(|_| ()).map_err(|_| short("the load ended", &seen)),
            () = sleep_until(self.zero + planned.until) => {
                Err(short(&format!("phase {} ended", planned.fault.phase), &seen))
            }
        }
    }

    /// Waits until a step of a deployment is as far as is asked for.
    async fn stepped(&self, after: &AfterStep) -> Result<(), String> {
        let AfterStep { deployment, step, updated } = after;
        let planned = &self.entry.planned;
        let what = format!("step {step} of {deployment}");
        let Some(mut steps) = self.steps.clone() else {
            return Err(format!("nobody takes {what} here"));
        };
        let short = |why: &str| match updated {
            None => format!("{why} before {what} was done"),
            Some(pods) => format!("{why} before {what} had made {pods} pods new"),
        };
        let key = (deployment.clone(), step.clone());
        let is_decided = |known: &BTreeMap<_, StepSeen>| {
            known.get(&key).is_some_and(|seen| seen.decides(*updated).is_some())
        };
        tokio::select! {
            biased;
            why = self.ended() => Err(short(&why)),
            decided = steps.wait_for(is_decided) => {
                let seen = decided.ok().and_then(|known| known.get(&key)?.decides(*updated));
                seen.unwrap_or_else(|| Err("ended".to_owned())).map_err(|why| format!("{what} {why}"))
            }
            () = sleep_until(self.zero + planned.until) => {
                Err(short(&format!("phase {} ended", planned.fault.phase)))
            }
        }
    }

    /// Whether the fault was seen to have landed. One that was not is taken
    /// back at once.
    async fn confirm(&self, held: &H::Held) -> bool {
        tokio::select! {
            biased;
            confirmed = held.confirm() => match confirmed {
                Ok(()) => self.tell(&Step::Confirmed),
                Err(error) => {
                    self.failed(&error);
                    return false;
                }
            },
            () = self.is(Tide::takes_back) => {}
        }
        true
    }

    /// A fault that the limits refuse because the run was stopped meanwhile is
    /// not blocked: it did not come to its turn.
    fn not_injected(&self, error: &FaultError) {
        let ended = self.tide.borrow().ended().map(str::to_owned);
        match ended {
            Some(why) if self.hands.limits().is_stopped() && error.is_refusal() => {
                self.tell(&Step::Failed { manner: Manner::NotReached, why });
            }
            _ => self.failed(error),
        }
    }

    pub(super) fn failed(&self, error: &FaultError) {
        self.tell(&Step::Failed { manner: error.into(), why: error.to_string() });
    }

    fn tell(&self, step: &Step) {
        self.watch.see(&self.entry.planned, step);
    }

    /// Why nothing more is injected, as soon as that is so.
    async fn ended(&self) -> String {
        self.is(|tide| tide.ended().is_some()).await;
        self.tide.borrow().ended().unwrap_or_default().to_owned()
    }

    async fn is(&self, condition: impl Fn(&Tide) -> bool) {
        let mut changes = self.tide.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = changes.wait_for(|tide| condition(tide)).await;
    }
}
