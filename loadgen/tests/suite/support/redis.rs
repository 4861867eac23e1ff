//! `redis-server`, the real one, as a private child of a test.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::PATIENCE;

/// A private server; gone when it is dropped, or when the test's process ends.
pub(crate) struct Redis {
    pub(crate) port: u16,
    /// The port of the cluster's bus, if it is a node of one.
    pub(crate) bus: Option<u16>,
    folder: TempDir,
    pub(crate) child: Child,
}

impl Redis {
    /// A server of its own.
    pub(crate) fn start() -> Self {
        Self::start_as(false)
    }

    /// A server that is a node of a cluster, of which it is the only one yet.
    pub(crate) fn start_node() -> Self {
        Self::start_as(true)
    }

    fn start_as(node: bool) -> Self {
        // Somebody else may take the port in between: then try another.
        for _ in 0..20 {
            let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
            let [port, bus] = free.map(|listener| listener.local_addr().unwrap().port());
            let bus = node.then_some(bus);
            let folder = tempfile::tempdir().unwrap();
            let child = spawn(port, bus, &folder);
            let mut server = Self { port, bus, folder, child };
            if server.comes_up() {
                return server;
            }
        }
        panic!("redis-server does not start; install it with scripts/test");
    }

    fn comes_up(&mut self) -> bool {
        let end = Instant::now() + PATIENCE;
        while Instant::now() < end {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if self.ask(&["PING"]).is_some_and(|answer| answer == "+PONG") {
                return true;
            }
            std::thread::yield_now();
        }
        panic!("redis-server does not answer");
    }

    /// Sends a command; gives the first line of the answer, or the bulk string
    /// that it announces.
    pub(crate) fn ask(&self, words: &[&str]) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let mut line = words.join(" ");
        line.push_str("\r\n");
        stream.write_all(line.as_bytes()).ok()?;
        let mut reader = BufReader::new(stream);
        let mut answer = String::new();
        reader.read_line(&mut answer).ok()?;
        if let Some(length) = answer.strip_prefix('$') {
            let mut bytes = vec![0; length.trim().parse().ok()?];
            reader.read_exact(&mut bytes).ok()?;
            return String::from_utf8(bytes).ok();
        }
        Some(answer.trim_end().to_owned())
    }

    pub(crate) fn number(&self, words: &[&str]) -> u64 {
        self.ask(words).unwrap().trim_start_matches(':').parse().unwrap()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Ends as by a crash, and starts again on the same port and data.
    pub(crate) fn crash_and_return(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            self.child = spawn(self.port, self.bus, &self.folder);
            if self.comes_up() {
                return;
            }
            assert!(Instant::now() < end, "the server does not come back");
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

fn spawn(port: u16, bus: Option<u16>, folder: &TempDir) -> Child {
    let mut command = Command::new("redis-server");
    command
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
        .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .process_group(0);
    if let Some(bus) = bus {
        command.args(["--cluster-enabled", "yes", "--cluster-port", &bus.to_string()]).args([
            "--cluster-node-timeout",
            "1500",
            "--appendfsync",
            "everysec",
        ]);
    }
    command.spawn().expect("redis-server is installed by scripts/test")
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
