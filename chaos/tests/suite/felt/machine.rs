//! Faults of the machine, felt by whoever shares it.

use std::fs;
use std::io::{BufRead, BufReader, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use chaos::Pinned;

use super::{Case, SECRET, burner, feel, words};
use crate::program::Desk;

fn is_gone(desk: &Desk) -> bool {
    burner(desk).is_none_or(|process| !process.is_alive())
}

struct Burnt;

impl Case for Burnt {
    fn arguments(&self) -> Vec<String> {
        words(&["burn-cpu", "--cores", "2"])
    }

    /// More than a fifth of a second: the burner really burns.
    fn is_felt(&mut self, desk: &Desk) -> bool {
        let used = burner(desk).and_then(Pinned::cpu_time);
        used.is_some_and(|used| used > Duration::from_millis(200))
    }

    fn is_whole(&mut self, desk: &Desk) -> bool {
        is_gone(desk)
    }
}

struct Full;

const TAKEN: u64 = 64 << 20;

impl Case for Full {
    fn arguments(&self) -> Vec<String> {
        words(&["fill-memory", "--size", "64MiB"])
    }

    fn is_felt(&mut self, desk: &Desk) -> bool {
        let resident = burner(desk).and_then(Pinned::resident);
        resident.is_some_and(|resident| resident >= TAKEN)
    }

    fn is_whole(&mut self, desk: &Desk) -> bool {
        is_gone(desk)
    }
}

/// A disk of 8 MiB, for root; others have a folder.
struct Disk {
    folder: tempfile::TempDir,
    is_mounted: bool,
}

impl Disk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m", "none"]).arg(folder.path());
        let is_mounted = mount.stderr(Stdio::null()).status().is_ok_and(|status| status.success());
        Self { folder, is_mounted }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted {
            let _ = Command::new("umount").arg("-l").arg(self.path()).status();
        }
    }
}

struct Crowded {
    disk: Disk,
    amount: [&'static str; 2],
}

impl Crowded {
    fn files(&self) -> usize {
        fs::read_dir(self.disk.path()).unwrap().count()
    }

    /// Whether a client can store 64 KiB.
    fn has_room(&self) -> bool {
        let path = self.disk.path().join("client");
        let written = fs::write(&path, [7; 64 << 10]);
        fs::remove_file(&path).unwrap();
        match written {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::StorageFull => false,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Case for Crowded {
    fn arguments(&self) -> Vec<String> {
        let mut arguments = words(&["fill-disk", "--folder", &self.disk.path().to_string_lossy()]);
        // Without a disk of its own, the client's is not filled.
        let amount = if self.disk.is_mounted { self.amount } else { ["--size", "8MiB"] };
        arguments.extend(words(&amount));
        arguments
    }

    fn is_felt(&mut self, _: &Desk) -> bool {
        if self.disk.is_mounted { !self.has_room() } else { self.files() == 1 }
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        self.files() == 0 && self.has_room()
    }
}

/// A process with libfaketime that tells the time again and again.
struct Clock {
    folder: tempfile::TempDir,
    process: Child,
    lines: Receiver<i64>,
}

const OFFSET: i64 = 86_400;

impl Clock {
    /// `before` is what its time file holds, if there is one.
    fn start(before: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("time");
        if let Some(text) = before {
            fs::write(&file, text).unwrap();
        }
        let mut process = Command::new("/bin/sh")
            .args(["-c", "while :; do date +%s; sleep 0.05; done"])
            .env("LD_PRELOAD", library())
            .env("FAKETIME_TIMESTAMP_FILE", &file)
            .env("FAKETIME_NO_CACHE", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = sender.send(line.parse().unwrap());
            }
        });
        Self { folder, process, lines }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("time")
    }

    /// By how much its latest time is wrong.
    fn offset(&self) -> i64 {
        let _ = self.lines.try_iter().count();
        let told = self.lines.recv().unwrap();
        #[expect(clippy::disallowed_methods, reason = "the right time, to compare with")]
        let now = jiff::Timestamp::now();
        told - now.as_second()
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// `scripts/packages faketime` installs it.
fn library() -> PathBuf {
    let named = format!("/usr/lib/{}-linux-gnu/faketime/libfaketime.so.1", std::env::consts::ARCH);
    let path = PathBuf::from(named);
    assert!(path.exists(), "scripts/packages faketime installs {}", path.display());
    path
}

impl Case for Clock {
    fn arguments(&self) -> Vec<String> {
        words(&["clock-offset", "--file", &self.file().to_string_lossy(), "--offset", "+86400s"])
    }

    fn is_felt(&mut self, _: &Desk) -> bool {
        (OFFSET - 60..OFFSET + 60).contains(&self.offset())
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        (-60..60).contains(&self.offset())
    }
}

/// A file that the user's programs make, find and remove.
struct Own {
    folder: tempfile::TempDir,
}

impl Case for Own {
    fn arguments(&self) -> Vec<String> {
        let at = self.folder.path().to_string_lossy();
        // It takes its time, by a process of its own that detaches itself, and
        // something stays in the background.
        let slow = format!("sleep 1; sleep 1000 & echo $! > {at}/pid; touch {at}/mark");
        let inject = format!("sh -c 'setsid --wait sh -c \"$0\"; true' '{slow}'");
        let confirm = format!("test -e {at}/mark");
        let undo = format!("sh -c 'kill $(cat {at}/pid); rm -f {at}/mark {at}/pid'");
        words(&["run-command", "--inject", &inject, "--confirm", &confirm, "--undo", &undo])
    }

    fn is_felt(&mut self, _: &Desk) -> bool {
        self.folder.path().join("mark").exists()
    }

    fn is_whole(&mut self, _: &Desk) -> bool {
        !self.folder.path().join("mark").exists()
    }
}

#[test]
fn burnt_processors_are_felt() {
    feel(&mut Burnt);
}

#[test]
fn taken_memory_is_felt() {
    feel(&mut Full);
}

#[test]
fn a_full_disk_is_felt() {
    for amount in [["--size", "8156KiB"], ["--leave", "4KiB"]] {
        feel(&mut Crowded { disk: Disk::new(), amount });
    }
}

#[test]
fn a_wrong_clock_is_felt() {
    for before in [Some("+0\n"), None] {
        feel(&mut Clock::start(before));
    }
}

#[test]
fn what_a_program_of_the_users_own_breaks_is_felt() {
    feel(&mut Own { folder: tempfile::tempdir().unwrap() });
}

#[test]
fn a_password_that_a_program_prints_is_written_nowhere() {
    let desk = Desk::new();
    let inject = format!("sh -c 'echo no way to http://joe:{SECRET}@host:1/x; exit 4'");
    let (code, out, err) = desk.run(&[
        "run-command",
        "--inject",
        &inject,
        "--confirm",
        "true",
        "--undo",
        "true",
        "--for",
        "1s",
    ]);
    assert_eq!(code, Some(3), "{err}");
    assert!(err.contains("no way to http://joe:***@host:1/x"), "{err}");
    let journal = fs::read_to_string(desk.journal()).unwrap();
    assert!([out, err, journal].iter().all(|text| !text.contains(SECRET)));
    let (code, _, err) = desk.run(&[
        "run-command",
        "--inject",
        "true",
        "--confirm",
        "true",
        "--for",
        "1s",
        "--undo",
        &format!("curl http://joe:{SECRET}@host"),
    ]);
    assert_eq!(code, Some(2), "{err}");
    assert!(!err.contains(SECRET), "{err}");
}
