//! Roles that processes of this machine play: who they are, what they are called,
//! and how one that was ended is started again. The world of `chaos run` and of
//! runs of `verify` against a system of one's own.

mod find;
mod members;
mod near;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hosts::Guard;
use machine::program;
use scenarios::Selector;
use scenarios::plan::Role;
use scenarios::program::Program;
use scenarios::redact::{Secrets, redact};
use serde::{Deserialize, Serialize};

use crate::process::{Pinned, Process};
use crate::{Aim, FaultError, World, guard};
pub use find::{RoleError, by_file, by_name, shown};
pub(crate) use find::{SETTLED, find};
pub use members::{Change, Member};
use members::{Found, Members};

/// What was seen is good for so long: to look at every process takes time, and
/// whoever is hit is looked at once more.
const FRESH: Duration = Duration::from_millis(50);
/// A unit whose process has ended is asked about so often.
const ASK_EVERY: Duration = Duration::from_millis(250);

/// Who plays a role, as the command line says it: `worker=name:sidekiq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Played {
    /// The role.
    pub role: String,
    /// Its processes.
    pub processes: Selector,
}

impl FromStr for Played {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (role, processes) = pair(text).ok_or_else(|| {
            format!(
                "{text:?} is not ROLE=PROCESSES, such as worker=name:sidekiq, \
                 worker=pid-file:/run/worker.pid, worker=unit:sidekiq, worker=pid:4321 or \
                 worker=k8s:shop/app=worker"
            )
        })?;
        let processes = processes
            .parse()
            .map_err(|error: scenarios::selector::SelectorError| format!("{role}: {error}"))?;
        Ok(Self { role: role.to_owned(), processes })
    }
}

/// How a process of a role is started again, as the command line says it:
/// `worker='python3 worker.py'`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Start {
    /// The role.
    pub role: String,
    /// A text for `sh -c`.
    pub program: Program,
}

impl FromStr for Start {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let form = || {
            format!("{:?} is not ROLE=COMMAND, such as worker='python3 worker.py'", redact(text))
        };
        let (role, line) = pair(text).ok_or_else(form)?;
        let program = Program::literal_shell(line);
        if program.is_empty() {
            return Err(form());
        }
        Ok(Self { role: role.to_owned(), program })
    }
}

fn pair(text: &str) -> Option<(&str, &str)> {
    text.split_once('=').filter(|(role, what)| !role.is_empty() && !what.is_empty())
}

/// How processes of a role are started again when a fault has ended them; a value
/// that any process can carry out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Starting {
    /// The role.
    pub role: String,
    /// Who plays it.
    pub processes: Vec<Selector>,
    /// Program and arguments, which start one process: `sh -c TEXT` for a text.
    pub start: Vec<String>,
    /// Where the program is started.
    pub folder: PathBuf,
}

impl Starting {
    /// Those that run now. Nobody counts whose selector finds nobody.
    pub(crate) fn running(&self) -> Vec<Pinned> {
        let mut found: Vec<Pinned> =
            self.processes.iter().filter_map(|selector| find(selector).ok()).flatten().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The command, for people.
    pub(crate) fn line(&self) -> String {
        shell_words::join(&self.start)
    }
}

/// Roles and who plays them. They are looked up anew, since processes end and are
/// started again.
pub struct Roles {
    cast: BTreeMap<String, Mutex<Watched>>,
    /// Whether somebody starts processes again where no command does.
    supervised: bool,
    /// Processes of other users, by id, that may be hit all the same.
    pids: Vec<u32>,
    hosts: Guard,
    folder: PathBuf,
}

/// A role and what is known of it so far.
struct Watched {
    role: Role,
    finders: Vec<Finder>,
    members: Members,
    looked: Option<Instant>,
    changes: Vec<Change>,
}

/// A selector and what it found last.
struct Finder {
    selector: Selector,
    /// What its place is called, where it means one process.
    name: Option<String>,
    last: Option<Pinned>,
    asked: Option<Instant>,
}

impl Roles {
    /// The roles of a plan. `supervised` says whether somebody starts processes
    /// again where no command does; what `hosts` allows are also the ids of
    /// processes of other users. A command has none of the `secrets` in it.
    ///
    /// # Errors
    /// A start command with a secret in it or without a program, and a working
    /// folder that is gone.
    pub fn new(
        roles: &BTreeMap<String, Role>,
        supervised: bool,
        hosts: Guard,
        secrets: &Secrets,
    ) -> Result<Self, FaultError> {
        for (name, role) in roles {
            let line = role.start.to_string();
            // It is written to the journal as it stands.
            if Secrets::of(&line).and(secrets).hide(&line) != line {
                let what = format!("the command that starts {name} again");
                let why = "it would be written to the journal with its password; let the program \
                           read the password from a file or from its environment"
                    .to_owned();
                return Err(FaultError::Setting { what, why });
            }
            if let Some(program) = role.start.file().filter(|program| !program::is_there(program)) {
                let what = format!("the command that starts {name} again");
                let why = format!(
                    "there is no program {program:?}, so what a fault ends would never come back; \
                     write a path or a name that is in PATH"
                );
                return Err(FaultError::Setting { what, why });
            }
        }
        let folder = std::env::current_dir().map_err(|source| FaultError::System {
            what: "find the working folder".to_owned(),
            source,
        })?;
        let pids = hosts.allowed().iter().filter_map(|word| word.parse().ok()).collect();
        let cast = roles.iter().map(|(name, role)| {
            let watched = Watched::new(name, role.clone());
            (name.clone(), Mutex::new(watched))
        });
        Ok(Self { cast: cast.collect(), supervised, pids, hosts, folder })
    }

    /// Which hosts may be reached.
    #[must_use]
    pub fn hosts(&self) -> &Guard {
        &self.hosts
    }

    /// Whether somebody is named who plays the role.
    #[must_use]
    pub fn has(&self, role: &str) -> bool {
        self.with(role, |watched| !watched.finders.is_empty()).unwrap_or(false)
    }

    /// The places of a role and who has them now, in the order in which they were
    /// first seen; nobody where nobody is named.
    #[must_use]
    pub fn members(&self, role: &str) -> Vec<Member> {
        self.with(role, |watched| watched.look().to_vec()).unwrap_or_default()
    }

    /// Everybody who plays any role now.
    #[must_use]
    pub fn everybody(&self) -> Vec<Pinned> {
        let now = |role: &String| self.members(role).into_iter().filter_map(|member| member.now);
        self.cast.keys().flat_map(now).collect()
    }

    /// What was seen of all places since the last call.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let changes = |role: &String| {
            self.with(role, |watched| {
                watched.look();
                std::mem::take(&mut watched.changes)
            })
        };
        self.cast.keys().filter_map(changes).flatten().collect()
    }

    /// Sees that every selector of a role finds somebody now.
    ///
    /// # Errors
    /// Every selector that finds nobody, with the reason.
    pub fn check(&self, role: &str) -> Result<(), Vec<RoleError>> {
        let errors = self.with(role, |watched| {
            let found = watched.finders.iter().map(|finder| find(&finder.selector));
            found.filter_map(Result::err).collect::<Vec<_>>()
        });
        match errors {
            Some(errors) if !errors.is_empty() => Err(errors),
            _ => Ok(()),
        }
    }

    fn with<T>(&self, role: &str, ask: impl FnOnce(&mut Watched) -> T) -> Option<T> {
        let watched = self.cast.get(role)?;
        Some(ask(&mut watched.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Watched {
    fn new(name: &str, role: Role) -> Self {
        let stems: Vec<Option<String>> = role.processes.iter().map(own_name).collect();
        let finders = role.processes.iter().zip(&stems).map(|(selector, stem)| {
            let is_only = stems.iter().filter(|other| *other == stem).count() == 1;
            let name = match (stem, selector) {
                (Some(_), Selector::PidFile(path)) if !is_only => Some(path.display().to_string()),
                (stem, _) => stem.clone(),
            };
            Finder { selector: selector.clone(), name, last: None, asked: None }
        });
        let finders = finders.collect();
        Self { role, finders, members: Members::new(name), looked: None, changes: Vec::new() }
    }

    fn look(&mut self) -> &[Member] {
        if self.looked.is_none_or(|looked| looked.elapsed() >= FRESH) {
            let found: Vec<Found> = self.finders.iter_mut().flat_map(Finder::look).collect();
            let changes = self.members.see(&found);
            self.changes.extend(changes);
            self.looked = Some(Instant::now());
        }
        self.members.places()
    }

    /// Whether what is started again is found again.
    fn is_found_again(&self) -> bool {
        self.finders.iter().any(|finder| !matches!(finder.selector, Selector::Pid { .. }))
    }
}

/// What the place of a selector is called that means one process: it stays when
/// the process is started again.
fn own_name(selector: &Selector) -> Option<String> {
    match selector {
        Selector::PidFile(path) => path.file_stem().map(|stem| stem.to_string_lossy().into_owned()),
        Selector::Unit(unit) => Some(unit.clone()),
        Selector::Name(_) | Selector::Pid { .. } | Selector::Pods { .. } => None,
    }
}

impl Finder {
    fn look(&mut self) -> Vec<Found> {
        let found = match (&self.selector, self.last) {
            // An id is one process for ever: whoever has it later is another.
            (Selector::Pid { .. }, Some(last)) => {
                Some(last).filter(|l| l.is_alive()).into_iter().collect()
            }
            // systemd is a program that has to be run to be asked.
            (Selector::Unit(_), Some(last)) if last.is_alive() => vec![last],
            (Selector::Unit(_), _) if self.asked.is_some_and(|at| at.elapsed() < ASK_EVERY) => {
                Vec::new()
            }
            (selector, _) => {
                self.asked = Some(Instant::now());
                find(selector).unwrap_or_default()
            }
        };
        self.last = found.first().copied().or(self.last);
        found.into_iter().map(|pinned| Found { pinned, name: self.name.clone() }).collect()
    }
}

impl World for Roles {
    fn processes(&self, role: &str) -> Vec<Process> {
        let running = self.members(role).into_iter().filter_map(|member| {
            let Pinned { pid, start_time } = member.now?;
            Some(Process { name: member.name, pid, start_time })
        });
        running.collect()
    }

    fn is_supervised(&self, role: &str) -> bool {
        let is_found_again = self.with(role, |watched| watched.is_found_again());
        self.supervised && is_found_again.unwrap_or(false)
    }

    fn starting(&self, role: &str) -> Option<Starting> {
        let starting = self.with(role, |watched| Starting {
            role: role.to_owned(),
            processes: watched.role.processes.clone(),
            // It is given no addresses.
            start: watched.role.start.words(&BTreeMap::new()).unwrap_or_default(),
            folder: self.folder.clone(),
        });
        starting.filter(|starting| !starting.start.is_empty())
    }

    fn may_hit(&self, process: &Process) -> Result<(), FaultError> {
        guard::process(process, &self.pids)
    }

    fn may_reach(&self, aim: &Aim) -> Result<(), FaultError> {
        guard::hosts(aim, &self.hosts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_played_by_what_is_named() {
        let played = |text: &str| text.parse::<Played>();
        let web = played("web=name:nginx: w=1").unwrap();
        assert_eq!(
            (web.role.as_str(), web.processes.to_string().as_str()),
            ("web", "name:nginx: w=1")
        );
        assert_eq!(
            played("web=pid-file:/run/a:b=c.pid").unwrap().processes.to_string(),
            "pid-file:/run/a:b=c.pid"
        );
        for bad in [
            "web",
            "web=nginx",
            "=name:nginx",
            "web=",
            "web=name:",
            "web=port:80",
            "web=pid:x",
            "web=k8s:shop",
        ] {
            assert!(played(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_start_command_of_the_command_line_is_for_a_shell() {
        let start: Start = "worker=python3 'my worker.py' --set a=b".parse().unwrap();
        assert_eq!(start.role, "worker");
        assert_eq!(start.program, Program::literal_shell("python3 'my worker.py' --set a=b"));
        for bad in ["worker", "worker=", "=x", "worker=  "] {
            assert!(bad.parse::<Start>().is_err(), "{bad}");
        }
    }

    fn roles(processes: &[&str], start: &[&str]) -> Result<Roles, FaultError> {
        let role = Role {
            processes: processes.iter().map(|text| text.parse().unwrap()).collect(),
            start: Program::literal(start),
            ..Role::default()
        };
        let guard = Guard::new(hosts::Ground::Machine, &[]);
        let secrets = Secrets::default();
        Roles::new(&BTreeMap::from([("worker".to_owned(), role)]), true, guard, &secrets)
    }

    #[test]
    fn a_process_is_a_member_under_one_name_however_often_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("w1.pid");
        std::fs::write(&file, std::process::id().to_string()).unwrap();
        let by_file = format!("pid-file:{}", file.display());
        let by_id = format!("pid:{}", std::process::id());
        let roles = roles(&[&by_file, &by_id], &[]).unwrap();
        let found = roles.processes("worker");
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].name.as_str(), found[0].pid), ("w1", std::process::id()));
        assert!(roles.has("worker") && !roles.has("other"));
        assert!(roles.processes("other").is_empty());
        roles.check("worker").unwrap();
        assert_eq!(roles.changes().len(), 1);
        assert!(roles.changes().is_empty());
        // It may not be hit all the same: it is this very program.
        assert!(roles.may_hit(&found[0]).unwrap_err().is_refusal());
    }

    #[test]
    fn whoever_is_named_by_an_id_alone_is_not_waited_for() {
        let by_id = format!("pid:{}", std::process::id());
        assert!(!roles(&[&by_id], &[]).unwrap().is_supervised("worker"));
        let by_name = roles(&["name:no-such-program-anywhere"], &[]).unwrap();
        assert!(by_name.is_supervised("worker"));
        assert!(by_name.starting("worker").is_none());
        let told = by_name.check("worker").unwrap_err();
        assert!(told[0].to_string().starts_with("no process matches name:no-such-program"));
    }

    #[test]
    fn a_start_command_with_a_password_is_refused() {
        assert!(roles(&["name:x"], &["sh", "--password", "hunter2"]).is_err());
        let starting = roles(&["name:x"], &["sh", "my file"]).unwrap().starting("worker").unwrap();
        assert_eq!(starting.line(), "sh 'my file'");
    }

    /// Otherwise a fault would take away what nobody gives back, and the system
    /// would be blamed for it.
    #[test]
    fn a_start_command_without_a_program_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let plain = folder.path().join("plain.txt");
        std::fs::write(&plain, "").unwrap();
        for program in ["no-such-program-anywhere", "/no/such", plain.to_str().unwrap(), "/"] {
            let error = roles(&["name:x"], &[program]).err().unwrap().to_string();
            assert!(error.contains("there is no program"), "{error}");
        }
        assert!(roles(&["name:x"], &["/bin/sh"]).is_ok());
    }
}
