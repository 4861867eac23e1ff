//! The keeper: a small process that runs the lab's children and outlives the
//! program that asked for them just long enough to remove every trace.
//!
//! It is a session of its own, so the terminal's Ctrl-C does not reach it, and
//! a subreaper, so that a child that daemonises becomes its child again. All
//! forks happen on its main thread with a parent-death signal: if the keeper
//! itself is killed, the kernel kills its children. It ends when its standard
//! input ends, which is when its parent died or dropped the lab, or on SIGTERM.

mod backoff;
pub(crate) mod child;
mod inputs;
pub(crate) mod scratch;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use machine::process;
use rustix::process::{Pid, WaitId, WaitIdOptions, WaitOptions};

use child::{Child, Forked, Phase};
use inputs::Input;
use scratch::Scratch;
use wire::{Command, Event, ProcessSpec, Restart};

/// A process that the kernel holds in a system call dies when the call ends.
/// Longer than this nobody waits for it: its parent-death signal is pending.
const END_WITHIN: Duration = Duration::from_secs(30);
/// The hidden subcommand: `__keeper LOGS keep|remove`; without a name of theirs, the
/// logs are in the scratch folder.
pub(crate) const SUBCOMMAND: &str = "__keeper";
/// In the environment of every child: the lab's scratch folder.
pub(crate) const MARKER: &str = "SHAKEDOWN_LAB";

/// Runs the keeper until its input ends; gives its exit code.
pub(crate) fn run(arguments: &[OsString]) -> u8 {
    let [logs, keep] = arguments else {
        eprintln!("{SUBCOMMAND} is started by the lab, not by hand");
        return 2;
    };
    let events = inputs::event_writer();
    match set_up() {
        Err(error) => {
            // Written directly: the writer thread may not live to do it.
            inputs::write_event(&Event::Refused { reason: error.to_string() });
            1
        }
        Ok(((inputs, to_main), ready, scratch)) => {
            let _ = events.send(ready);
            let logs = match logs.is_empty() {
                true => scratch.logs(),
                false => PathBuf::from(logs),
            };
            let mut keeper = Keeper {
                logs,
                scratch: scratch.path.clone(),
                listeners: vec![events],
                to_main,
                children: BTreeMap::new(),
                released: false,
            };
            keeper.serve(&inputs);
            // When one dies its own children become the keeper's, however they had
            // detached themselves.
            process::end_everything_below(END_WITHIN);
            u8::from(scratch.finish(keep == "keep").is_err())
        }
    }
}

type Inputs = (Receiver<Input>, Sender<Input>);

fn set_up() -> std::io::Result<(Inputs, Event, Scratch)> {
    // Out of reach of the terminal. It only fails for the leader of a group,
    // which nobody but a shell would make this process.
    let _ = rustix::process::setsid();
    let inputs = inputs::listen()?;
    let me = rustix::process::getpid();
    rustix::process::set_child_subreaper(Some(me))?;
    raise_descriptor_limit();
    let pid = std::process::id();
    let start_time = process::stat(pid).map_or(0, |stat| stat.start_time);
    let scratch = Scratch::create(pid, start_time)?;
    let ready = Event::Ready { pid, start_time, scratch: scratch.path.clone() };
    Ok((inputs, ready, scratch))
}

/// A broker with thousands of connections needs descriptors: the children get
/// all that this user may have.
fn raise_descriptor_limit() {
    let mut limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    // Erlang sizes tables by the limit, so an unlimited one would cost memory.
    let enough = 65_536;
    limit.current = Some(limit.maximum.map_or(enough, |maximum| maximum.min(enough)));
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
}

struct Keeper {
    logs: PathBuf,
    scratch: PathBuf,
    /// The program, and the children that steer.
    listeners: Vec<Sender<Event>>,
    /// Where the commands of children that steer come in.
    to_main: Sender<Input>,
    children: BTreeMap<String, Child>,
    /// Whether the end of the input no longer means the end of the lab.
    released: bool,
}

impl Keeper {
    /// Obeys commands and restarts children until told to end.
    fn serve(&mut self, inputs: &Receiver<Input>) {
        loop {
            let pause = self.until_next_start().unwrap_or(Duration::from_secs(3600));
            match inputs.recv_timeout(pause) {
                Ok(Input::Command(command)) => self.obey(command),
                Ok(Input::Nonsense(message)) => self.tell(Event::Warning { message }),
                Ok(Input::Ended) if self.released => {}
                Ok(Input::ChildEnded) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Input::Ended | Input::Terminate) | Err(RecvTimeoutError::Disconnected) => return,
            }
            self.collect();
            self.start_what_is_due();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Start(spec) => self.start(spec),
            Command::Again { name } => {
                if let Some(child) = self.children.get_mut(&name)
                    && child.may_start_again()
                {
                    child.restarts += 1;
                    self.fork(&name);
                }
            }
            Command::Terminate { name } => {
                let asked = self.children.get_mut(&name).is_some_and(Child::terminate);
                if !asked {
                    self.tell(Event::Absent { name });
                }
            }
            Command::Stop { name } => {
                if let Some(child) = self.children.get_mut(&name) {
                    child.stop();
                }
            }
            Command::Forget { name } => {
                if self.children.get(&name).is_some_and(|child| child.phase.is_down()) {
                    self.children.remove(&name);
                    self.tell(Event::Forgotten { name });
                }
            }
            Command::Hold { name } => {
                if let Some(child) = self.children.get_mut(&name) {
                    child.hold();
                    self.tell(Event::Held { name });
                }
            }
            Command::LetGo { name } => {
                if let Some(child) = self.children.get_mut(&name) {
                    child.let_go();
                }
            }
            Command::Release => self.released = true,
        }
    }

    fn start(&mut self, spec: ProcessSpec) {
        let name = spec.name.clone();
        if self.children.get(&name).is_some_and(|child| !child.phase.is_down()) {
            let reason = "a process of this name already runs".to_owned();
            return self.tell(Event::Failed { name, reason });
        }
        let role = spec.role.clone();
        self.children.insert(name.clone(), Child::new(spec));
        self.tell(Event::Expected { name: name.clone(), role });
        self.fork(&name);
    }

    fn fork(&mut self, name: &str) {
        let Some(child) = self.children.get_mut(name) else { return };
        let name = name.to_owned();
        match child::fork(&child.spec, &self.logs, &self.scratch) {
            Ok(Forked { pid, no_log, pipes }) => {
                child.phase = Phase::Up { pid, since: Instant::now() };
                let restarts = child.restarts;
                let pid = pid.as_raw_nonzero().get().cast_unsigned();
                let start_time = process::stat(pid).map_or(0, |stat| stat.start_time);
                if let Some(error) = no_log {
                    let message = format!("the output of {name} is lost: {error}");
                    self.tell(Event::Warning { message });
                }
                match pipes.map(|pipes| inputs::steer(pipes, &self.to_main)).transpose() {
                    Ok(listener) => self.listeners.extend(listener),
                    Err(error) => {
                        let message = format!("{name} cannot steer: no thread for it: {error}");
                        self.tell(Event::Warning { message });
                    }
                }
                self.tell(Event::Started { name, pid, start_time, restarts });
            }
            // A program that cannot be executed will not be so in a second; a
            // system that is short of memory or processes may recover.
            Err(error) if child.restarts > 0 && is_passing(&error) => {
                child.phase = Phase::Due(Instant::now() + child.backoff.after(Duration::ZERO));
            }
            Err(error) => {
                child.phase = Phase::Down;
                let gave_up = child.restarts > 0;
                let reason = format!("{}: {error}", child.spec.argv.first().map_or("", |a| a));
                self.tell(if gave_up {
                    Event::GaveUp { name, reason }
                } else {
                    Event::Failed { name, reason }
                });
            }
        }
    }

    /// Collects every child that has ended, ours and those that were left to
    /// us, and plans the restarts.
    fn collect(&mut self) {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        for pid in process::children(std::process::id()).unwrap_or_default() {
            let Some(pid) = Pid::from_raw(pid.cast_signed()) else { continue };
            if !matches!(rustix::process::waitid(WaitId::Pid(pid), look), Ok(Some(_))) {
                continue;
            }
            // While the leader is not collected, its group's number is taken:
            // what it leaves behind can be killed without hitting a stranger.
            child::kill_group(pid);
            let collected = rustix::process::waitpid(Some(pid), WaitOptions::NOHANG);
            if let Ok(Some((_, status))) = collected {
                self.ended(pid, status.exit_status(), status.terminating_signal());
            }
        }
    }

    fn ended(&mut self, ended: Pid, code: Option<i32>, signal: Option<i32>) {
        let is_it =
            |child: &&mut Child| matches!(child.phase, Phase::Up { pid, .. } if pid == ended);
        // An adopted grandchild has no entry, and nobody waits for its news.
        let Some(child) = self.children.values_mut().find(is_it) else { return };
        let Phase::Up { since, .. } = child.phase else { return };
        let name = child.spec.name.clone();
        let restart = match child.spec.restart {
            _ if child.held => {
                child.phase = Phase::Down;
                None
            }
            Restart::Never => {
                child.phase = Phase::Down;
                None
            }
            Restart::Always => {
                let pause = child.backoff.after(since.elapsed());
                child.phase = Phase::Due(Instant::now() + pause);
                Some(pause)
            }
        };
        let status = describe(code, signal);
        let pid = ended.as_raw_nonzero().get().cast_unsigned();
        self.tell(Event::Exited { name: name.clone(), pid, status, code, signal });
        if let Some(pause) = restart {
            let in_ms = u64::try_from(pause.as_millis()).unwrap_or(u64::MAX);
            self.tell(Event::Restarting { name, in_ms });
        }
    }

    fn until_next_start(&self) -> Option<Duration> {
        let due = self.children.values().filter_map(|child| match child.phase {
            Phase::Due(due) => Some(due),
            _ => None,
        });
        due.min().map(|due| due.saturating_duration_since(Instant::now()))
    }

    fn start_what_is_due(&mut self) {
        let now = Instant::now();
        let due: Vec<String> = self
            .children
            .iter_mut()
            .filter(|(_, child)| matches!(child.phase, Phase::Due(due) if due <= now))
            .map(|(name, child)| {
                child.restarts += 1;
                name.clone()
            })
            .collect();
        due.iter().for_each(|name| self.fork(name));
    }

    /// Never blocks: a thread of its own writes, and nobody need read.
    fn tell(&mut self, event: Event) {
        // A child that steered may have ended; the program's channel never does.
        self.listeners.retain(|listener| listener.send(event.clone()).is_ok());
    }
}

fn is_passing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{OutOfMemory, WouldBlock};
    matches!(error.kind(), OutOfMemory | WouldBlock)
}

fn describe(code: Option<i32>, signal: Option<i32>) -> String {
    match (code, signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(9)) => "killed by signal 9 (SIGKILL)".to_owned(),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}
