//! The run at a glance, on one axis of time: phases, faults and steps, what is wrong, the
//! load by outcome, and how long answers took.

use std::fmt::Result;

use pages::course::Course;
use pages::{put, putln};

use super::time::{Time, over, precise};
use crate::format::standing::{self, Standing};
use crate::format::text::{count, course};
use crate::record::{FaultRecord, Record};

/// So many rows of faults are drawn; the table has them all.
const ROWS: usize = 14;

pub(super) fn write(out: &mut String, record: &Record, time: &Time) -> Result {
    out.push_str("<section class=\"card\" aria-labelledby=\"overview\">\n");
    out.push_str("<h2 id=\"overview\">Overview</h2>\n");
    timeline(out, record, time)?;
    courses(out, record, time)?;
    out.push_str("</section>\n");
    Ok(())
}

/// Phases, faults, steps of deployments, and when what is wrong happened.
fn timeline(out: &mut String, record: &Record, time: &Time) -> Result {
    out.push_str("<figure class=\"chart lanes\"><div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"Phases, faults and steps over time; the tables below tell the same.\">");
    put!(
        out,
        "<div class=\"area\"><svg viewBox=\"{}\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><use href=\"#ground\"/></svg>",
        time.view_box()
    )?;
    out.push_str("<div class=\"lane phases\">");
    for phase in &record.phases {
        put!(
            out,
            "<button type=\"button\" class=\"span\" {} title=\"phase {}, {} to {}\"><span>{}</span></button>",
            time.placed(phase.from, phase.to),
            phase.name,
            precise(phase.from),
            precise(phase.to),
            phase.name
        )?;
    }
    out.push_str("</div>");
    faults(out, record, time)?;
    steps(out, record, time)?;
    wrongs(out, record, time)?;
    out.push_str("</div>\n");
    time.ticks(out)?;
    out.push_str("</div></figure>\n");
    Ok(())
}

/// A row for each name.
fn faults(out: &mut String, record: &Record, time: &Time) -> Result {
    let mut names: Vec<&str> = Vec::new();
    for fault in &record.faults {
        if !names.contains(&group(fault)) {
            names.push(group(fault));
        }
    }
    for name in names.iter().take(ROWS) {
        let all = record.faults.iter().filter(|fault| group(fault) == *name);
        // Between many there is no room for a name.
        let two = if all.clone().count() > 3 { " two" } else { "" };
        put!(out, "<div class=\"lane{}\">", two)?;
        let mut ends: Option<(f64, f64)> = None;
        for fault in all {
            let from = fault.injected.unwrap_or(fault.planned);
            let to = over(fault).unwrap_or(if fault.injected.is_some() { time.high } else { from });
            let class = if fault.confirmed.is_some() && fault.healed.is_some() {
                "landed"
            } else {
                "missed"
            };
            put!(
                out,
                "<i class=\"bar {}\" {} title=\"{}\"></i>",
                class,
                time.placed(from, to.max(from)),
                format!("{}: {}", fault.name, course(fault))
            )?;
            let known = ends.unwrap_or((from, to));
            ends = Some((known.0.min(from), known.1.max(to).max(from)));
        }
        lane_name(out, time, ends.unwrap_or_default(), name, "fault")?;
        out.push_str("</div>");
    }
    if names.len() > ROWS {
        let more = names.len() - ROWS;
        put!(out, "<div class=\"lane\"><span class=\"more\">{} more below</span></div>", more)?;
    }
    Ok(())
}

/// The turns of a fault that comes again and again stand in one row.
fn group(fault: &FaultRecord) -> &str {
    fault.turn_of.as_deref().unwrap_or(&fault.name)
}

/// The name stands behind what it names, or before it at the right edge.
fn lane_name(out: &mut String, time: &Time, ends: (f64, f64), name: &str, class: &str) -> Result {
    let (first, last) = ends;
    let (side, at) = match time.percent(last) > 60.0 && time.percent(first) > 30.0 {
        true => (" left", first),
        false => ("", last.min(time.low + 0.7 * time.length())),
    };
    let start = time.placed(at, at);
    put!(out, "<span class=\"lane-name {}{}\" {}>{}</span>", class, side, start, name)
}

fn steps(out: &mut String, record: &Record, time: &Time) -> Result {
    for deployment in &record.deployments {
        out.push_str("<div class=\"lane two\">");
        let mut ends: Option<(f64, f64)> = None;
        for step in &deployment.steps {
            let Some(from) = step.asked else { continue };
            let to = step.done.or(step.failed).unwrap_or(from + step.within).max(from);
            let class = if step.done.is_some() { "step" } else { "step missed" };
            put!(
                out,
                "<i class=\"bar {}\" {} title=\"{}\"></i>",
                class,
                time.placed(from, to),
                format!("{}: {}, {} to {}", step.name, step.what, precise(from), precise(to))
            )?;
            let known = ends.unwrap_or((from, to));
            ends = Some((known.0, known.1.max(to)));
        }
        lane_name(
            out,
            time,
            ends.unwrap_or_default(),
            &format!("steps of {}", deployment.name),
            "step",
        )?;
        out.push_str("</div>");
    }
    Ok(())
}

/// When what speaks against a check happened.
fn wrongs(out: &mut String, record: &Record, time: &Time) -> Result {
    let violated = record.findings.iter().filter(|f| standing::of(f) == Standing::Violated);
    for finding in violated {
        if finding.times.is_empty() {
            let Some(since) = finding.since else { continue };
            out.push_str("<div class=\"lane two\">");
            put!(out, "<i class=\"bar wrong\" {}></i>", time.placed(since, since))?;
            lane_name(
                out,
                time,
                (since, since),
                &format!("{} since then", finding.check),
                "wrong",
            )?;
            out.push_str("</div>");
            continue;
        }
        for times in &finding.times {
            out.push_str("<div class=\"lane two\">");
            marks(out, time, times)?;
            let first = times.clusters.first().map_or(0.0, |cluster| cluster.0);
            let last = times.clusters.last().map_or(0.0, |cluster| cluster.1);
            let name = format!("{}: {} {}", finding.check, count(times.count), times.what);
            lane_name(out, time, (first, last), &name, "wrong")?;
            out.push_str("</div>");
        }
    }
    Ok(())
}

/// A mark for each cluster.
pub(super) fn marks(out: &mut String, time: &Time, times: &crate::record::TimesRecord) -> Result {
    for &(from, to, number) in &times.clusters {
        let title =
            format!("{} {}, {} to {}", count(number), times.what, precise(from), precise(to));
        put!(out, "<i class=\"bar wrong\" {} title=\"{}\"></i>", time.placed(from, to), title)?;
    }
    Ok(())
}

/// The load of all workloads together; each by itself folded away.
fn courses(out: &mut String, record: &Record, time: &Time) -> Result {
    for (index, course) in record.courses.iter().enumerate() {
        if index == 1 && record.courses.len() > 1 {
            putln!(
                out,
                "<details><summary>Each workload by itself <span class=\"soft\">{}</span></summary>",
                record.courses.len() - 1
            )?;
        }
        let name = match course.workload.as_str() {
            "" => "all workloads",
            name => name,
        };
        let drawn = Course {
            width: course.width,
            outcomes: &course.outcomes,
            response: &course.response,
            steps: &course.steps,
            heat: &course.heat,
        };
        drawn.rate(out, time, name, format!("rate{index}"))?;
        drawn.response(out, time, name, format!("response{index}"), Vec::new())?;
    }
    if record.courses.len() > 1 {
        out.push_str("</details>\n");
    }
    Ok(())
}
