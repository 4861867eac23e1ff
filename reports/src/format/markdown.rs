//! `summary.md`: a pull request comment or a job summary, in GitHub's dialect.
//!
//! The verdict and the table of checks stand open, what broke stands below them,
//! the rest can be unfolded. Every text of a record goes through [`escape`].

mod escape;

use std::fmt::{Result, Write};

use super::standing::{self, Standing, standing_so, tally, worst_first};
use super::text;
use super::turns::{self, Row};
use crate::record::{Finding, Quantiles, Record, StepRecord, WorkloadRecord};
use escape::{block, code, fenced, inline};

/// A comment holds 65,536 characters: so many findings are told at length.
const AT_LENGTH: usize = 12;

/// So many pieces of evidence are shown beside a finding.
const EVIDENCE: usize = 5;

/// The summary.
pub(super) fn render(record: &Record) -> String {
    let mut out = String::new();
    write(&mut out, record).expect("writing to a String does not fail");
    out
}

fn write(out: &mut String, record: &Record) -> Result {
    head(out, record)?;
    checks(out, record)?;
    broken(out, record)?;
    steps(out, record)?;
    load(out, record)?;
    effects(out, record)?;
    faults(out, record)?;
    deployments(out, record)?;
    skipped(out, record)?;
    about(out, record)
}

fn head(out: &mut String, record: &Record) -> Result {
    let standing = standing::of_run(record.verdict);
    let word = standing.word().to_uppercase();
    writeln!(out, "## {} {word}: {}\n", emoji(standing), inline(&record.run.scenario))?;
    writeln!(out, "**{}**\n", inline(text::headline(record)))?;
    writeln!(out, "{}  \n{}", inline(&tally(record)), inline(&text::facts(record).join(" · ")))?;
    if let Some(host) = text::host(record) {
        writeln!(out, "\n{}", inline(&host))?;
    }
    if let Some(changed) = text::changed(record) {
        writeln!(out, "\n{}", inline(&changed))?;
    }
    if let Some(advice) = &record.advice {
        writeln!(out, "\n> **{}**", inline(&advice.what))?;
        advice.because.iter().try_for_each(|because| writeln!(out, "> - {}", inline(because)))?;
    }
    for advice in text::advised(record) {
        writeln!(out, "\n> Advice: {}", inline(&advice))?;
    }
    if let Some(rest) = text::not_advised(record) {
        writeln!(out, "\n> Advice: {}", inline(&rest))?;
    }
    for warning in &record.warnings {
        writeln!(out, "\n> Note: {}", inline(warning))?;
    }
    Ok(())
}

fn checks(out: &mut String, record: &Record) -> Result {
    if record.findings.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n### Checks\n\n| | Check | Measured | Bound | Since |\n|---|---|---|---|---|")?;
    for finding in worst_first(record) {
        let standing = standing::of(finding);
        writeln!(
            out,
            "| {} {} | {} | {} | {} | {} |",
            emoji(standing),
            standing.word(),
            code(&finding.check),
            inline(&finding.measured),
            inline(&finding.bound),
            inline(&text::since(record, finding).unwrap_or_default()),
        )?;
    }
    Ok(())
}

/// What did not hold, at length.
fn broken(out: &mut String, record: &Record) -> Result {
    let mut findings = [Standing::Violated, Standing::Inconclusive, Standing::Warned]
        .into_iter()
        .flat_map(|standing| standing_so(record, standing));
    for finding in findings.by_ref().take(AT_LENGTH) {
        at_length(out, finding)?;
    }
    match findings.count() {
        0 => Ok(()),
        more => writeln!(out, "\n{more} more are told at length in `report.html`."),
    }
}

fn at_length(out: &mut String, finding: &Finding) -> Result {
    let standing = standing::of(finding);
    writeln!(
        out,
        "\n#### {} {}: {}\n\n{}\n\n{}",
        emoji(standing),
        standing.word(),
        inline(&finding.check),
        block(&finding.title),
        block(&finding.why)
    )?;
    if finding.evidence.is_empty() {
        return Ok(());
    }
    let shown = finding.evidence.len().min(EVIDENCE);
    let dated = finding.evidence[..shown].iter().any(|piece| piece.at.is_some());
    let (heading, line) = if dated { (" At |", "---|") } else { ("", "") };
    writeln!(out, "\n| Evidence | Seen |{heading}\n|---|---|{line}")?;
    for piece in &finding.evidence[..shown] {
        let at = piece.at.map(text::moment).unwrap_or_default();
        let at = if dated { format!(" {at} |") } else { String::new() };
        writeln!(out, "| {} | {} |{at}", inline(&piece.what), inline(&piece.seen))?;
    }
    match text::more_evidence(finding, shown) {
        Some(more) => writeln!(out, "\n{}", inline(&more)),
        None => Ok(()),
    }
}

fn load(out: &mut String, record: &Record) -> Result {
    if record.workloads.is_empty() {
        return Ok(());
    }
    writeln!(
        out,
        "\n### Load\n\n| Workload | Rate of asked | Acked of due | Failed | Indeterminate | Dropped \
         | p50 | p95 | p99 |\n|---|---|---|--:|--:|--:|--:|--:|--:|"
    )?;
    record.workloads.iter().try_for_each(|workload| load_row(out, workload))?;
    for workload in &record.workloads {
        let name = inline(&workload.name);
        for (what, text) in text::beside(workload) {
            writeln!(out, "\n{name}, {what}: {text}")?;
        }
        for outage in &workload.outages {
            writeln!(out, "\nOutage of {name}: {}", inline(&text::outage(outage)))?;
        }
        for (error, count) in &workload.errors {
            writeln!(out, "\n{} × {} ({name})", text::count(*count), inline(error))?;
        }
    }
    Ok(())
}

fn load_row(out: &mut String, workload: &WorkloadRecord) -> Result {
    let n = &workload.operations;
    let latency = |pick: fn(&Quantiles) -> f64| {
        workload.response.as_ref().map_or_else(|| "–".to_owned(), |q| text::latency(pick(q)))
    };
    writeln!(
        out,
        "| {} | {} of {} | {} of {} | {} | {} | {} | {} | {} | {} |",
        code(&workload.name),
        text::rate(workload.rate_got),
        text::rate(workload.rate_asked),
        text::count(n.acked),
        text::count(n.due),
        text::count(n.failed),
        text::count(n.indeterminate),
        text::count(n.dropped),
        latency(|q| q.p50),
        latency(|q| q.p95),
        latency(|q| q.p99),
    )
}

fn effects(out: &mut String, record: &Record) -> Result {
    let rows = record.effects.iter();
    unfold(
        out,
        "Effects",
        rows.map(|e| {
            format!("{}, {}: {}", code(&e.check), inline(&e.source), text::joined(&e.joined))
        }),
    )
}

fn steps(out: &mut String, record: &Record) -> Result {
    let rows = record.steps.iter();
    let row = |step: &StepRecord| format!("{}: {}", code(&step.phase), inline(&text::step(step)));
    unfold(out, "Steps", rows.map(row))
}

fn faults(out: &mut String, record: &Record) -> Result {
    let rows = turns::rows(&record.faults).into_iter().map(|row| {
        let fault = match row {
            Row::One(fault) => fault,
            Row::Turns(name, all) => {
                return format!(
                    "{} ({}): {}",
                    code(name),
                    inline(&all[0].kind),
                    turns::course(&all)
                );
            }
        };
        let mut row = format!("{} ({}): ", code(&fault.name), inline(&fault.kind));
        row.push_str(&text::course(fault));
        if !fault.victims.is_empty() {
            row.push_str(&format!("; hit {}", inline(&fault.victims.join(", "))));
        }
        if let Some(problem) = &fault.problem {
            row.push_str(&format!("; **{}**", inline(problem)));
        }
        row
    });
    unfold(out, "Faults", rows)
}

fn deployments(out: &mut String, record: &Record) -> Result {
    let rows = text::deployments(record).into_iter();
    unfold(
        out,
        "Deployments",
        rows.map(|(name, text)| format!("{}: {}", code(&name), inline(&text))),
    )
}

fn skipped(out: &mut String, record: &Record) -> Result {
    let rows = record.left_out.iter();
    // What is counted is said as everywhere; probes and effects stand below it too.
    let counted = scenarios::plan::skipped(&record.left_out);
    folded(
        out,
        &counted.unwrap_or_else(|| "Skipped".to_owned()),
        rows.map(|o| format!("{} {}: {}", inline(&o.kind), code(&o.name), inline(&o.why))),
    )
}

fn about(out: &mut String, record: &Record) -> Result {
    let run = &record.run;
    let mut rows = vec![
        format!("folder: {}", code(&run.folder)),
        format!("started: {}", inline(&text::started(record))),
        format!("shakedown {}, run {}", inline(&run.version), code(&run.id)),
    ];
    let values = record.params.iter().map(|(k, v)| (k, v, "param"));
    let values = values.chain(record.targets.iter().map(|(k, v)| (k, v, "target")));
    rows.extend(values.map(|(k, v, what)| format!("{what} {} = {}", code(k), code(v))));
    unfold(out, "Run", rows.into_iter())?;
    if run.again.is_empty() { Ok(()) } else { writeln!(out, "\n{}", fenced(&run.again)) }
}

/// A folded list with the number of its rows, if it has any.
fn unfold(out: &mut String, heading: &str, rows: impl ExactSizeIterator<Item = String>) -> Result {
    let summary = format!("{heading} ({})", rows.len());
    folded(out, &summary, rows)
}

/// A folded list, if it has any rows.
fn folded(out: &mut String, summary: &str, rows: impl ExactSizeIterator<Item = String>) -> Result {
    if rows.len() == 0 {
        return Ok(());
    }
    writeln!(out, "\n<details><summary>{summary}</summary>\n")?;
    for row in rows {
        writeln!(out, "- {row}")?;
    }
    writeln!(out, "\n</details>")
}

const fn emoji(standing: Standing) -> &'static str {
    match standing {
        Standing::Violated => "❌",
        Standing::Inconclusive => "❔",
        Standing::Warned => "⚠️",
        Standing::Held => "✅",
    }
}
