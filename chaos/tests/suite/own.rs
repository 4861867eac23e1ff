//! Programs of the user's own: what a shell sees of them, what they are given,
//! and what is told of one that fails.

use std::fs;
use std::path::PathBuf;

use chaos::victim::{Signal, Victim};
use chaos::{Pinned, Process};

use crate::program::{Desk, kill};
use crate::sleeper::wait_for;

/// Runs a file with one fault that is made of these programs.
fn fault(desk: &Desk, inject: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let file = desk.0.path().join("faults.toml");
    let text = format!(
        r#"
name = "own"

[system.targets.db]
help = "a database"
schemes = ["http"]

[[phase]]
name = "load"
for = "5s"

[[fault]]
name = "breaks"
phase = "load"
run_command = {{ inject = {inject}, confirm = "true", undo = "true", for = "100ms" }}
"#
    );
    fs::write(&file, text).unwrap();
    let (file, out) =
        (file.display().to_string(), desk.0.path().join("runs").display().to_string());
    desk.run(
        &[&["run", &file, "--out", &out, "--target", "db=http://127.0.0.1:1/x?a=b&c=d"], more]
            .concat(),
    )
}

#[test]
fn a_text_goes_through_a_shell_and_a_list_does_not() {
    let desk = Desk::new();
    let made = desk.0.path().join("made");
    let text = format!("\"echo x ${{target.db}} > {}\"", made.display());
    let (code, _, err) = fault(&desk, &text, &[]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(fs::read_to_string(&made).unwrap(), "x http://127.0.0.1:1/x?a=b&c=d\n");
    let touched = desk.0.path().join("a b > c");
    let list = format!("[\"touch\", \"{}\"]", touched.display());
    let (code, _, err) = fault(&desk, &list, &[]);
    assert_eq!(code, Some(0), "{err}");
    assert!(touched.exists());
}

#[test]
fn what_a_failed_program_printed_is_quoted() {
    let desk = Desk::new();
    let (code, out, err) = fault(&desk, "\"echo no such table: orders >&2; exit 7\"", &[]);
    assert_eq!(code, Some(3), "{out}{err}");
    let told = format!("{out}{err}");
    assert!(told.contains("exit status: 7: no such table: orders"), "{told}");
    let (_, out, err) = fault(&desk, "[\"no-such-program-here\"]", &[]);
    let told = format!("{out}{err}");
    assert!(told.contains("no-such-program-here: No such file"), "{told}");
}

#[test]
fn a_stop_condition_goes_through_a_shell_and_its_last_words_are_quoted() {
    let desk = Desk::new();
    let condition = "echo all is lost >&2; exit 9";
    let (code, out, err) = fault(&desk, "\"true\"", &["--stop-if", condition]);
    assert_ne!(code, Some(0), "{out}{err}");
    let told = format!("{out}{err}");
    assert!(told.contains("exit status: 9: all is lost"), "{told}");
    let (code, out, err) = fault(&desk, "\"true\"", &["--stop-if", "true && test 1 -lt 2"]);
    assert_eq!(code, Some(0), "{out}{err}");
}

#[test]
fn addresses_of_the_tool_are_not_inherited() {
    let desk = Desk::new();
    let seen = desk.0.path().join("seen");
    let inject = format!("env > {}", seen.display());
    let words = ["--confirm", "true", "--undo", "true", "--for", "100ms"];
    let mut command = desk.command(&[&["run-command", "--inject", &inject], &words[..]].concat());
    command.env("SHAKEDOWN_TARGETS", "db=postgres://joe:hunter22@h").env("KEPT", "kept");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let seen = fs::read_to_string(&seen).unwrap();
    assert!(seen.contains("KEPT=kept") && !seen.contains("SHAKEDOWN_TARGETS"), "{seen}");
}

/// A file beside the run's own is found by whoever takes it back, wherever that is.
#[test]
fn an_undo_runs_in_the_folder_of_the_run() {
    for (lasts, recovers) in [("1h", true), ("1s", false)] {
        let desk = Desk::new();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("undo.sh"), "rm broken").unwrap();
        let broken = || folder.path().join("broken").exists();
        let chaos = desk
            .command(&["run-command", "--inject", "touch broken", "--confirm", "test -e broken"])
            .args(["--undo", "sh ./undo.sh", "--for", lasts, "--quiet"])
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        wait_for("the confirmation", || desk.states().contains(&"confirmed".to_owned()));
        assert!(broken());
        kill(chaos);
        if recovers {
            let ended = desk.command(&["recover"]).current_dir("/").output().unwrap();
            assert_eq!(ended.status.code(), Some(0), "{ended:?}");
            assert!(!broken());
        } else {
            wait_for("the watchdog", || !broken());
        }
    }
}

/// The inject starts a process that leaves its session, and waits. Whoever of the two
/// that hold it is killed, nothing of it is left.
#[test]
fn what_a_program_has_started_ends_with_whoever_holds_it() {
    for holder in ["chaos-leash", "chaos-holder"] {
        let desk = Desk::new();
        let (mine, theirs) = (desk.0.path().join("mine"), desk.0.path().join("theirs"));
        let inject = format!(
            "echo $$ > {mine}; setsid sh -c 'echo $$ > {theirs}; exec sleep 1000' & wait",
            mine = mine.display(),
            theirs = theirs.display()
        );
        let mut command = desk.command(&["run-command", "--inject", &inject, "--confirm", "true"]);
        let mut chaos = command.args(["--undo", "true", "--for", "1h", "--quiet"]).spawn().unwrap();
        let pinned =
            |file: &PathBuf| Pinned::of(fs::read_to_string(file).ok()?.trim().parse().ok()?);
        let mut both = None;
        wait_for("the processes", || {
            both = pinned(&mine).zip(pinned(&theirs));
            both.is_some()
        });
        let (mine, theirs) = both.unwrap();
        let is_ours = |process: &Process| {
            let words = machine::process::command_line(process.pid);
            words.iter().any(|word| word.to_string_lossy().contains("exec sleep 1000"))
                && words.iter().any(|word| *word == *inject)
        };
        let held = Process::named(holder).into_iter().find(is_ours).unwrap();
        Victim::pin(held).unwrap().signal(Signal::KILL).unwrap();
        wait_for("the end of what it held", || !mine.is_alive() && !theirs.is_alive());
        assert_ne!(chaos.wait().unwrap().code(), Some(0), "{holder}");
    }
}
