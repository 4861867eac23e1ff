//! Exit codes, the same for every program of the workspace.

use reports::record::Verdict;
use scenarios::redact::Secrets;

/// Everything held.
pub const HELD: u8 = 0;
/// A bound was broken.
pub const VIOLATED: u8 = 1;
/// The command line or a file is wrong; nothing was run.
pub const USAGE: u8 = 2;
/// There is no telling.
pub const INCONCLUSIVE: u8 = 3;
/// The surroundings are wrong: a broker did not start, a target cannot be
/// reached, the disk is full.
pub const ENVIRONMENT: u8 = 4;
/// Ended by SIGINT or SIGTERM.
pub const INTERRUPTED: u8 = 130;

/// The exit code of a verdict.
#[must_use]
pub const fn of(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Held => HELD,
        Verdict::Violated => VIOLATED,
        Verdict::Inconclusive => INCONCLUSIVE,
    }
}

/// One word for an exit code that is no verdict's.
#[must_use]
pub const fn word(code: u8) -> &'static str {
    match code {
        USAGE => "usage",
        ENVIRONMENT => "environment",
        INTERRUPTED => "interrupted",
        _ => "error",
    }
}

/// An error with the exit code that it ends the program with.
#[derive(Debug)]
pub struct Failure {
    /// One of the constants of this module.
    pub code: u8,
    /// What to print.
    pub message: String,
    /// Whether the message is printed as it is, because it says by itself that
    /// it is an error.
    pub is_rendered: bool,
}

impl Failure {
    /// The command line or a file is wrong.
    pub fn usage(message: impl ToString) -> Self {
        Self { code: USAGE, message: message.to_string(), is_rendered: false }
    }

    /// The same without secrets.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        self.message = secrets.hide(&self.message);
        self
    }

    /// A file is wrong, and the message shows where.
    #[must_use]
    pub const fn rendered(message: String) -> Self {
        Self { code: USAGE, message, is_rendered: true }
    }

    /// The surroundings are wrong.
    pub fn environment(message: impl ToString) -> Self {
        Self { code: ENVIRONMENT, message: message.to_string(), is_rendered: false }
    }

    /// Ended by a signal.
    pub fn interrupted() -> Self {
        Self { code: INTERRUPTED, message: "interrupted".to_owned(), is_rendered: false }
    }
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
