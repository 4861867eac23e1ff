//! Random overlaps of faults whose undo runs this program again, for the tests: they
//! are no program that could be.

#![expect(clippy::unwrap_used, reason = "a test whose world cannot be set up fails")]

#[path = "../tests/suite/overlap/play.rs"]
mod play;
#[expect(dead_code, reason = "the tests use the rest")]
#[path = "../tests/suite/sleeper.rs"]
mod sleeper;

use std::ffi::OsString;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chaos::role::Roles;
use chaos::{Process, World, http_client};
use hosts::{Ground, Guard};
use lab::{Lab, LabOptions, Patience, RabbitMq, RabbitMqOptions, server::rabbitmq::SERVER};
use play::{Nobody, Thing, cases, prove};
use scenarios::plan::fault::{Alarm, AlarmOf, StopSignal, Stopped, Victims};
use scenarios::plan::{FaultKind, Pick, Role};
use scenarios::program::Program;
use scenarios::redact::Secrets;
use scenarios::units::Span;
use serde_json::Value;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = chaos::hidden(&arguments).or_else(|| lab::hidden(&arguments)) {
        return ExitCode::from(code);
    }
    match arguments.first().and_then(|what| what.to_str()) {
        Some("start") => start(),
        Some("rabbitmq") => rabbitmq(),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

/// More than any case ends at the same time.
const WORKERS: usize = 8;
const ROLE: &str = "worker";

/// Processes that a command starts again.
struct Workers {
    _folder: tempfile::TempDir,
    roles: Arc<Roles>,
}

impl Workers {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("worker");
        std::fs::write(&file, "").unwrap();
        // Nobody's children: those of this process play no role.
        let line = format!("tail -f {} > /dev/null 2>&1 &\n", file.display());
        let started = Command::new("sh").args(["-c", &line.repeat(WORKERS)]).status().unwrap();
        assert!(started.success());
        let role = Role {
            processes: vec![format!("name:^tail -f {}$", file.display()).parse().unwrap()],
            start: Program::literal_shell(&format!("exec tail -f {}", file.display())),
            ..Role::default()
        };
        let guard = Guard::new(Ground::Machine, &[]);
        let cast = [(ROLE.to_owned(), role)].into();
        let roles = Roles::new(&cast, false, guard, &Secrets::default()).unwrap();
        let workers = Self { _folder: folder, roles: Arc::new(roles) };
        sleeper::wait_for("the workers", || workers.running() == Some(WORKERS));
        workers
    }

    /// How many each fault ends.
    fn ends(setting: usize) -> usize {
        1 + setting % 2
    }

    /// How many run, once nobody is shown any more who has ended.
    fn running(&self) -> Option<usize> {
        let shown = self.roles.processes(ROLE);
        shown.iter().all(|process| process.pinned().is_alive()).then_some(shown.len())
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        for process in self.roles.processes(ROLE) {
            let _ = chaos::victim::Victim::pin(process)
                .and_then(|victim| victim.signal(chaos::victim::Signal::KILL));
        }
    }
}

#[async_trait]
impl Thing for Workers {
    fn fault(&self, setting: usize) -> FaultKind {
        let (role, pick) = (ROLE.to_owned(), Pick::count(Self::ends(setting) as u32));
        match setting / 2 {
            0 => {
                let (lasts, signal) = (Span::default(), StopSignal::Term);
                FaultKind::StopProcess(Stopped { role, pick, lasts, signal })
            }
            1 => FaultKind::KillProcess(Victims { role, pick }),
            _ => FaultKind::TerminateProcess(Victims { role, pick }),
        }
    }

    fn is_whole(&self, _: usize) -> bool {
        false
    }

    async fn check(&self, open: &[usize]) {
        let away: usize = open.iter().map(|&setting| Self::ends(setting)).sum();
        sleeper::wait_for("as many as are left", || self.running() == Some(WORKERS - away));
    }

    fn world(&self) -> Arc<dyn World> {
        Arc::clone(&self.roles) as Arc<dyn World>
    }
}

fn start() {
    prove("start", cases(2), 6, &Workers::new());
}

/// A threshold of a node.
struct Threshold {
    broker: Arc<Broker>,
    of: AlarmOf,
    /// What is set when nobody has broken anything.
    before: Value,
}

struct Broker {
    lab: Lab,
    broker: RabbitMq,
    _logs: tempfile::TempDir,
}

/// Nobody else's processes.
struct Node(Arc<Broker>);

impl World for Node {
    fn processes(&self, _: &str) -> Vec<Process> {
        let node = self.0.lab.process(SERVER).unwrap();
        let (name, start_time) = (node.name, node.start_time);
        vec![Process { name, pid: node.pid.unwrap(), start_time }]
    }

    fn may_hit(&self, process: &Process) -> Result<(), chaos::FaultError> {
        Nobody.may_hit(process)
    }

    fn may_reach(&self, aim: &chaos::Aim) -> Result<(), chaos::FaultError> {
        Nobody.may_reach(aim)
    }
}

impl Threshold {
    async fn now(broker: &Broker, of: &AlarmOf) -> Value {
        let url = format!("{}/api/nodes", broker.broker.management_url);
        let text = http_client().unwrap().get(url).send().await.unwrap().text().await.unwrap();
        let name = match of {
            AlarmOf::Memory => "mem_limit",
            AlarmOf::Disk => "disk_free_limit",
        };
        serde_json::from_str::<Value>(&text).unwrap()[0][name].clone()
    }
}

#[async_trait]
impl Thing for Threshold {
    fn fault(&self, _: usize) -> FaultKind {
        let (role, lasts) = (SERVER.to_owned(), Span::default());
        FaultKind::RabbitmqAlarm(Alarm { role, of: self.of, lasts })
    }

    fn is_whole(&self, _: usize) -> bool {
        false
    }

    /// The management API is some seconds late.
    async fn check(&self, open: &[usize]) {
        let begun = std::time::Instant::now();
        while (Self::now(&self.broker, &self.of).await == self.before) != open.is_empty() {
            assert!(begun.elapsed() < sleeper::PATIENCE, "{open:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    fn world(&self) -> Arc<dyn World> {
        Arc::new(Node(Arc::clone(&self.broker)))
    }
}

fn rabbitmq() {
    let logs = tempfile::tempdir().unwrap();
    let lab = LabOptions::new(logs.path()).start().unwrap();
    let patience = || Patience::new(Duration::from_secs(120));
    let broker = RabbitMq::start(&lab, &RabbitMqOptions::default(), patience()).unwrap();
    let broker = Arc::new(Broker { lab, broker, _logs: logs });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for of in [AlarmOf::Memory, AlarmOf::Disk] {
        let mut before = Value::Null;
        sleeper::wait_for("the thresholds", || {
            before = runtime.block_on(Threshold::now(&broker, &of));
            before.is_number()
        });
        let threshold = Threshold { broker: Arc::clone(&broker), of, before };
        play::prove_on(&runtime, &format!("rabbitmq {of:?}"), cases(1), 1, &threshold);
    }
}
