//! The exit codes of the program.

use std::process::ExitCode;

use hosts::GuardError;
use loadgen::LoadError;
use loadgen::printable::lines;
use loadgen::worse::Met;
use scenarios::redact::{Secrets, redact};

use super::Offered;
use super::verdict::Verdict;

/// The load was offered; what became of it is in the report.
const OFFERED: u8 = 0;
/// A threshold was not kept to, or with `--fail-on-error` an operation was not acked.
const BROKEN_THRESHOLD: u8 = 1;
/// There are thresholds, and the generator could not keep up.
const INCONCLUSIVE: u8 = 3;
/// The arguments cannot be used.
const USAGE: u8 = 2;
/// The target cannot be reached at all, or something else around the run is not
/// as it must be: a file, a port, memory.
const ENVIRONMENT: u8 = 4;
/// A signal ended the run early.
const INTERRUPTED: u8 = 130;

/// The code of a run that has ended.
pub(crate) fn of(offered: &Offered) -> ExitCode {
    ExitCode::from(match Verdict::of(offered) {
        Verdict::Interrupted => INTERRUPTED,
        Verdict::Limited => {
            eprintln!(
                "loadgen: this machine met a limit of its own, so the thresholds say nothing"
            );
            INCONCLUSIVE
        }
        Verdict::LimitedAlone => {
            eprintln!("loadgen: nothing could be offered within the limits of this machine");
            ENVIRONMENT
        }
        Verdict::NeverReached => {
            eprintln!("loadgen: the target could not be reached at all; check its address");
            ENVIRONMENT
        }
        Verdict::FellBehind => {
            eprintln!("loadgen: the generator could not keep up, so the thresholds say nothing");
            INCONCLUSIVE
        }
        Verdict::Broken => BROKEN_THRESHOLD,
        Verdict::NotAcked => {
            eprintln!(
                "loadgen: {} of {} operations were not acked (--fail-on-error)",
                offered.errors(),
                offered.report.totals.due
            );
            BROKEN_THRESHOLD
        }
        Verdict::Incomplete => {
            eprintln!(
                "loadgen: instances are missing, so that what is kept to says nothing of the whole load"
            );
            INCONCLUSIVE
        }
        Verdict::Held | Verdict::Unasked => OFFERED,
    })
}

/// The code of an instance whose results were kept: what they come to is for
/// `loadgen merge` to say.
pub(crate) fn of_part(offered: &Offered, path: &str) -> ExitCode {
    eprintln!("loadgen: results kept in {path}, to be judged by loadgen merge");
    ExitCode::from(if offered.interrupted { INTERRUPTED } else { OFFERED })
}

/// The code of a comparison: 1 where a later run is certainly worse than it may be, 3 where
/// nobody can tell.
pub(crate) fn of_condition(met: Met) -> ExitCode {
    ExitCode::from(match met {
        Met::No => OFFERED,
        Met::Unknown => INCONCLUSIVE,
        Met::Yes => BROKEN_THRESHOLD,
    })
}

/// Says what is wrong with the arguments.
pub(crate) fn usage(error: &anyhow::Error) -> ExitCode {
    eprintln!("loadgen: {}", lines(&redact(&told(error))));
    ExitCode::from(USAGE)
}

/// Something around the program is not as it must be.
pub(crate) fn environment() -> ExitCode {
    ExitCode::from(ENVIRONMENT)
}

/// An error with its causes, each that is not told of already.
fn told(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !said.contains(&cause) {
            let joint = if said.is_empty() { "" } else { ": " };
            said = format!("{said}{joint}{cause}");
        }
    }
    said
}

/// Says why the run could not be started or ended.
pub(crate) fn failure(error: &anyhow::Error, secrets: &Secrets) -> ExitCode {
    eprintln!("loadgen: {}", lines(&secrets.hide(&told(error))));
    ExitCode::from(match error.downcast_ref::<LoadError>() {
        Some(
            LoadError::Address(_)
            | LoadError::Payload { .. }
            | LoadError::Setting { .. }
            | LoadError::NotBuilt { .. }
            | LoadError::Guard(GuardError::Refused(_)),
        ) => USAGE,
        _ => ENVIRONMENT,
    })
}
