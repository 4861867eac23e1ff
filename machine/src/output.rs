//! What a program writes, kept for when it has ended.
//!
//! It goes into a file without a name, not into a pipe: what the program leaves
//! running in the background would keep a pipe open, and its end would never be
//! seen.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{FallocateFlags, MemfdFlags, fallocate, memfd_create};

/// How many bytes of its last words are shown.
const SHOWN: u64 = 400;
/// So many bytes are kept of the beginning of a long output.
const HEAD: u64 = 1 << 20;
/// So many bytes are kept of its end.
const TAIL: u64 = 1 << 16;

/// What a program has written to one of its outputs.
#[derive(Debug)]
pub struct Output {
    file: File,
    /// The middle is given up to here.
    given_up: AtomicU64,
}

impl Output {
    /// An empty one.
    ///
    /// # Errors
    /// When the system gives no more files.
    pub fn new() -> io::Result<Self> {
        let file = memfd_create("output", MemfdFlags::CLOEXEC)?.into();
        Ok(Self { file, given_up: AtomicU64::new(HEAD) })
    }

    /// Where a program is to write.
    ///
    /// # Errors
    /// When the system gives no more files.
    pub fn writer(&self) -> io::Result<Stdio> {
        Ok(self.file.try_clone()?.into())
    }

    /// Gives up the middle of what is written so far, if it is long: its first 1 MiB
    /// and its end stay.
    pub fn trim(&self) {
        let length = self.file.metadata().map_or(0, |told| told.len());
        let (from, to) = (self.given_up.load(Ordering::Relaxed), length.saturating_sub(TAIL));
        if to <= from {
            return;
        }
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if fallocate(&self.file, hole, from, to - from).is_ok() {
            self.given_up.store(to, Ordering::Relaxed);
        }
    }

    /// The first `longest` bytes, 1 MiB at most, wherever the program has left the position;
    /// bytes that are no UTF-8 are replaced.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn text(&self, longest: usize) -> io::Result<String> {
        let length = usize::try_from(self.file.metadata()?.len())
            .unwrap_or(longest)
            .min(longest)
            .min(HEAD as usize);
        self.part(0, length)
    }

    /// Its end in one line; empty where nothing was written. It begins with a
    /// whole word: a part of one could be the rest of a secret, which nobody
    /// would know any more.
    #[must_use]
    pub fn last_words(&self) -> String {
        let length = self.file.metadata().map_or(0, |told| told.len());
        let from = length.saturating_sub(SHOWN);
        let text = self.part(from, usize::try_from(length - from).unwrap_or(0)).unwrap_or_default();
        let words = text.split_whitespace().skip(usize::from(from > 0));
        words.collect::<Vec<_>>().join(" ")
    }

    fn part(&self, from: u64, length: usize) -> io::Result<String> {
        let mut bytes = vec![0; length];
        let read = self.file.read_at(&mut bytes, from)?;
        Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    fn written(script: &str) -> Output {
        let output = Output::new().unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(output.writer().unwrap());
        assert!(command.status().unwrap().success());
        output
    }

    #[test]
    fn what_was_written_is_read_from_its_beginning_and_from_its_end() {
        let output = written("echo one; echo '  two'");
        assert_eq!(output.text(1_000).unwrap(), "one\n  two\n");
        assert_eq!(output.text(3).unwrap(), "one");
        assert_eq!(output.last_words(), "one two");
        assert_eq!(Output::new().unwrap().last_words(), "");
    }

    #[test]
    fn of_a_long_output_the_beginning_and_the_end_are_kept() {
        use std::os::unix::fs::MetadataExt;
        let output = written("echo first; head -c 8000000 /dev/zero; echo ' last'");
        output.trim();
        output.trim();
        assert!(output.file.metadata().unwrap().blocks() * 512 < 2 * (HEAD + TAIL));
        assert!(output.text(10).unwrap().starts_with("first"));
        assert!(output.last_words().ends_with("last"));
        assert_eq!(output.text(usize::MAX).unwrap().len() as u64, HEAD);
    }

    #[test]
    fn last_words_begin_with_a_whole_one() {
        let output = written("i=0; while [ $i -lt 300 ]; do echo word$i; i=$((i+1)); done");
        let words = output.last_words();
        assert!(words.ends_with("word299") && words.len() < 400, "{words}");
        assert!(words.starts_with("word2"), "{words}");
    }
}
