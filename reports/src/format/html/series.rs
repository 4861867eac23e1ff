//! The system's own series: those that a check judges first, the others behind, and those
//! in which nothing happened in a table.

use std::fmt::Result;

use pages::frame::{Frame, Limit, Line, Measure, Scale, path};
use pages::{Markup, markup, putln};

use super::colors::Colors;
use super::lines::{is_counter, is_of_workload, levels, rates, so_far};
use super::time::{Time, extent};
use crate::record::{Finding, Record, SeriesRecord, Verdict};

/// A limit farther away than this times the values is named instead of drawn: it would
/// flatten them.
const FAR: f64 = 4.0;
/// The host's series have a place of their own.
const HOST: &str = "host.";

/// A series with all of its labels, as it is drawn.
struct Drawn<'a> {
    name: &'a str,
    measure: Measure,
    about: &'static str,
    lines: Vec<(&'a SeriesRecord, Vec<(f64, f64)>)>,
    judged: Vec<&'a Finding>,
    extent: Option<(f64, f64)>,
}

impl<'a> Drawn<'a> {
    fn of(record: &'a Record, time: &Time, name: &'a str) -> Option<Self> {
        let all = record.series.iter().filter(|series| series.name == name);
        let all: Vec<&SeriesRecord> = all.collect();
        let unit = all.first()?.unit;
        let judged = record.findings.iter();
        let judged: Vec<&Finding> =
            judged.filter(|finding| finding.series.as_deref() == Some(name)).collect();
        let counter = is_counter(record, all[0]);
        let limited = judged.iter().any(|finding| finding.limit.is_some());
        let (measure, about) = match (counter, limited) {
            (true, false) => (Measure::rate(unit), "how fast it rises"),
            (true, true) => (Measure::Of(unit), "risen so far"),
            (false, _) => (Measure::Of(unit), ""),
        };
        let values = |series: &SeriesRecord| match (counter, limited) {
            (true, false) => rates(&series.points, time.length()),
            (true, true) => so_far(&series.points),
            (false, _) => levels(&series.points),
        };
        let lines: Vec<_> = all.into_iter().map(|series| (series, values(series))).collect();
        let extent = extent(lines.iter().flat_map(|(_, points)| points.iter().map(|p| p.1)));
        Some(Self { name, measure, about, lines, judged, extent })
    }

    /// Whether nothing happens in it.
    fn is_flat(&self) -> bool {
        self.extent.is_none_or(|(low, high)| high <= low)
    }

    fn chart<'t>(&self, time: &'t Time, colors: &Colors, id: String) -> Option<Frame<'t>> {
        let (mut low, mut high) = self.extent?;
        let limits = self.limits();
        let greatest = low.abs().max(high.abs());
        for limit in &limits {
            if greatest == 0.0 || limit.value.abs() <= FAR * greatest {
                (low, high) = (low.min(limit.value), high.max(limit.value));
            }
        }
        let scale = Scale::linear(self.measure, low, high);
        let lines = self.lines.iter().map(|(series, points)| Line {
            name: series.label.clone(),
            class: colors.class(&series.label),
            path: path(points.iter().copied(), &scale),
            data: Markup::default(),
        });
        let description = self.description();
        let about = self.about.to_owned();
        Some(Frame {
            time,
            id,
            name: self.name.to_owned(),
            about,
            scale,
            lines: lines.collect(),
            limits,
            behind: Markup::default(),
            description,
            class: "",
        })
    }

    /// The bounds with the names of their checks; those that are equal have one line.
    fn limits(&self) -> Vec<Limit> {
        let mut limits: Vec<Limit> = Vec::new();
        for finding in &self.judged {
            let Some(value) = finding.limit.filter(|limit| limit.is_finite()) else { continue };
            match limits.iter_mut().find(|limit| limit.value == value) {
                Some(limit) => limit.name = format!("{}, {}", finding.check, limit.name),
                None => {
                    let name = format!("{}: {}", finding.check, self.measure.show(value));
                    limits.push(Limit { value, name });
                }
            }
        }
        limits
    }

    fn description(&self) -> String {
        let (low, high) = self.extent.unwrap_or_default();
        let mut text =
            format!("lowest {}, highest {}.", self.measure.show(low), self.measure.show(high));
        for limit in self.limits() {
            text.push_str(&format!(" Bound of {}.", limit.name));
        }
        text
    }
}

/// The section.
pub(super) fn write(out: &mut String, record: &Record, time: &Time, colors: &Colors) -> Result {
    let mut names: Vec<&str> = Vec::new();
    for series in &record.series {
        let name = series.name.as_str();
        let is_judged =
            record.findings.iter().any(|finding| finding.series.as_deref() == Some(name));
        let is_told = !record.courses.is_empty() && is_of_workload(record, name) && !is_judged;
        if !is_told && !names.contains(&name) {
            names.push(name);
        }
    }
    let all: Vec<Drawn<'_>> =
        names.into_iter().filter_map(|name| Drawn::of(record, time, name)).collect();
    if all.is_empty() {
        return Ok(());
    }
    // Where a check was broken the line is shown, however flat it is.
    let (flat, moving): (Vec<_>, Vec<_>) = all.into_iter().partition(|series| {
        series.is_flat() && series.judged.iter().all(|f| f.verdict == Verdict::Held)
    });
    let (judged, moving): (Vec<_>, Vec<_>) =
        moving.into_iter().partition(|series| !series.judged.is_empty() && series.extent.is_some());
    let (host, moving): (Vec<_>, Vec<_>) =
        moving.into_iter().partition(|series| series.name.starts_with(HOST));
    out.push_str(
        "<section class=\"card\" aria-labelledby=\"series\">\n<h2 id=\"series\">Series</h2>\n",
    );
    if !judged.is_empty() {
        out.push_str("<h3>Judged by a check</h3>\n");
        charts(out, &judged, time, colors, "s")?;
    }
    for (series, what, id) in [(&moving, "Other series", "o"), (&host, "The host", "h")] {
        if series.is_empty() {
            continue;
        }
        let open = if judged.is_empty() && id == "o" { " open" } else { "" };
        putln!(
            out,
            "<details{}><summary>{} <span class=\"soft\">{}</span></summary>",
            Markup::of(open),
            what,
            series.len()
        )?;
        charts(out, series, time, colors, id)?;
        out.push_str("</details>\n");
    }
    self::flat(out, &flat)?;
    out.push_str("</section>\n");
    Ok(())
}

fn charts(out: &mut String, all: &[Drawn<'_>], time: &Time, colors: &Colors, id: &str) -> Result {
    out.push_str("<div class=\"charts\">\n");
    for (index, series) in all.iter().enumerate() {
        if let Some(chart) = series.chart(time, colors, format!("{id}{index}")) {
            chart.write(out)?;
        }
    }
    out.push_str("</div>\n");
    Ok(())
}

/// Series in which nothing happened, with their value.
fn flat(out: &mut String, flat: &[Drawn<'_>]) -> Result {
    if flat.is_empty() {
        return Ok(());
    }
    putln!(
        out,
        "<details><summary>Flat all the time <span class=\"soft\">{}</span></summary>\n<ul class=\"flat\">",
        flat.len()
    )?;
    for series in flat {
        let value = match series.extent {
            Some((value, _)) => series.measure.show(value),
            None => "no samples".to_owned(),
        };
        let checks: Vec<&str> = series.judged.iter().map(|f| f.check.as_str()).collect();
        let checks = match checks.is_empty() {
            true => Markup::default(),
            false => markup!(" <small>{}</small>", checks.join(", ")),
        };
        putln!(out, "<li><code>{}</code> <b>{}</b>{}</li>", series.name, value, checks)?;
    }
    out.push_str("</ul></details>\n");
    Ok(())
}
