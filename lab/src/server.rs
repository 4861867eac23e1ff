//! The servers that a lab can run: real brokers and stores, started as private
//! child processes, one file each.
//!
//! What is known of a server before it runs is a [`Kind`], a constant in its
//! file and a line of [`KINDS`]; one that runs is a [`Server`].

pub mod kafka;
pub mod mongodb;
pub mod nginx;
pub mod postgres;
pub mod rabbitmq;
pub mod redis;

use std::fmt;
use std::fs::{self, DirBuilder};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use strum::{EnumString, IntoStaticStr};

use crate::{Lab, LabError, Need, Patience, port};

/// Every server that a lab can run.
pub const KINDS: &[&Kind] =
    &[&rabbitmq::KIND, &redis::KIND, &postgres::KIND, &mongodb::KIND, &kafka::KIND, &nginx::KIND];

/// A server as it is known before it runs.
pub struct Kind {
    /// Its role, by which faults and probes of the lab name it, and the name of
    /// its process: `redis`.
    pub name: &'static str,
    /// As people write it: `Redis`.
    pub title: &'static str,
    /// What it is for.
    pub class: Class,
    /// What must be installed, in this order; the environment may say which of several
    /// products.
    pub needs: fn() -> Vec<&'static Need>,
    /// The targets that it gives an address for.
    pub targets: &'static [&'static str],
    /// See [`Kind::start`].
    pub(crate) start: Start,
    /// Removes what a killed one has left outside of the scratch folder.
    pub(crate) tidy: fn(scratch: &Path),
}

type Start = fn(&Lab, Patience<'_>) -> Result<Box<dyn Server>, LabError>;

/// What servers are for; also the role that stood for a server before each had
/// its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Class {
    /// Hands messages on.
    Broker,
    /// Keeps what became of them.
    Database,
    /// Shares requests out.
    Balancer,
}

/// A server that answers.
///
/// It ends with its [`Lab`]. If it is killed it is started again on the same
/// ports and data, as an orchestrator would.
pub trait Server: fmt::Debug + Send + Sync {
    /// What it is.
    fn kind(&self) -> &'static Kind;

    /// Its version as it says it: `7.0.15`.
    fn version(&self) -> &str;

    /// Product and version, as people write them: `Redis 7.0.15`.
    fn product(&self) -> String {
        format!("{} {}", self.kind().title, self.version())
    }

    /// The address of each of its kind's targets, in their order.
    fn addresses(&self) -> Vec<String>;

    /// Waits until a server that was killed or restarted answers again.
    ///
    /// # Errors
    /// Those of `patience`, and [`LabError::Keeper`] if the lab is gone.
    fn wait_until_ready(&self, lab: &Lab, patience: Patience<'_>) -> Result<(), LabError>;
}

impl Kind {
    /// Starts a server of this kind with its default options and waits until it
    /// answers.
    ///
    /// # Errors
    /// [`LabError::Missing`] if it is not installed, and those of its start.
    pub fn start(&self, lab: &Lab, patience: Patience<'_>) -> Result<Box<dyn Server>, LabError> {
        (self.start)(lab, patience)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.title)
    }
}

/// The role that is meant by `asked` in a lab with these servers: the word for a
/// class of servers, as scenarios had it before each server had a role, means
/// the only one of that class.
///
/// # Errors
/// [`LabError::ManyServers`] if there are several.
pub(crate) fn role(asked: &str, servers: &[&Kind]) -> Result<String, LabError> {
    let Ok(class) = asked.parse::<Class>() else { return Ok(asked.to_owned()) };
    let meant: Vec<&str> =
        servers.iter().filter(|kind| kind.class == class).map(|kind| kind.name).collect();
    match meant.as_slice() {
        [] => Ok(asked.to_owned()),
        [only] => Ok((*only).to_owned()),
        several => {
            Err(LabError::ManyServers { role: asked.to_owned(), servers: several.join(", ") })
        }
    }
}

/// Removes what killed servers of a lab have left outside of its folder.
pub(crate) fn tidy(scratch: &Path) {
    KINDS.iter().for_each(|kind| (kind.tidy)(scratch));
}

/// The port that was asked for, if it is free, or a free one.
fn choose_port(asked: Option<u16>) -> Result<u16, LabError> {
    match asked {
        Some(port) if !port::is_free(port) => Err(LabError::PortInUse { port }),
        Some(port) => Ok(port),
        None => port::free(),
    }
}

/// Makes a folder afresh, open to its owner only; what an earlier attempt has
/// left goes.
fn make_folder(folder: &Path) -> Result<(), LabError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(LabError::file("empty the folder", folder))?;
    }
    let made = DirBuilder::new().mode(0o700).create(folder);
    made.map_err(LabError::file("create the folder", folder))
}

/// Waits for `answer`, or for the end of the process that is to give it.
fn wait_while_alive<T>(
    lab: &Lab,
    name: &str,
    patience: Patience<'_>,
    mut answer: impl FnMut() -> Option<T>,
) -> Result<T, LabError> {
    let what = format!("{name} to become ready (its log is {})", lab.log(name).display());
    lab.wait_for(patience, &what, |lab| {
        if let Some(status) = lab.process(name).and_then(|process| process.last_exit) {
            return Some(Err(status));
        }
        answer().map(Ok)
    })?
    .map_err(|status| {
        let log = lab.log(name);
        LabError::Died { name: name.to_owned(), status, tail: last_lines(&log, 15), log }
    })
}

fn accepts(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn last_lines(log: &Path, count: usize) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// Refuses to start what would only fail later.
fn refuse_a_full_disk(scratch: &Path, needed_mib: u64) -> Result<(), LabError> {
    let disk = rustix::fs::statvfs(scratch)
        .map_err(|error| LabError::file("measure the disk of", scratch)(error.into()))?;
    let free_mib = disk.f_bavail.saturating_mul(disk.f_frsize) >> 20;
    if free_mib >= needed_mib {
        return Ok(());
    }
    Err(LabError::DiskFull { path: scratch.to_owned(), free_mib, needed_mib })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_word_means_the_only_server_of_its_class() {
        let here = [&redis::KIND, &postgres::KIND];
        assert_eq!(role("broker", &here).unwrap(), "redis");
        assert_eq!(role("database", &here).unwrap(), "postgres");
        assert_eq!(role("redis", &here).unwrap(), "redis");
        assert_eq!(role("worker", &here).unwrap(), "worker");
        assert_eq!(role("broker", &[]).unwrap(), "broker");
    }

    #[test]
    fn the_old_word_is_an_error_that_names_the_servers_where_there_are_several() {
        let error = role("broker", &[&redis::KIND, &rabbitmq::KIND]).unwrap_err().to_string();
        assert!(error.contains("redis, rabbitmq"), "{error}");
    }

    #[test]
    fn servers_differ_in_name_and_none_is_called_like_a_class() {
        for (index, kind) in KINDS.iter().enumerate() {
            assert!(kind.name.parse::<Class>().is_err(), "{kind:?}");
            assert!(KINDS[..index].iter().all(|other| other.name != kind.name), "{kind:?}");
        }
    }
}
