//! The handle that a program holds on its lab: starts the keeper, asks it to
//! run processes, and knows what became of them.

pub(crate) mod table;

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use machine::process::Pinned;

use crate::keeper::wire::{self, Event, ProcessSpec};
use crate::keeper::{self, child, scratch};
use crate::{LabError, Patience};
use table::{ProcessState, Table};

const KEEPER_START: Duration = Duration::from_secs(20);
/// Longer than the keeper itself waits for a process that will not die.
const KEEPER_END: Duration = Duration::from_secs(40);

/// How a lab is to be.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// The program to re-execute as the keeper and as replicas; its `main`
    /// calls [`crate::hidden`]. By default this very program, even if its file
    /// has been replaced since.
    pub exe: PathBuf,
    /// The folder for `<name>.log`, one for each process; made if absent. Without
    /// one they are in the scratch folder, and go with it.
    pub logs: Option<PathBuf>,
    /// Leaves the scratch folder (the broker's data) behind in the end.
    pub keep: bool,
}

impl LabOptions {
    /// This program as the keeper, nothing kept.
    pub fn new(logs: impl Into<PathBuf>) -> Self {
        Self { logs: Some(logs.into()), ..Self::traceless() }
    }

    /// As [`LabOptions::new`], but not even the logs stay.
    #[must_use]
    pub fn traceless() -> Self {
        Self { exe: PathBuf::from("/proc/self/exe"), logs: None, keep: false }
    }

    /// Short for [`Lab::start`].
    ///
    /// # Errors
    /// Those of [`Lab::start`].
    pub fn start(self) -> Result<Lab, LabError> {
        Lab::start(self)
    }
}

/// A running lab. Dropping it ends it: see [`Lab::stop`].
#[derive(Debug)]
pub struct Lab {
    options: LabOptions,
    logs: PathBuf,
    keeper: Pinned,
    scratch: PathBuf,
    process: Mutex<Option<Child>>,
    commands: Mutex<Option<ChildStdin>>,
    table: Arc<Table>,
}

/// A lab that goes on without its program; SIGTERM to the keeper ends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The keeper to end.
    pub keeper: Pinned,
    /// The folder that goes with it.
    pub scratch: PathBuf,
}

impl Lab {
    /// Starts the keeper, after removing what labs have left whose keeper and
    /// parent were both killed.
    ///
    /// # Errors
    /// [`LabError::File`] if the log folder cannot be made;
    /// [`LabError::Keeper`] if the keeper cannot be started or cannot make its
    /// scratch folder.
    pub fn start(options: LabOptions) -> Result<Self, LabError> {
        let logs = options.logs.as_deref().map(log_folder).transpose()?;
        scratch::sweep(&std::env::temp_dir());

        let log = logs.as_deref().map(keeper_log).unwrap_or_default();
        let failed = |reason: String| LabError::Keeper { reason, log: log.clone() };
        let mut process = spawn_keeper(&options, logs.as_deref()).map_err(|error| {
            failed(format!("{} could not be executed: {error}", options.exe.display()))
        })?;
        let commands = process.stdin.take();
        let Some(output) = process.stdout.take() else {
            return Err(failed("it has no output".to_owned()));
        };
        let table = Arc::new(Table::default());
        let events = BufReader::new(output);
        let folded = Arc::clone(&table);
        let reader = thread::Builder::new()
            .name("lab-events".into())
            .spawn(move || read_events(events, &folded));
        if let Err(error) = reader {
            return Err(failed(format!("no thread to listen to it: {error}")));
        }
        let ready = table.wait(Patience::new(KEEPER_START), "the lab's keeper", |state| {
            state.ready.clone().or_else(|| state.ended.then(|| Err("it ended at once".to_owned())))
        })?;
        let (keeper, scratch) = ready.map_err(|reason| {
            let _ = process.wait();
            failed(reason)
        })?;
        let (process, commands) = (Mutex::new(Some(process)), Mutex::new(commands));
        let logs = logs.unwrap_or_else(|| scratch::logs(&scratch));
        Ok(Self { options, logs, keeper, scratch, process, commands, table })
    }

    /// Which process keeps this lab.
    pub fn keeper(&self) -> Pinned {
        self.keeper
    }

    /// The folder for data, removed in the end.
    pub fn scratch(&self) -> &Path {
        &self.scratch
    }

    /// The folder of the logs.
    pub fn logs(&self) -> &Path {
        &self.logs
    }

    /// The log of the process `name`.
    pub fn log(&self, name: &str) -> PathBuf {
        child::log_path(&self.logs, name)
    }

    /// The program that replicas re-execute.
    pub(crate) fn exe(&self) -> &Path {
        &self.options.exe
    }

    /// Runs a process and waits until it has been forked; gives its id.
    ///
    /// # Errors
    /// [`LabError::Spawn`] if it cannot be executed, [`LabError::Keeper`] if
    /// the keeper is gone, and those of `patience`.
    pub fn run(&self, spec: ProcessSpec, patience: Patience<'_>) -> Result<u32, LabError> {
        let name = spec.name.clone();
        self.table.expect(&spec);
        self.send(&wire::Command::Start(spec))?;
        let what = format!("the start of {name}");
        let outcome = self.wait_for(patience, &what, |lab| lab.table.start(&name))?;
        outcome.map_err(|reason| LabError::Spawn { name, reason })
    }

    /// Kills a process with its group, for good, and waits until it is dead.
    ///
    /// # Errors
    /// [`LabError::Keeper`] if the keeper is gone, and those of `patience`.
    pub fn stop_process(&self, name: &str, patience: Patience<'_>) -> Result<(), LabError> {
        self.send(&wire::Command::Stop { name: name.to_owned() })?;
        self.wait_for(patience, &format!("the end of {name}"), |lab| {
            lab.process(name).is_none_or(|process| process.pid.is_none()).then_some(())
        })
    }

    /// Has the keeper leave a process alone when it ends, and waits until it
    /// will.
    ///
    /// # Errors
    /// [`LabError::Keeper`] if the keeper is gone, [`LabError::Spawn`] if there
    /// is no such process, and those of `patience`.
    pub fn hold(&self, name: &str, patience: Patience<'_>) -> Result<(), LabError> {
        if self.process(name).is_none() {
            let reason = "there is no process of this name".to_owned();
            return Err(LabError::Spawn { name: name.to_owned(), reason });
        }
        let events = self.events();
        self.send(&wire::Command::Hold { name: name.to_owned() })?;
        self.wait_for(patience, &format!("the hold of {name}"), |_| {
            let held = |event: &Event| matches!(event, Event::Held { name: held } if held == name);
            events.try_iter().any(|event| held(&event)).then_some(())
        })
    }

    /// Has the keeper start a process that was held.
    ///
    /// # Errors
    /// [`LabError::Keeper`] if the keeper is gone.
    pub fn let_go(&self, name: &str) -> Result<(), LabError> {
        self.send(&wire::Command::LetGo { name: name.to_owned() })
    }

    /// What every process that was ever started is doing now.
    pub fn processes(&self) -> Vec<ProcessState> {
        self.table.processes()
    }

    /// What one process is doing now.
    pub fn process(&self, name: &str) -> Option<ProcessState> {
        self.table.process(name)
    }

    /// Every event from now on. The channel ends with the lab.
    pub fn events(&self) -> Receiver<Event> {
        let (sender, receiver) = mpsc::channel();
        self.table.subscribe(sender);
        receiver
    }

    /// Whether the keeper still lives; without it nothing is restarted.
    pub fn is_kept(&self) -> bool {
        !self.table.has_ended()
    }

    /// Asks again, at every event and at least every 50 ms, until `answer` has
    /// one, the keeper is gone, or patience ends.
    pub(crate) fn wait_for<T>(
        &self,
        patience: Patience<'_>,
        what: &str,
        mut answer: impl FnMut(&Self) -> Option<T>,
    ) -> Result<T, LabError> {
        loop {
            if let Some(found) = answer(self) {
                return Ok(found);
            }
            if !self.is_kept() {
                return Err(self.keeper_gone());
            }
            patience.check(what)?;
            self.table.pause(Duration::from_millis(50));
        }
    }

    /// Ends the lab: every process is killed with its group, nothing is asked
    /// to stop nicely, and the scratch folder is removed unless it is to be
    /// kept. Waits until the keeper is gone. Calling it again does nothing.
    ///
    /// # Errors
    /// [`LabError::Keeper`] if the keeper does not end or leaves its folder.
    pub fn stop(&self) -> Result<(), LabError> {
        // The end of its input is what tells the keeper to end.
        drop(lock(&self.commands).take());
        let Some(mut process) = lock(&self.process).take() else { return Ok(()) };
        let ended =
            self.table.wait(Patience::new(KEEPER_END), "the lab's keeper to end", |state| {
                state.ended.then_some(())
            });
        if ended.is_err() {
            let _ = process.kill();
        }
        let _ = process.wait();
        // Nothing is left to do unless the keeper was killed.
        if self.scratch.exists() && !self.options.keep {
            let _ = scratch::sweep_one(&self.scratch);
        }
        if self.scratch.exists() && !self.options.keep {
            let reason = format!("it left {} behind", self.scratch.display());
            return Err(LabError::Keeper { reason, log: keeper_log(&self.logs) });
        }
        Ok(())
    }

    /// Lets the lab go on when this program ends.
    ///
    /// # Errors
    /// [`LabError::Keeper`] if the keeper is gone.
    pub fn release(self) -> Result<Released, LabError> {
        self.send(&wire::Command::Release)?;
        let released = Released { keeper: self.keeper, scratch: self.scratch.clone() };
        // Not `stop`: the keeper is left alone, and becomes init's child.
        lock(&self.process).take();
        Ok(released)
    }

    fn send(&self, command: &wire::Command) -> Result<(), LabError> {
        let mut line = serde_json::to_vec(command).map_err(|error| LabError::Keeper {
            reason: format!("a path is not valid UTF-8: {error}"),
            log: keeper_log(&self.logs),
        })?;
        line.push(b'\n');
        let mut commands = lock(&self.commands);
        let input = commands.as_mut().ok_or_else(|| self.keeper_gone())?;
        input.write_all(&line).and_then(|()| input.flush()).map_err(|_| self.keeper_gone())
    }

    fn keeper_gone(&self) -> LabError {
        LabError::Keeper {
            reason: "it has ended, and with it every process of the lab".to_owned(),
            log: keeper_log(&self.logs),
        }
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

impl Released {
    /// Ends a released lab and waits until its keeper is gone.
    ///
    /// # Errors
    /// Those of `patience`.
    pub fn stop(&self, patience: Patience<'_>) -> Result<(), LabError> {
        let raw = rustix::process::Pid::from_raw(self.keeper.pid.cast_signed());
        let held = raw.and_then(|pid| {
            rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok()
        });
        if let Some(held) = held
            && self.keeper.is_alive()
        {
            let _ = rustix::process::pidfd_send_signal(&held, rustix::process::Signal::TERM);
        }
        while self.keeper.is_alive() {
            patience.check("the released lab's keeper to end")?;
            thread::park_timeout(Duration::from_millis(20));
        }
        let _ = scratch::sweep_one(&self.scratch);
        Ok(())
    }
}

fn keeper_log(logs: &Path) -> PathBuf {
    child::log_path(logs, "keeper")
}

/// Makes the folder of the logs. The keeper and its children have working folders
/// of their own, so its path is absolute.
fn log_folder(logs: &Path) -> Result<PathBuf, LabError> {
    fs::create_dir_all(logs).map_err(LabError::file("create the folder", logs))?;
    fs::canonicalize(logs).map_err(LabError::file("find the folder", logs))
}

fn spawn_keeper(options: &LabOptions, logs: Option<&Path>) -> std::io::Result<Child> {
    let log = logs.map(|logs| OpenOptions::new().create(true).append(true).open(keeper_log(logs)));
    let errors = match log {
        Some(Ok(log)) => Stdio::from(log),
        Some(Err(_)) => Stdio::null(),
        None => Stdio::inherit(),
    };
    let logs = logs.map(Path::as_os_str).unwrap_or_default();
    let keep = if options.keep { "keep" } else { "remove" };
    Command::new(&options.exe)
        .arg0("shakedown-lab")
        .args([OsStr::new(keeper::SUBCOMMAND), logs, OsStr::new(keep)])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        .current_dir("/")
        .spawn()
}

/// Folds the keeper's events into the table until the keeper ends.
fn read_events(events: BufReader<ChildStdout>, table: &Table) {
    for line in events.lines() {
        let Ok(line) = line else { break };
        if let Ok(event) = serde_json::from_str::<Event>(&line) {
            table.fold(&event);
        }
    }
    table.end();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
