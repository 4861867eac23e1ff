//! The command line.

use std::path::PathBuf;

use chaos::Pinned;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use scenarios::plan::Pick;
use scenarios::units::Span;

const EXAMPLES: &str = "\
Examples:
  chaos list
  chaos kill-process --pid-file /run/worker.pid
  chaos kill-process --name worker --pick 2 --seed 7 --dry-run
  chaos pause-process --pid 4321 --for 10s
  chaos close-connections --management http://guest:guest@127.0.0.1:15672 --matching worker --pick all
  chaos recover

Exit codes:
  0 done and taken back    2 usage    3 the fault did not land or was not healed
  4 something cannot be reached, read or written    130 interrupted (and taken back)";

/// Breaks one thing on purpose, sees that it broke, and takes it back.
///
/// Before anything is broken, the way back is written to a journal; what a
/// killed chaos leaves open, `chaos recover` takes back.
#[derive(Debug, Parser)]
#[command(name = "chaos", version, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) common: Common,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every subcommand understands.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The undo journal [default: ${XDG_STATE_HOME:-~/.local/state}/shakedown/chaos.ndjson]
    #[arg(long, global = true, value_name = "FILE", env = "SHAKEDOWN_CHAOS_JOURNAL")]
    pub(crate) journal: Option<PathBuf>,
    /// One JSON object a line, for programs
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Says nothing but errors
    #[arg(long, global = true, conflicts_with = "json")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Shows the faults: what each does, how it is confirmed and undone, and by
    /// which contract a system must cope with it
    List,
    /// Sends SIGKILL to processes
    KillProcess(KillProcess),
    /// Stops processes with SIGSTOP for a while
    PauseProcess(PauseProcess),
    /// Has RabbitMQ close AMQP connections
    CloseConnections(CloseConnections),
    /// Runs a TCP proxy that breaks connections on purpose, steered over HTTP as
    /// Toxiproxy is
    Proxy(super::proxy::Arguments),
    /// Takes back what a killed chaos left behind
    Recover(Recover),
    /// Prints shell completions
    Completions {
        /// The shell
        shell: Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct KillProcess {
    #[command(flatten)]
    pub(crate) processes: Processes,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct PauseProcess {
    #[command(flatten)]
    pub(crate) processes: Processes,
    /// For how long; a watchdog continues them then, even if chaos is killed
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) lasts: Span,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

/// The candidates: everything that is named, by any of the three ways.
#[derive(Debug, Args)]
pub(crate) struct Processes {
    /// A process by its id, or by PID@START as the dry run shows it, which never
    /// means another process that got the same id later; may be repeated
    #[arg(long = "pid", value_name = "PID", required_unless_present_any = ["pid_files", "names"])]
    pub(crate) pids: Vec<Named>,
    /// A process by the file in which it wrote its id; may be repeated
    #[arg(long = "pid-file", value_name = "FILE")]
    pub(crate) pid_files: Vec<PathBuf>,
    /// Processes whose command has exactly this name; may be repeated
    #[arg(long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Permits harm to this process although another user owns it; may be
    /// repeated
    #[arg(long, value_name = "PID")]
    pub(crate) allow: Vec<u32>,
}

/// A process id, with or without the start time that pins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Pid(u32),
    Pinned(Pinned),
}

impl std::str::FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('@') {
            return text.parse().map(Self::Pinned);
        }
        text.parse().map(Self::Pid).map_err(|_| format!("{text:?} is not a process id"))
    }
}

#[derive(Debug, Args)]
pub(crate) struct CloseConnections {
    /// RabbitMQ's management API, http://USER:PASSWORD@HOST:PORT
    #[arg(long, value_name = "URL", env = "SHAKEDOWN_MANAGEMENT", hide_env_values = true)]
    pub(crate) management: String,
    /// Only connections whose client-provided name, user, peer address or name
    /// contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub(crate) matching: String,
    /// Waits so long for as many connections as before
    #[arg(long, value_name = "TIME", default_value = "30s")]
    pub(crate) heal_within: Span,
    /// Permits a host that is neither loopback nor private; may be repeated
    #[arg(long, value_name = "HOST")]
    pub(crate) allow: Vec<String>,
    #[command(flatten)]
    pub(crate) choice: Choice,
}

/// Which of the candidates are hit.
#[derive(Debug, Args)]
pub(crate) struct Choice {
    /// "one", "all" or how many of the candidates are hit
    #[arg(long, value_name = "HOW MANY", default_value = "one")]
    pub(crate) pick: Pick,
    /// Where the choice comes from; the same seed hits the same [default: another
    /// one each time, which is shown]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    /// Shows who would be hit and does nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Also what a running program has in hand
    #[arg(long)]
    pub(crate) force: bool,
}
