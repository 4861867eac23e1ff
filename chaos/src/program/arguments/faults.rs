//! One subcommand for each fault.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use scenarios::plan::FaultKind;
use scenarios::plan::fault::{
    Alarm, AlarmOf, BurnCpu, ClockOffset, CloseConnections, Duplicate, EndBackends, FillDisk,
    FillMemory, Held, KillClients, PauseRedis, PurgeQueue, RunCommand, Toxic, Victims,
};
use scenarios::program::Program;
use scenarios::template::Template;
use scenarios::units::{Share, Size, Span};

use super::cluster::ClusterCommand;
use super::traffic::Shift;
use super::{Allow, Choice, Processes};

const URL: &str = "SHAKEDOWN_MANAGEMENT";

#[derive(Debug, Subcommand)]
pub(crate) enum FaultCommand {
    /// Sends SIGKILL to processes
    KillProcess(AtOnce),
    /// Sends SIGTERM to processes, which may end in good order
    TerminateProcess(AtOnce),
    /// Stops processes with SIGSTOP for a while
    PauseProcess(ForAWhile),
    /// Has RabbitMQ close AMQP connections
    CloseConnections(Connections),
    /// Has RabbitMQ block publishers, as when it is short of memory or disk
    RabbitmqAlarm(Node),
    /// Throws away the messages that wait in a RabbitMQ queue
    PurgeQueue(Queue),
    /// Has Redis close connections of clients
    RedisKillClients(Clients),
    /// Has Redis answer nobody for a while
    RedisPause(Pause),
    /// Has PostgreSQL end sessions
    PostgresEndBackends(Backends),
    /// Has a proxy harm what passes through it for a while
    Toxic(ToxicArgs),
    /// Has a balancer give a new version another share of the requests for a while
    ShiftTraffic(Shift),
    /// Puts a share of the messages that arrive into their queue or stream once
    /// more
    Duplicate(Copies),
    /// Keeps processors busy for a while
    BurnCpu(Burn),
    /// Takes memory for a while
    FillMemory(Memory),
    /// Takes space in a folder for a while
    FillDisk(Disk),
    /// Puts the clock of processes that run with libfaketime forward or back
    ClockOffset(Clock),
    /// Runs programs of your own that break something and take it back
    RunCommand(Own),
    #[command(flatten)]
    Kubernetes(ClusterCommand),
}

/// Processes that are hit in an instant.
#[derive(Debug, Args)]
pub(crate) struct AtOnce {
    #[command(flatten)]
    processes: Processes,
    #[command(flatten)]
    choice: Choice,
}

/// Processes that are hit for a while.
#[derive(Debug, Args)]
pub(crate) struct ForAWhile {
    #[command(flatten)]
    processes: Processes,
    /// For how long; a watchdog continues them then, even if chaos is killed
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Connections {
    /// RabbitMQ's management API, http://USER:PASSWORD@HOST:PORT
    #[arg(long, value_name = "URL", env = URL, hide_env_values = true)]
    management: String,
    /// Only connections whose client-provided name, user, peer address or name
    /// contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    matching: String,
    #[command(flatten)]
    far: Far,
    #[command(flatten)]
    choice: Choice,
}

/// What faults at an address have in common.
#[derive(Debug, Args)]
pub(crate) struct Far {
    /// Waits so long for the system to be whole again
    #[arg(long, value_name = "TIME", default_value = "30s")]
    heal_within: Span,
    #[command(flatten)]
    allow: Allow,
}

#[derive(Debug, Args)]
pub(crate) struct Node {
    #[command(flatten)]
    processes: Processes,
    /// What it is made to be short of
    #[arg(long, value_enum, default_value = "memory")]
    of: Shortage,
    /// For how long; a watchdog sets it back then, even if chaos is killed
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub(crate) enum Shortage {
    Memory,
    Disk,
}

#[derive(Debug, Args)]
pub(crate) struct Queue {
    /// RabbitMQ's management API, http://USER:PASSWORD@HOST:PORT
    #[arg(long, value_name = "URL", env = URL, hide_env_values = true)]
    management: String,
    /// The virtual host
    #[arg(long, default_value = "/")]
    vhost: String,
    /// The queue
    #[arg(long)]
    queue: String,
    /// Yes, these messages are meant to be lost
    #[arg(long)]
    lose_messages: bool,
    #[command(flatten)]
    far: Far,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Clients {
    /// The server, redis://USER:PASSWORD@HOST:PORT
    #[arg(long, env = "SHAKEDOWN_REDIS", hide_env_values = true)]
    url: String,
    /// Only connections whose name, user or address contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    matching: String,
    #[command(flatten)]
    far: Far,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The server, redis://USER:PASSWORD@HOST:PORT
    #[arg(long, env = "SHAKEDOWN_REDIS", hide_env_values = true)]
    url: String,
    /// Only commands that write wait
    #[arg(long)]
    writes_only: bool,
    /// For how long; the server ends it by itself
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    far: Far,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Backends {
    /// The database, postgres://USER:PASSWORD@HOST:PORT/NAME
    #[arg(long, env = "SHAKEDOWN_DATABASE", hide_env_values = true)]
    url: String,
    /// Only sessions whose application name, user or database contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    matching: String,
    #[command(flatten)]
    far: Far,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct ToxicArgs {
    /// The proxy's admin API
    #[arg(
        long,
        value_name = "URL",
        env = "SHAKEDOWN_PROXY",
        default_value = "http://127.0.0.1:8474"
    )]
    admin: String,
    /// The proxy's name
    #[arg(long)]
    proxy: String,
    /// The toxic's type: latency, bandwidth, timeout, reset_peer …
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// downstream, from the server to the client, or upstream
    #[arg(long, default_value = "downstream", value_parser = ["downstream", "upstream"])]
    stream: String,
    /// The part of the connections that is harmed
    #[arg(long, default_value = "100%")]
    toxicity: Share,
    /// A setting of the type, as latency=100; may be repeated
    #[arg(long = "attribute", short = 'a', value_name = "NAME=VALUE", value_parser = attribute)]
    attributes: Vec<(String, String)>,
    /// For how long; our own proxy ends it by itself
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    far: Far,
    #[command(flatten)]
    choice: Choice,
}

fn attribute(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}

#[derive(Debug, Args)]
pub(crate) struct Copies {
    /// The broker: amqp://USER:PASSWORD@HOST:PORT/VHOST or
    /// redis://USER:PASSWORD@HOST:PORT
    #[arg(env = "SHAKEDOWN_BROKER", hide_env_values = true)]
    url: String,
    /// The queue or stream
    #[arg(long, value_name = "NAME")]
    from: String,
    /// AMQP: the exchange by which messages reach the queue
    #[arg(long, default_value = "")]
    exchange: String,
    /// AMQP: the binding key by which they do
    #[arg(long, value_name = "KEY", default_value = "#")]
    routing_key: String,
    /// The part of the messages, chosen by the seed and their identities
    #[arg(long, default_value = "3%")]
    share: Share,
    /// The most messages; 0 is no limit
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    most: u32,
    /// For how long messages are listened to
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    far: Far,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Burn {
    /// How many processors
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    cores: u32,
    /// For how long
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Memory {
    /// How much: 500MiB
    #[arg(long)]
    size: Size,
    /// For how long
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Disk {
    /// The folder in which a file is made
    #[arg(long)]
    folder: PathBuf,
    /// How much it takes: 2GiB
    #[arg(long, required_unless_present = "leave")]
    size: Option<Size>,
    /// How much it leaves free, in place of --size
    #[arg(long, conflicts_with = "size")]
    leave: Option<Size>,
    /// For how long; a watchdog removes the file then, even if chaos is killed
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Clock {
    /// The FAKETIME_TIMESTAMP_FILE that the processes were started with
    #[arg(long)]
    file: PathBuf,
    /// By how much the clock is wrong: +30s, -1h
    #[arg(long, allow_hyphen_values = true)]
    offset: String,
    /// For how long; a watchdog restores the file then, even if chaos is killed
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct Own {
    /// Breaks something; exit code 3 says that it was refused; goes through sh -c
    #[arg(long, value_name = "COMMAND")]
    inject: Program,
    /// Ends with 0 as soon as the fault is seen; goes through sh -c
    #[arg(long, value_name = "COMMAND")]
    confirm: Program,
    /// Takes it back; may be run twice; goes through sh -c
    #[arg(long, value_name = "COMMAND")]
    undo: Program,
    /// For how long; a watchdog runs the undo then, even if chaos is killed
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
    #[command(flatten)]
    choice: Choice,
}

/// What a subcommand asks for.
pub(crate) struct Asked<'a> {
    pub(crate) kind: FaultKind,
    pub(crate) choice: &'a Choice,
    /// The processes that are named.
    pub(crate) processes: Option<&'a Processes>,
    /// How long the system may take to be whole again, if that was said.
    pub(crate) heal_within: Option<Span>,
    /// What may be hit although nobody would mean it.
    pub(crate) allow: &'a Allow,
}

impl FaultCommand {
    pub(crate) fn asked(&self) -> Asked<'_> {
        match self {
            Self::KillProcess(args) => args.asked(FaultKind::KillProcess),
            Self::TerminateProcess(args) => args.asked(FaultKind::TerminateProcess),
            Self::PauseProcess(ForAWhile { processes, lasts, choice }) => {
                let (role, pick) = (processes.describe(), choice.pick);
                let kind = FaultKind::PauseProcess(Held { role, pick, lasts: *lasts });
                here(kind, choice, Some(processes))
            }
            Self::RabbitmqAlarm(Node { processes, of, lasts, choice }) => {
                let of = match of {
                    Shortage::Memory => AlarmOf::Memory,
                    Shortage::Disk => AlarmOf::Disk,
                };
                let alarm = Alarm { role: processes.describe(), of, lasts: *lasts };
                here(FaultKind::RabbitmqAlarm(alarm), choice, Some(processes))
            }
            Self::CloseConnections(_)
            | Self::PurgeQueue(_)
            | Self::RedisKillClients(_)
            | Self::RedisPause(_)
            | Self::PostgresEndBackends(_)
            | Self::Toxic(_) => self.asked_of_a_service(),
            Self::ShiftTraffic(args) => args.asked(),
            Self::Duplicate(args) => args.asked(),
            Self::BurnCpu(_)
            | Self::FillMemory(_)
            | Self::FillDisk(_)
            | Self::ClockOffset(_)
            | Self::RunCommand(_) => self.asked_of_the_machine(),
            Self::Kubernetes(command) => command.asked(),
        }
    }

    fn asked_of_a_service(&self) -> Asked<'_> {
        match self {
            Self::CloseConnections(Connections { management, matching, far, choice }) => {
                let kind = FaultKind::CloseConnections(CloseConnections {
                    management: literal(management),
                    matching: matching.clone(),
                    pick: choice.pick,
                });
                far.asked(kind, choice)
            }
            Self::PurgeQueue(Queue { management, vhost, queue, lose_messages, far, choice }) => {
                let kind = FaultKind::PurgeQueue(PurgeQueue {
                    management: literal(management),
                    vhost: vhost.clone(),
                    queue: queue.clone(),
                    lose_messages: *lose_messages,
                });
                far.asked(kind, choice)
            }
            Self::RedisKillClients(Clients { url, matching, far, choice }) => {
                let (matching, pick) = (matching.clone(), choice.pick);
                let kind =
                    FaultKind::RedisKillClients(KillClients { url: literal(url), matching, pick });
                far.asked(kind, choice)
            }
            Self::RedisPause(Pause { url, writes_only, lasts, far, choice }) => {
                let (writes_only, lasts) = (*writes_only, *lasts);
                let kind =
                    FaultKind::RedisPause(PauseRedis { url: literal(url), writes_only, lasts });
                far.asked(kind, choice)
            }
            Self::PostgresEndBackends(Backends { url, matching, far, choice }) => {
                let (matching, pick) = (matching.clone(), choice.pick);
                let end = EndBackends { url: literal(url), matching, pick };
                far.asked(FaultKind::PostgresEndBackends(end), choice)
            }
            Self::Toxic(args) => {
                let kind = FaultKind::Toxic(Toxic {
                    admin: literal(&args.admin),
                    proxy: args.proxy.clone(),
                    kind: args.kind.clone(),
                    stream: args.stream.clone(),
                    toxicity: args.toxicity,
                    attributes: args.attributes.iter().cloned().collect(),
                    lasts: args.lasts,
                });
                args.far.asked(kind, &args.choice)
            }
            _ => self.asked(),
        }
    }

    fn asked_of_the_machine(&self) -> Asked<'_> {
        let path = |path: &PathBuf| literal(&path.to_string_lossy());
        match self {
            Self::BurnCpu(Burn { cores, lasts, choice }) => {
                here(FaultKind::BurnCpu(BurnCpu { cores: *cores, lasts: *lasts }), choice, None)
            }
            Self::FillMemory(Memory { size, lasts, choice }) => {
                let fill = FillMemory { size: *size, lasts: *lasts };
                here(FaultKind::FillMemory(fill), choice, None)
            }
            Self::FillDisk(Disk { folder, size, leave, lasts, choice }) => {
                let (size, leave, lasts) = (*size, *leave, *lasts);
                let fill = FillDisk { folder: path(folder), size, leave, lasts };
                here(FaultKind::FillDisk(fill), choice, None)
            }
            Self::ClockOffset(Clock { file, offset, lasts, choice }) => {
                let (offset, lasts) = (offset.clone(), *lasts);
                let offset = ClockOffset { file: path(file), offset, lasts };
                here(FaultKind::ClockOffset(offset), choice, None)
            }
            Self::RunCommand(Own { inject, confirm, undo, lasts, choice }) => {
                let command = RunCommand {
                    inject: inject.clone(),
                    confirm: confirm.clone(),
                    undo: undo.clone(),
                    lasts: *lasts,
                };
                here(FaultKind::RunCommand(command), choice, None)
            }
            _ => self.asked(),
        }
    }
}

impl AtOnce {
    fn asked(&self, kind: impl FnOnce(Victims) -> FaultKind) -> Asked<'_> {
        let Self { processes, choice } = self;
        let victims = Victims { role: processes.describe(), pick: choice.pick };
        here(kind(victims), choice, Some(processes))
    }
}

impl Copies {
    fn asked(&self) -> Asked<'_> {
        let Self { url, from, exchange, routing_key, share, most, lasts, far, choice } = self;
        let kind = FaultKind::Duplicate(Duplicate {
            url: literal(url),
            from: from.clone(),
            exchange: exchange.clone(),
            routing_key: routing_key.clone(),
            share: *share,
            most: *most,
            lasts: *lasts,
        });
        far.asked(kind, choice)
    }
}

impl Far {
    pub(super) fn asked<'a>(&'a self, kind: FaultKind, choice: &'a Choice) -> Asked<'a> {
        let heal_within = Some(self.heal_within);
        Asked { kind, choice, processes: None, heal_within, allow: &self.allow }
    }
}

fn here<'a>(kind: FaultKind, choice: &'a Choice, processes: Option<&'a Processes>) -> Asked<'a> {
    let allow = processes.map_or(&NOTHING, |processes| &processes.allow);
    Asked { kind, choice, processes, heal_within: None, allow }
}

/// The permissions of a fault that needs none.
static NOTHING: Allow = Allow { words: Vec::new() };

/// A text in which nothing is replaced.
pub(super) fn literal(text: &str) -> Template {
    Template::new(text.replace("${", "$${"))
}
