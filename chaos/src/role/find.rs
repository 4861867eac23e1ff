//! Selectors against the processes of this machine: who is found, or why nobody.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use machine::process::{self, Stat};
use scenarios::Selector;
use scenarios::locator::Pattern;
use scenarios::redact::redact;

use super::near;
use crate::guard;
use crate::process::Pinned;

/// A process that is found by its command counts when it has been there for so
/// long: between its start and its own program a child has the command line of
/// its parent.
pub(crate) const SETTLED: Duration = Duration::from_millis(100);
/// A file is written a moment after its process began, by clocks of which one is
/// read a little later than the other.
const CLOCKS: Duration = Duration::from_secs(1);
/// So much of a command line is shown.
const SHOWN: usize = 160;
/// A `systemctl` that takes longer is taken to hang.
const ASK_WITHIN: Duration = Duration::from_secs(2);

/// Why nobody is found.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// The file cannot be read.
    #[error("the pid file {} cannot be read: {source}; see that the process runs and writes its id there", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Pods are no processes of this machine.
    #[error("{selector} names pods, which are no processes of this machine")]
    Pods {
        /// What was given.
        selector: String,
    },
    /// There is no process of the id.
    #[error("no process has the id {pid} any more, which stands in {}; see that it runs", path.display())]
    Ended {
        /// The file.
        path: PathBuf,
        /// The id that stands in it.
        pid: u32,
    },
    /// The file was there before the process.
    #[error(
        "{} names process {pid} ({command}), which began {} s after the file was written: another process has the id by now. Have the right one write its id anew, or name it with pid:PID",
        path.display(),
        by.as_secs()
    )]
    Stale {
        /// The file.
        path: PathBuf,
        /// The id that stands in it.
        pid: u32,
        /// What has the id now.
        command: String,
        /// How much later the process began.
        by: Duration,
    },
    /// No name and no command line matches.
    #[error("no process matches name:{pattern}{}", near::told(near))]
    Nobody {
        /// The expression.
        pattern: String,
        /// What runs and is like it: `worker.py (4711)`.
        near: Vec<String>,
    },
    /// The id is that of a thread of the kernel.
    #[error(
        "{pid} is a thread of the kernel ({name}), which no signal ends; give the id of a process"
    )]
    Kernel {
        /// The id.
        pid: u32,
        /// Its name: `kthreadd`.
        name: String,
    },
    /// systemd has no main process of the unit.
    #[error("unit {unit} has no main process: {why}")]
    Unit {
        /// The unit.
        unit: String,
        /// What systemd said.
        why: String,
    },
    /// There is no process of the id.
    #[error("no process has the id {pid}, or it is another one by now")]
    Id {
        /// The id.
        pid: u32,
    },
}

/// The processes that a selector means and that run now, in the order of their
/// ids; at least one.
///
/// # Errors
/// Why there is nobody.
pub(crate) fn find(selector: &Selector) -> Result<Vec<Pinned>, RoleError> {
    let found = match selector {
        Selector::PidFile(path) => by_file(path).map(|pinned| vec![pinned]),
        Selector::Name(pattern) => by_name(pattern),
        Selector::Unit(unit) => by_unit(unit).map(|pinned| vec![pinned]),
        Selector::Pid { pid, start_time } => {
            let is_it = |found: &Pinned| start_time.is_none_or(|at| at == found.start_time);
            let found = Pinned::of(*pid).filter(is_it);
            found.map(|pinned| vec![pinned]).ok_or(RoleError::Id { pid: *pid })
        }
        Selector::Pods { .. } => Err(RoleError::Pods { selector: selector.to_string() }),
    }?;
    match found.iter().find_map(|pinned| pinned.stat().filter(|stat| stat.is_kernel)) {
        Some(stat) => Err(RoleError::Kernel { pid: stat.pid, name: stat.command }),
        None => Ok(found),
    }
}

/// The process that wrote its id into a file.
///
/// # Errors
/// When the file cannot be read, its process has ended, or the file is older than
/// the process that has the id now.
pub fn by_file(path: &Path) -> Result<Pinned, RoleError> {
    let failed = |source| RoleError::File { path: path.to_owned(), source };
    let pid = read_pid(path).map_err(failed)?;
    let found = Pinned::of(pid).ok_or_else(|| RoleError::Ended { path: path.to_owned(), pid })?;
    let written = std::fs::metadata(path).and_then(|told| told.modified()).map_err(failed)?;
    #[expect(clippy::disallowed_methods, reason = "a file's time is that of the wall clock")]
    let began = SystemTime::now().checked_sub(found.age()).unwrap_or(written);
    match later(began, written) {
        None => Ok(found),
        Some(by) => {
            let command = shown(pid);
            Err(RoleError::Stale { path: path.to_owned(), pid, command, by })
        }
    }
}

/// By how much a process began later than its file was written, if it did.
fn later(began: SystemTime, written: SystemTime) -> Option<Duration> {
    began.duration_since(written).ok().filter(|&by| by > CLOCKS)
}

/// No file with a process id is as long.
const MOST_BYTES: u64 = 4096;

/// The id that a process wrote into a file.
fn read_pid(path: &Path) -> io::Result<u32> {
    let bad = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    // A pipe would be waited for, and a device read without end.
    if !std::fs::metadata(path)?.is_file() {
        return Err(bad("it is no regular file".to_owned()));
    }
    let mut text = String::new();
    std::fs::File::open(path)?.take(MOST_BYTES).read_to_string(&mut text)?;
    let first = text.split_whitespace().next().unwrap_or_default();
    first.parse().map_err(|_| bad(format!("{first:?} is not a process id")))
}

/// The processes whose name is exactly the text of an expression, or on whose
/// command line it matches; none of this program's own.
///
/// # Errors
/// When there are none, with the nearest ones.
pub fn by_name(pattern: &Pattern) -> Result<Vec<Pinned>, RoleError> {
    let others = others();
    let is_meant = |stat: &&Stat| {
        stat.pinned().age() >= SETTLED && matches(pattern, &stat.command, &words(stat.pid))
    };
    let found: Vec<Pinned> = others.iter().filter(is_meant).map(Stat::pinned).collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let running = others.iter().map(|stat| (stat.pid, stat.command.clone(), words(stat.pid)));
    let near = near::nearest(pattern.as_str(), running);
    Err(RoleError::Nobody { pattern: pattern.as_str().to_owned(), near })
}

/// Whether a process is meant: its name, or the file name of its first word, is
/// exactly the text, or its command line matches.
fn matches(pattern: &Pattern, name: &str, words: &[String]) -> bool {
    let text = pattern.as_str();
    let first = words.first().map(Path::new).and_then(Path::file_name);
    name == text
        || first.is_some_and(|first| first == text)
        || (!words.is_empty() && pattern.matches(&words.join(" ")))
}

/// The living processes that are none of this program's own: neither itself, nor
/// what it descends from, nor what it runs, and no threads of the kernel.
fn others() -> Vec<Stat> {
    let all = process::all().unwrap_or_default();
    let above = guard::lineage();
    let below = process::below(&all, &[std::process::id()]);
    let is_other = |stat: &Stat| {
        stat.is_alive()
            && !stat.is_kernel
            && !above.contains(&stat.pid)
            && !below.contains(&stat.pid)
    };
    all.into_iter().filter(is_other).collect()
}

fn words(pid: u32) -> Vec<String> {
    let words = process::command_line(pid).into_iter();
    words.map(|word| word.to_string_lossy().into_owned()).collect()
}

/// The command line of a process, for people: one line, not too long, without
/// secrets; its name in brackets where it has none.
#[must_use]
pub fn shown(pid: u32) -> String {
    match words(pid).join(" ") {
        none if none.trim().is_empty() => {
            process::stat(pid).map_or_else(String::new, |stat| format!("[{}]", stat.command))
        }
        line => cut(&line),
    }
}

fn cut(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let text = redact(&words.join(" "));
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn by_unit(unit: &str) -> Result<Pinned, RoleError> {
    let failed = |why: String| RoleError::Unit { unit: unit.to_owned(), why };
    let told = main_pid(unit).map_err(failed)?;
    match told.trim().parse() {
        Ok(0) => {
            let why =
                format!("it does not run, or there is no such unit; see systemctl status {unit}");
            Err(failed(why))
        }
        Ok(pid) => Pinned::of(pid).ok_or_else(|| failed(format!("its process {pid} has ended"))),
        Err(_) => Err(failed(format!("systemctl answered {:?}", told.trim()))),
    }
}

/// What `systemctl` says the main process of a unit is.
fn main_pid(unit: &str) -> Result<String, String> {
    let failed = |error: io::Error| format!("systemctl cannot be run: {error}");
    let mut asked = Command::new("systemctl");
    asked.args(["show", "-p", "MainPID", "--value", unit]);
    asked.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = asked.spawn().map_err(failed)?;
    let begun = Instant::now();
    // Its answer fits into the pipe.
    while child.try_wait().map_err(failed)?.is_none() {
        if begun.elapsed() > ASK_WITHIN {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("systemctl does not answer within {ASK_WITHIN:?}"));
        }
        thread::park_timeout(Duration::from_millis(2));
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("systemctl ended with {}: {}", output.status, said.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_meant(pattern: &str, name: &str, line: &str) -> bool {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        matches(&pattern.parse().unwrap(), name, &words)
    }

    #[test]
    fn a_name_is_exact_or_an_expression_on_the_command_line() {
        let line = "/usr/bin/python3 worker.py --queue a";
        assert!(is_meant("worker.py", "python3", line));
        assert!(is_meant("python3", "python3", line), "its name");
        assert!(is_meant("^/usr/bin/python3 worker", "python3", line));
        assert!(!is_meant("^worker", "python3", line), "an anchor holds");
        assert!(!is_meant("workers", "python3", line));
        // A name of letters that an expression would read otherwise.
        assert!(is_meant("a+b", "a+b", "other"));
        assert!(is_meant("a+b", "c", "/opt/a+b -x"));
        assert!(matches(&".*".parse().unwrap(), "x", &["x".to_owned()]));
        assert!(!matches(&".*".parse().unwrap(), "x", &[]), "without a command line only its name");
    }

    #[test]
    fn a_command_line_is_shown_in_one_line_without_secrets() {
        assert_eq!(cut("python3  w.py\n--password hunter2"), "python3 w.py --password ***");
        assert_eq!(cut(&"x".repeat(300)).chars().count(), SHOWN + 1);
        assert!(!shown(std::process::id()).is_empty());
    }

    #[test]
    fn neither_this_program_nor_what_it_comes_from_is_found_by_name() {
        let found: Vec<u32> = others().iter().map(|stat| stat.pid).collect();
        assert!(guard::lineage().iter().all(|pid| !found.contains(pid)));
        assert!(guard::lineage().contains(&std::process::id()));
    }

    #[test]
    fn a_file_is_older_than_its_process_only_beyond_the_clocks() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_millis(seconds);
        assert_eq!(later(at(5_000), at(5_000)), None);
        assert_eq!(later(at(5_000), at(9_000)), None, "written later");
        assert_eq!(later(at(5_900), at(5_000)), None);
        assert_eq!(later(at(65_000), at(5_000)), Some(Duration::from_secs(60)));
    }

    #[test]
    fn a_pid_file_of_an_earlier_process_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.pid");
        std::fs::write(&path, format!("{}\n", std::process::id())).unwrap();
        let me = Pinned::of(std::process::id()).unwrap();
        assert_eq!(by_file(&path).unwrap(), me);
        let old = std::fs::metadata(&path).unwrap().modified().unwrap()
            - (me.age() + Duration::from_secs(3_600));
        std::fs::File::options().write(true).open(&path).unwrap().set_modified(old).unwrap();
        let told = by_file(&path).unwrap_err().to_string();
        assert!(told.contains("another process has the id by now"), "{told}");
        std::fs::write(&path, "x").unwrap();
        assert!(by_file(&path).unwrap_err().to_string().contains("\"x\" is not a process id"));
        std::fs::write(&path, "4000000").unwrap();
        assert!(matches!(by_file(&path), Err(RoleError::Ended { pid: 4_000_000, .. })));
        // Neither is waited for, nor read without end.
        let pipe = folder.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &pipe,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            assert!(by_file(path).unwrap_err().to_string().contains("no regular file"));
        }
    }
}
