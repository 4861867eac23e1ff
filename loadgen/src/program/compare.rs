//! `loadgen compare`: whether one run was slower than another.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use loadgen::compare::{Comparison, LEAST};
use loadgen::hlog;
use scenarios::units::Unit;

/// Compares the latency logs of two runs, second by second
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:
  loadgen compare before.hlog after.hlog

Says by how much the second run differs, between which values that lies with a confidence of 95 %,
and how many independent seconds each run is worth.")]
pub(crate) struct CompareArgs {
    /// The latency log of the first run
    first: PathBuf,
    /// The latency log of the second run
    second: PathBuf,
}

/// Compares, and prints what came of it.
pub(crate) fn main(args: &CompareArgs) -> ExitCode {
    let printed = run(args).and_then(|said| {
        std::io::stdout().write_all(said.as_bytes()).context("cannot write to standard output")
    });
    match printed {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => super::exit::usage(&error),
    }
}

/// Figures of each second, by the kind of latency without the workload's name.
type Figures = BTreeMap<(String, &'static str), Vec<f64>>;

fn read(path: &Path) -> anyhow::Result<Figures> {
    let log = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut figures = Figures::new();
    for interval in hlog::intervals(&log) {
        let interval = interval.with_context(|| format!("in {}", path.display()))?;
        let kind = interval.tag.rsplit('.').next().unwrap_or_default().to_owned();
        if interval.histogram.is_empty() {
            continue;
        }
        for (name, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            let value = interval.histogram.value_at_quantile(quantile) as f64 / 1e6;
            figures.entry((kind.clone(), name)).or_default().push(value);
        }
        let rate = interval.histogram.len() as f64 / interval.length.as_secs_f64();
        figures.entry((kind, "answered")).or_default().push(rate);
    }
    ensure!(!figures.is_empty(), "{} holds no latencies", path.display());
    Ok(figures)
}

fn run(args: &CompareArgs) -> anyhow::Result<String> {
    let (first, second) = (read(&args.first)?, read(&args.second)?);
    let mut said = String::new();
    for ((kind, name), values) in &first {
        let answered = *name == "answered";
        if answered && kind != "response" {
            continue;
        }
        let Some(others) = second.get(&(kind.clone(), *name)) else { continue };
        let Some(comparison) = Comparison::of(values, others) else { continue };
        let unit = if answered { Unit::PerSecond } else { Unit::Seconds };
        said.push_str(&format!("{kind:<9} {name:<9} {}\n", sentence(&comparison, unit)));
    }
    ensure!(!said.is_empty(), "the two logs have no kind of latency in common");
    Ok(said)
}

fn sentence(comparison: &Comparison, unit: Unit) -> String {
    let Comparison { medians, shift, interval, effective } = *comparison;
    let show = |value| unit.show(value);
    let signed = |value: f64| {
        let sign = if value < 0.0 { "−" } else { "+" };
        format!("{sign}{}", show(value.abs()))
    };
    let share = comparison.share().map_or_else(String::new, |share| {
        format!(" ({}{:.1}%)", if share < 0.0 { "−" } else { "+" }, share.abs() * 100.0)
    });
    let worth = format!("worth {:.0} and {:.0} seconds", effective.0, effective.1);
    let medians = format!("{} to {}", show(medians.0), show(medians.1));
    if effective.0 < LEAST || effective.1 < LEAST || !interval.0.is_finite() {
        return format!("{medians}: {}{share}, too short to tell; {worth}", signed(shift));
    }
    let verdict = if comparison.differs() { "differs" } else { "no difference shown" };
    format!(
        "{medians}: {}{share}, between {} and {} with 95 %: {verdict}; {worth}",
        signed(shift),
        signed(interval.0),
        signed(interval.1)
    )
}
