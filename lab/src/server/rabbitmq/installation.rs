//! Where RabbitMQ's programs are on this machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use crate::LabError;
use crate::need;

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
    /// Where they are.
    pub(crate) fn find() -> Result<Self, LabError> {
        let server = super::NEED.find().ok_or_else(|| super::NEED.missing())?;
        let epmd = epmd().ok_or_else(|| super::NEED.missing())?;
        Ok(Self { server, epmd })
    }
}

/// The start script in the folder that is given, and only there if one is; else
/// in the usual ones. Without Erlang's port mapper it is of no use.
pub(crate) fn server(folder: Option<&OsStr>) -> Option<PathBuf> {
    epmd()?;
    let folders = folder.map_or_else(usual_folders, |folder| vec![PathBuf::from(folder)]);
    folders.into_iter().map(|folder| folder.join("rabbitmq-server")).find(|path| path.is_file())
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

fn epmd() -> Option<PathBuf> {
    let erlang = Path::new("/usr/lib/erlang/bin/epmd");
    need::program("epmd", None).or_else(|| erlang.is_file().then(|| erlang.to_owned()))
}
