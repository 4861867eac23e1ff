//! What the tests share: waiting for a condition, looking at processes, and a
//! host program that can be killed.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use lab::{Lab, LabOptions, Patience};
use machine::process;

pub(crate) const HOST: &str = env!("CARGO_BIN_EXE_lab-host");

/// Generous: it only ever runs out when something is broken.
pub(crate) fn patience() -> Patience<'static> {
    Patience::new(Duration::from_secs(120))
}

/// Asks until the answer is there.
pub(crate) fn until<T>(what: &str, mut answer: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = answer() {
            return found;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "never came: {what}");
        thread::park_timeout(Duration::from_millis(10));
    }
}

/// A lab whose keeper is the host program.
pub(crate) fn lab(logs: &Path) -> Lab {
    LabOptions { exe: PathBuf::from(HOST), ..LabOptions::new(logs) }.start().unwrap()
}

/// The living processes whose environment or working folder mentions `path`.
pub(crate) fn mentioning(path: &Path) -> BTreeSet<u32> {
    let needle = path.as_os_str().as_encoded_bytes().to_vec();
    let has = |text: &OsString| {
        text.as_encoded_bytes().windows(needle.len()).any(|window| window == needle)
    };
    let mentions = |pid: &u32| {
        let environment = process::environment(*pid).unwrap_or_default();
        environment.iter().any(|(_, value)| has(value))
            || process::working_folder(*pid).is_some_and(|folder| folder.starts_with(path))
    };
    let pids = process::pids().unwrap().into_iter();
    pids.filter(|pid| *pid != std::process::id()).filter(mentions).collect()
}

pub(crate) fn is_alive(pid: u32) -> bool {
    process::stat(pid).is_some_and(|stat| stat.is_alive())
}

pub(crate) fn kill(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    let _ = rustix::process::kill_process(pid, signal);
}

/// Kills a process and waits until it is back.
pub(crate) fn kill_process(lab: &Lab, name: &str) {
    kill_processes(lab, &[name.to_owned()]);
}

/// Kills processes at once and waits until all are back.
pub(crate) fn kill_processes(lab: &Lab, names: &[String]) {
    let before: Vec<_> = names.iter().map(|name| lab.process(name).unwrap()).collect();
    for process in &before {
        kill(process.pid.unwrap(), rustix::process::Signal::KILL);
    }
    for process in before {
        let restarted = || lab.process(&process.name).map(|now| now.restarts > process.restarts);
        until("the restart", || restarted()?.then_some(()));
    }
}

/// Kills a process and keeps it away meanwhile.
pub(crate) fn away(lab: &Lab, name: &str, meanwhile: impl FnOnce()) {
    lab.hold(name, patience()).unwrap();
    kill(lab.process(name).unwrap().pid.unwrap(), rustix::process::Signal::KILL);
    until("its end", || lab.process(name)?.pid.is_none().then_some(()));
    meanwhile();
    lab.let_go(name).unwrap();
    until("its return", || lab.process(name)?.pid);
}

/// The host program, with a temporary folder of its own.
pub(crate) struct Host {
    pub(crate) child: Child,
    lines: std::io::Lines<BufReader<ChildStdout>>,
    pub(crate) folder: tempfile::TempDir,
}

impl Host {
    pub(crate) fn start(command: &str, env: &[(&str, &Path)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self::start_in(folder, command, env)
    }

    pub(crate) fn start_in(
        folder: tempfile::TempDir,
        command: &str,
        env: &[(&str, &Path)],
    ) -> Self {
        let logs = folder.path().join("logs");
        let scratch = folder.path().join("tmp");
        fs::create_dir_all(&scratch).unwrap();
        // A server that does not run as root must be able to pass through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
        let mut child = Command::new(HOST)
            .arg(command)
            .arg(logs)
            .envs(env.iter().copied())
            .env("TMPDIR", &scratch)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, folder }
    }

    /// The words of the next line that it prints.
    pub(crate) fn line(&mut self) -> Vec<String> {
        let line = self.lines.next().expect("the host ended").unwrap();
        line.split(' ').map(str::to_owned).collect()
    }

    /// What stands in its temporary folder.
    pub(crate) fn left_behind(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.folder.path().join("tmp")).unwrap().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    /// Waits until no process and no folder of it is left.
    pub(crate) fn expect_nothing_left(&mut self) {
        let _ = self.child.wait();
        until("no process left", || mentioning(self.folder.path()).is_empty().then_some(()));
        until("no folder left", || self.left_behind().is_empty().then_some(()));
    }

    /// Its errors, once it has ended by itself.
    pub(crate) fn errors(&mut self) -> String {
        let mut text = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
        assert!(!self.child.wait().unwrap().success());
        text
    }
}

/// One HTTP request on a connection of its own: status and body.
pub(crate) fn http(method: &str, url: &str, body: &str) -> Option<(u16, String)> {
    let rest = url.strip_prefix("http://").unwrap();
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = authority.rsplit('@').next().unwrap();
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let length = body.len();
    // guest:guest, for the management API; others do not look at it.
    let head = format!(
        "{method} /{path} HTTP/1.0\r\nContent-Length: {length}\r\n\
         Authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n"
    );
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
