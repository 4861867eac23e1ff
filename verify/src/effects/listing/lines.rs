//! Lines: of a file, of an HTTP answer, or of a program's output.

use std::io::{BufRead, BufReader};
use std::time::Duration;

use scenarios::redact::redact;

use super::Take;
use crate::program;

/// A line without an end is given up beyond this length.
const LONGEST: usize = 1 << 20;

/// Reads a file.
pub(super) async fn read_file(path: &str, take: &mut Take<'_>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{path}: {error}");
    let mut lines = Lines::default();
    let mut file = BufReader::new(std::fs::File::open(path).map_err(failed)?);
    loop {
        let chunk = file.fill_buf().map_err(failed)?;
        let length = chunk.len();
        if length == 0 {
            lines.end(take);
            return Ok(());
        }
        lines.chunk(chunk, take).map_err(|why| format!("{path}: {why}"))?;
        file.consume(length);
    }
}

/// Reads an answer as it comes.
pub(super) async fn read_url(url: &str, take: &mut Take<'_>) -> Result<(), String> {
    let shown = redact(url);
    let failed = |error: reqwest::Error| format!("{shown}: {}", error.without_url());
    let answer = reqwest::get(url).await.and_then(reqwest::Response::error_for_status);
    let mut answer = answer.map_err(failed)?;
    let mut lines = Lines::default();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        lines.chunk(&chunk, take).map_err(|why| format!("{shown}: {why}"))?;
    }
    lines.end(take);
    Ok(())
}

/// Reads what a program writes, as it comes.
pub(super) async fn read_program(
    words: &[String],
    within: Duration,
    take: &mut Take<'_>,
) -> Result<(), String> {
    let mut lines = Lines::default();
    program::stream(words, within, |chunk| lines.chunk(chunk, take)).await?;
    lines.end(take);
    Ok(())
}

/// Cuts what comes in pieces into lines. Empty ones are none.
#[derive(Default)]
struct Lines {
    unfinished: Vec<u8>,
}

impl Lines {
    fn chunk(&mut self, mut chunk: &[u8], take: &mut Take<'_>) -> Result<(), String> {
        while let Some(length) = chunk.iter().position(|&byte| byte == b'\n') {
            if self.unfinished.is_empty() {
                line(&chunk[..length], take);
            } else {
                self.unfinished.extend_from_slice(&chunk[..length]);
                self.end(take);
            }
            chunk = &chunk[length + 1..];
        }
        self.unfinished.extend_from_slice(chunk);
        match self.unfinished.len() > LONGEST {
            true => Err("a line is longer than 1 MiB".to_owned()),
            false => Ok(()),
        }
    }

    fn end(&mut self, take: &mut Take<'_>) {
        line(&self.unfinished, take);
        self.unfinished.clear();
    }
}

fn line(bytes: &[u8], take: &mut Take<'_>) {
    let text = String::from_utf8_lossy(bytes);
    if !text.trim().is_empty() {
        take(&&*text);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use scenarios::locator::{Locator, Record};

    use super::*;

    proptest! {
        /// The lines are the same, however the text is cut into pieces.
        #[test]
        fn pieces_make_the_same_lines(
            text in prop::collection::vec(prop_oneof![Just("r/w/1"), Just("é"), Just("\n"), Just("\r\n")], 0..40),
            cut in 1_usize..7,
        ) {
            let text = text.concat();
            let mut found = Vec::new();
            let mut take = |record: &dyn Record| found.extend(Locator::default().find(record));
            let mut lines = Lines::default();
            for chunk in text.as_bytes().chunks(cut) {
                lines.chunk(chunk, &mut take).unwrap();
            }
            lines.end(&mut take);
            let expected: Vec<&str> =
                text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
