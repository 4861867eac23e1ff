//! The faults of a plan, carried out by chaos; what becomes of them is told to
//! the scribe.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos::conduct::{
    Acked, Conduct, Entry, Manner, Preview, Setting, Step, Steps, Watch, conduct,
};
use chaos::{Aim, FaultError, Journal, Limits, Planned, Process, Scene, World};
use reports::record::FaultRecord;
use scenarios::Plan;
use scenarios::plan::Again;
use scenarios::redact::Secrets;
use services::Host;

use super::deployments::Wanted;
use super::{ConductError, LabHandle};
use crate::event::Event;
use crate::folder::Folder;
use crate::observe::Observer;
use crate::setup::Standing;
use crate::signal::Cancel;

/// Faults that are due or under way.
pub(super) struct Breaking {
    running: Option<Conduct>,
}

impl Breaking {
    #[cfg(test)]
    pub(super) fn of(running: Conduct) -> Self {
        Self { running: Some(running) }
    }

    /// Nothing is injected any more, because of `why`. When the run was
    /// cancelled, what stands is taken back at once.
    pub(super) fn end(&self, why: &str, cancel: &Cancel) {
        let Some(running) = &self.running else { return };
        if cancel.is_cancelled() {
            running.baton().take_back(why, false);
        } else {
            running.baton().no_more(why);
        }
    }

    /// Whether every fault has come to its end.
    pub(super) fn is_over(&mut self) -> bool {
        self.running.as_mut().is_none_or(Conduct::is_over)
    }

    /// Takes everything back, because of `why`, and sees the system whole.
    pub(super) fn take_back(&self, why: &str) {
        if let Some(running) = &self.running {
            running.baton().take_back(why, true);
        }
    }

    /// Waits until every fault is healed or given up, or takes back what stands
    /// as soon as the run is cancelled.
    pub(super) async fn finish(self, cancel: &Cancel) {
        let Some(mut running) = self.running else { return };
        tokio::select! {
            () = running.finish() => return,
            () = cancel.cancelled() => running.baton().take_back("the run ended first", false),
        }
        running.finish().await;
    }
}

/// The lab's processes as candidates.
struct LabWorld {
    lab: LabHandle,
    wanted: Wanted,
    /// Every host and port at which something of the lab listens.
    listens: Vec<Host>,
}

impl LabWorld {
    fn new(lab: LabHandle, wanted: Wanted, targets: &BTreeMap<String, String>) -> Self {
        let listens = targets.values().filter_map(|address| chaos::hosts_of(address).ok());
        Self { lab, wanted, listens: listens.flatten().collect() }
    }
}

impl World for LabWorld {
    fn processes(&self, role: &str) -> Vec<Process> {
        let running = self.lab.processes().into_iter().filter(|process| process.role == role);
        running
            .filter_map(|process| {
                let (name, start_time) = (process.name, process.start_time);
                Some(Process { name, pid: process.pid?, start_time })
            })
            .collect()
    }

    fn wanted(&self, role: &str) -> Option<usize> {
        self.wanted.pods(role)
    }

    /// Only the lab's own, however a candidate was found.
    fn may_hit(&self, process: &Process) -> Result<(), FaultError> {
        let is_it = |own: &lab::ProcessState| {
            own.pid == Some(process.pid) && own.start_time == process.start_time
        };
        match self.lab.processes().iter().any(is_it) {
            true => Ok(()),
            false => Err(outside(&format!("harm to {process}"))),
        }
    }

    /// Only the lab's own: a server on the same machine that somebody else runs
    /// is not meant.
    fn may_reach(&self, aim: &Aim) -> Result<(), FaultError> {
        match aim.hosts.iter().all(|host| self.listens.contains(host)) {
            true => Ok(()),
            false => Err(outside(&format!("a fault at {}", aim.what))),
        }
    }

    fn may_hold(&self, _: &str) -> Result<(), String> {
        Ok(())
    }

    fn hold(&self, name: &str) -> Result<(), String> {
        self.lab.hold(name, lab::Patience::new(HOLD_WITHIN)).map_err(|error| error.to_string())
    }

    fn let_go(&self, name: &str) {
        // Without its keeper the lab has ended, and nothing is held any more.
        let _ = self.lab.let_go(name);
    }
}

/// The keeper answers at once; a busy machine may take a while.
const HOLD_WITHIN: Duration = Duration::from_secs(20);

fn outside(what: &str) -> FaultError {
    let why = "faults of a run in the lab hit nothing but the lab; give the address of your own \
               system as --target KEY=URL";
    FaultError::Blocked { what: what.to_owned(), why: why.to_owned() }
}

/// Puts every fault of the plan into the timetable. What cannot be carried out
/// is written down with its reason; it makes the run inconclusive.
pub(super) fn start(
    plan: &Plan,
    standing: &Standing,
    scene: &Result<Scene, String>,
    observer: &Observer,
    (acked, steps): (Acked, Steps),
) -> Result<Breaking, ConductError> {
    let timetable = chaos::expand(&plan.faults, &plan.timeline(), plan.seed)
        .map_err(|error| ConductError::Timetable(error.to_string()))?;
    let records = timetable.iter().map(record).collect::<Vec<_>>();
    for fault in &records {
        observer.event(Event::FaultPlanned { fault: fault.clone() });
    }
    let reporter = Reporter { observer: observer.clone(), records: Mutex::new(records) };
    match scene {
        Ok(scene) => {
            let entry = |planned| Entry::new(planned, &standing.targets);
            let entries = timetable.into_iter().map(entry).collect();
            let zero = observer.clock().at(Duration::ZERO);
            let setting = Setting {
                zero,
                seed: plan.seed,
                allowed: plan.safety.allowed.clone(),
                acked: Some(acked),
                steps: Some(steps),
                watch: Arc::new(reporter),
            };
            Ok(Breaking { running: Some(conduct(entries, scene, setting)) })
        }
        Err(why) => {
            let failed = Step::Failed { manner: Manner::NotLanded, why: why.clone() };
            timetable.iter().for_each(|planned| reporter.see(planned, &failed));
            Ok(Breaking { running: None })
        }
    }
}

/// Where the faults and the deployments of a plan are carried out, and what is written down
/// of it.
pub(super) fn scene(
    plan: &Plan,
    standing: &Standing,
    folder: &Folder,
    secrets: &Secrets,
    observer: &Observer,
    wanted: &Wanted,
) -> Result<Scene, String> {
    let run = folder.path().file_name().map_or_else(String::new, |n| n.to_string_lossy().into());
    let journal = Journal::open(folder.journal(), &run).map_err(|error| error.to_string());
    let journal = journal.map(|journal| journal.hiding(secrets.clone()));
    if let Err(error) = &journal {
        observer.event(Event::Warning { text: error.clone(), awaited_by: Vec::new() });
    }
    let waits = observer.clone();
    let limits = limits(plan).undo_within(UNDO_WITHIN).telling(move |text| {
        waits.event(Event::Warning { text: text.to_owned(), awaited_by: Vec::new() });
    });
    scene_of(standing, journal?, limits, wanted.clone())
}

/// Whoever waits for a verdict waits so long for a fault to be taken back. A watchdog
/// goes on trying.
const UNDO_WITHIN: Duration = Duration::from_secs(60);

fn limits(plan: &Plan) -> Limits {
    let most = usize::try_from(plan.safety.most_victims).unwrap_or(usize::MAX);
    Limits::new(most).within(Vec::new(), plan.safety.allowed.clone())
}

/// Where the faults of a plan are carried out.
fn scene_of(
    standing: &Standing,
    journal: Journal,
    limits: Limits,
    wanted: Wanted,
) -> Result<Scene, String> {
    let world: Arc<dyn World> = match (&standing.lab, &standing.roles) {
        (Some(lab), _) => Arc::new(LabWorld::new(lab.clone(), wanted, &standing.targets)),
        (None, Some(roles)) => Arc::clone(roles) as Arc<dyn World>,
        (None, None) => return Err("there is no system whose faults could be injected".to_owned()),
    };
    let http = chaos::http_client().map_err(|error| error.to_string())?;
    Ok(Scene { world, journal: Arc::new(journal), http, limits: Arc::new(limits) })
}

/// What each fault of the plan would do now. In a lab that does not stand nobody
/// can tell whom one will hit.
///
/// # Errors
/// When a fault has no place in time, or a client cannot be made.
pub(crate) async fn preview(
    plan: &Plan,
    standing: Option<&Standing>,
) -> Result<Vec<Preview>, String> {
    let timetable = chaos::expand(&plan.faults, &plan.timeline(), plan.seed)
        .map_err(|error| error.to_string())?;
    let Some(standing) = standing else {
        let later = "hits whoever then runs in the lab";
        let entries = timetable.into_iter().map(|planned| Entry::new(planned, &BTreeMap::new()));
        return Ok(entries.map(|entry| Preview::later(&entry, later)).collect());
    };
    // Nothing is injected, and so nothing written down.
    let journal = Journal::open("/dev/null", "dry-run").map_err(|error| error.to_string())?;
    let scene = scene_of(standing, journal, limits(plan), Wanted::default())?;
    let mut previews = Vec::new();
    for planned in timetable {
        previews.push(Preview::of(&Entry::new(planned, &standing.targets), &scene).await);
    }
    Ok(previews)
}

/// Keeps the record of each fault and passes it on whenever it changes.
struct Reporter {
    observer: Observer,
    records: Mutex<Vec<FaultRecord>>,
}

impl Watch for Reporter {
    fn see(&self, fault: &Planned, step: &Step) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(record) = records.iter_mut().find(|record| record.name == fault.name) else {
            return;
        };
        write_down(record, step, self.observer.clock().now());
        self.observer.event(Event::FaultChanged { fault: record.clone() });
    }
}

/// Adds to a record what happened at a time, in seconds.
fn write_down(record: &mut FaultRecord, step: &Step, now: f64) {
    match step {
        Step::Injected { victims } => {
            record.injected = Some(now);
            record.victims.clone_from(victims);
        }
        Step::Confirmed => record.confirmed = Some(now),
        Step::Undone { .. } => record.undone = Some(now),
        Step::Healed { .. } => record.healed = Some(now),
        Step::Failed { manner, why } => {
            record.blocked |= *manner == Manner::Blocked;
            record.still_there |= *manner == Manner::StillThere;
            record.unhealed |= *manner == Manner::NotHealed;
            // What went wrong first is the cause of the rest.
            record.problem.get_or_insert_with(|| why.clone());
        }
    }
}

fn record(planned: &Planned) -> FaultRecord {
    FaultRecord {
        name: planned.name.clone(),
        turn_of: match &planned.fault.again {
            Some(Again::TurnOf(of)) => Some(of.clone()),
            Some(Again::Every(_)) | None => None,
        },
        kind: planned.fault.kind.word().to_owned(),
        planned: planned.at.as_secs_f64(),
        injected: None,
        confirmed: None,
        healed: None,
        victims: Vec::new(),
        blocked: false,
        undone: None,
        still_there: false,
        unhealed: false,
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
