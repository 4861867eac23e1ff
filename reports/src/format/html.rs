//! `report.html`: one page that needs no network, and no script to be read.
//!
//! It answers two questions in this order: may I ship, and what is the cause? The banner
//! answers the first; the checks, with what each burst of evidence belongs to in time, and
//! the overview on one axis of time answer the second. It is made of the parts in `pages`,
//! as the page of `loadgen` is: charts are SVG that stretches, every text of a record is
//! escaped where it is written, and a content security policy forbids what would slip
//! through.

mod about;
mod advised;
mod banner;
mod causes;
mod checks;
mod colors;
mod comparison;
mod deployments;
mod effects;
mod evidence;
mod faults;
mod lines;
mod load;
mod overview;
mod past;
mod series;
mod steps;
mod time;

use std::fmt::Result;

use pages::document;
use pages::time::Time;

use self::colors::Colors;
use super::standing;
use crate::record::Record;

/// The page.
pub(super) fn render(record: &Record) -> String {
    let mut out = String::new();
    write(&mut out, record).expect("writing to a String does not fail");
    out
}

fn write(out: &mut String, record: &Record) -> Result {
    let time = time::of(record);
    let colors = Colors::of(record);
    let mark = standing::of_run(record.verdict).mark();
    let (scenario, verdict) = (&record.run.scenario, record.verdict.word());
    document::head(out, &format!("{mark} {scenario}: {verdict}"))?;
    time::ground(out, record, &time)?;
    banner::write(out, record)?;
    contents(out, record, &time)?;
    out.push_str("<main>\n");
    banner::facts(out, record)?;
    pages::banner::notes(out, &record.warnings)?;
    checks::write(out, record, &time)?;
    overview::write(out, record, &time)?;
    past::write(out, record)?;
    advised::write(out, record)?;
    effects::write(out, record)?;
    faults::write(out, record)?;
    comparison::write(out, record)?;
    steps::write(out, record)?;
    deployments::write(out, record)?;
    series::write(out, record, &time, &colors)?;
    load::write(out, record)?;
    about::write_tables(out, record)?;
    about::write_skipped(out, record)?;
    about::write_run(out, record)?;
    document::end(out)
}

/// Links to the sections that this page has, and what the charts show together.
fn contents(out: &mut String, record: &Record, time: &Time) -> Result {
    let sections = [
        ("checks", "Checks", !record.findings.is_empty()),
        ("overview", "Overview", true),
        ("past", "Last runs", record.past.is_some()),
        ("advised", "Advice", !record.advised.is_empty()),
        ("effects", "Ledger", !record.effects.is_empty()),
        ("faults", "Faults", !record.faults.is_empty()),
        ("comparison", "Comparison", comparison::estimates(record).next().is_some()),
        ("steps", "Steps", !record.steps.is_empty()),
        ("deployments", "Deployments", !record.deployments.is_empty()),
        ("series", "Series", !record.series.is_empty()),
        ("load", "Figures", !record.workloads.is_empty()),
        ("tables", "Tables", !record.tables.is_empty()),
        ("skipped", "Skipped", !record.left_out.is_empty()),
        ("run", "Run", true),
    ];
    document::contents(out, &sections, time)
}
