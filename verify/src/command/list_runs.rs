//! `verify list-runs`: the runs that there are, the latest first.

use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use scenarios::units::Unit;
use serde_json::{Value, json};

use crate::exit::{self, Failure};
use crate::lines::{WIDTH, put};
use crate::runs::list::{Listed, Listing, list};

/// Lists the runs below a folder. Folders that cannot be read are named; they are no error.
///
/// # Errors
/// When the folder of the runs itself cannot be read.
pub fn list_runs(runs: &Path, scenario: Option<&str>, json: bool) -> Result<u8, Failure> {
    let mut listing = read(runs)?;
    listing.runs.retain(|run| scenario.is_none_or(|scenario| run.scenario == scenario));
    let lines = if json { rows(&listing) } else { text(runs, scenario, &listing) };
    super::print(format!("{}\n", lines.join("\n")).as_bytes())?;
    Ok(exit::HELD)
}

/// The runs below a folder.
pub(super) fn read(runs: &Path) -> Result<Listing, Failure> {
    list(runs).map_err(|error| {
        let runs = runs.display();
        Failure::usage(format!("cannot read the runs in {runs}: {error}; give --dir DIR"))
    })
}

/// A line of JSON for each run, and for each folder that cannot be read.
fn rows(listing: &Listing) -> Vec<String> {
    let run = |run: &Listed| {
        let of_head = |of: fn(&crate::runs::head::Head) -> Value| run.head.as_ref().map(of);
        json!({
            "folder": run.path,
            "run": of_head(|head| json!(head.run.id)).or(run.name.as_ref().map(|n| json!(n.run))),
            "scenario": run.scenario,
            "variant": run.variant(),
            "started": run.started.map(stamp),
            "state": run.state,
            "headline": of_head(|head| json!(head.headline)),
            "interrupted": of_head(|head| json!(head.run.interrupted)),
            "seconds": of_head(|head| json!(head.run.seconds)),
            "figures": run.figures(),
        })
        .to_string()
    };
    let unreadable = listing.unreadable.iter().map(|one| json!({ "unreadable": one }).to_string());
    listing.runs.iter().map(run).chain(unreadable).collect()
}

/// Three lines for each run: what it was, its figures, and its folder.
fn text(runs: &Path, scenario: Option<&str>, listing: &Listing) -> Vec<String> {
    let mut lines = Vec::new();
    for run in &listing.runs {
        let variant = run.variant().map(|variant| format!(", {variant}")).unwrap_or_default();
        let when = run.started.map_or_else(|| "at an unknown time".to_owned(), minute);
        let seconds = run.head.as_ref().map(|head| format!(" · {}", length(head.run.seconds)));
        let lead = format!("{:<13}", run.state.word());
        let what = format!("{when}  {}{variant}{}", run.scenario, seconds.unwrap_or_default());
        put(&mut lines, &lead, &what, WIDTH);
        let figures = figures(run);
        if !figures.is_empty() {
            put(&mut lines, &" ".repeat(13), &figures, WIDTH);
        }
        // A folder's name is not broken: it is to be copied.
        lines.push(format!("{}{}", " ".repeat(13), run.path.display()));
    }
    for one in &listing.unreadable {
        put(&mut lines, "unreadable   ", &format!("{}: {}", one.path.display(), one.why), WIDTH);
    }
    if listing.runs.is_empty() {
        let of = scenario.map(|scenario| format!(" of {scenario}")).unwrap_or_default();
        lines.push(format!("no run{of} in {}", runs.display()));
    }
    lines
}

/// `64,125 operations, 0.05% unsuccessful, p99 1.2s, 300 duplicated`.
fn figures(run: &Listed) -> String {
    let figures = run.figures();
    let of = |name: &str| figures.get(name).copied().unwrap_or(0.0);
    let operations = of("operations");
    if operations == 0.0 {
        return String::new();
    }
    let share = crate::judge::share(of("unsuccessful") / operations);
    let mut told = vec![
        format!("{} operations", crate::judge::number(operations)),
        format!("{share} unsuccessful"),
    ];
    if let Some(p99) = figures.get("p99_seconds") {
        told.push(format!("p99 {}", Unit::Seconds.show(*p99)));
    }
    for (name, word) in
        [("lost", "lost"), ("duplicated", "duplicated"), ("dead_lettered", "dead-lettered")]
    {
        if of(name) > 0.0 {
            told.push(format!("{} {word}", crate::judge::number(of(name))));
        }
    }
    match of("faults") {
        0.0 => {}
        1.0 => told.push("1 fault".to_owned()),
        more => told.push(format!("{more} faults")),
    }
    told.join(", ")
}

/// A length of time as the reports have it: `1m07s`.
fn length(seconds: f64) -> String {
    let whole = seconds.round().max(0.0) as u64;
    match (whole / 3600, whole / 60 % 60, whole % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, s) => format!("{h}h{m:02}m{s:02}s"),
    }
}

fn stamp(time: SystemTime) -> String {
    Timestamp::try_from(time).map_or_else(|_| String::new(), |time| time.to_string())
}

/// `2026-11-28 14:33Z`.
fn minute(time: SystemTime) -> String {
    let time = Timestamp::try_from(time);
    time.map_or_else(|_| String::new(), |time| time.strftime("%Y-%m-%d %H:%MZ").to_string())
}
