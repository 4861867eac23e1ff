//! Where RabbitMQ's programs are on this machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{LabError, Need};

/// Names the folder of the `rabbitmq-server` script, if it is in no usual one.
const FOLDER_VARIABLE: &str = "SHAKEDOWN_RABBITMQ_BIN";

/// The programs that a node needs.
#[derive(Debug)]
pub(crate) struct Installation {
    /// The start script itself, not the wrapper in `sbin`, which changes user
    /// and folder and reads the machine's own settings.
    pub(crate) server: PathBuf,
    /// Erlang's port mapper.
    pub(crate) epmd: PathBuf,
}

impl Installation {
    /// Looks in the folder that the environment names, and only there if it
    /// names one; else in the usual ones.
    pub(crate) fn find() -> Result<Self, LabError> {
        let server = match std::env::var_os(FOLDER_VARIABLE) {
            Some(folder) => Some(PathBuf::from(folder).join("rabbitmq-server")),
            None => usual_folders().into_iter().map(|f| f.join("rabbitmq-server")).find(is_file),
        };
        let server = server.filter(is_file).ok_or_else(|| Need::RabbitMq.missing())?;
        let epmd = find_epmd().ok_or_else(|| Need::RabbitMq.missing())?;
        Ok(Self { server, epmd })
    }
}

fn usual_folders() -> Vec<PathBuf> {
    // Debian's links first, then the versioned folders of packages and of the
    // generic archive, the newest first.
    let mut versioned = Vec::new();
    for parent in ["/usr/lib/rabbitmq/lib", "/opt", "/usr/local/lib/rabbitmq/lib"] {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let servers = entries.filter(|e| is_server_folder(&e.file_name()));
        versioned.extend(servers.map(|entry| entry.path().join("sbin")));
    }
    versioned.sort();
    versioned.reverse();
    let fixed = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"].map(PathBuf::from);
    fixed.into_iter().chain(versioned).collect()
}

fn is_server_folder(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with("rabbitmq_server-")
}

/// On the path, or in Erlang's own folder.
fn find_epmd() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join("epmd"));
    let usual = ["/usr/bin/epmd", "/usr/local/bin/epmd", "/usr/lib/erlang/bin/epmd"];
    on_path.chain(usual.map(PathBuf::from)).find(is_file)
}

fn is_file(path: &impl AsRef<Path>) -> bool {
    path.as_ref().is_file()
}
