//! Faults: what is broken on purpose, when and for how long.
//!
//! Each kind is a struct with exactly what it needs; those that stand side by
//! side in one file break the same kind of thing.

pub mod host;
pub mod kubernetes;
pub mod messages;
pub mod network;
mod pick;
pub mod postgres;
pub mod process;
pub mod rabbitmq;
pub mod redis;
pub mod statement;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantNames};

use crate::units::Span;
pub use host::{BurnCpu, ClockOffset, FillDisk, FillMemory, RunCommand};
pub use kubernetes::{Pods, Rollout, Scale, SetImage};
pub use messages::Duplicate;
pub use network::{ShiftTraffic, Toxic};
pub use pick::{Amount, Pick, Preference};
pub use postgres::EndBackends;
pub use process::{Held, StopSignal, Stopped, Victims};
pub use rabbitmq::{Alarm, AlarmOf, CloseConnections, PurgeQueue};
pub use redis::{KillClients, PauseRedis};
pub use statement::{Choice, Harm, Service, Statement};

/// A fault at its place in the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What the report calls it.
    pub name: String,
    /// The phase in which it is injected.
    pub phase: String,
    /// When, counted from the start of the phase.
    pub at: Span,
    /// What must have happened before, besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// How long the system may take to be whole again; a fault that is not
    /// healed by then makes the run inconclusive.
    pub heal_within: Span,
    /// Whether it comes again and again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    /// What is done.
    pub kind: FaultKind,
}

/// What has to do with a fault that comes again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Again {
    /// About how often it comes. A plan has its turns in its place.
    Every(Span),
    /// It is a turn of this one.
    TurnOf(String),
}

/// A moment that something else decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum After {
    /// The load does.
    Load(AfterLoad),
    /// A step of a deployment does.
    Step(AfterStep),
}

/// A moment that the load decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AfterLoad {
    /// The workload whose operations are counted.
    pub workload: String,
    /// How many of them must have been acknowledged.
    pub acked: u32,
}

/// A moment that a step of a deployment decides.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AfterStep {
    /// The deployment.
    pub deployment: String,
    /// Its step.
    pub step: String,
    /// How many pods must be of the new template while the step is under way; without it,
    /// the step must be done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub updated: Option<u32>,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, IntoStaticStr, VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FaultKind {
    /// SIGKILL to processes of a role; their supervisor starts them again.
    KillProcess(Victims),
    /// SIGTERM to processes of a role; they may end in good order.
    TerminateProcess(Victims),
    /// SIGSTOP to processes of a role for a while.
    PauseProcess(Held),
    /// Processes of a role are ended and kept down for a while.
    StopProcess(Stopped),
    /// AMQP connections closed through RabbitMQ's management API.
    CloseConnections(CloseConnections),
    /// RabbitMQ takes no messages for a while.
    RabbitmqAlarm(Alarm),
    /// Everything that waits in a queue is thrown away.
    PurgeQueue(PurgeQueue),
    /// Redis closes connections of clients.
    RedisKillClients(KillClients),
    /// Redis answers nobody for a while.
    RedisPause(PauseRedis),
    /// PostgreSQL ends sessions.
    PostgresEndBackends(EndBackends),
    /// A proxy harms what passes through it for a while.
    Toxic(Toxic),
    /// A load balancer gives the new version another share of the requests.
    ShiftTraffic(ShiftTraffic),
    /// Every message of a share is put into its queue or stream once more.
    Duplicate(Duplicate),
    /// Processors are kept busy for a while.
    BurnCpu(BurnCpu),
    /// Memory is taken for a while.
    FillMemory(FillMemory),
    /// Space in a folder is taken for a while.
    FillDisk(FillDisk),
    /// The clock of processes goes wrong for a while.
    ClockOffset(ClockOffset),
    /// Programs of the user's own break something and take it back.
    RunCommand(RunCommand),
    /// Pods are deleted without grace.
    KillPods(Pods),
    /// Pods are deleted and given their grace.
    TerminatePods(Pods),
    /// Pods are evicted, as far as disruption budgets allow.
    EvictPods(Pods),
    /// A deployment or stateful set replaces its pods one after another.
    RestartRollout(Rollout),
    /// A deployment gets another image for a while.
    SetImage(SetImage),
    /// A deployment goes back to what it was before.
    RollBack(Rollout),
    /// A deployment or stateful set gets another number of pods for a while.
    Scale(Scale),
}

impl FaultKind {
    /// The words of all kinds.
    pub const WORDS: &'static [&'static str] = Self::VARIANTS;

    /// The word by which the file names this kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        self.into()
    }

    /// The role whose processes it hits, if it hits those of a role.
    pub fn role_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::KillProcess(victims) | Self::TerminateProcess(victims) => Some(&mut victims.role),
            Self::PauseProcess(held) => Some(&mut held.role),
            Self::StopProcess(stopped) => Some(&mut stopped.role),
            Self::RabbitmqAlarm(alarm) => Some(&mut alarm.role),
            Self::CloseConnections(_)
            | Self::PurgeQueue(_)
            | Self::RedisKillClients(_)
            | Self::RedisPause(_)
            | Self::PostgresEndBackends(_)
            | Self::Toxic(_)
            | Self::ShiftTraffic(_)
            | Self::Duplicate(_)
            | Self::BurnCpu(_)
            | Self::FillMemory(_)
            | Self::FillDisk(_)
            | Self::ClockOffset(_)
            | Self::RunCommand(_)
            | Self::KillPods(_)
            | Self::TerminatePods(_)
            | Self::EvictPods(_)
            | Self::RestartRollout(_)
            | Self::SetImage(_)
            | Self::RollBack(_)
            | Self::Scale(_) => None,
        }
    }
}
