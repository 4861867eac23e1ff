//! The faults of a plan, each carried out at its time.

use std::sync::Arc;
use std::time::Duration;

use chaos::{FaultError, Injected, Journal, Limits, Planned, Process, Scene, World};
use reports::record::FaultRecord;
use scenarios::Plan;
use tokio::task::JoinSet;

use super::{ConductError, LabHandle};
use crate::event::Event;
use crate::folder::Folder;
use crate::observe::Observer;
use crate::setup::Standing;
use crate::signal::Cancel;

/// Faults that are due or under way.
pub(super) struct Breaking {
    tasks: JoinSet<()>,
}

impl Breaking {
    /// Waits until every fault is healed or given up.
    pub(super) async fn finish(mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// The lab's processes as candidates.
struct LabWorld(LabHandle);

impl World for LabWorld {
    fn processes(&self, role: &str) -> Vec<Process> {
        let running = self.0.processes().into_iter().filter(|process| process.role == role);
        running
            .filter_map(|process| {
                let (name, start_time) = (process.name, process.start_time);
                Some(Process { name, pid: process.pid?, start_time })
            })
            .collect()
    }

    fn hold(&self, name: &str) -> Result<(), String> {
        self.0.hold(name, lab::Patience::new(HOLD_WITHIN)).map_err(|error| error.to_string())
    }

    fn let_go(&self, name: &str) {
        // Without its keeper the lab has ended, and nothing is held any more.
        let _ = self.0.let_go(name);
    }
}

/// The keeper answers at once; a busy machine may take a while.
const HOLD_WITHIN: Duration = Duration::from_secs(20);

/// Nobody's processes: those of somebody's own system are out of reach.
struct NoWorld;

impl World for NoWorld {
    fn processes(&self, _: &str) -> Vec<Process> {
        Vec::new()
    }
}

/// Puts every fault of the plan into the timetable. What cannot be carried out
/// is written down with its reason; it makes the run inconclusive.
pub(super) fn start(
    plan: &Plan,
    standing: &Standing,
    folder: &Folder,
    observer: &Observer,
    cancel: &Cancel,
) -> Result<Breaking, ConductError> {
    let mut tasks = JoinSet::new();
    let timetable = chaos::expand(&plan.faults, &plan.timeline(), plan.seed)
        .map_err(|error| ConductError::Timetable(error.to_string()))?;
    let scene = scene(plan, standing, folder, observer);
    for planned in timetable {
        let mut follower =
            Follower { observer: observer.clone(), record: planned_record(&planned) };
        follower.observer.event(Event::FaultPlanned { fault: follower.record.clone() });
        let order = planned.order(&standing.targets);
        match &scene {
            Err(why) => follower.failed(why),
            Ok(scene) => {
                let (scene, cancel) = (scene.clone(), cancel.clone());
                tasks.spawn(async move {
                    let due = follower.observer.clock().at(planned.at);
                    tokio::select! {
                        () = tokio::time::sleep_until(due) => {}
                        () = cancel.cancelled() => return follower.failed("the run ended first"),
                    }
                    carry_out(order, scene, follower).await;
                });
            }
        }
    }
    Ok(Breaking { tasks })
}

fn scene(
    plan: &Plan,
    standing: &Standing,
    folder: &Folder,
    observer: &Observer,
) -> Result<Scene, String> {
    let world: Arc<dyn World> = match &standing.lab {
        Some(lab) => Arc::new(LabWorld(lab.clone())),
        None => Arc::new(NoWorld),
    };
    let run = folder.path().file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
    let journal = Journal::open(folder.journal(), &run).map_err(|error| error.to_string());
    if let Err(error) = &journal {
        observer.event(Event::Warning { text: error.clone() });
    }
    let http = chaos::http_client().map_err(|error| error.to_string())?;
    let most = usize::try_from(plan.safety.most_victims).unwrap_or(usize::MAX);
    let limits = Arc::new(Limits::new(most));
    Ok(Scene { world, journal: Arc::new(journal?), http, limits })
}

/// Injects, confirms and heals one fault, and tells of each step.
async fn carry_out(order: chaos::Order, scene: Scene, mut follower: Follower) {
    let injected: Injected = match chaos::inject(&order, &scene).await {
        Ok(injected) => injected,
        Err(error) => return follower.failed(error),
    };
    follower.record.injected = Some(follower.now());
    follower.record.victims = injected.victims();
    follower.tell();
    let confirmed = injected.confirm().await;
    if confirmed.is_ok() {
        follower.record.confirmed = Some(follower.now());
        follower.tell();
    }
    // A fault that nobody saw land is healed all the same.
    tokio::time::sleep(order.lasts()).await;
    let healed = injected.heal().await;
    match (confirmed, healed) {
        (Ok(()), Ok(_)) => {
            follower.record.healed = Some(follower.now());
            follower.tell();
        }
        (Err(error), _) | (_, Err(error)) => follower.failed::<FaultError>(error),
    }
}

/// Tells what becomes of one fault.
struct Follower {
    observer: Observer,
    record: FaultRecord,
}

impl Follower {
    fn now(&self) -> f64 {
        self.observer.clock().now()
    }

    fn tell(&self) {
        self.observer.event(Event::FaultChanged { fault: self.record.clone() });
    }

    fn failed<E: ToString>(&mut self, why: E) {
        self.record.problem = Some(why.to_string());
        self.tell();
    }
}

fn planned_record(planned: &Planned) -> FaultRecord {
    FaultRecord {
        name: planned.name.clone(),
        kind: planned.fault.kind.word().to_owned(),
        planned: planned.at.as_secs_f64(),
        injected: None,
        confirmed: None,
        healed: None,
        victims: Vec::new(),
        problem: None,
    }
}

/// Passes on what the lab's supervisor says of its processes, until the lab is
/// gone.
pub(super) fn follow_processes(lab: &LabHandle, observer: &Observer) {
    let events = lab.events();
    let observer = observer.downgrade();
    std::thread::spawn(move || {
        for event in events {
            let Some(observer) = observer.upgrade() else { return };
            let (name, what) = match event {
                lab::Event::Started { name, pid, restarts, .. } => {
                    (name, format!("started as process {pid}, restart {restarts}"))
                }
                lab::Event::Exited { name, status, .. } => (name, format!("ended: {status}")),
                lab::Event::Restarting { name, in_ms } => {
                    (name, format!("will be started again in {in_ms} ms"))
                }
                lab::Event::Failed { name, reason } => (name, format!("did not start: {reason}")),
                _ => continue,
            };
            observer.event(Event::Process { name, what });
        }
    });
}
