//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use scenarios::units::Span;

pub(crate) use allow::Allow;
pub(crate) use faults::FaultCommand;
pub(crate) use processes::{Choice, Named, Processes};
pub(crate) use run::{Most, Replay, Run, Surroundings};

mod allow;
mod cluster;
mod faults;
mod processes;
mod run;
mod traffic;

const EXAMPLES: &str = "\
Examples:
  chaos list
  chaos kill-process --pid-file /run/worker.pid
  chaos kill-process --name worker --pick 2 --seed 7 --dry-run
  chaos pause-process --pid 4321 --for 10s
  chaos redis-pause --url redis://127.0.0.1:6379 --for 5s
  chaos fill-disk --folder /var/lib/app --leave 100MiB --for 30s
  chaos close-connections --management http://guest:guest@127.0.0.1:15672 --matching worker --pick all
  chaos run faults.toml --role worker=name:worker --dry-run
  chaos run faults.toml --role worker=name:worker --most-victims 25% \\
        --stop-if 'curl -fsS http://127.0.0.1:8080/health'
  chaos replay runs/chaos-20261125T020000Z-4321 --role worker=name:worker
  chaos recover --list
  chaos recover
  chaos log

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
    /// How long taking a fault back is tried again while what it needs is away
    /// [default: 5m; recover: 30s]
    #[arg(long, global = true, value_name = "DURATION")]
    pub(crate) undo_within: Option<Span>,
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
    #[command(flatten)]
    Fault(Box<FaultCommand>),
    /// Runs a TCP proxy that breaks connections on purpose, steered over HTTP as
    /// Toxiproxy is
    Proxy(super::proxy::Arguments),
    /// Carries out the faults of a scenario file at their times
    Run(Box<Run>),
    /// Carries out the faults of an earlier run once more, at the times and on
    /// the victims of then
    Replay(Box<Replay>),
    /// Takes back what a killed chaos left behind
    Recover(Recover),
    /// Shows who broke what, when, whom it hit and how it ended, from the journal
    Log(Log),
    /// Prints shell completions
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Writes manual pages, one for each command: chaos.1, chaos-list.1, …
    Man {
        /// The folder, which is made where it is missing, such as ~/.local/share/man/man1
        dir: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Recover {
    /// Also what a running program has in hand
    #[arg(long)]
    pub(crate) force: bool,
    /// Closes what somebody else has changed since the fault: it is left as they
    /// want it
    #[arg(long)]
    pub(crate) accept: bool,
    /// Only shows what may still be there, and takes nothing back
    #[arg(long, conflicts_with_all = ["force", "accept"])]
    pub(crate) list: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// Only the faults of this run
    #[arg(long, value_name = "NAME")]
    pub(crate) run: Option<String>,
}
