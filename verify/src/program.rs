//! Programs of the user's own that answer a question: what they write to their
//! output is read as it comes; an exit code other than 0 is an error, with their
//! last complaints. They die with this program, and are given a time.

use std::process::Stdio;
use std::time::Duration;

use chaos::{Background, Leash, Leashed, trimming};
use machine::output::Output;
use scenarios::redact::redact;
use tokio::io::AsyncReadExt;

/// What a program has written is in the pipe when it has ended; whatever it left
/// in the background may keep the pipe open.
const AFTER_ITS_END: Duration = Duration::from_millis(200);

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
    let shown = name(words);
    let failed = |error: std::io::Error| format!("{shown}: {error}");
    let errors = Output::new().map_err(failed)?;
    let mut leash = Leash::new(program, Background::Ends);
    leash.command().args(arguments).stdout(Stdio::piped());
    leash.command().stderr(errors.writer().map_err(failed)?);
    let mut leashed = leash.run().map_err(failed)?;
    let status = match tokio::time::timeout(within, trimming(&[&errors], read(&mut leashed, take)))
        .await
    {
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

/// What people call a program: its first word, of a shell's text the first that
/// stands there.
fn name(words: &[String]) -> String {
    let text = match words {
        [shell, flag, text] if (&**shell, &**flag) == ("sh", "-c") => text,
        [program, ..] => program,
        [] => return String::new(),
    };
    redact(text.split_whitespace().next().unwrap_or_default())
}

async fn read(
    leashed: &mut Leashed,
    mut take: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<std::process::ExitStatus, String> {
    let mut output = leashed.output().ok_or("its output cannot be read")?;
    let mut piece = vec![0; 64 * 1024];
    let mut ended = None;
    loop {
        let length = tokio::select! {
            read = output.read(&mut piece) => read.map_err(|error| error.to_string())?,
            status = leashed.wait(), if ended.is_none() => {
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
        None => leashed.wait().await.map_err(|error| error.to_string()),
    }
}

/// Secrets are masked where this is written.
fn complaints(errors: &Output) -> String {
    let text = errors.last_words();
    if text.is_empty() { "it said nothing on its standard error".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_called_by_its_first_word() {
        let of = |words: &[&str]| name(&words.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(of(&["./count", "all"]), "./count");
        assert_eq!(of(&["sh", "-c", " ./count all | sort"]), "./count");
        assert_eq!(of(&["sh", "count.sh"]), "sh");
    }
}
