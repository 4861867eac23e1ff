//! Where and when the program runs: its journal, its run, its clock, its
//! signals.

use std::future::Future;
use std::path::PathBuf;

use chaos::Journal;
use jiff::Timestamp;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::arguments::Common;
use super::exit::Trouble;

/// Opens the journal for a run of its own.
pub(crate) fn journal(common: &Common) -> Result<Journal, Trouble> {
    Ok(Journal::open(journal_path(common)?, run_name())?)
}

/// Where the journal is.
pub(crate) fn journal_path(common: &Common) -> Result<PathBuf, Trouble> {
    match &common.journal {
        Some(path) => Ok(path.clone()),
        None => {
            let state = chaos::state_folder().ok_or(Trouble::NoHome)?;
            Ok(state.join("chaos.ndjson"))
        }
    }
}

/// The name of a run that begins now, in the journal and as its folder.
pub(crate) fn run_name() -> String {
    format!("chaos-{}-{}", now().strftime("%Y%m%dT%H%M%SZ"), std::process::id())
}

/// The wall clock, RFC 3339 in UTC.
pub(crate) fn stamp() -> String {
    format!("{:.3}", now())
}

/// A seed for a run that was not given one; it is shown, so that the run can be
/// repeated.
pub(crate) fn fresh_seed() -> u64 {
    // Few digits, since people copy them.
    u64::from(now().subsec_nanosecond().unsigned_abs() / 1000)
}

#[expect(clippy::disallowed_methods, reason = "the program's own name for its run, and its clock")]
fn now() -> Timestamp {
    Timestamp::now()
}

/// Runs a subcommand on a small runtime.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Trouble::System { what: "runtime", source })?
        .block_on(work)
}

/// The signals that ask the program to end.
pub(crate) struct Signals([Signal; 3]);

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self, Trouble> {
        let listen = |kind| {
            signal(kind).map_err(|source| Trouble::System { what: "signal handler", source })
        };
        let [int, term, hangup] =
            [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Ok(Self([listen(int)?, listen(term)?, listen(hangup)?]))
    }

    /// Waits for the first of them.
    pub(crate) async fn caught(&mut self) {
        let [int, term, hangup] = &mut self.0;
        tokio::select! {
            _ = int.recv() => {}
            _ = term.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}
