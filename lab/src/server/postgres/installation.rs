//! Where PostgreSQL's programs are on this machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

/// Where Debian has a folder for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// The folder of the server's programs: the one that is given, and only that if
/// one is; else the newest that Debian has, which are not on the path; else one
/// on the path.
pub(crate) fn find(folder: Option<&OsStr>) -> Option<PathBuf> {
    if let Some(folder) = folder {
        return Some(PathBuf::from(folder)).filter(|folder| has_programs(folder));
    }
    let entries = fs::read_dir(VERSIONS).into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = entries
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    let newest_first = versions.into_iter().rev().map(|(_, folder)| folder);
    let path = std::env::var_os("PATH").unwrap_or_default();
    newest_first.chain(std::env::split_paths(&path)).find(|folder| has_programs(folder))
}

fn has_programs(folder: &Path) -> bool {
    ["initdb", "postgres"].iter().all(|program| folder.join(program).is_file())
}
