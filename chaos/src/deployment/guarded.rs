//! A deployment whose undo is written down and in a watchdog's hands.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use scenarios::plan::Change;

use super::part::{Part, Values, values};
use super::{Asked, Kept, Look, Port, Restoration};
use crate::hold::{Grip, Hold, Holder};
use crate::journal::State;
use crate::process::Pinned;
use crate::undo::Undo;
use crate::watchdog::{Task, Watchdog};
use crate::{FaultError, Journal, Limits};

/// What the journal calls it.
const KIND: &str = "deployment";

/// A deployment that may be changed, because it will be taken back whatever becomes of
/// this program. If it is dropped instead of ended by [`Guarded::take_back`] or
/// [`Guarded::keep`], it stays open in the journal, and the watchdog takes it back.
#[must_use = "a guarded deployment is to be taken back or kept"]
pub struct Guarded {
    port: Port,
    before: Look,
    restoration: Restoration,
    journal: Arc<Journal>,
    limits: Arc<Limits>,
    watchdog: Watchdog,
}

impl Guarded {
    pub(super) async fn new(
        port: Port,
        journal: Arc<Journal>,
        limits: Arc<Limits>,
        lasts: Duration,
    ) -> Result<Self, FaultError> {
        // After a stop condition nothing is begun.
        limits.admit(0)?;
        let before = port.look().await?;
        let entry = entry(port.name());
        let by = format!("{}/{entry}", journal.run());
        let restoration = port.restoration().await?;
        let mut restoration = restoration.holding(&port.plan, &port.way, &by);
        let mut grips = claim(&port, &mut restoration, &by).await?;
        let undo = Undo::Deployment { deployment: Box::new(restoration.clone()) };
        match write_down(&journal, &entry, &undo, lasts, &by, &mut grips).await {
            Ok(mut watchdog) => {
                watchdog.begin();
                Ok(Self { port, before, restoration, journal, limits, watchdog })
            }
            Err(error) => {
                drop(grips);
                // Nobody else may wait for it; that it failed matters more.
                let _ = undo.let_go().await;
                let _ = journal.record(&entry, KIND, State::Failed { why: error.to_string() });
                Err(error)
            }
        }
    }

    /// The way to it, to look.
    #[must_use]
    pub fn port(&self) -> &Port {
        &self.port
    }

    /// What it was before.
    #[must_use]
    pub fn before(&self) -> &Look {
        &self.before
    }

    /// [`Port::ask`], known to the other faults that hold the same count or image: what is
    /// asked last is what is so.
    ///
    /// # Errors
    /// Those of [`Port::ask`], and when the record of what it holds cannot be written.
    pub async fn ask(&self, change: &Change) -> Result<Asked, FaultError> {
        let present = self.port.way.present(&[]).await?.unwrap_or_default();
        let counting = self.port.way.counting();
        let asked = values(&self.port.plan, change, counting, present.of_canary());
        let sets_image = matches!(change, Change::Undo { .. });
        let parts: Vec<Part> =
            asked.keys().copied().chain(sets_image.then_some(Part::Image)).collect();
        let mut grips = self.grips(&parts).await?;
        for (kept, grip) in &mut grips {
            let Some(value) = asked.get(&kept.part) else { continue };
            raise(kept, grip, value)?;
        }
        let result = self.port.ask_of(change, Some(&self.restoration.identity.uid)).await;
        match &result {
            Ok(_) if sets_image => {
                // Which image that is, is known only now.
                let now = self.port.way.present(&[]).await?.unwrap_or_default().values;
                for (kept, grip) in &mut grips {
                    if let Some(image) = now.get(&kept.part) {
                        raise(kept, grip, image)?;
                    }
                }
            }
            Err(error) if !super::way::is_indeterminate(error) => {
                for (kept, grip) in &mut grips {
                    if let Some(now) = present.values.get(&kept.part) {
                        raise(kept, grip, now)?;
                    }
                }
            }
            Ok(_) | Err(_) => {}
        }
        result
    }

    /// Asks for the image called `stable` (what was there before, if the plan has none)
    /// and for what else was there before, but unpaused, in one request where the API can.
    ///
    /// # Errors
    /// Those of [`Guarded::ask`].
    pub async fn roll_back(&self) -> Result<Asked, FaultError> {
        if !self.port.plan.at.tells_pods() {
            // Programs of the user's own tell no values: one of them goes back.
            return self.port.way.go_back(None).await;
        }
        let asked = self.rolled_back();
        let parts: Vec<Part> = asked.keys().copied().collect();
        let mut grips = self.grips(&parts).await?;
        for (kept, grip) in &mut grips {
            if let Some(value) = asked.get(&kept.part) {
                raise(kept, grip, value)?;
            }
        }
        self.port.set(|_| asked.clone(), Some(&self.restoration.identity.uid)).await
    }

    fn rolled_back(&self) -> Values {
        let stable = self.port.plan.images.get(super::part::STABLE);
        let value = |kept: &Kept| match kept.part {
            Part::Image => stable.unwrap_or(&kept.before).clone(),
            Part::Paused => false.to_string(),
            _ => kept.before.clone(),
        };
        let parts = self.restoration.parts.iter();
        parts
            .filter(|kept| kept.part != Part::Template)
            .map(|kept| (kept.part, value(kept)))
            .collect()
    }

    /// The records of these parts, as far as faults can set them as well.
    async fn grips(&self, parts: &[Part]) -> Result<Vec<(&Kept, Grip)>, FaultError> {
        let mut held: Vec<(&Kept, &Hold)> = self
            .restoration
            .parts
            .iter()
            .filter(|kept| parts.contains(&kept.part))
            .filter_map(|kept| Some((kept, kept.hold.as_ref()?)))
            .collect();
        held.sort_by_key(|(_, hold)| &hold.record);
        let mut grips = Vec::new();
        for (kept, hold) in held {
            let grip = Grip::take(&hold.record).await.map_err(|error| unusable(hold, error))?;
            grips.push((kept, grip));
        }
        Ok(grips)
    }

    /// Sets what was before, writes that down, and ends the watchdog; says what was done.
    /// That the pods follow is for whoever looks.
    ///
    /// # Errors
    /// [`FaultError::Undo`] if it cannot be taken back; it stays open in the journal.
    pub async fn take_back(self) -> Result<String, FaultError> {
        let undo = Undo::Deployment { deployment: Box::new(self.restoration.clone()) };
        let entry = entry(self.port.name());
        let tell = |error: &crate::UndoError, left: Duration| {
            let text = format!(
                "deployment {} is not as before: {error}. Taking it back is tried again for {} s",
                self.port.name(),
                left.as_secs()
            );
            self.limits.tell(&text);
        };
        match undo.insist(|| self.limits.patience(), tell).await {
            Ok(done) => {
                self.watchdog.end();
                let state = State::Undone { how: done.how.clone() };
                self.journal.record(&entry, KIND, state)?;
                Ok(done.how)
            }
            Err(error) => {
                let journal = self.journal.path().to_owned();
                let error = FaultError::Undo { source: Box::new(error), journal };
                let _ = self.journal.record(&entry, KIND, State::Failed { why: error.to_string() });
                Err(error)
            }
        }
    }

    /// Leaves it as it is: the undo is closed as done, and the watchdog ended.
    ///
    /// # Errors
    /// When that cannot be written; the watchdog then takes it back.
    pub async fn keep(self) -> Result<(), FaultError> {
        let how = "left as the last step left it, as the plan says".to_owned();
        self.journal.record(&entry(self.port.name()), KIND, State::Undone { how })?;
        self.watchdog.end();
        let undo = Undo::Deployment { deployment: Box::new(self.restoration) };
        // It is closed; a record that cannot be written ends with this program.
        let _ = undo.let_go().await;
        Ok(())
    }
}

/// What the journal calls the undo of a deployment.
fn entry(name: &str) -> String {
    format!("deployment {name}")
}

fn unusable(hold: &Hold, source: std::io::Error) -> FaultError {
    FaultError::System { what: format!("use {}", hold.record.display()), source }
}

/// Writes down what this run has set last.
fn raise(kept: &Kept, grip: &mut Grip, value: &str) -> Result<(), FaultError> {
    let Some(hold) = &kept.hold else { return Ok(()) };
    grip.raise(&hold.by, value).map_err(|error| unusable(hold, error))
}

/// Makes the run the first of those who hold each part, since it has set nothing yet: what
/// was there before them is what it gives back.
async fn claim(
    port: &Port,
    restoration: &mut Restoration,
    by: &str,
) -> Result<BTreeMap<usize, Grip>, FaultError> {
    let present = restoration.identity.present();
    let mut order: Vec<usize> = (0..restoration.parts.len()).collect();
    order.sort_by_key(|&place| {
        restoration.parts[place].hold.as_ref().map(|hold| hold.record.clone())
    });
    let mut grips = BTreeMap::new();
    for place in order {
        let kept = &mut restoration.parts[place];
        let thing = port.way.thing(&port.plan, kept.part, &present);
        let (Some(hold), Some(thing)) = (&kept.hold, thing) else { continue };
        let mut grip = Grip::take(&hold.record).await.map_err(|error| unusable(hold, error))?;
        kept.before = grip
            .join_first(&thing, Holder::new(by.to_owned()), &kept.before)
            .map_err(|error| unusable(hold, error))?;
        grips.insert(place, grip);
    }
    Ok(grips)
}

/// Starts what takes it back in any case, and writes the undo down.
async fn write_down(
    journal: &Journal,
    entry: &str,
    undo: &Undo,
    lasts: Duration,
    by: &str,
    grips: &mut BTreeMap<usize, Grip>,
) -> Result<Watchdog, FaultError> {
    let owner = std::process::id();
    let owner = Pinned::of(owner).unwrap_or(Pinned { pid: owner, start_time: 0 });
    let task = Task { undo: undo.clone(), owner, record: journal.reference(entry, KIND)? };
    let watchdog = Watchdog::start(&task, lasts).await?;
    let pinned = watchdog.pinned();
    for grip in grips.values_mut() {
        grip.watched(by, pinned).map_err(|source| FaultError::System {
            what: "write down who takes the deployment back".to_owned(),
            source,
        })?;
    }
    let state = State::Injecting { undo: undo.clone(), owner, watchdog: Some(pinned) };
    journal.record(entry, KIND, state)?;
    Ok(watchdog)
}
