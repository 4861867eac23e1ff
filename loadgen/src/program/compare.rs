//! `loadgen compare`: whether one run was slower than another.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail, ensure};
use loadgen::compare::{Comparison, LEAST};
use loadgen::worse::{Figure, Met};
use loadgen::{Worse, hlog};
use scenarios::units::Unit;

/// Compares the latency logs of two runs, second by second
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  loadgen compare before.hlog after.hlog

  loadgen compare before.hlog after.hlog --fail-if 'p99 worse by 10%' --fail-if 'rate worse by 5%'

Says by how much the second run differs, between which values that lies with a confidence of 95 %,
and how many independent seconds each run is worth.

Figures of --fail-if: p50, p99 and any other percentile, mean, max and typical (the median) of the
response time, or, as in service.p99, of delay, service or response; and rate. Times and rates are
worse by a share (10%) or an amount (5ms, 100/s).
Exit codes: 0 nothing is worse by more than that, 1 something certainly is, 2 usage, 3 the runs are
too short or too noisy to tell.")]
pub(crate) struct CompareArgs {
    /// The latency log of the first run
    first: PathBuf,
    /// The latency log of the second run
    second: PathBuf,
    /// Fails if a figure of the second run is certainly worse by more than this, such as
    /// 'p99 worse by 10%'; may be repeated
    #[arg(long = "fail-if", value_name = "CONDITION")]
    fail_if: Vec<Worse>,
}

/// Compares, and prints what came of it.
pub(crate) fn main(args: &CompareArgs) -> ExitCode {
    let printed = run(args).and_then(|(said, met)| {
        let written = std::io::stdout().write_all(said.as_bytes());
        written.context("cannot write to standard output").map(|()| met)
    });
    match printed {
        Ok(met) => super::exit::of_condition(met),
        Err(error) => super::exit::usage(&error),
    }
}

/// What is taken of each second of a kind of latency.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Taken {
    Quantile(f64),
    Mean,
    Answered,
}

/// Figures of each second, by the kind of latency without the workload's name and the name
/// of the figure.
type Figures = BTreeMap<(String, String), Vec<f64>>;

/// The figures that are always told.
fn told() -> Vec<(String, Taken)> {
    let told = [
        ("p50", Taken::Quantile(0.5)),
        ("p99", Taken::Quantile(0.99)),
        ("answered", Taken::Answered),
    ];
    told.map(|(name, taken)| (name.to_owned(), taken)).to_vec()
}

/// The kind of latency that a condition is about, the name of its figure, and the figure.
fn asked(worse: &Worse) -> anyhow::Result<(String, (String, Taken))> {
    let kind = worse.of.as_deref().unwrap_or("response");
    ensure!(
        ["delay", "service", "response"].contains(&kind),
        "--fail-if '{worse}': {kind:?} is no kind of latency; there are delay, service, response"
    );
    let figure = match worse.figure {
        Figure::Quantile(at) => (format!("p{}", at * 100.0), Taken::Quantile(at)),
        Figure::Typical => ("p50".to_owned(), Taken::Quantile(0.5)),
        Figure::Max => ("max".to_owned(), Taken::Quantile(1.0)),
        Figure::Mean => ("mean".to_owned(), Taken::Mean),
        Figure::Rate => ("answered".to_owned(), Taken::Answered),
        Figure::Errors | Figure::Checks => bail!(
            "--fail-if '{worse}': a latency log does not say; compare two runs of verify with \
             `verify compare`"
        ),
    };
    Ok((kind.to_owned(), figure))
}

fn read(path: &Path, wanted: &[(String, Taken)]) -> anyhow::Result<Figures> {
    let log = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut figures = Figures::new();
    for interval in hlog::intervals(&log) {
        let interval = interval.with_context(|| format!("in {}", path.display()))?;
        let kind = interval.tag.rsplit('.').next().unwrap_or_default().to_owned();
        let histogram = &interval.histogram;
        if histogram.is_empty() {
            continue;
        }
        for (name, taken) in wanted {
            let value = match taken {
                Taken::Quantile(at) => histogram.value_at_quantile(*at) as f64 / 1e6,
                Taken::Mean => histogram.mean() / 1e6,
                Taken::Answered => histogram.len() as f64 / interval.length.as_secs_f64(),
            };
            figures.entry((kind.clone(), name.clone())).or_default().push(value);
        }
    }
    ensure!(!figures.is_empty(), "{} holds no latencies", path.display());
    Ok(figures)
}

fn run(args: &CompareArgs) -> anyhow::Result<(String, Met)> {
    let conditions = args.fail_if.iter().map(|worse| Ok((worse, asked(worse)?)));
    let conditions: Vec<_> = conditions.collect::<anyhow::Result<_>>()?;
    let mut wanted = told();
    for (_, (_, figure)) in &conditions {
        if !wanted.contains(figure) {
            wanted.push(figure.clone());
        }
    }
    let (first, second) = (read(&args.first, &wanted)?, read(&args.second, &wanted)?);
    let compared = |key: &(String, String)| Comparison::of(first.get(key)?, second.get(key)?);
    let mut said = String::new();
    for (kind, name) in first.keys() {
        let answered = name == "answered";
        if (answered && kind != "response") || !told().iter().any(|(told, _)| told == name) {
            continue;
        }
        let Some(comparison) = compared(&(kind.clone(), name.clone())) else { continue };
        let unit = if answered { Unit::PerSecond } else { Unit::Seconds };
        said.push_str(&format!("{kind:<9} {name:<9} {}\n", sentence(&comparison, unit)));
    }
    ensure!(!said.is_empty(), "the two logs have no kind of latency in common");
    let mut worst = Met::No;
    for (worse, (kind, (name, _))) in &conditions {
        let comparison = compared(&(kind.clone(), name.clone()));
        let met = comparison.as_ref().map_or(Met::Unknown, |found| worse.judge(found));
        let found = comparison.map_or_else(
            || format!("the two logs do not both have {kind}"),
            |found| sentence(&found, worse.unit()),
        );
        said.push_str(&format!("{:<9} {worse}: {found}\n", met.word()));
        worst = worst.max(met);
    }
    Ok((said, worst))
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
