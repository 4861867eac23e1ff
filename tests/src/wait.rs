//! Waiting for a condition, never for a time.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

/// Asks until there is an answer; gives it with the time that it took.
///
/// # Errors
/// When there is none within `deadline`; names `what`.
pub fn until<T>(
    what: &str,
    deadline: Duration,
    mut answer: impl FnMut() -> Option<T>,
) -> Result<(T, Duration)> {
    let begun = Instant::now();
    loop {
        if let Some(found) = answer() {
            return Ok((found, begun.elapsed()));
        }
        if begun.elapsed() > deadline {
            bail!("waited {} s in vain for {what}", deadline.as_secs());
        }
        thread::park_timeout(Duration::from_millis(20));
    }
}
