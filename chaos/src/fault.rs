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
mod duplicate;
mod fill_disk;
mod fill_memory;
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
use crate::limits::{Limits, Permit};
use crate::process::Pinned;
use crate::undo::Undo;
use crate::watchdog::Watchdog;
use crate::{FaultError, World};
use victims::Victims;

pub use aims::{Aim, Front, aims, aims_behind, aims_of_programs, fronts, hosts_of, through};
pub(crate) use burner::hidden as burner;
pub use selector::nobody;

/// A watchdog waits so much longer than the fault lasts: whoever has injected it
/// is to take it back, not two at once.
const MARGIN: Duration = Duration::from_secs(2);

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

    /// Looks up what it takes to undo the fault, without touching anything.
    async fn arm(&mut self) -> Result<Undo, FaultError>;

    /// Lets the fault happen.
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

/// A fault that was injected and must be healed. If it is dropped instead, its
/// undo stays open in the journal for [`crate::recover`].
#[must_use = "an injected fault must be healed"]
pub struct Injected {
    order: Order,
    scene: Scene,
    strike: Box<dyn Strike>,
    undo: Undo,
    watchdog: Option<Watchdog>,
    permit: Permit,
}

/// How a fault ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Healed {
    /// What was done to take it back.
    pub undone: String,
    /// What was seen that makes the system whole again; `None` if nobody can
    /// tell, because who repairs it is not known here.
    pub seen: Option<String>,
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
        FaultKind::RestartRollout(restart) => rollouts::restart(restart, scene).await,
        FaultKind::SetImage(set) => rollouts::set_image(set, scene).await,
        FaultKind::RollBack(back) => rollouts::roll_back(back, scene).await,
        FaultKind::Scale(scale) => rollouts::scale(scale, scene).await,
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

    /// Starts what ends the fault in any case, writes the undo down, syncs it,
    /// and then lets the fault happen. On an error whatever happened is taken
    /// back.
    ///
    /// # Errors
    /// When a limit forbids it or the undo cannot be written (nothing happened
    /// then), when a victim has gone, or when the system refuses.
    pub async fn inject(self) -> Result<Injected, FaultError> {
        let Self { order, scene, mut strike } = self;
        let failed = |error: FaultError| {
            let state = State::Failed { why: error.to_string() };
            let _ = scene.journal.record(&order.name, order.kind.word(), state);
            error
        };
        let permit = scene.limits.admit(strike.victims().len()).map_err(failed)?;
        let undo = strike.arm().await.map_err(failed)?;
        let watchdog = match undo.needs_watchdog() && !order.lasts().is_zero() {
            true => Some(Watchdog::start(&undo, order.lasts() + MARGIN).await.map_err(failed)?),
            false => None,
        };
        let owner = std::process::id();
        let owner = Pinned::of(owner).unwrap_or(Pinned { pid: owner, start_time: 0 });
        let pinned = watchdog.as_ref().map(Watchdog::pinned);
        let state = State::Injecting { undo: undo.clone(), owner, watchdog: pinned };
        scene.journal.record(&order.name, order.kind.word(), state)?;
        let mut injected = Injected { order, scene, strike, undo, watchdog, permit };
        let landed = match injected.strike.land().await {
            Ok(()) => {
                if let Some(watchdog) = &mut injected.watchdog {
                    watchdog.begin();
                }
                injected.record(State::Injected { victims: injected.victims() })
            }
            Err(error) => Err(error),
        };
        match landed {
            Ok(()) => Ok(injected),
            Err(error) => {
                injected.note(&error);
                injected.take_back().await?;
                Err(error)
            }
        }
    }
}

impl Injected {
    /// Whom it hit, in words.
    #[must_use]
    pub fn victims(&self) -> Vec<String> {
        self.strike.victims()
    }

    /// The order that it carries out.
    #[must_use]
    pub fn order(&self) -> &Order {
        &self.order
    }

    /// Waits until the fault is seen to have landed. It is to be healed in any
    /// case.
    ///
    /// # Errors
    /// [`FaultError::NotConfirmed`] if it is not seen in time, and what keeps
    /// one from looking.
    pub async fn confirm(&self) -> Result<(), FaultError> {
        match self.strike.confirm().await {
            Ok(()) => self.record(State::Confirmed),
            Err(error) => {
                self.note(&error);
                Err(error)
            }
        }
    }

    /// Takes the fault back, then waits until the system is seen whole again.
    ///
    /// # Errors
    /// [`FaultError::Undo`] if it cannot be taken back (it stays open in the
    /// journal then), [`FaultError::NotHealed`] if the system is not whole
    /// within the order's `heal_within`.
    pub async fn heal(mut self) -> Result<Healed, FaultError> {
        let undone = self.take_back().await?;
        Ok(Healed { undone, seen: self.whole().await? })
    }

    /// The second half of [`Injected::heal`]: waits until the system is seen
    /// whole again after [`Injected::take_back`], and says what was seen.
    ///
    /// # Errors
    /// [`FaultError::NotHealed`] if it is not within the order's `heal_within`.
    pub async fn whole(mut self) -> Result<Option<String>, FaultError> {
        let within = self.order.heal_within;
        let whole = self.strike.whole(self.scene.world.as_ref(), within).await;
        self.permit.give_back();
        match whole {
            Ok(seen) => {
                if let Some(how) = seen.clone() {
                    self.record(State::Healed { how })?;
                }
                Ok(seen)
            }
            Err(error) => {
                self.note(&error);
                Err(error)
            }
        }
    }

    /// The first half of [`Injected::heal`]: carries the undo out and writes
    /// down that it was; says what was done.
    ///
    /// # Errors
    /// [`FaultError::Undo`] if it cannot be taken back. Its victims count as
    /// under a fault from then on, until the end of the run.
    pub async fn take_back(&mut self) -> Result<String, FaultError> {
        if self.undo.is_for_one()
            && let Some(watchdog) = self.watchdog.take()
        {
            watchdog.end();
        }
        let undone = match self.strike.release().await {
            Some(how) => Ok(how),
            None => self.undo.perform().await,
        };
        match undone {
            Ok(how) => {
                // It goes last: if anything fails before, it still does its work.
                if let Some(watchdog) = self.watchdog.take() {
                    watchdog.end();
                }
                self.record(State::Undone { how: how.clone() })?;
                Ok(how)
            }
            Err(error) => {
                self.permit.keep();
                let error = error.into();
                self.note(&error);
                Err(error)
            }
        }
    }

    fn record(&self, state: State) -> Result<(), FaultError> {
        Ok(self.scene.journal.record(&self.order.name, self.order.kind.word(), state)?)
    }

    /// Writes a failure down; the failure itself matters more than its record.
    fn note(&self, error: &FaultError) {
        let _ = self.record(State::Failed { why: error.to_string() });
    }
}
