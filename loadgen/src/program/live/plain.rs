//! Plain lines for what is no terminal, such as the log of a CI job.

use std::io::{Write as _, stderr};
use std::time::Duration;

/// Writes the time, the part that is done, from 0 to 1, and the figures.
pub(super) fn show(at: Duration, done: f64, line: &str) {
    let (at, done) = (at.as_secs(), done * 100.0);
    // Whoever closed the other end does not want to know.
    let _ = writeln!(stderr(), "{at:>5} s {done:>3.0}%  {line}");
}

/// Says why there is no full-screen view although it was asked for.
pub(super) fn say_why_no_screen(problem: &str) {
    let _ = writeln!(stderr(), "loadgen: --tui shows plain progress here: {problem}");
}
