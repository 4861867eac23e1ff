//! A private Redis server: its own data and port, on the loopback interface
//! only. It comes back with its data when it is killed, as far as it was asked
//! to keep them.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Class, Kind, Server, choose_port, make_folder, wait_while_alive};
use crate::keeper::wire::{ProcessSpec, Restart};
use crate::need::{self, Way};
use crate::{Lab, LabError, Need, Patience};

/// Redis as it is known before it runs.
pub const KIND: Kind = Kind {
    name: SERVER,
    title: "Redis",
    class: Class::Broker,
    needs: || vec![&NEED],
    targets: &["redis"],
    start: |lab, patience| Ok(Box::new(Redis::start(lab, &RedisOptions::default(), patience)?)),
    tidy: |_| (),
};

/// The server's name among the lab's processes, and its role.
pub const SERVER: &str = "redis";

/// The program.
pub const NEED: Need = Need {
    program: "redis-server",
    ways: &[
        Way::Here {
            variable: "SHAKEDOWN_REDIS_BIN",
            find: |folder| need::program("redis-server", folder),
        },
        Way::Apt { package: "redis-server" },
    ],
};

/// A server that rewrites its file needs it twice.
const NEEDED_MIB: u64 = 256;
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// How a server is to be.
#[derive(Debug, Clone)]
pub struct RedisOptions {
    /// Its port; a free one if absent.
    pub port: Option<u16>,
    /// Whether every write is on the disk before it is answered. Without it a
    /// server that was killed comes back empty.
    pub append_only: bool,
    /// The password of the default user; letters and digits.
    pub password: Option<String>,
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self { port: None, append_only: true, password: None }
    }
}

/// A server that answers.
///
/// It ends with its [`Lab`]. If it is killed it is started again on the same
/// port and data, as an orchestrator would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redis {
    /// `redis://127.0.0.1:PORT`, or `redis://:PASSWORD@127.0.0.1:PORT`.
    pub url: String,
    /// For example `7.0.15`.
    pub version: String,
    port: u16,
    password: Option<String>,
}

impl Redis {
    /// Starts a server and waits until it answers.
    ///
    /// # Errors
    /// [`LabError::Missing`] if Redis is not installed; [`LabError::PortInUse`]
    /// if the port that was asked for is taken; [`LabError::DiskFull`];
    /// [`LabError::Died`] with the end of its log if it ends while it starts;
    /// and those of `patience`.
    pub fn start(
        lab: &Lab,
        options: &RedisOptions,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let program = NEED.find().ok_or_else(|| NEED.missing())?;
        super::refuse_a_full_disk(lab.scratch(), NEEDED_MIB)?;
        let port = choose_port(options.port)?;
        let folder = lab.scratch().join(SERVER);
        write_settings(&folder, port, options)?;
        let spec = ProcessSpec::new(SERVER, SERVER, [program.as_path(), &settings(&folder)])
            .cwd(&folder)
            .env("LANG", "C.UTF-8")
            .restart(Restart::Always);
        lab.run(spec, patience)?;
        let password = options.password.clone();
        let ready = wait_while_alive(lab, SERVER, patience, || version(port, password.as_deref()));
        if ready.is_err() {
            // A server that keeps dying must not keep being restarted.
            let _ = lab.stop_process(SERVER, Patience::new(Duration::from_secs(10)));
        }
        let credentials = password.as_ref().map(|password| format!(":{password}@"));
        let url = format!("redis://{}127.0.0.1:{port}", credentials.unwrap_or_default());
        Ok(Self { url, version: ready?, port, password })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Server for Redis {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.url.clone()]
    }

    fn wait_until_ready(&self, lab: &Lab, patience: Patience<'_>) -> Result<(), LabError> {
        let password = self.password.as_deref();
        lab.wait_for(patience, "Redis to answer again", |_| version(self.port, password).map(drop))
    }
}

fn settings(folder: &Path) -> PathBuf {
    folder.join("redis.conf")
}

/// A file rather than arguments, which everybody on the machine could read.
fn write_settings(folder: &Path, port: u16, options: &RedisOptions) -> Result<(), LabError> {
    make_folder(folder)?;
    let append_only = if options.append_only { "yes" } else { "no" };
    let mut text = format!(
        "port {port}\nbind 127.0.0.1\ndir \"{}\"\ndaemonize no\nsave \"\"\n\
         appendonly {append_only}\nappendfsync always\n",
        folder.display()
    );
    if let Some(password) = &options.password {
        text += &format!("requirepass \"{password}\"\n");
    }
    let path = settings(folder);
    let file = fs::OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(LabError::file("write", &path))
}

/// The server's version, once it answers a PING. One that still reads its file
/// answers with an error.
fn version(port: u16, password: Option<&str>) -> Option<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).ok()?;
    stream.set_read_timeout(Some(ANSWER_WITHIN)).ok()?;
    let auth = password.map(|password| format!("AUTH {password}\r\n")).unwrap_or_default();
    stream.write_all(format!("{auth}PING\r\nINFO server\r\nQUIT\r\n").as_bytes()).ok()?;
    // It closes the connection after QUIT.
    let mut answers = String::new();
    stream.read_to_string(&mut answers).ok()?;
    answers.contains("+PONG").then_some(())?;
    let version = answers.lines().find_map(|line| line.strip_prefix("redis_version:"))?;
    Some(version.trim().to_owned())
}
