//! Programs of the user's own that answer a question: what they write to their
//! output is read as it comes; an exit code other than 0 is an error, with their
//! last complaints. They run without a shell, die with this program, and are
//! given a time.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, kill_process_group};
use scenarios::redact::redact;
use scenarios::template::{Template, TemplateError};
use tokio::io::AsyncReadExt;
use tokio::process::Child;

/// How much of its last complaints is shown.
const SHOWN: u64 = 400;
/// What a program has written is in the pipe when it has ended; whatever it left
/// in the background may keep the pipe open.
const AFTER_ITS_END: Duration = Duration::from_millis(200);

/// Why something is no program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// An address is missing.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// It cannot be split into words.
    #[error("{run:?} is no program with its arguments: {reason}")]
    Words {
        /// What was given.
        run: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Program and arguments. The text is split before addresses are filled in: an
/// address is part of one word, whatever stands in it.
///
/// # Errors
/// When there is no program, a quote is not closed, or an address is missing.
pub fn words(
    run: &Template,
    targets: &BTreeMap<String, String>,
) -> Result<Vec<String>, ProgramError> {
    let no = |reason: String| ProgramError::Words { run: run.as_str().to_owned(), reason };
    let words = shell_words::split(run.as_str()).map_err(|error| no(error.to_string()))?;
    if words.is_empty() {
        return Err(no("it is empty".to_owned()));
    }
    let fill = |word: String| Template::new(word).fill(targets);
    Ok(words.into_iter().map(fill).collect::<Result<_, _>>()?)
}

/// Runs a program and hands over what it writes, in pieces.
///
/// # Errors
/// When it cannot be started, takes too long, ends with another exit code than
/// 0, or a piece is refused.
pub async fn stream(
    words: &[String],
    within: Duration,
    take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("there is no program".to_owned());
    };
    let shown = redact(program);
    let failed = |error: std::io::Error| format!("{shown}: {error}");
    let errors: File =
        memfd_create("errors", MemfdFlags::CLOEXEC).map_err(|error| failed(error.into()))?.into();
    let mut command = chaos::leashed(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    command.stderr(errors.try_clone().map_err(failed)?).process_group(0).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let _group = Group(child.id());
    let status = match tokio::time::timeout(within, read(&mut child, take)).await {
        Ok(read) => read.map_err(|why| format!("{shown}: {why}"))?,
        Err(_) => {
            let within = within.as_secs_f64();
            return Err(format!("{shown} did not end within {within} s; {}", complaints(&errors)));
        }
    };
    match status.code() {
        Some(0) => Ok(()),
        Some(127) => Err(format!("{shown} cannot be run: {}", complaints(&errors))),
        _ => Err(format!("{shown} ended with {status}: {}", complaints(&errors))),
    }
}

/// The process group of a program and of what it has started; whoever of it
/// still runs in the end is killed.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

async fn read(
    child: &mut Child,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<std::process::ExitStatus, String> {
    let mut output = child.stdout.take().ok_or("its output cannot be read")?;
    let mut piece = vec![0; 64 * 1024];
    let mut ended = None;
    loop {
        let length = tokio::select! {
            read = output.read(&mut piece) => read.map_err(|error| error.to_string())?,
            status = child.wait(), if ended.is_none() => {
                ended = Some(status.map_err(|error| error.to_string())?);
                continue;
            }
            () = tokio::time::sleep(AFTER_ITS_END), if ended.is_some() => 0,
        };
        match length {
            0 => break,
            length => take(&piece[..length])?,
        }
    }
    match ended {
        Some(status) => Ok(status),
        None => child.wait().await.map_err(|error| error.to_string()),
    }
}

fn complaints(errors: &File) -> String {
    let length = errors.metadata().map_or(0, |told| told.len());
    let from = length.saturating_sub(SHOWN);
    let mut bytes = vec![0; usize::try_from(length - from).unwrap_or(0)];
    let read = errors.read_at(&mut bytes, from).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..read]);
    // Secrets are masked where this is written, whole: half a word could be the
    // rest of one.
    let words = text.split_whitespace().skip(usize::from(from > 0));
    let text = words.collect::<Vec<_>>().join(" ");
    if text.is_empty() { "it said nothing on its standard error".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_part_of_one_word() {
        let targets = BTreeMap::from([("db".to_owned(), "a b'c".to_owned())]);
        let split = |run: &str| words(&Template::new(run), &targets);
        assert_eq!(
            split("psql '${target.db}' -c 'select 1'").unwrap(),
            ["psql", "a b'c", "-c", "select 1"]
        );
        assert_eq!(split("psql --url=${target.db}").unwrap(), ["psql", "--url=a b'c"]);
        assert!(split("psql 'x").unwrap_err().to_string().contains("psql"));
        assert!(split("  ").unwrap_err().to_string().contains("empty"));
        assert!(split("psql ${target.other}").unwrap_err().to_string().contains("target.other"));
    }
}
