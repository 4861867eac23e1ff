//! A private Redis server: its own data and port, on the loopback interface
//! only. It comes back with its data when it is killed, as far as it was asked
//! to keep them.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{choose_port, make_folder, wait_while_alive};
use crate::keeper::wire::{ProcessSpec, Restart};
use crate::{Lab, LabError, Need, Patience};

/// The server's name among the lab's processes.
pub const SERVER: &str = "redis";

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
        let program = find().ok_or_else(|| Need::Redis.missing())?;
        super::refuse_a_full_disk(lab.scratch(), NEEDED_MIB)?;
        let port = choose_port(options.port)?;
        let folder = lab.scratch().join(SERVER);
        write_settings(&folder, port, options)?;
        let spec = ProcessSpec::new(SERVER, "broker", [program.as_path(), &settings(&folder)])
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

    /// Waits until a server that was killed or restarted answers again.
    ///
    /// # Errors
    /// Those of `patience`, and [`LabError::Keeper`] if the lab is gone.
    pub fn wait_until_ready(&self, lab: &Lab, patience: Patience<'_>) -> Result<(), LabError> {
        let password = self.password.as_deref();
        lab.wait_for(patience, "Redis to answer again", |_| version(self.port, password).map(drop))
    }
}

/// On the path, or where packages put it.
pub(crate) fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("redis-server"));
    let usual = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].map(PathBuf::from);
    on_path.chain(usual).find(|path| path.is_file())
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
