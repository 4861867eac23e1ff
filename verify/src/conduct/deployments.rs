//! The deployments of a plan: each is taken through its steps, watched, rolled back where
//! that is advised and asked for, and restored at the end, whatever the end is.
//!
//! What is to be asked for when, and what became of it, is a function ([`course`]); a
//! task for each deployment ([`life`]) asks for it, and another one looks ([`eye`]).

mod course;
mod eye;
mod life;
mod record;
mod wanted;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos::Scene;
use chaos::conduct::{StepSeen, Steps};
use scenarios::Plan;
use scenarios::plan::{Check, Deployment, Orchestrator};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::ConductError;
use super::breaches::{Breaches, Met};
use crate::event::Event;
use crate::folder::Folder;
use crate::observe::Observer;
use crate::setup::Standing;
use crate::signal::Cancel;
use course::Course;
use life::Life;
pub(super) use wanted::Wanted;

/// How far the run is, for all deployments.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tide {
    /// Steps are asked for.
    Going,
    /// No more steps are asked for, because of this; those under way go on.
    NoMore(String),
    /// As soon as nothing is under way, what was before is set again.
    Restore(String),
    /// What was before is set again at once.
    TakeBack(String),
}

/// Deployments on their way through their steps.
pub(super) struct Deploying {
    lives: JoinSet<()>,
    tide: watch::Sender<Tide>,
    advised: Vec<(Deployment, mpsc::UnboundedSender<Met>)>,
    steps: Steps,
}

/// How far each step is, as the tasks tell it.
type Told = watch::Sender<BTreeMap<(String, String), StepSeen>>;

/// A deployment is taken back by its watchdog if the run lasts longer than planned by this.
const OVERDUE: Duration = Duration::from_secs(900);

/// Begins to take every deployment of the plan through its steps; `act` says whether one
/// is rolled back where that is advised. What cannot be asked for is written down with its
/// reason; it makes the run inconclusive.
pub(super) fn start(
    plan: &Plan,
    standing: &Standing,
    scene: &Result<Scene, String>,
    observer: &Observer,
    wanted: &Wanted,
    act: bool,
) -> Deploying {
    let (tide, tides) = watch::channel(Tide::Going);
    let (told, steps) = watch::channel(BTreeMap::new());
    let told: Arc<Told> = Arc::new(told);
    let (mut lives, mut advised) = (JoinSet::new(), Vec::new());
    let timeline = plan.timeline();
    for deployment in &plan.deployments {
        let filled = deployment.filled(&standing.targets).map_err(|error| error.to_string());
        let orchestrator = match &deployment.at {
            Orchestrator::Control(_) if standing.lab.is_some() => "the lab's controller".to_owned(),
            at => filled.as_ref().map_or(at, |filled| &filled.at).words(),
        };
        let course = Course::new(deployment, &timeline, orchestrator);
        observer.event(Event::DeploymentPlanned { deployment: course.record().clone() });
        let (advise, advice) = mpsc::unbounded_channel();
        advised.push((deployment.clone(), advise));
        let withins: Duration = deployment.steps.iter().map(|step| step.within.0).sum();
        let lasts = timeline.end() + withins + deployment.roll_back_within.0 + OVERDUE;
        let life = Life {
            ready: scene.clone().and_then(|scene| Ok((scene, filled?))),
            observer: observer.clone(),
            tide: tides.clone(),
            advice,
            told: Arc::clone(&told),
            wanted: wanted.clone(),
            lasts,
            act,
            last: course.record().clone(),
            course,
        };
        lives.spawn(life.live());
    }
    Deploying { lives, tide, advised, steps }
}

impl Deploying {
    /// How far each step is.
    pub(super) fn steps(&self) -> Steps {
        self.steps.clone()
    }

    /// No more steps are asked for, because of `why`. When the run was cancelled, what was
    /// before is set again at once.
    pub(super) fn end(&self, why: &str, cancel: &Cancel) {
        match cancel.is_cancelled() {
            true => self.take_back(why),
            false => self.turn(Tide::NoMore(why.to_owned())),
        }
    }

    /// Sets what was before again, because of `why`.
    pub(super) fn take_back(&self, why: &str) {
        self.turn(Tide::TakeBack(why.to_owned()));
    }

    fn turn(&self, to: Tide) {
        self.tide.send_if_modified(|tide| {
            let goes_on = !matches!(tide, Tide::TakeBack(_));
            if goes_on {
                *tide = to;
            }
            goes_on
        });
    }

    /// Waits until nothing is under way and every deployment is restored or kept; as soon as
    /// the run is cancelled, restores them at once.
    pub(super) async fn finish(mut self, cancel: &Cancel) {
        self.turn(Tide::Restore("the run ended first".to_owned()));
        tokio::select! {
            () = all(&mut self.lives) => return,
            () = cancel.cancelled() => self.take_back("the run ended first"),
        }
        all(&mut self.lives).await;
    }

    /// Watches the checks that say that a deployment should be rolled back, and tells it.
    /// Never ends.
    pub(super) async fn watch(&self, breaches: &mut Breaches) {
        loop {
            let met = breaches.next().await;
            for (deployment, advise) in &self.advised {
                if deployment.roll_back_if.contains(&met.check) {
                    // One that has ended wants no advice.
                    let _ = advise.send(met.clone());
                }
            }
        }
    }
}

async fn all(lives: &mut JoinSet<()>) {
    while lives.join_next().await.is_some() {}
}

/// Begins to watch the checks that say that a deployment should be rolled back.
pub(super) fn breaches(plan: &Plan, folder: &Folder) -> Result<Breaches, ConductError> {
    let is_named = |check: &&Check| {
        plan.deployments.iter().any(|deployment| deployment.roll_back_if.contains(&check.name))
    };
    let checks = plan.checks.iter().filter(is_named).cloned().collect();
    Breaches::watch(plan, folder, checks, "roll-backs")
}
