//! `loadgen merge`: puts what several instances have left together, without loss.

use std::io::{BufWriter, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use loadgen::hlog;
use scenarios::redact::Secrets;
use scenarios::units::Span;

use super::args::{Out, Output};
use super::instances::whole::{self, Part};
use super::origin::Origin;
use super::output::Files;
use super::output::destination::Unwritable;
use super::summary;

mod files;

/// How often folders are looked into.
const GLANCE: Duration = Duration::from_secs(1);

/// Puts the results of several instances together: one report, judged like that of a single run
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  loadgen merge results/ --out html=all.html --ledger all.ledger
  loadgen merge a.ledger b.ledger --ledger all.ledger a.hlog b.hlog --hlog all.hlog

Folders are those that instances were given as --results. The report says which instances
contributed; one that is missing or there twice, or that was given another load, is refused.
Exit codes are those of a single run; with --allow-missing, thresholds that hold are inconclusive
(3) where an instance is missing.
Single ledgers and latency logs are added up as they are. Latency logs must count from the same T0:
start the instances with the same --start-at.")]
pub(crate) struct MergeArgs {
    /// Folders with the results of instances; or ledgers and latency logs
    #[arg(required = true, value_name = "FOLDER|FILE")]
    inputs: Vec<PathBuf>,
    /// Merge the instances that are there although others are missing, which is said first
    #[arg(long)]
    allow_missing: bool,
    /// Wait up to so long for instances that have not ended yet
    #[arg(long, value_name = "TIME")]
    wait: Option<Span>,
    /// Write the whole result: json=FILE, csv=FILE (a row a second), hlog=FILE, html=FILE; - is
    /// standard output; may be repeated
    #[arg(long, value_name = "KIND=FILE")]
    out: Vec<Out>,
    /// Write the whole ledger here
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Write the whole latency log here
    #[arg(long, value_name = "FILE")]
    hlog: Option<PathBuf>,
    /// Print the whole result as one JSON object
    #[arg(long)]
    json: bool,
}

/// Merges, and prints what came of it.
pub(crate) fn main(args: MergeArgs) -> ExitCode {
    let are_folders = args.wait.is_some() || args.inputs.iter().any(|path| path.is_dir());
    let merged = if are_folders { folders(args) } else { print(&args) };
    match merged {
        Ok(code) => code,
        // What instances have left is not as it must be, however it was asked for.
        Err(error) if are_folders || error.is::<Unwritable>() => {
            super::exit::failure(&error, &Secrets::default())
        }
        Err(error) => super::exit::usage(&error),
    }
}

/// Merges single files.
fn print(args: &MergeArgs) -> anyhow::Result<ExitCode> {
    ensure!(
        !args.json && args.out.is_empty() && !args.allow_missing,
        "ledgers and latency logs alone make no report; give the folders of --results"
    );
    let said = files::run(args)?;
    std::io::stdout().write_all(said.as_bytes()).context("cannot write to standard output")?;
    Ok(ExitCode::SUCCESS)
}

/// Merges the results of instances.
fn folders(args: MergeArgs) -> anyhow::Result<ExitCode> {
    let hlogs = args.hlog.into_iter().collect();
    let output = Output { json: args.json, ledger: args.ledger, hlogs, ..Output::default() };
    let output = output.with(args.out)?;
    let parts = awaited(&args.inputs, args.wait)?;
    let (parts, instances) = whole::fit(parts, args.allow_missing)?;
    let mut files = Files::open(&output)?;
    let t0 = whole::start(&parts);
    let mut logs = Vec::new();
    for log in std::mem::take(&mut files.hlogs) {
        logs.push(hlog::Writer::new(BufWriter::new(log.stream()?), t0)?);
    }
    let (offered, title) = whole::merge(&parts, instances, |workload, second| {
        logs.iter_mut().try_for_each(|log| log.write(workload, second))?;
        Ok(())
    })?;
    logs.iter_mut().try_for_each(hlog::Writer::flush)?;
    files.write(&offered, &title, &Origin::here(&title.secrets))?;
    summary::print(&offered, &title, &output)?;
    Ok(super::exit::of(&offered))
}

/// The instances, when all have ended or the time is up.
#[expect(clippy::disallowed_methods, reason = "the pause between two looks at a condition")]
fn awaited(inputs: &[PathBuf], wait: Option<Span>) -> anyhow::Result<Vec<Part>> {
    let end = wait.map(|Span(wait)| Instant::now() + wait);
    loop {
        let found = whole::find(inputs);
        let settled = found.as_ref().is_ok_and(|parts| whole::is_settled(parts));
        // Folders may not be there yet.
        if settled || end.is_none_or(|end| Instant::now() >= end) {
            return found;
        }
        std::thread::sleep(GLANCE);
    }
}
