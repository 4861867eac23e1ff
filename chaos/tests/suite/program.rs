//! The program itself: its guards, its exit codes, and that a stopped process
//! runs again whatever happens to the program.

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use chaos::journal::{State, read};
use chaos::victim::{Signal, Victim};
use chaos::{Pinned, Process};
use tempfile::TempDir;

use crate::management::{Api, Manner};
use crate::sleeper::{Sleeper, wait_for};

/// A private journal for the program.
pub(crate) struct Desk(pub(crate) TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.0.path().join("state/chaos.ndjson")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
        command.args(arguments).arg("--journal").arg(self.journal());
        command.env_remove("SHAKEDOWN_MANAGEMENT").stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code(), text(stdout), text(stderr))
    }

    /// Begins a pause and waits until the sleeper is stopped.
    fn pause(&self, sleeper: &Sleeper, lasts: &str) -> Child {
        let pid = sleeper.pid().to_string();
        let arguments = ["pause-process", "--pid", &pid, "--for", lasts, "--quiet"];
        let chaos = self.command(&arguments).spawn().unwrap();
        wait_for("the sleeper to be stopped", || sleeper.pinned().is_stopped());
        chaos
    }

    /// The watchdog that the journal names last.
    fn watchdog(&self) -> Pinned {
        let entries = read(&self.journal()).unwrap().entries;
        let named = entries.iter().rev().find_map(|entry| match &entry.state {
            State::Injecting { watchdog, .. } => *watchdog,
            _ => None,
        });
        named.unwrap()
    }

    pub(crate) fn states(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.journal()).unwrap_or_default();
        let state = |line: &str| {
            let entry: serde_json::Value = serde_json::from_str(line).unwrap();
            entry["state"].as_str().unwrap().to_owned()
        };
        text.lines().map(state).collect()
    }
}

pub(crate) fn kill(mut chaos: Child) {
    chaos.kill().unwrap();
    chaos.wait().unwrap();
}

pub(crate) fn send(chaos: &Child, signal: Signal) {
    assert!(reaches(chaos, signal), "{signal:?} reached no running program");
}

/// Sends a signal to a program that may have ended by itself.
pub(crate) fn reaches(chaos: &Child, signal: Signal) -> bool {
    let victim = Process::find(chaos.id()).and_then(|process| Victim::pin(process).ok());
    victim.is_some_and(|victim| victim.signal(signal).is_ok())
}

#[test]
fn a_process_is_killed_by_its_pid_file() {
    let (desk, sleeper) = (Desk::new(), Sleeper::start());
    let file = desk.0.path().join("sleeper.pid");
    std::fs::write(&file, format!("{}\n", sleeper.pid())).unwrap();
    let (code, out, err) = desk.run(&["kill-process", "--pid-file", file.to_str().unwrap()]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("hits sleep (pid "), "{out}");
    assert!(out.contains("nothing to undo: its owner starts an ended process again"), "{out}");
    assert!(sleeper.has_ended());
    assert_eq!(desk.states(), ["injecting", "injected", "confirmed", "undone"]);
}

#[test]
fn a_program_is_named_by_its_command_line_and_shown_with_it() {
    let (desk, sleeper) = (Desk::new(), Sleeper::start());
    let script = desk.0.path().join("a-worker-of-this-test.sh");
    std::fs::write(&script, "while :; do sleep 1; done\n").unwrap();
    let mut worker = Command::new("sh").arg(&script).stdin(Stdio::null()).spawn().unwrap();
    let id = Pinned::of(worker.id()).unwrap();
    // A child has its parent's command line for a moment.
    wait_for("the script to run for a while", || id.age().as_millis() > 200);
    let named = ["kill-process", "--name", "a-worker-of-this-test.sh"];
    let (code, out, err) = desk.run(&[&named[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("would hit sh (pid ") && out.contains(": sh /"), "{out}");
    let (code, out, err) = desk.run(&named);
    assert_eq!(code, Some(0), "{out}{err}");
    worker.wait().unwrap();
    assert!(!sleeper.has_ended());
}

#[test]
fn with_nothing_to_recover_the_list_says_so_and_succeeds() {
    let desk = Desk::new();
    let (code, out, err) = desk.run(&["recover", "--list"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("nothing to recover in "), "{out}");
}

#[test]
fn a_dry_run_shows_the_victims_and_a_replay_hits_the_same() {
    let (desk, one, two) = (Desk::new(), Sleeper::start(), Sleeper::start());
    let (first, second) = (one.pinned().to_string(), two.pinned().to_string());
    let arguments = ["kill-process", "--pid", &first, "--pid", &second, "--seed", "3", "--json"];
    let (code, out, _) = desk.run(&[&arguments[..], &["--dry-run"]].concat());
    assert_eq!(code, Some(0));
    assert!(!one.has_ended() && !two.has_ended());
    assert!(desk.states().is_empty());
    let shown: serde_json::Value = serde_json::from_str(out.trim()).unwrap();
    let (code, again, _) = desk.run(&arguments);
    assert_eq!(code, Some(0));
    let hit: serde_json::Value = serde_json::from_str(again.lines().next().unwrap()).unwrap();
    assert_eq!(shown["victims"], hit["victims"]);
    assert_ne!(one.has_ended(), two.has_ended());
}

#[test]
fn who_is_not_meant_is_not_hit() {
    let (desk, sleeper) = (Desk::new(), Sleeper::start());
    let pinned = sleeper.pinned();
    let replaced = Pinned { start_time: pinned.start_time + 1, ..pinned }.to_string();
    let parent = std::process::id().to_string();
    let pid = sleeper.pid().to_string();
    for (arguments, code, says) in [
        (vec!["--pid", &replaced], 3, "no longer running"),
        (vec!["--pid", "1"], 3, "first process"),
        (vec!["--pid", &parent], 3, "ancestors"),
        (vec!["--pid", &pid, "--pick", "2"], 3, "matches 1 where 2"),
        (vec!["--name", "no-such-program"], 3, "no process matches"),
        (vec!["--pid-file", "/nonexistent/pid"], 4, "/nonexistent/pid"),
        (vec!["--pid", "x"], 2, "not a process id"),
        (vec![], 2, "--pid-file <FILE>|--name <EXPRESSION>"),
    ] {
        let (exit, _, err) = desk.run(&[&["kill-process"][..], &arguments].concat());
        assert_eq!(exit, Some(code), "{arguments:?}: {err}");
        assert!(err.contains(says), "{arguments:?}: {err}");
    }
    assert!(!sleeper.has_ended());
}

#[test]
fn a_pause_ends_in_time_and_takes_its_watchdog_along() {
    let (desk, sleeper) = (Desk::new(), Sleeper::start());
    let pid = sleeper.pid().to_string();
    let (code, out, err) = desk.run(&["pause-process", "--pid", &pid, "--for", "200ms"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("whole again: 1 run again"), "{out}");
    assert!(!sleeper.pinned().is_stopped() && !sleeper.has_ended());
    assert!(!desk.watchdog().is_alive());
    assert_eq!(desk.states(), ["injecting", "injected", "confirmed", "undone", "healed"]);
}

#[test]
fn recover_takes_back_what_a_killed_program_left() {
    let (desk, sleeper) = (Desk::new(), Sleeper::start());
    let chaos = desk.pause(&sleeper, "1h");
    let (code, _, err) = desk.run(&["recover"]);
    assert_eq!(code, Some(0));
    assert!(err.contains("has it in hand"), "{err}");
    let watchdogs = Process::named("chaos-watchdog");
    assert!(watchdogs.iter().any(|process| process.pinned() == desk.watchdog()));
    kill(chaos);
    assert!(sleeper.pinned().is_stopped());
    let (code, out, err) = desk.run(&["recover"]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("continued 1 stopped"), "{out}");
    wait_for("the sleeper to go on", || !sleeper.pinned().is_stopped());
    wait_for("the watchdog to end", || !desk.watchdog().is_alive());
    let (_, out, _) = desk.run(&["recover"]);
    assert!(out.contains("nothing to take back"), "{out}");
}

#[test]
fn the_watchdog_ends_a_pause_when_the_program_is_dead() {
    let (desk, sleeper) = (Desk::new(), Sleeper::start());
    kill(desk.pause(&sleeper, "1s"));
    wait_for("the sleeper to go on", || !sleeper.pinned().is_stopped());
    wait_for("the watchdog to end", || !desk.watchdog().is_alive());
    assert!(!sleeper.has_ended());
    assert_eq!(desk.states().last().unwrap(), "undone");
    let (_, open, _) = desk.run(&["recover", "--list"]);
    assert!(open.contains("nothing to recover in "), "{open}");
    let (_, log, _) = desk.run(&["log"]);
    assert!(log.contains(" by watchdog of ") && log.contains(": continued 1 stopped"), "{log}");
    let (code, out, _) = desk.run(&["recover", "--json"]);
    assert_eq!(code, Some(0));
    assert!(out.contains("\"undone\":[]"), "{out}");
}

/// There is nothing left to take back, long before its time is up.
#[test]
fn the_watchdog_of_a_victim_that_ended_closes_the_journal() {
    let (desk, sleeper) = (Desk::new(), Sleeper::start());
    kill(desk.pause(&sleeper, "1h"));
    let victim = Victim::pin(sleeper.process("sleep")).unwrap();
    victim.signal(Signal::KILL).unwrap();
    wait_for("the watchdog to end", || !desk.watchdog().is_alive());
    assert_eq!(desk.states().last().unwrap(), "undone");
}

#[test]
fn a_signal_ends_a_pause() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (desk, sleeper) = (Desk::new(), Sleeper::start());
        let mut chaos = desk.pause(&sleeper, "1h");
        send(&chaos, signal);
        assert_eq!(chaos.wait().unwrap().code(), Some(130));
        assert!(!sleeper.pinned().is_stopped());
        // It was sent SIGKILL, which takes a moment.
        wait_for("the watchdog to end", || !desk.watchdog().is_alive());
        assert_eq!(desk.states().last().unwrap(), "undone");
    }
}

/// The device is always full. The watchdog that was ready is gone as well.
#[test]
fn without_a_record_nothing_is_stopped() {
    let sleeper = Sleeper::start();
    let pinned = sleeper.pinned().to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chaos"));
    command.args(["pause-process", "--for", "1h", "--journal", "/dev/full", "--pid", &pinned]);
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert_eq!(output.status.code(), Some(4));
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.contains("without a record nothing is injected"), "{err}");
    assert!(!sleeper.pinned().is_stopped());
    let mentions = |process: &Process| {
        let words = machine::process::command_line(process.pid);
        words.iter().any(|word| word.to_string_lossy().contains(&pinned))
    };
    assert!(!Process::named("chaos-watchdog").iter().any(mentions));
}

#[tokio::test]
async fn connections_are_closed_at_an_address_from_the_environment() {
    let api = Api::start(Manner { reconnects: true, ..Manner::default() }, &["worker"]).await;
    let desk = Desk::new();
    let mut command = desk.command(&["close-connections", "--matching", "work"]);
    command.env("SHAKEDOWN_MANAGEMENT", api.url());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{out}");
    assert!(out.contains("hits \"worker\" 127.0.0.1:40001 -> 127.0.0.1:5672"), "{out}");
    assert!(out.contains("whole again: 1 of 1"), "{out}");
}

#[test]
fn addresses_are_guarded_and_wrong_ones_are_told_apart() {
    let desk = Desk::new();
    for (address, code, says) in [
        ("http://joe:cret@192.0.2.1:15672", 3, "--allow 192.0.2.1"),
        ("15672", 2, "is not the address"),
        ("http://joe:cret@127.0.0.1:1", 4, "cannot be reached"),
    ] {
        let (exit, _, err) = desk.run(&["close-connections", "--management", address]);
        assert_eq!(exit, Some(code), "{err}");
        assert!(err.contains(says) && !err.contains("cret"), "{err}");
    }
}

#[test]
fn every_fault_is_listed_and_completed() {
    let desk = Desk::new();
    let (code, out, _) = desk.run(&["list"]);
    assert_eq!(code, Some(0));
    let (_, completions, _) = desk.run(&["completions", "bash"]);
    for command in ["kill-process", "pause-process", "close-connections"] {
        assert!(out.contains(command) && completions.contains(command), "{command}");
    }
    let pages = desk.0.path().join("man");
    let (code, _, err) = desk.run(&["man", &pages.to_string_lossy()]);
    assert_eq!(code, Some(0), "{err}");
    let page = std::fs::read_to_string(pages.join("chaos-kill-process.1")).unwrap();
    assert!(page.contains("SIGKILL") && !page.contains("__"), "{page}");
    assert_eq!(desk.run(&["man", "/dev/null"]).0, Some(4));
    let (_, json, _) = desk.run(&["list", "--json"]);
    assert!(json.lines().all(|line| serde_json::from_str::<chaos_about::About>(line).is_ok()));
}

/// What a reader of `list --json` may rely on.
mod chaos_about {
    #[derive(serde::Deserialize)]
    #[expect(dead_code, reason = "only their presence is checked")]
    pub(super) struct About {
        kind: String,
        command: String,
        does: String,
        confirmed: String,
        undone: String,
        contract: String,
    }
}
