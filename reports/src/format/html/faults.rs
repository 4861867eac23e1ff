//! What was broken on purpose: what became of each fault, and what users felt of it.

use std::fmt::Result;

use pages::table::table;

use super::time::{over, precise};
use crate::format::text::{count, latency};
use crate::record::{CourseRecord, FaultRecord, Record};

/// A response time is slow that is so many times the usual one …
const SLOW: f64 = 5.0;
/// … and longer than this, in seconds.
const LEAST: f64 = 0.05;

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    if record.faults.is_empty() {
        return Ok(());
    }
    out.push_str("<section class=\"card\" aria-labelledby=\"faults\">\n");
    out.push_str("<h2 id=\"faults\">Faults</h2>\n");
    let rows: Vec<_> = record.faults.iter().map(|fault| row(record, fault)).collect();
    let columns =
        ["Fault", "Planned", "Injected", "Confirmed", "Over", "Healed", "Users felt", "Targets"];
    table(out, "Fault outcomes", &columns, &rows)?;
    out.push_str(
        "<p class=\"soft\">Users felt: operations without success that were due from the fault \
         to the next one, and until when; otherwise for how long the p99 was slow.</p>\n</section>\n",
    );
    Ok(())
}

fn row(record: &Record, fault: &FaultRecord) -> Vec<String> {
    let at = |time: Option<f64>, never: &str| time.map_or_else(|| never.to_owned(), precise);
    let unseen = if fault.injected.is_some() { "not seen" } else { "–" };
    let lasted = |end: Option<f64>| match (fault.injected, end) {
        (Some(injected), Some(end)) => {
            format!("{} (after {})", precise(end), precise((end - injected).max(0.0)))
        }
        _ => unseen.to_owned(),
    };
    let state = [
        (fault.still_there, "may still be there"),
        (fault.unhealed, "watched, not seen to heal"),
        (fault.blocked, "blocked"),
    ];
    let state = state.into_iter().filter(|(is, _)| *is).map(|(_, words)| words.to_owned());
    let problem: Vec<String> = state.chain(fault.problem.clone()).collect();
    let name = format!("{} ({})", fault.name, fault.kind);
    let targets = fault.victims.join(", ");
    let targets: Vec<String> =
        Some(targets).filter(|targets| !targets.is_empty()).into_iter().chain(problem).collect();
    vec![
        name,
        precise(fault.planned),
        at(fault.injected, if fault.blocked { "blocked" } else { "never" }),
        at(fault.confirmed, unseen),
        fault.undone.map_or_else(|| "–".to_owned(), precise),
        lasted(fault.healed),
        felt(record, fault),
        targets.join("; "),
    ]
}

/// What became of operations that were due from a fault on, until the next one.
fn felt(record: &Record, fault: &FaultRecord) -> String {
    let (Some(injected), Some(course)) = (fault.injected, record.courses.first()) else {
        return "–".to_owned();
    };
    let others = record.faults.iter().filter_map(|fault| fault.injected);
    let next = others.filter(|at| *at > injected).fold(f64::INFINITY, f64::min);
    // A fault that goes on while another begins is felt as long as it is there. The stretch
    // in which another begins is that one's.
    let until =
        (next / course.width).floor().max((over(fault).unwrap_or(injected) / course.width).floor());
    let first = (injected / course.width).floor();
    let within = |stretch: &usize| (first..until.max(first + 1.0)).contains(&(*stretch as f64));
    let stretches: Vec<usize> = (0..course.outcomes.len()).filter(within).collect();
    let end = |stretch: usize| (stretch + 1) as f64 * course.width;
    let failed = |stretch: usize| course.outcomes[stretch][2..].iter().sum::<u64>();
    let all: u64 = stretches.iter().map(|&stretch| failed(stretch)).sum();
    if let Some(&last) = stretches.iter().rev().find(|&&stretch| failed(stretch) > 0) {
        let for_ = precise((end(last) - injected).max(course.width));
        return format!("{} without success, for {for_}", count(all));
    }
    slow(course, &stretches, injected)
}

/// For how long answers were slow.
fn slow(course: &CourseRecord, stretches: &[usize], injected: f64) -> String {
    let p99 = |stretch: usize| course.response.get(stretch).and_then(|row| row.get(2)).copied();
    let before: Vec<f64> = (0..course.response.len())
        .filter(|s| (*s as f64) * course.width < injected)
        .filter_map(p99)
        .collect();
    let mut sorted = before;
    sorted.sort_by(f64::total_cmp);
    let Some(&usual) = sorted.get(sorted.len() / 2) else { return "nothing".to_owned() };
    let bound = (SLOW * usual).max(LEAST);
    let is_slow = |stretch: &&usize| p99(**stretch).is_some_and(|value| value > bound);
    let worst = stretches.iter().filter_map(|&stretch| p99(stretch)).fold(0.0, f64::max);
    match stretches.iter().rev().find(is_slow) {
        Some(&last) => {
            let end = (last + 1) as f64 * course.width;
            format!(
                "p99 up to {}, slow for {}",
                latency(worst),
                precise((end - injected).max(course.width))
            )
        }
        None => "nothing".to_owned(),
    }
}
