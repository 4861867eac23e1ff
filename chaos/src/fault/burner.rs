//! The processes that take processors and memory away from others: this same
//! executable under a hidden subcommand.
//!
//! Each knows when its time is over, whatever becomes of whoever started it,
//! and is the first that the kernel ends when memory runs out.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::FaultError;
use crate::process::Pinned;

const SUBCOMMAND: &str = "__chaos-burner";
const READY: &str = "burning";
const START_WITHIN: Duration = Duration::from_secs(60);
/// A page of memory is in use as soon as one byte of it was written.
const PAGE: usize = 4096;

/// What a burner takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// Processors, so many.
    Processors(u32),
    /// Memory, so many bytes.
    Memory(u64),
}

impl Takes {
    fn words(self) -> [String; 2] {
        match self {
            Self::Processors(count) => ["cpu".to_owned(), count.to_string()],
            Self::Memory(bytes) => ["memory".to_owned(), bytes.to_string()],
        }
    }
}

/// Runs the hidden subcommand if the arguments ask for it.
pub(crate) fn hidden(arguments: &[OsString]) -> Option<u8> {
    let words: Vec<&str> = arguments.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let [SUBCOMMAND, what, amount, lasts] = words.as_slice() else { return None };
    let lasts = Duration::from_millis(lasts.parse().ok()?);
    let takes = match *what {
        "cpu" => Takes::Processors(amount.parse().ok()?),
        _ => Takes::Memory(amount.parse().ok()?),
    };
    Some(burn(takes, lasts))
}

/// A burner that waits for its word.
pub(super) struct Burner {
    child: Child,
    pinned: Pinned,
}

impl Burner {
    /// Starts the process, which takes nothing before [`Burner::begin`].
    pub(super) fn start(takes: Takes, lasts: Duration) -> Result<Self, FaultError> {
        let failed = |source| FaultError::System {
            what: "start the process that takes resources".to_owned(),
            source,
        };
        let child = Command::new("/proc/self/exe")
            .arg0("chaos-burner")
            .arg(SUBCOMMAND)
            .args(takes.words())
            .arg(lasts.as_millis().to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .current_dir("/")
            .spawn()
            .map_err(failed)?;
        let pinned = Pinned::of(child.id())
            .ok_or_else(|| failed(std::io::Error::other("it ended at once")))?;
        Ok(Self { child, pinned })
    }

    pub(super) fn pinned(&self) -> Pinned {
        self.pinned
    }

    /// Lets it take what it is to take, and waits until it has.
    pub(super) async fn begin(&mut self) -> Result<(), FaultError> {
        let (input, output) = (self.child.stdin.take(), self.child.stdout.take());
        let begun = tokio::task::spawn_blocking(move || {
            let told = input.is_some_and(|mut input| input.write_all(b"go\n").is_ok());
            let mut line = String::new();
            let output = output.map(|output| BufReader::new(output.take(64)));
            told && output.is_some_and(|mut output| output.read_line(&mut line).is_ok())
                && line.trim_end() == READY
        });
        match tokio::time::timeout(START_WITHIN, begun).await {
            Ok(Ok(true)) => Ok(()),
            _ => Err(FaultError::NotLanded {
                why: "the system did not give what was to be taken".to_owned(),
            }),
        }
    }
}

/// One that has begun goes on by itself; its undo stands in the journal.
impl Drop for Burner {
    fn drop(&mut self) {
        if self.child.stdin.is_some() {
            let _ = self.child.kill();
        }
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        // Somebody has to collect it when it ends.
        let Ok(pid) = i32::try_from(self.pinned.pid) else { return };
        let Some(pid) = rustix::process::Pid::from_raw(pid) else { return };
        std::thread::spawn(move || {
            let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
        });
    }
}

/// The burner itself.
fn burn(takes: Takes, lasts: Duration) -> u8 {
    let _ = rustix::process::setsid();
    // Rather this process than one of the system's.
    let _ = std::fs::write("/proc/self/oom_score_adj", "1000");
    let mut word = [0];
    if !matches!(std::io::stdin().read(&mut word), Ok(1)) {
        return 1;
    }
    let end = Instant::now() + lasts;
    let taken = match takes {
        Takes::Memory(bytes) => take_memory(bytes),
        Takes::Processors(count) => {
            for _ in 0..count {
                std::thread::spawn(move || spin(end));
            }
            Some(Vec::new())
        }
    };
    let Some(taken) = taken else { return 1 };
    let mut output = std::io::stdout();
    if writeln!(output, "{READY}").and_then(|()| output.flush()).is_err() {
        return 1;
    }
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        std::thread::park_timeout(left);
    }
    drop(taken);
    0
}

fn take_memory(bytes: u64) -> Option<Vec<u8>> {
    let bytes = usize::try_from(bytes).ok()?;
    let mut taken: Vec<u8> = Vec::new();
    taken.try_reserve_exact(bytes).ok()?;
    taken.resize(bytes, 0);
    for page in taken.chunks_mut(PAGE) {
        page[0] = 1;
    }
    std::hint::black_box(&taken);
    Some(taken)
}

fn spin(end: Instant) {
    let mut sum = 0_u64;
    while Instant::now() < end {
        for number in 0..10_000_u64 {
            sum = std::hint::black_box(sum.wrapping_mul(31).wrapping_add(number));
        }
    }
}
