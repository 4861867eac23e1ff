//! The way of every fault: prepare, inject, confirm, heal.
//!
//! A fault is one file below this one, with the same parts in the same order:
//! what it is ([`About`]), whom it hits (`prepare`), and a [`Strike`] with its
//! undo, its landing, its confirmation, and how the system is seen whole again.

mod aims;
mod burn_cpu;
mod burner;
mod clock_offset;
mod close_connections;
#[cfg(feature = "kubernetes")]
mod cluster;
mod duplicate;
mod fill_disk;
mod fill_memory;
mod injected;
mod kill_process;
mod pause_process;
#[cfg(feature = "kubernetes")]
mod pods;
mod postgres_end_backends;
mod purge_queue;
mod rabbitmq_alarm;
mod redis_kill_clients;
mod redis_pause;
#[cfg(feature = "kubernetes")]
mod rollouts;
mod run_command;
mod selector;
mod severed;
mod shift_traffic;
mod stop_process;
mod terminate_process;
mod toxic;
mod victims;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use scenarios::plan::FaultKind;
use scenarios::program::Program;
use scenarios::redact::Secrets;
use scenarios::template::Template;
use serde::Serialize;

use crate::journal::{Journal, State};
use crate::limits::Limits;
use crate::undo::Undo;
use crate::{FaultError, World};
use victims::Victims;

pub(crate) use aims::at;
pub use aims::{Aim, Front, aims, aims_behind, aims_of_programs, fronts, hosts_of, through};
pub(crate) use burner::hidden as burner;
#[cfg(feature = "kubernetes")]
pub use cluster::at_cluster;
pub use injected::{Healed, Injected};
pub use selector::nobody;

/// A fault that is to be carried out now.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    /// What the journal and the report call it; unique in its run.
    pub name: String,
    /// Where the choice of victims comes from.
    pub seed: u64,
    /// How long the system may take to be whole again after it was taken back.
    pub heal_within: Duration,
    /// What is done.
    pub kind: FaultKind,
    /// The addresses behind `${target.key}`, by key.
    pub targets: BTreeMap<String, String>,
}

impl Order {
    /// How long it lasts before it is to be healed; zero for what happens in
    /// an instant.
    #[must_use]
    pub fn lasts(&self) -> Duration {
        self.kind.lasts().0
    }

    /// The secrets of its settings and of the addresses.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        let settings = serde_json::to_value(&self.kind).unwrap_or_default();
        let mut known = Secrets::of_value(&settings);
        for (key, address) in &self.targets {
            known.add_setting(key, address);
        }
        known
    }

    /// A program and its arguments, with their addresses.
    fn words(&self, program: &Program) -> Result<Vec<String>, FaultError> {
        program.words(&self.targets).map_err(FaultError::Target)
    }

    /// A text with its addresses.
    fn fill(&self, template: &Template) -> Result<String, FaultError> {
        template.fill(&self.targets).map_err(FaultError::Target)
    }
}

/// What a kind of fault is, for people who choose one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct About {
    /// The word by which files name it: `kill_process`.
    pub kind: &'static str,
    /// The subcommand of the program, `kill-process`; for a fault without one,
    /// where it is to be had.
    pub command: &'static str,
    /// What it does.
    pub does: &'static str,
    /// What is seen before it counts as landed.
    pub confirmed: &'static str,
    /// How it ends.
    pub undone: &'static str,
    /// Whether the system under test must cope with it, by which contract.
    pub contract: &'static str,
}

/// Every kind of fault.
#[must_use]
pub fn catalogue() -> Vec<About> {
    vec![
        kill_process::ABOUT,
        terminate_process::ABOUT,
        pause_process::ABOUT,
        stop_process::ABOUT,
        close_connections::ABOUT,
        rabbitmq_alarm::ABOUT,
        purge_queue::ABOUT,
        redis_kill_clients::ABOUT,
        redis_pause::ABOUT,
        postgres_end_backends::ABOUT,
        toxic::ABOUT,
        shift_traffic::ABOUT,
        duplicate::ABOUT,
        burn_cpu::ABOUT,
        fill_memory::ABOUT,
        fill_disk::ABOUT,
        clock_offset::ABOUT,
        run_command::ABOUT,
        #[cfg(feature = "kubernetes")]
        pods::KILL,
        #[cfg(feature = "kubernetes")]
        pods::TERMINATE,
        #[cfg(feature = "kubernetes")]
        pods::EVICT,
        #[cfg(feature = "kubernetes")]
        rollouts::RESTART,
        #[cfg(feature = "kubernetes")]
        rollouts::SET_IMAGE,
        #[cfg(feature = "kubernetes")]
        rollouts::ROLL_BACK,
        #[cfg(feature = "kubernetes")]
        rollouts::SCALE,
    ]
}

/// What whoever asks for a fault should know before it happens, if there is anything.
#[must_use]
pub fn doubt(kind: &FaultKind, targets: &BTreeMap<String, String>) -> Option<String> {
    let FaultKind::FillDisk(fill) = kind else { return None };
    fill_disk::doubt(fill, targets)
}

/// Where faults are carried out. Clones share everything.
#[derive(Clone)]
pub struct Scene {
    /// The processes that may be hit.
    pub world: Arc<dyn World>,
    /// Where undos are written.
    pub journal: Arc<Journal>,
    /// The client for management APIs, from [`crate::http_client`].
    pub http: reqwest::Client,
    /// How many may be hit at once.
    pub limits: Arc<Limits>,
}

/// One fault with its victims. Its parts are called in this order, each once;
/// after [`Strike::arm`] any of them may be cut off.
#[async_trait]
trait Strike: Send + Sync {
    /// Whom it hits, in words.
    fn victims(&self) -> Vec<String>;

    /// The processes that it hits, where it hits some of a role.
    fn chosen(&self) -> Option<&Victims> {
        None
    }

    /// What it sets or stops that another fault can set or stop at the same time,
    /// as everybody names it who means the same; `None` where each fault has its
    /// own.
    fn thing(&self) -> Option<String> {
        None
    }

    /// Looks up what it takes to undo the fault, without touching anything.
    async fn arm(&mut self) -> Result<Undo, FaultError>;

    /// Lets the fault happen. Where it hits only some of its victims, these are its
    /// victims from then on, and the error is [`FaultError::Partly`].
    async fn land(&mut self) -> Result<(), FaultError>;

    /// Waits until the fault is seen to have landed.
    async fn confirm(&self) -> Result<(), FaultError>;

    /// Takes back what only this program can, in a better way than the undo
    /// that stands in the journal; says how, or leaves it to the undo.
    async fn release(&mut self) -> Option<String> {
        None
    }

    /// Waits until the system is seen whole again; `None` if nobody can tell.
    async fn whole(
        &self,
        world: &dyn World,
        within: Duration,
    ) -> Result<Option<String>, FaultError>;
}

/// A fault whose victims are chosen and pinned. Nothing has been touched.
#[must_use = "a prepared fault does nothing until it is injected"]
pub struct Prepared {
    order: Order,
    scene: Scene,
    strike: Box<dyn Strike>,
}

/// How a fault is named among those that hold the same thing.
fn holder(order: &Order, scene: &Scene) -> String {
    format!("{}/{}", scene.journal.run(), order.name)
}

/// Chooses and pins the victims. This is the dry run: nothing is touched.
///
/// # Errors
/// When there are no victims or too few, or they cannot be listed.
pub async fn prepare(order: &Order, scene: &Scene) -> Result<Prepared, FaultError> {
    for aim in aims(&order.kind, &order.targets)? {
        scene.world.may_reach(&aim)?;
    }
    let strike = strike(order, scene).await?;
    Ok(Prepared { order: order.clone(), scene: scene.clone(), strike })
}

async fn strike(order: &Order, scene: &Scene) -> Result<Box<dyn Strike>, FaultError> {
    match &order.kind {
        FaultKind::KillProcess(kill) => kill_process::prepare(kill, order, scene),
        FaultKind::TerminateProcess(end) => terminate_process::prepare(end, order, scene),
        FaultKind::PauseProcess(pause) => pause_process::prepare(pause, order, scene),
        FaultKind::StopProcess(stop) => stop_process::prepare(stop, order, scene),
        FaultKind::CloseConnections(close) => close_connections::prepare(close, order, scene).await,
        FaultKind::RabbitmqAlarm(alarm) => rabbitmq_alarm::prepare(alarm, scene).await,
        FaultKind::PurgeQueue(purge) => purge_queue::prepare(purge, order, scene).await,
        FaultKind::RedisKillClients(kill) => redis_kill_clients::prepare(kill, order).await,
        FaultKind::RedisPause(pause) => redis_pause::prepare(pause, order).await,
        FaultKind::PostgresEndBackends(end) => postgres_end_backends::prepare(end, order).await,
        FaultKind::Toxic(toxic) => toxic::prepare(toxic, order, scene).await,
        FaultKind::ShiftTraffic(shift) => shift_traffic::prepare(shift, order, scene),
        FaultKind::Duplicate(asked) => duplicate::prepare(asked, order, scene).await,
        FaultKind::BurnCpu(burn) => Ok(burn_cpu::prepare(burn)),
        FaultKind::FillMemory(fill) => fill_memory::prepare(fill),
        FaultKind::FillDisk(fill) => fill_disk::prepare(fill, order, scene),
        FaultKind::ClockOffset(offset) => clock_offset::prepare(offset, order),
        FaultKind::RunCommand(command) => run_command::prepare(command, order),
        FaultKind::KillPods(_)
        | FaultKind::TerminatePods(_)
        | FaultKind::EvictPods(_)
        | FaultKind::RestartRollout(_)
        | FaultKind::SetImage(_)
        | FaultKind::RollBack(_)
        | FaultKind::Scale(_) => kubernetes(order, scene).await,
    }
}

#[cfg(feature = "kubernetes")]
async fn kubernetes(order: &Order, scene: &Scene) -> Result<Box<dyn Strike>, FaultError> {
    use pods::How;
    match &order.kind {
        FaultKind::KillPods(kill) => pods::prepare(kill, How::Kill, order, scene).await,
        FaultKind::TerminatePods(end) => pods::prepare(end, How::Terminate, order, scene).await,
        FaultKind::EvictPods(evict) => pods::prepare(evict, How::Evict, order, scene).await,
        FaultKind::RestartRollout(restart) => rollouts::restart(restart, &scene.limits).await,
        FaultKind::SetImage(set) => rollouts::set_image(set, &scene.limits).await,
        FaultKind::RollBack(back) => rollouts::roll_back(back, &scene.limits).await,
        FaultKind::Scale(scale) => rollouts::scale(scale, &scene.limits).await,
        other => unreachable!("{} is no fault of a cluster", other.word()),
    }
}

#[cfg(not(feature = "kubernetes"))]
async fn kubernetes(order: &Order, _: &Scene) -> Result<Box<dyn Strike>, FaultError> {
    Err(FaultError::Setting {
        what: order.kind.word().to_owned(),
        why: "this program was built without the feature kubernetes; build it with".to_owned(),
    })
}

/// [`prepare`] and [`Prepared::inject`] in one. A fault that finds no victims is
/// journaled as failed.
///
/// # Errors
/// Those of both.
pub async fn inject(order: &Order, scene: &Scene) -> Result<Injected, FaultError> {
    inject_if(order, scene, |prepared| prepared).await
}

/// [`inject`] with a look at who would be hit, before anything is touched.
pub(crate) async fn inject_if(
    order: &Order,
    scene: &Scene,
    look: impl FnOnce(Result<Prepared, FaultError>) -> Result<Prepared, FaultError>,
) -> Result<Injected, FaultError> {
    match look(prepare(order, scene).await) {
        Ok(prepared) => prepared.inject().await,
        Err(error) => {
            let state = State::Failed { why: error.to_string() };
            // The reason that nothing was injected matters more than its record.
            let _ = scene.journal.record(&order.name, order.kind.word(), state);
            Err(error)
        }
    }
}

impl Prepared {
    /// Whom it will hit, in words.
    #[must_use]
    pub fn victims(&self) -> Vec<String> {
        self.strike.victims()
    }

    /// Of a fault that hits processes of a role: how many there are to choose from,
    /// and the command lines of those that it will hit, as they may be shown.
    #[must_use]
    pub fn chosen(&self) -> Option<(usize, Vec<String>)> {
        let victims = self.strike.chosen()?;
        let commands = victims.processes().map(|process| crate::role::shown(process.pid));
        Some((victims.among(), commands.collect()))
    }
}
