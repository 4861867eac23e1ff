//! `verify compare RUN --last N`: a run against the median of the runs before it.

use std::path::Path;

use loadgen::worse::{Figure, Met, Worse};
use reports::record::{Verdict, WorkloadRecord};
use scenarios::plan::Severity;
use serde_json::{Value, json};

use crate::cli::Compare;
use crate::exit::{self, Failure};
use crate::judge::past::{FEWEST, judge};
use crate::lines::{WIDTH, put};
use crate::runs;
use crate::runs::head::{self, CheckHead, Head};
use crate::runs::list::Listed;
use crate::stats::spread::Spread;

/// What is asked where nobody asks for anything.
const ALWAYS: [&str; 3] = ["p50", "p95", "p99"];

/// What a condition comes to for one workload, or for a check.
struct Row {
    condition: String,
    of: String,
    met: Met,
    now: Option<f64>,
    past: Option<Spread>,
    told: String,
}

/// Judges a run against as many of the runs before it, and says by the exit code whether it
/// is worse.
///
/// # Errors
/// When the run has no verdict, or a condition cannot be asked of records.
pub(super) fn compare(asked: &Compare, last: usize) -> Result<u8, Failure> {
    let conditions = conditions(asked)?;
    let folder = runs::named(&asked.baseline)?;
    let now = head::read(&folder.verdict()).map_err(|why| {
        let path = folder.path().display();
        Failure::usage(format!(
            "{path} has no verdict to compare ({why}); `verify recheck {path}` makes one if the \
             run was killed"
        ))
    })?;
    let parent = folder.path().parent().filter(|parent| !parent.as_os_str().is_empty());
    let listing = super::list_runs::read(parent.unwrap_or(Path::new(".")))?;
    let past: Vec<&Listed> =
        listing.runs.iter().filter(|run| is_before(run, &now)).take(last).collect();
    let heads: Vec<&Head> = past.iter().filter_map(|run| run.head.as_ref()).collect();
    let mut rows = Vec::new();
    for worse in &conditions {
        match worse.figure {
            Figure::Checks => rows.extend(of_checks(worse, &heads, &now)),
            _ => rows.extend(of_workloads(worse, asked, &heads, &now)?),
        }
    }
    let met = rows.iter().map(|row| row.met).max().unwrap_or(Met::Unknown);
    let text = if asked.json {
        let rows: Vec<Value> = rows.iter().map(value).collect();
        let past: Vec<_> = past.iter().map(|run| &run.path).collect();
        json!({ "run": folder.path(), "past": past, "noise": asked.noise, "conditions": rows,
                "met": met })
        .to_string()
    } else {
        lines(folder.path(), &now, past.len(), &rows, asked.noise).join("\n")
    };
    super::print(format!("{text}\n").as_bytes())?;
    Ok(match met {
        Met::No => exit::HELD,
        Met::Unknown => exit::INCONCLUSIVE,
        Met::Yes => exit::VIOLATED,
    })
}

/// The conditions that are asked for; without any, that nothing is worse by the tolerances of
/// a comparison.
fn conditions(asked: &Compare) -> Result<Vec<Worse>, Failure> {
    if !(asked.noise >= 0.0 && asked.noise.is_finite()) {
        return Err(Failure::usage("--noise: give 0 or more standard deviations, such as 3"));
    }
    if !asked.fail_if.is_empty() {
        return Ok(asked.fail_if.clone());
    }
    let texts = ALWAYS.iter().map(|figure| format!("{figure} worse by {}", asked.higher));
    let errors = format!("errors worse by {}", asked.more);
    let texts = texts.chain([errors, "checks worse".to_owned()]);
    texts.map(|text| text.parse().map_err(Failure::usage)).collect()
}

/// Whether a run can say how a later one should be: of the same scenario, variant and place,
/// come to its end before that, and not in doubt itself.
fn is_before(run: &Listed, now: &Head) -> bool {
    run.head.as_ref().is_some_and(|head| {
        let same = |head: &Head| {
            let run = &head.run;
            (run.scenario.clone(), run.variant.clone(), run.place)
        };
        same(head) == same(now)
            && head.run.started < now.run.started
            && head.run.id != now.run.id
            && !head.run.interrupted
            && head.verdict != Verdict::Inconclusive
    })
}

fn of_workloads(
    worse: &Worse,
    asked: &Compare,
    past: &[&Head],
    now: &Head,
) -> Result<Vec<Row>, Failure> {
    let wanted = |workload: &&WorkloadRecord| match &worse.of {
        Some(of) => workload.name == *of,
        None => asked.workloads.is_empty() || asked.workloads.contains(&workload.name),
    };
    let ours: Vec<&WorkloadRecord> = now.workloads.iter().filter(wanted).collect();
    if ours.is_empty() {
        let known: Vec<&str> = now.workloads.iter().map(|known| known.name.as_str()).collect();
        let known = known.join(", ");
        return Err(Failure::usage(format!(
            "'{worse}': the run has no such workload; there are {known}"
        )));
    }
    let row = |workload: &&WorkloadRecord| {
        let figure = figure(worse, workload)?;
        let mut before = Vec::new();
        for old in past.iter().flat_map(|head| &head.workloads) {
            // Another rate is another question.
            let is_alike =
                (old.rate_asked - workload.rate_asked).abs() <= workload.rate_asked.abs() * 0.01;
            if old.name == workload.name && is_alike {
                before.extend(self::figure(worse, old)?);
            }
        }
        let spread = Spread::of(&before);
        let met = judge(worse, spread.as_ref(), figure, asked.noise);
        let told = told(worse, spread.as_ref(), figure, asked.noise);
        let (condition, of) = (worse.to_string(), workload.name.clone());
        Ok(Row { condition, of, met, now: figure, past: spread, told })
    };
    ours.iter().map(row).collect()
}

/// A figure of a workload as its record has it.
fn figure(worse: &Worse, workload: &WorkloadRecord) -> Result<Option<f64>, Failure> {
    let times = workload.response.as_ref();
    let is = |one: f64, other: f64| (one - other).abs() < 1e-9;
    let operations = &workload.operations;
    let figure = match worse.figure {
        Figure::Typical => times.map(|times| times.p50),
        Figure::Mean => times.map(|times| times.mean),
        Figure::Max => times.map(|times| times.max),
        Figure::Quantile(at) if is(at, 0.5) => times.map(|times| times.p50),
        Figure::Quantile(at) if is(at, 0.95) => times.map(|times| times.p95),
        Figure::Quantile(at) if is(at, 0.99) => times.map(|times| times.p99),
        Figure::Rate => Some(workload.rate_got),
        Figure::Errors => {
            let wrong = operations.failed + operations.indeterminate;
            (operations.due > 0).then(|| wrong as f64 / operations.due as f64)
        }
        Figure::Quantile(_) | Figure::Checks => {
            return Err(Failure::usage(format!(
                "'{worse}': the records of runs have p50, p95, p99, mean, max, rate and errors"
            )));
        }
    };
    Ok(figure.filter(|figure| figure.is_finite()))
}

/// `1.24s, +12.7%; the median of 10 runs is 1.1s, noise ±3.1%`.
fn told(worse: &Worse, past: Option<&Spread>, now: Option<f64>, noise: f64) -> String {
    let is_share = worse.figure == Figure::Errors;
    let show = |value| match is_share {
        true => crate::judge::share(value),
        false => worse.unit().show(value),
    };
    let Some(now) = now else { return "the run has no such figure".to_owned() };
    let Some(past) = past else {
        return format!("{}; no earlier run has such a figure", show(now));
    };
    let (change, wide) = (now - past.median, noise * past.deviation);
    let sign = if change < 0.0 { "−" } else { "+" };
    let (by, noise) = match past.median {
        _ if is_share => (crate::judge::points(change.abs()), crate::judge::points(wide)),
        0.0 => (show(change.abs()), show(wide)),
        median => {
            let share = |value: f64| crate::judge::share(value / median.abs());
            (share(change.abs()), share(wide))
        }
    };
    let few = if past.count < FEWEST { format!(", too few of {FEWEST}") } else { String::new() };
    let runs = if past.count == 1 { "1 run".to_owned() } else { format!("{} runs", past.count) };
    format!(
        "{}, {sign}{by}; the median of {runs}{few} is {}, noise ±{noise}",
        show(now),
        show(past.median)
    )
}

/// The checks that are worse than in most of the runs before.
fn of_checks(worse: &Worse, past: &[&Head], now: &Head) -> Vec<Row> {
    let row = |one: &CheckHead| {
        let known =
            past.iter().filter_map(|head| head.checks.iter().find(|c| c.check == one.check));
        let known: Vec<Verdict> = known.map(|check| check.verdict).collect();
        let better = known.iter().filter(|verdict| **verdict < one.verdict).count();
        let is_warning = one.severity == Severity::Warning;
        if is_warning || one.verdict == Verdict::Held || better * 2 <= known.len() {
            return None;
        }
        let met = match one.verdict {
            _ if known.len() < FEWEST => Met::Unknown,
            Verdict::Violated => Met::Yes,
            _ => Met::Unknown,
        };
        let told = format!(
            "{}: {}; better in {better} of {} runs",
            one.verdict.word(),
            one.measured,
            known.len()
        );
        let (condition, of) = (worse.to_string(), one.check.clone());
        Some(Row { condition, of, met, now: None, past: None, told })
    };
    let rows: Vec<Row> = now.checks.iter().filter_map(row).collect();
    if rows.is_empty() {
        let met = if past.len() < FEWEST { Met::Unknown } else { Met::No };
        let told = format!("none is worse than in most of {} runs", past.len());
        let of = match now.checks.len() {
            1 => "1 check".to_owned(),
            many => format!("{many} checks"),
        };
        return vec![Row { condition: worse.to_string(), of, met, now: None, past: None, told }];
    }
    rows
}

fn value(row: &Row) -> Value {
    json!({
        "condition": row.condition, "of": row.of, "met": row.met, "now": row.now,
        "median": row.past.map(|past| past.median),
        "deviation": row.past.map(|past| past.deviation),
        "runs": row.past.map(|past| past.count), "told": row.told,
    })
}

fn lines(run: &Path, now: &Head, past: usize, rows: &[Row], noise: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let variant = now.run.variant.as_ref().map(|variant| format!(", {variant}"));
    let of = format!("{}{}", now.run.scenario, variant.unwrap_or_default());
    let whole = format!(
        "{} ({}), against the {past} runs of {of} before it that are not in doubt",
        run.display(),
        now.verdict.word()
    );
    put(&mut lines, "run      ", &whole, WIDTH);
    for row in rows {
        let lead = format!("{:<9}", row.met.word());
        put(&mut lines, &lead, &format!("{}: {}: {}", row.of, row.condition, row.told), WIDTH);
    }
    if rows.iter().any(|row| row.met == Met::Unknown) {
        let why = format!(
            "too few runs ({FEWEST} are needed), or a difference that is greater than allowed \
             and within the noise, {noise} standard deviations from run to run: repeat the run"
        );
        put(&mut lines, "unknown: ", &why, WIDTH);
    }
    lines
}
