//! `chaos run` and `chaos replay`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use scenarios::units::Share;

use super::{Allow, Named};

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
    /// The processes of a role: worker=name:COMMAND, worker=pid-file:FILE or
    /// worker=pid:PID; may be repeated, also for one role
    #[arg(long = "role", value_name = "ROLE=PROCESSES")]
    pub(crate) roles: Vec<Role>,
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

/// Which processes play a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Role {
    pub(crate) role: String,
    pub(crate) selector: Selector,
}

/// How processes are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Selector {
    /// All whose command has this name.
    Name(String),
    /// The one that wrote its id there.
    PidFile(PathBuf),
    /// The one with this id.
    Pid(Named),
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!(
                "{text:?} is not ROLE=PROCESSES, such as worker=name:sidekiq, \
                 worker=pid-file:/run/worker.pid or worker=pid:4321"
            )
        };
        let (role, processes) = text.split_once('=').ok_or_else(form)?;
        let (how, what) = processes.split_once(':').ok_or_else(form)?;
        if role.is_empty() || what.is_empty() {
            return Err(form());
        }
        let selector = match how {
            "name" => Selector::Name(what.to_owned()),
            "pid-file" => Selector::PidFile(PathBuf::from(what)),
            "pid" => Selector::Pid(what.parse()?),
            _ => return Err(form()),
        };
        Ok(Self { role: role.to_owned(), selector })
    }
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
    fn a_role_is_played_by_what_is_named() {
        let role = |text: &str| text.parse::<Role>();
        let named = Role { role: "web".to_owned(), selector: Selector::Name("nginx".to_owned()) };
        assert_eq!(role("web=name:nginx"), Ok(named));
        let file = Selector::PidFile(PathBuf::from("/run/a:b=c.pid"));
        assert_eq!(role("web=pid-file:/run/a:b=c.pid").unwrap().selector, file);
        assert_eq!(role("web=pid:12").unwrap().selector, Selector::Pid(Named::Pid(12)));
        for bad in ["web", "web=nginx", "=name:nginx", "web=name:", "web=port:80", "web=pid:x"] {
            assert!(role(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_limit_is_above_nothing() {
        assert_eq!("3".parse(), Ok(Most::Count(3)));
        assert_eq!("25%".parse(), Ok(Most::Share(Share(0.25))));
        for bad in ["0", "0%", "101%", "-1", "few"] {
            assert!(bad.parse::<Most>().is_err(), "{bad}");
        }
    }
}
