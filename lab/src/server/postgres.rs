//! A private PostgreSQL server: its own cluster and port, on the loopback
//! interface only, whatever the machine's own PostgreSQL may be doing.
//!
//! What was committed survives SIGKILL: nothing that makes it safe is turned
//! off. PostgreSQL refuses to run as root; for root it runs as `nobody`.

mod installation;
mod session;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use machine::shared_memory::{Segment, segments};

use super::{Class, Kind, Server, choose_port, wait_while_alive};
use crate::keeper::wire::{ProcessSpec, Restart};
use crate::need::Way;
use crate::{Lab, LabError, Need, Patience};
use session::version;

/// PostgreSQL as it is known before it runs.
pub const KIND: Kind = Kind {
    name: SERVER,
    title: "PostgreSQL",
    class: Class::Database,
    needs: || vec![&NEED],
    targets: &["database"],
    start: |lab, patience| {
        Ok(Box::new(Postgres::start(lab, &PostgresOptions::default(), patience)?))
    },
    tidy,
};

/// The server's name among the lab's processes, and its role.
pub const SERVER: &str = "postgres";

/// The folder of the programs `initdb` and `postgres`.
pub const NEED: Need = Need {
    program: "postgres",
    ways: &[
        Way::Here { variable: "SHAKEDOWN_POSTGRES_BIN", find: installation::find },
        Way::Apt { package: "postgresql" },
    ],
};

const START: &str = include_str!("postgres/start.sh");
/// A new cluster takes 40 MiB, and its log of writes up to 1 GiB.
const NEEDED_MIB: u64 = 512;
/// The user and group to be in place of root. Debian and others know them so.
const NOBODY: (u32, u32) = (65534, 65534);

/// How a server is to be.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Its port; a free one if absent.
    pub port: Option<u16>,
}

/// A server that lets one in.
///
/// It ends with its [`Lab`]. If it is killed it is started again on the same
/// port and data, as an orchestrator would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postgres {
    /// `postgres://postgres@127.0.0.1:PORT/postgres`.
    pub url: String,
    /// For example `15.18 (Debian 15.18-0+deb12u1)`.
    pub version: String,
    port: u16,
}

impl Postgres {
    /// Makes a cluster, starts its server and waits until it lets one in.
    ///
    /// # Errors
    /// [`LabError::Missing`] if PostgreSQL is not installed;
    /// [`LabError::PortInUse`] if the port that was asked for is taken;
    /// [`LabError::DiskFull`]; [`LabError::File`] if the temporary folder cannot
    /// be reached by the user it runs as; [`LabError::Died`] with the end of its
    /// log if it ends while it starts; and those of `patience`.
    pub fn start(
        lab: &Lab,
        options: &PostgresOptions,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let programs = NEED.find().ok_or_else(|| NEED.missing())?;
        super::refuse_a_full_disk(lab.scratch(), NEEDED_MIB)?;
        let port = choose_port(options.port)?;
        let folder = lab.scratch().join(SERVER);
        make_folder(lab.scratch(), &folder)?;
        lab.run(spec(&programs, &folder, port), patience)?;
        let ready = wait_while_alive(lab, SERVER, patience, || version(port));
        if ready.is_err() {
            // A server that keeps dying must not keep being restarted.
            let _ = lab.stop_process(SERVER, Patience::new(Duration::from_secs(10)));
        }
        let url = format!("postgres://postgres@127.0.0.1:{port}/postgres");
        Ok(Self { url, version: ready?, port })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Server for Postgres {
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
        lab.wait_for(patience, "PostgreSQL to let one in again", |_| version(self.port).map(drop))
    }
}

fn spec(programs: &Path, folder: &Path, port: u16) -> ProcessSpec {
    let mut argv: Vec<String> = Vec::new();
    if is_root() {
        // A change of the user takes the parent-death signal away, so it is set
        // once more.
        let (user, group) = NOBODY;
        argv.extend(["setpriv".to_owned(), format!("--reuid={user}"), format!("--regid={group}")]);
        argv.extend(["--clear-groups", "--pdeathsig=KILL"].map(str::to_owned));
    }
    let data = folder.join("data");
    argv.extend(["/bin/sh", "-c", START, "start.sh"].map(str::to_owned));
    argv.extend([programs, &data].map(|path| path.to_string_lossy().into_owned()));
    argv.push(port.to_string());
    ProcessSpec::new(SERVER, SERVER, argv)
        .cwd(folder)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .restart(Restart::Always)
}

/// A fresh folder that belongs to the user that the server runs as.
fn make_folder(scratch: &Path, folder: &Path) -> Result<(), LabError> {
    super::make_folder(folder)?;
    if !is_root() {
        return Ok(());
    }
    // Others may pass through, and see nothing: what lies there is closed.
    fs::set_permissions(scratch, fs::Permissions::from_mode(0o711))
        .map_err(LabError::file("open", scratch))?;
    let (user, group) = NOBODY;
    chown(folder, Some(user), Some(group)).map_err(LabError::file("give away", folder))?;
    refuse_a_closed_way(folder)
}

/// `nobody` must be able to reach its folder; whether it can is best asked as
/// `nobody`.
fn refuse_a_closed_way(folder: &Path) -> Result<(), LabError> {
    let (user, group) = NOBODY;
    let ids = [format!("--reuid={user}"), format!("--regid={group}")];
    let mut look = Command::new("setpriv");
    look.args(ids).args(["--clear-groups", "test", "-w"]).arg(folder).stdin(Stdio::null());
    let seen = look.status().map_err(LabError::file("run setpriv for", folder))?;
    if seen.success() {
        return Ok(());
    }
    let words = "PostgreSQL does not run as root, and the user nobody cannot reach this folder; \
                 set TMPDIR to one that everybody may pass through, such as /tmp";
    Err(LabError::file("use", folder)(std::io::Error::other(words)))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What a killed server leaves outside of its folder: a piece of System V
/// shared memory, by which it would have known another server of its cluster.
/// Its number is in the lock file.
fn tidy(scratch: &Path) {
    let lock: PathBuf = scratch.join(SERVER).join("data/postmaster.pid");
    let Ok(text) = fs::read_to_string(lock) else { return };
    let Some((key, id)) = segment(&text) else { return };
    // Numbers are used again: it must still be that one, and nobody's any more.
    let abandoned = Segment { key, id, attached: 0 };
    if segments().unwrap_or_default().contains(&abandoned) {
        let mut remove = Command::new("ipcrm");
        remove.args(["-m", &id.to_string()]).stdin(Stdio::null()).stdout(Stdio::null());
        let _ = remove.stderr(Stdio::null()).status();
    }
}

/// Key and number of the segment: the seventh line of the lock file.
fn segment(lock: &str) -> Option<(i64, u64)> {
    let mut words = lock.lines().nth(6)?.split_whitespace();
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_segment_of_a_dead_server_is_known_by_key_and_number() {
        let lock = "12\n/data\n1700000000\n5432\n\n127.0.0.1\n  1234567        42\nready   \n";
        assert_eq!(segment(lock), Some((1_234_567, 42)));
        assert_eq!(segment("12\n/data\n"), None);
    }
}
