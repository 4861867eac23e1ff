//! Roles as `chaos run` plays them: processes by an expression on their command
//! line, by a unit, by a pid file that is not out of date; and a command that starts
//! what a fault has ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use chaos::victim::{Signal, Victim};
use chaos::{Pinned, Process};
use machine::process::all;

use crate::program::{Desk, kill};
use crate::sleeper::{Sleeper, wait_for};

const FAULT: &str = r#"
name = "one"

[[phase]]
name = "load"
for = "60s"

[[fault]]
name = "hit"
phase = "load"
"#;

const KILL: &str = "kill_process = { role = \"worker\" }\n";
const STOP: &str = "stop_process = { role = \"worker\", for = \"2s\" }\n";

/// Writes its id down and goes on for longer than any test.
const WORKER: &str = "echo $$ > \"$1\" && while :; do sleep 1; done\n";

struct Stage {
    desk: Desk,
    file: String,
}

impl Stage {
    fn new(fault: &str) -> Self {
        let desk = Desk::new();
        let file = desk.0.path().join("faults.toml");
        fs::write(&file, format!("{FAULT}{fault}")).unwrap();
        fs::write(desk.0.path().join("worker.sh"), WORKER).unwrap();
        Self { desk, file: file.display().to_string() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.desk.0.path().join(name)
    }

    fn command(&self, more: &[&str]) -> Command {
        let out = self.path("runs").display().to_string();
        self.desk.command(&[&["run", &self.file, "--out", &out], more].concat())
    }

    fn run(&self, more: &[&str]) -> (Option<i32>, String, String) {
        let ended = self.command(more).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (ended.status.code(), text(ended.stdout), text(ended.stderr))
    }

    /// What starts a worker, as a shell would be told.
    fn start(&self) -> String {
        format!("sh {} {}", self.path("worker.sh").display(), self.path("worker.pid").display())
    }

    /// A worker of the test's own.
    fn worker(&self) -> Worker {
        let words = self.start();
        let mut words = words.split(' ');
        let mut command = Command::new(words.next().unwrap());
        let child = command.args(words).stdin(Stdio::null()).spawn().unwrap();
        let pinned = Pinned::of(child.id()).unwrap();
        wait_for("the worker's id", || self.written() == Some(pinned));
        Worker { child, pinned }
    }

    /// The process that wrote its id last, while it runs.
    fn written(&self) -> Option<Pinned> {
        let text = fs::read_to_string(self.path("worker.pid")).ok()?;
        Pinned::of(text.trim().parse().ok()?)
    }
}

/// What a command has started is nobody's child.
impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(process) = self.written().and_then(|pinned| Process::find(pinned.pid))
            && let Ok(victim) = Victim::pin(process)
        {
            let _ = victim.signal(Signal::KILL);
        }
    }
}

struct Worker {
    child: Child,
    pinned: Pinned,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_expression_on_the_command_line_is_shown_before_it_is_hit() {
    let stage = Stage::new(KILL);
    let (worker, sleeper) = (stage.worker(), Sleeper::start());
    let role = format!("worker=name:{}/worker\\.sh", stage.desk.0.path().display());
    let mut found = (None, String::new(), String::new());
    // A process that has just begun is not found by its command yet.
    wait_for("the worker to be found", || {
        found = stage.run(&["--role", &role, "--dry-run"]);
        found.0 == Some(0)
    });
    let whom = format!("would hit worker-1 (pid {}), 1 of 1", worker.pinned);
    assert!(found.1.contains(&whom), "{}", found.1);
    assert!(found.1.contains(&format!("worker-1: {}", stage.start())), "{}", found.1);
    assert!(worker.pinned.is_alive());
    let (code, out, err) = stage.run(&["--role", &role]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!worker.pinned.is_alive() && !sleeper.has_ended());
}

#[test]
fn a_pid_file_that_is_older_than_its_process_names_nobody() {
    let stage = Stage::new(KILL);
    let sleeper = Sleeper::start();
    let file = stage.path("other.pid");
    fs::write(&file, sleeper.pid().to_string()).unwrap();
    let hour = std::time::Duration::from_secs(3_600);
    let old = fs::metadata(&file).unwrap().modified().unwrap() - hour;
    fs::File::options().write(true).open(&file).unwrap().set_modified(old).unwrap();
    let role = format!("worker=pid-file:{}", file.display());
    let (code, out, err) = stage.run(&["--role", &role]);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(!sleeper.has_ended());
    let file = file.display().to_string();
    let (code, _, err) = stage.desk.run(&["kill-process", "--pid-file", &file]);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("another process has the id by now"), "{err}");
    assert!(!sleeper.has_ended());
}

#[test]
fn a_unit_is_its_main_process() {
    let stage = Stage::new(KILL);
    let sleeper = Sleeper::start();
    let programs = stage.path("bin");
    fs::create_dir(&programs).unwrap();
    let asked = stage.path("asked");
    let script = format!("#!/bin/sh\necho \"$@\" > {}\necho {}\n", asked.display(), sleeper.pid());
    let systemctl = programs.join("systemctl");
    fs::write(&systemctl, script).unwrap();
    fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let mut command = stage.command(&["--role", "worker=unit:orders.service"]);
    let ended = command.env("PATH", path).output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stdout));
    assert!(sleeper.has_ended());
    let asked = fs::read_to_string(asked).unwrap();
    assert_eq!(asked.trim(), "show -p MainPID --value orders.service");
}

#[test]
fn a_command_starts_again_what_was_killed_and_it_outlives_the_run() {
    let stage = Stage::new(KILL);
    let worker = stage.worker();
    let role = format!("worker=pid-file:{}", stage.path("worker.pid").display());
    let start = format!("worker={}", stage.start());
    let (code, out, err) = stage.run(&["--role", &role, "--role-start", &start]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("started 1 of 1 processes of \"worker\" again"), "{out}");
    assert!(out.contains("1 of 1 processes of \"worker\" run"), "{out}");
    let after = stage.written().unwrap();
    assert!(after != worker.pinned && after.is_alive() && !worker.pinned.is_alive());
}

#[test]
fn whoever_is_kept_down_is_started_by_a_watchdog_when_the_program_is_killed() {
    let stage = Stage::new(STOP);
    let worker = stage.worker();
    let role = format!("worker=pid-file:{}", stage.path("worker.pid").display());
    let start = format!("worker={}", stage.start());
    let mut command = stage.command(&["--role", &role, "--role-start", &start]);
    let chaos = command.stdout(Stdio::null()).spawn().unwrap();
    wait_for("the worker to be away", || {
        !worker.pinned.is_alive() && stage.desk.states().contains(&"injected".to_owned())
    });
    kill(chaos);
    wait_for("another worker", || stage.written().is_some());
    assert_ne!(stage.written(), Some(worker.pinned));
}

#[test]
fn what_a_killed_program_has_ended_is_started_by_a_recovery() {
    let stage = Stage::new(&STOP.replace("2s", "1h"));
    let worker = stage.worker();
    let role = format!("worker=pid-file:{}", stage.path("worker.pid").display());
    let start = format!("worker={}", stage.start());
    let mut command = stage.command(&["--role", &role, "--role-start", &start]);
    let chaos = command.stdout(Stdio::null()).spawn().unwrap();
    wait_for("the worker to be away", || {
        !worker.pinned.is_alive() && stage.desk.states().contains(&"injected".to_owned())
    });
    kill(chaos);
    let (code, out, err) = stage.desk.run(&["recover"]);
    assert_eq!(code, Some(0), "{out}{err}");
    wait_for("another worker", || stage.written().is_some());
    let (code, out, _) = stage.desk.run(&["recover"]);
    assert_eq!(code, Some(0), "{out}");
}

#[test]
fn what_cannot_be_kept_down_or_started_is_said() {
    let stage = Stage::new(STOP);
    let worker = stage.worker();
    let role = format!("worker=pid-file:{}", stage.path("worker.pid").display());
    for way in ["--supervised", "--dry-run"] {
        let (code, out, err) = stage.run(&["--role", &role, way]);
        assert_eq!(code, Some(3), "{way}: {out}{err}");
        assert!(out.contains("--role-start") && worker.pinned.is_alive(), "{way}: {out}");
    }
    let start = "worker=sh -c 'exit 7'";
    let start = ["--role", &role, "--role-start", start, "--undo-within", "1s"];
    let (code, out, err) = stage.run(&start);
    assert_eq!(code, Some(3), "{out}{err}");
    assert!(out.contains("exit status: 7") && out.contains("was not started again"), "{out}");
    let secret = ["--role", &role, "--role-start", "worker=app --password hunter2"];
    let (code, out, err) = stage.run(&secret);
    assert_eq!(code, Some(2), "{out}{err}");
    assert!(err.contains("journal with its password") && !err.contains("hunter2"), "{err}");
}

#[test]
fn a_role_that_nobody_plays_is_told_before_anything_is_broken() {
    let stage = Stage::new(KILL);
    let worker = stage.worker();
    let alike = format!("worker=name:{}/wroker\\.sh", stage.desk.0.path().display());
    for way in [["--dry-run"].as_slice(), &["--fail-fast"]] {
        let told = stage.run(&[&["--role", &alike], way].concat());
        assert_eq!(told.0, Some(3), "{way:?}: {}", told.2);
        assert!(told.2.contains("running now: ") && told.2.contains("worker.sh ("), "{}", told.2);
    }
    assert!(worker.pinned.is_alive());
    // A container may not see any.
    if let Some(thread) = all().unwrap().into_iter().find(|stat| stat.is_kernel) {
        let role = format!("worker=pid:{}", thread.pid);
        let told = stage.run(&["--role", &role, "--dry-run"]);
        assert!(told.0 == Some(3) && told.2.contains("thread of the kernel"), "{told:?}");
    }
}
