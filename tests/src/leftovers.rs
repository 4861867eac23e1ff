//! What a run has left behind: processes that belong to its private folder,
//! and entries of its private temporary folder.

use std::ffi::OsStr;
use std::fmt::Write;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, anyhow};
use machine::process;

use crate::wait;

/// A process that belongs to a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its command line, words set apart by spaces.
    pub command: String,
}

/// The living processes whose command line, environment, working folder or
/// executable names `folder`, apart from this one.
#[must_use]
pub fn processes(folder: &Path) -> Vec<Process> {
    let pids = process::pids().unwrap_or_default().into_iter();
    pids.filter(|&pid| pid != std::process::id() && belongs(pid, folder))
        .map(|pid| Process { pid, command: command(pid) })
        .collect()
}

fn belongs(pid: u32, folder: &Path) -> bool {
    let needle = folder.as_os_str().as_bytes();
    let contains = |text: &OsStr| text.as_bytes().windows(needle.len()).any(|part| part == needle);
    let link = |path: Option<PathBuf>| path.is_some_and(|path| contains(path.as_os_str()));
    // Dead processes that wait for their parent have neither.
    process::command_line(pid).iter().any(|word| contains(word))
        || process::environment(pid).is_ok_and(|all| all.iter().any(|(_, value)| contains(value)))
        || link(process::working_folder(pid))
        || link(process::executable(pid))
}

fn command(pid: u32) -> String {
    let words = process::command_line(pid).join(OsStr::new(" "));
    words.to_string_lossy().trim_end().chars().take(200).collect()
}

/// The entries of a folder.
#[must_use]
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Waits until no process belongs to `folder`, but those with the command line
/// `stays`, and `temporary` is empty; gives the time that it took.
///
/// # Errors
/// What is still there at the deadline.
pub fn expect_none(
    folder: &Path,
    temporary: &Path,
    stays: Option<&str>,
    deadline: Duration,
) -> Result<Duration> {
    let goes = |process: &Process| stays.is_none_or(|line| !line.starts_with(&process.command));
    let processes = |folder| processes(folder).into_iter().filter(goes).collect::<Vec<_>>();
    let gone = || (processes(folder).is_empty() && entries(temporary).is_empty()).then_some(());
    let waited = wait::until("everything to be cleared away", deadline, gone);
    waited.map(|((), took)| took).map_err(|error| {
        let mut text = error.to_string();
        for Process { pid, command } in processes(folder) {
            let _ = write!(text, "\n  process {pid}: {command}");
        }
        for path in entries(temporary) {
            let _ = write!(text, "\n  {}", path.display());
        }
        anyhow!(text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_found_by_its_folder_until_it_ends() {
        let folder = tempfile::tempdir().unwrap();
        let temporary = folder.path().join("tmp");
        fs::create_dir(&temporary).unwrap();
        let mut child = std::process::Command::new("sleep")
            .arg("1000")
            .current_dir(folder.path())
            .spawn()
            .unwrap();
        // While a program takes the place of the one that started it, it has no words.
        let is_it = |p: &Process| p.pid == child.id() && p.command == "sleep 1000";
        let found = || processes(folder.path()).iter().any(is_it).then_some(());
        wait::until("the process to be seen", Duration::from_secs(20), found).unwrap();
        let error = expect_none(folder.path(), &temporary, None, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("sleep 1000"), "{error}");
        expect_none(folder.path(), &temporary, Some("sleep 1000"), Duration::ZERO).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        expect_none(folder.path(), &temporary, None, Duration::from_secs(20)).unwrap();
        fs::write(temporary.join("forgotten"), "").unwrap();
        let error = expect_none(folder.path(), &temporary, None, Duration::ZERO).unwrap_err();
        assert!(error.to_string().contains("forgotten"), "{error}");
    }
}
