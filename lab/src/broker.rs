//! Real brokers and stores, started as private child processes of a lab: one
//! file each.

pub mod postgres;
pub mod rabbitmq;
pub mod redis;

use std::fs::{self, DirBuilder};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::{Lab, LabError, Patience, port};

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
