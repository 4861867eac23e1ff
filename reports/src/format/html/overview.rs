//! The run at a glance, on one axis of time: phases, faults and steps, what is wrong, the
//! load by outcome, and how long answers took.

use std::fmt::{Result, Write};

use scenarios::units::Unit;

use super::escape::text as safe;
use super::frame::{Frame, Line, Measure, Scale, path};
use super::time::{Time, extent, over, precise, short};
use crate::format::standing::Standing;
use crate::format::text::{count, course, figure};
use crate::record::{CourseRecord, FaultRecord, Record};

/// So many rows of faults are drawn; the table has them all.
const ROWS: usize = 14;
/// Outcomes in the order of the stack, as the record has them behind `due`.
const OUTCOMES: [&str; 4] = ["acked", "failed", "indeterminate", "dropped"];
/// Shades of the heat map.
const SHADES: usize = 7;

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
    write!(
        out,
        "<div class=\"area\"><svg viewBox=\"{}\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><use href=\"#ground\"/></svg>",
        time.view_box()
    )?;
    out.push_str("<div class=\"lane phases\">");
    for phase in &record.phases {
        write!(
            out,
            "<button type=\"button\" class=\"span\" {} title=\"phase {}, {} to {}\"><span>{1}</span></button>",
            time.placed(phase.from, phase.to),
            safe(&phase.name),
            precise(phase.from),
            precise(phase.to)
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
        write!(out, "<div class=\"lane{two}\">")?;
        let mut ends: Option<(f64, f64)> = None;
        for fault in all {
            let from = fault.injected.unwrap_or(fault.planned);
            let to = over(fault).unwrap_or(if fault.injected.is_some() { time.high } else { from });
            let class = if fault.confirmed.is_some() && fault.healed.is_some() {
                "landed"
            } else {
                "missed"
            };
            write!(
                out,
                "<i class=\"bar {class}\" {} title=\"{}\"></i>",
                time.placed(from, to.max(from)),
                safe(&format!("{}: {}", fault.name, course(fault)))
            )?;
            let known = ends.unwrap_or((from, to));
            ends = Some((known.0.min(from), known.1.max(to).max(from)));
        }
        lane_name(out, time, ends.unwrap_or_default(), name, "fault")?;
        out.push_str("</div>");
    }
    if names.len() > ROWS {
        let more = names.len() - ROWS;
        write!(out, "<div class=\"lane\"><span class=\"more\">{more} more below</span></div>")?;
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
    write!(out, "<span class=\"lane-name {class}{side}\" {start}>{}</span>", safe(name))
}

fn steps(out: &mut String, record: &Record, time: &Time) -> Result {
    for deployment in &record.deployments {
        out.push_str("<div class=\"lane two\">");
        let mut ends: Option<(f64, f64)> = None;
        for step in &deployment.steps {
            let Some(from) = step.asked else { continue };
            let to = step.done.or(step.failed).unwrap_or(from + step.within).max(from);
            let class = if step.done.is_some() { "step" } else { "step missed" };
            write!(
                out,
                "<i class=\"bar {class}\" {} title=\"{}\"></i>",
                time.placed(from, to),
                safe(&format!(
                    "{}: {}, {} to {}",
                    step.name,
                    step.what,
                    precise(from),
                    precise(to)
                ))
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
    let violated = record.findings.iter().filter(|f| Standing::of(f) == Standing::Violated);
    for finding in violated {
        if finding.times.is_empty() {
            let Some(since) = finding.since else { continue };
            out.push_str("<div class=\"lane two\">");
            write!(out, "<i class=\"bar wrong\" {}></i>", time.placed(since, since))?;
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
        write!(
            out,
            "<i class=\"bar wrong\" {} title=\"{}\"></i>",
            time.placed(from, to),
            safe(&title)
        )?;
    }
    Ok(())
}

/// The load of all workloads together; each by itself folded away.
fn courses(out: &mut String, record: &Record, time: &Time) -> Result {
    for (index, course) in record.courses.iter().enumerate() {
        if index == 1 && record.courses.len() > 1 {
            writeln!(
                out,
                "<details><summary>Each workload by itself <span class=\"soft\">{}</span></summary>",
                record.courses.len() - 1
            )?;
        }
        let name = match course.workload.as_str() {
            "" => "all workloads",
            name => name,
        };
        rate(out, course, time, name, index)?;
        response(out, course, time, name, index)?;
    }
    if record.courses.len() > 1 {
        out.push_str("</details>\n");
    }
    Ok(())
}

/// Operations a second by outcome, stacked, and what was asked for as a line.
fn rate(out: &mut String, course: &CourseRecord, time: &Time, name: &str, index: usize) -> Result {
    let width = course.width.max(f64::MIN_POSITIVE);
    let stacked = |row: &[u64; 5], upto: usize| row[1..=upto].iter().sum::<u64>() as f64 / width;
    let asked = |row: &[u64; 5]| row[0] as f64 / width;
    let most =
        course.outcomes.iter().map(|row| asked(row).max(stacked(row, 4))).fold(0.0, f64::max);
    if most <= 0.0 {
        return Ok(());
    }
    let scale = Scale::linear(Measure::Of(Unit::PerSecond), 0.0, most);
    let data = |value: &dyn Fn(&[u64; 5]) -> f64| {
        let values: Vec<String> = course.outcomes.iter().map(|row| short(value(row))).collect();
        format!("data-width=\"{}\" data-v=\"{}\" ", short(width), values.join(" "))
    };
    let mut lines = vec![Line {
        name: "asked for".to_owned(),
        class: "asked".to_owned(),
        path: stairs(course, &asked, None),
        data: data(&asked),
    }];
    for (place, outcome) in OUTCOMES.iter().enumerate() {
        if course.outcomes.iter().all(|row| row[place + 1] == 0) && place > 0 {
            continue;
        }
        let top = |row: &[u64; 5]| stacked(row, place + 1);
        let floor = |row: &[u64; 5]| if place == 0 { 0.0 } else { stacked(row, place) };
        lines.push(Line {
            name: (*outcome).to_owned(),
            class: format!("fill {outcome}"),
            path: stairs(course, &top, Some(&floor)),
            data: data(&|row: &[u64; 5]| row[place + 1] as f64 / width),
        });
    }
    let total = |place: usize| course.outcomes.iter().map(|row| row[place]).sum::<u64>();
    let description = format!(
        "{} operations due, {} acked, {} failed, {} indeterminate, {} dropped.",
        count(total(0)),
        count(total(1)),
        count(total(2)),
        count(total(3)),
        count(total(4))
    );
    Frame {
        time,
        id: format!("rate{index}"),
        name: format!("Load, {name}"),
        about: format!("by outcome, in the second in which operations were due{}", every(width)),
        scale,
        lines,
        limits: Vec::new(),
        behind: String::new(),
        description,
        class: "tall",
    }
    .write(out)
}

/// How long a stretch is, where it is no second.
fn every(width: f64) -> String {
    if width <= 1.0 { String::new() } else { format!("; mean of {}", precise(width)) }
}

/// How high a stretch is drawn.
type Height<'a> = dyn Fn(&[u64; 5]) -> f64 + 'a;

/// Steps over time; with a floor the area between. Stretches in which nothing was due have
/// none.
fn stairs(course: &CourseRecord, top: &Height<'_>, floor: Option<&Height<'_>>) -> String {
    let mut path = String::new();
    let width = course.width;
    let rows = &course.outcomes;
    let mut start = 0;
    while start < rows.len() {
        if rows[start][0] == 0 {
            start += 1;
            continue;
        }
        let end = (start..rows.len()).find(|&at| rows[at][0] == 0).unwrap_or(rows.len());
        if floor.is_some()
            && (start..end).all(|at| top(&rows[at]) <= floor.map_or(0.0, |f| f(&rows[at])))
        {
            start = end;
            continue;
        }
        path.push_str(&format!("M{} {}", short(start as f64 * width), short(top(&rows[start]))));
        for row in &rows[start..end] {
            path.push_str(&format!("V{}h{}", short(top(row)), short(width)));
        }
        if let Some(floor) = floor {
            for row in rows[start..end].iter().rev() {
                path.push_str(&format!("V{}h{}", short(floor(row)), short(-width)));
            }
            path.push('Z');
        }
        start = end;
    }
    path
}

/// Quantiles of the response time over a heat map of all answers.
fn response(
    out: &mut String,
    course: &CourseRecord,
    time: &Time,
    name: &str,
    index: usize,
) -> Result {
    let values = course.response.iter().flatten().copied().filter(|value| *value > 0.0);
    let Some((low, high)) = extent(values) else { return Ok(()) };
    let scale = Scale::log(Measure::Of(Unit::Seconds), low, high);
    let middle = |stretch: usize| (stretch as f64 + 0.5) * course.width;
    let lines = ["p50", "p95", "p99", "max"].iter().enumerate().map(|(place, quantile)| {
        let points = course.response.iter().enumerate().map(|(stretch, row)| {
            let value = row.get(place).copied().unwrap_or(f64::NAN);
            (middle(stretch), value)
        });
        Line {
            name: (*quantile).to_owned(),
            class: (*quantile).to_owned(),
            path: path(points, &scale),
            data: String::new(),
        }
    });
    let description = format!(
        "from due to done, lowest median {}, longest {}.",
        figure(Unit::Seconds, low),
        figure(Unit::Seconds, high)
    );
    Frame {
        time,
        id: format!("response{index}"),
        name: format!("Response time, {name}"),
        about: "from when operations were due; the darker, the more answers".to_owned(),
        scale,
        lines: lines.collect(),
        limits: Vec::new(),
        behind: heat(course, &scale),
        description,
        class: "tall",
    }
    .write(out)
}

/// A cell for each stretch and step with answers, in shades by how many.
fn heat(course: &CourseRecord, scale: &Scale) -> String {
    let most = course.heat.iter().map(|cell| cell[2]).max().unwrap_or(0) as f64;
    let mut shades = vec![String::new(); SHADES];
    for &[stretch, step, number] in &course.heat {
        let (Some(&upper), true) = (course.steps.get(step as usize), number > 0) else { continue };
        let lower = match (step as usize).checked_sub(1).and_then(|below| course.steps.get(below)) {
            Some(&lower) => lower,
            None => upper / 10.0,
        };
        let (bottom, top) = (scale.drawn(lower), scale.drawn(upper));
        // One answer among many can be the one that matters: it is seen.
        let shade = ((number as f64).ln_1p() / most.ln_1p() * SHADES as f64).ceil() as usize;
        let from = short(stretch as f64 * course.width);
        let width = short(course.width);
        shades[shade.clamp(1, SHADES) - 1].push_str(&format!(
            "M{from} {}h{width}V{}h-{width}z",
            short(bottom),
            short(top)
        ));
    }
    let mut out = String::new();
    for (shade, path) in shades.iter().enumerate().filter(|(_, path)| !path.is_empty()) {
        out.push_str(&format!("<path class=\"heat h{}\" d=\"{path}\"/>", shade + 1));
    }
    out
}
