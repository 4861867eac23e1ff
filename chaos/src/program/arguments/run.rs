//! `chaos run` and `chaos replay`.

use std::path::PathBuf;
use std::str::FromStr;

use chaos::role::{Played, Start};
use clap::Args;
use scenarios::units::Share;

use super::Allow;

/// Carries out the faults of a scenario file.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The scenario file; its workloads, probes and checks are not run
    pub(crate) file: PathBuf,
    /// Gives a parameter of the file another value; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
    /// Where the choice of victims comes from [default: another one each time,
    /// which is shown]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) seed: Option<u64>,
    #[command(flatten)]
    pub(crate) surroundings: Surroundings,
}

/// Carries out the faults of an earlier run at the times at which they were
/// injected then.
#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// The folder of the run, or its name under --out or in the journal
    pub(crate) run: PathBuf,
    /// A process will do that has the name of the victim of then and was started
    /// again since
    #[arg(long)]
    pub(crate) by_name: bool,
    #[command(flatten)]
    pub(crate) surroundings: Surroundings,
}

/// What a timetable is carried out on, and how far it may go.
#[derive(Debug, Args)]
pub(crate) struct Surroundings {
    /// An address that the file uses; may be repeated [env: SHAKEDOWN_TARGETS, several with spaces
    /// between them]
    #[arg(long = "target", value_name = "KEY=URL")]
    pub(crate) targets: Vec<String>,
    /// A TOML file of addresses: management = "http://…"
    #[arg(long = "targets", value_name = "FILE", id = "targets_file")]
    pub(crate) targets_file: Option<PathBuf>,
    /// The processes of a role, in place of the file's own: worker=pid-file:FILE,
    /// worker=name:EXPRESSION (the name, or a regular expression on the command
    /// line), worker=unit:NAME (systemd), worker=pid:PID, or pods,
    /// worker=k8s:NAMESPACE/LABELS; may be repeated, also for one role
    #[arg(long = "role", value_name = "ROLE=PROCESSES")]
    pub(crate) roles: Vec<Played>,
    /// The command that starts an ended process of a role again, where nobody else
    /// does: worker='python3 worker.py'; may be repeated
    #[arg(long = "role-start", value_name = "ROLE=COMMAND")]
    pub(crate) starts: Vec<Start>,
    /// Somebody starts ended processes again: waits until they have
    #[arg(long)]
    pub(crate) supervised: bool,
    /// Shows the timetable and who would be hit now, and does nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// The most victims at the same time, as a number or a share of all processes
    /// of the roles, in place of the file's own limit
    #[arg(long, value_name = "N|N%")]
    pub(crate) most_victims: Option<Most>,
    #[command(flatten)]
    pub(crate) allow: Allow,
    /// A program that is run each second, through sh -c: when it does not end with
    /// 0, everything is taken back
    #[arg(long, value_name = "COMMAND")]
    pub(crate) stop_if: Option<String>,
    /// Takes everything back as soon as one fault does not go as planned
    #[arg(long)]
    pub(crate) fail_fast: bool,
    /// The folder that gets the run's folder
    #[arg(long, value_name = "DIR", default_value = "runs", env = "SHAKEDOWN_OUT")]
    pub(crate) out: PathBuf,
}

/// The most victims at the same time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Most {
    Count(usize),
    Share(Share),
}

impl FromStr for Most {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share = |share: &Share| share.0 > 0.0 && share.0 <= 1.0;
        let most = if text.ends_with('%') {
            text.parse().ok().filter(share).map(Self::Share)
        } else {
            text.parse().ok().filter(|&count| count > 0).map(Self::Count)
        };
        most.ok_or_else(|| format!("{text:?} is neither a number above 0 nor a share such as 25%"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_above_nothing() {
        assert_eq!("3".parse(), Ok(Most::Count(3)));
        assert_eq!("25%".parse(), Ok(Most::Share(Share(0.25))));
        for bad in ["0", "0%", "101%", "-1", "few"] {
            assert!(bad.parse::<Most>().is_err(), "{bad}");
        }
    }
}
