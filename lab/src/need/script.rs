//! Running a shell script that installs something, to its end, whatever becomes
//! of us.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

/// As whom a script runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Runner {
    /// As who runs this program.
    Direct,
    /// As root, by a `sudo` that asks for no password.
    Sudo,
}

impl Runner {
    /// How a script can run as root, if it can.
    pub(crate) fn as_root() -> Option<Self> {
        if rustix::process::geteuid().is_root() {
            return Some(Self::Direct);
        }
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "true"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        sudo.status().is_ok_and(|status| status.success()).then_some(Self::Sudo)
    }

    /// Runs `script` with the given `$1…`, each line of output to `progress`.
    ///
    /// The script has its own process group, out of reach of the terminal's
    /// signals, and writes to a file without a name: if this program is killed
    /// the script goes on, and no broken pipe can stop it midway. It holds
    /// `turn`, a locked and empty file, as its input for as long as it goes on.
    ///
    /// The error is in words and quotes the last line.
    pub(crate) fn run(
        self,
        script: &str,
        arguments: &[&str],
        turn: &File,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), String> {
        let turn = turn.try_clone().map_err(|error| format!("no lock: {error}"))?;
        let (output, reader) = nameless_file().map_err(|error| format!("no file: {error}"))?;
        let errors = output.try_clone().map_err(|error| format!("no file: {error}"))?;
        let mut command = match self {
            Self::Direct => Command::new("sh"),
            Self::Sudo => {
                let mut sudo = Command::new("sudo");
                sudo.args(["-n", "sh"]);
                sudo
            }
        };
        command.args(["-c", script, "sh"]).args(arguments);
        command.stdin(turn).stdout(output).stderr(errors).process_group(0);
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let mut lines = Lines { reader, partial: Vec::new(), last: String::new() };
        let status = loop {
            let ended = child.try_wait().map_err(|error| error.to_string())?;
            lines.pass_on(progress);
            if let Some(status) = ended {
                break status;
            }
            thread::park_timeout(Duration::from_millis(50));
        };
        if status.success() { Ok(()) } else { Err(format!("{status}: {}", lines.last)) }
    }
}

/// A file that only its two handles name: one appends, one reads.
fn nameless_file() -> io::Result<(File, File)> {
    let name = format!("shakedown-provision-{}.out", std::process::id());
    let path: PathBuf = std::env::temp_dir().join(name);
    let _ = fs::remove_file(&path);
    let writer = File::options().create_new(true).append(true).open(&path)?;
    let reader = File::open(&path);
    fs::remove_file(&path)?;
    Ok((writer, reader?))
}

/// The lines of a file that still grows.
struct Lines {
    reader: File,
    partial: Vec<u8>,
    last: String,
}

impl Lines {
    fn pass_on(&mut self, progress: &mut dyn FnMut(&str)) {
        let _ = self.reader.read_to_end(&mut self.partial);
        while let Some(end) = self.partial.iter().position(|&byte| byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            progress(&line);
            if !line.is_empty() {
                self.last = line;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::fs::FlockOperation;

    use super::*;

    #[test]
    fn output_is_given_line_by_line_and_a_failure_quotes_the_last_line() {
        let mut lines = Vec::new();
        let script = r#"echo "$1"; echo two >&2; exit 3"#;
        let turn = tempfile::tempfile().unwrap();
        let push = &mut |line: &str| lines.push(line.to_owned());
        let outcome = Runner::Direct.run(script, &["one"], &turn, push);
        assert_eq!(lines, ["one", "two"]);
        let reason = outcome.unwrap_err();
        assert!(reason.contains("two") && reason.contains('3'), "{reason}");
    }

    /// Nobody else's turn comes while any part of a script still runs, although
    /// whoever started it is gone.
    #[test]
    fn a_script_keeps_the_turn_until_its_last_process_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("turn");
        let open = || File::options().create(true).append(true).read(true).open(&file).unwrap();
        let go = folder.path().join("go").to_string_lossy().into_owned();
        let turn = open();
        rustix::fs::flock(&turn, FlockOperation::LockExclusive).unwrap();
        let script = "mkfifo $1; exec 3<&0; (read -r _ < $1) 3<&3 > /dev/null 2>&1 &";
        Runner::Direct.run(script, &[&go], &turn, &mut |_| ()).unwrap();
        drop(turn);
        let other = open();
        assert!(rustix::fs::flock(&other, FlockOperation::NonBlockingLockExclusive).is_err());
        fs::write(&go, "go\n").unwrap();
        rustix::fs::flock(&other, FlockOperation::LockExclusive).unwrap();
    }
}
