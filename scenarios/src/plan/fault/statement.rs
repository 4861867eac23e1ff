//! What every fault must say of itself: what it harms, who chooses its victims,
//! and how long it lasts. Guards, replays and undos go by it, so there are no
//! defaults: a fault that states nothing does not compile.

use super::FaultKind;
use crate::program::Program;
use crate::template::Template;
use crate::units::Span;

/// What a fault harms, and so which guard it has to pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Harm<'a> {
    /// Processes of a role on this machine.
    Role(&'a str),
    /// A service, and whatever hangs on it.
    Service {
        /// Which one.
        service: Service,
        /// Where it is.
        address: &'a Template,
    },
    /// What passes through a proxy to whatever stands behind it.
    Proxy {
        /// The proxy's admin API.
        admin: &'a Template,
        /// The proxy's name.
        proxy: &'a str,
    },
    /// This machine: its processors, memory, disks or clock files.
    Machine,
    /// Whatever programs of the user's own harm, at the addresses that they are
    /// given.
    Programs(Vec<&'a Program>),
    /// Objects of a namespace in a Kubernetes cluster.
    Cluster {
        /// The kubeconfig's context; empty for the current one.
        context: &'a str,
        /// The namespace.
        namespace: &'a str,
    },
}

/// A service that faults are aimed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// RabbitMQ through its management API.
    Management,
    /// A broker whose address says which one it is.
    Broker,
    /// A Redis server.
    Redis,
    /// A PostgreSQL server.
    Postgres,
    /// A load balancer.
    Balancer,
}

/// Who says which victims are hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// They are chosen among candidates when the fault is due.
    Chosen,
    /// The settings name them.
    Named,
}

/// What the settings of a fault state.
pub trait Statement {
    /// What it harms.
    fn harms(&self) -> Harm<'_>;

    /// Who says which victims are hit.
    fn choice(&self) -> Choice;

    /// How long it lasts before it is to be healed; zero for what happens in an
    /// instant.
    fn lasts(&self) -> Span;
}

impl FaultKind {
    /// What the fault states of itself.
    #[must_use]
    pub fn statement(&self) -> &dyn Statement {
        match self {
            Self::KillProcess(fault) | Self::TerminateProcess(fault) => fault,
            Self::PauseProcess(fault) => fault,
            Self::StopProcess(fault) => fault,
            Self::CloseConnections(fault) => fault,
            Self::RabbitmqAlarm(fault) => fault,
            Self::PurgeQueue(fault) => fault,
            Self::RedisKillClients(fault) => fault,
            Self::RedisPause(fault) => fault,
            Self::PostgresEndBackends(fault) => fault,
            Self::Toxic(fault) => fault,
            Self::ShiftTraffic(fault) => fault,
            Self::Duplicate(fault) => fault,
            Self::BurnCpu(fault) => fault,
            Self::FillMemory(fault) => fault,
            Self::FillDisk(fault) => fault,
            Self::ClockOffset(fault) => fault,
            Self::RunCommand(fault) => fault,
            Self::KillPods(fault) | Self::TerminatePods(fault) | Self::EvictPods(fault) => fault,
            Self::RestartRollout(fault) | Self::RollBack(fault) => fault,
            Self::SetImage(fault) => fault,
            Self::Scale(fault) => fault,
        }
    }

    /// What it harms.
    #[must_use]
    pub fn harms(&self) -> Harm<'_> {
        self.statement().harms()
    }

    /// The role whose processes it hits.
    #[must_use]
    pub fn role(&self) -> Option<&str> {
        match self.harms() {
            Harm::Role(role) => Some(role),
            Harm::Service { .. }
            | Harm::Proxy { .. }
            | Harm::Machine
            | Harm::Programs(_)
            | Harm::Cluster { .. } => None,
        }
    }

    /// Whether it ends processes of a role, which are away until they are started
    /// again.
    #[must_use]
    pub fn ends_processes(&self) -> bool {
        match self {
            Self::KillProcess(_) | Self::TerminateProcess(_) | Self::StopProcess(_) => true,
            Self::PauseProcess(_)
            | Self::CloseConnections(_)
            | Self::RabbitmqAlarm(_)
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
            | Self::Scale(_) => false,
        }
    }

    /// How long it lasts before it is to be healed; zero for what happens in an
    /// instant.
    #[must_use]
    pub fn lasts(&self) -> Span {
        self.statement().lasts()
    }
}
