//! The time of a record: its axis, what lies behind its charts, and names for moments.

use std::fmt::Result;

pub(super) use pages::time::{Stretch, Time, extent, precise, rounded, short};

use crate::record::Record;

/// So much of the run's length is drawn before its first phase at most …
const BEFORE: f64 = 0.02;
/// … and behind its last.
const BEHIND: f64 = 0.25;

/// From the first phase to the last, with what lies closely around them.
pub(super) fn of(record: &Record) -> Time {
    let phases = record.phases.iter().flat_map(|phase| [phase.from, phase.to]);
    let inner = extent(phases.chain(record.faults.iter().map(|fault| fault.planned)));
    let series = record.series.iter().flat_map(|series| series.points.iter());
    let outer = extent(series.map(|(at, _)| *at));
    let (low, high) = match (inner, outer) {
        (Some((low, high)), Some((from, to))) => {
            let length = (high - low).max(1.0);
            (low.min(from).max(low - BEFORE * length), high.max(to).min(high + BEHIND * length))
        }
        (Some(known), None) | (None, Some(known)) => known,
        (None, None) => (0.0, 1.0),
    };
    Time::between(low, high)
}

/// So many faults have a line each where they began; of more the lines would be all there is.
const LINES: usize = 60;

/// What lies behind every chart: the phases shaded in turn, and the faults.
pub(super) fn ground(out: &mut String, record: &Record, time: &Time) -> Result {
    let phases = record.phases.iter().skip(1).step_by(2);
    let phases = phases.map(|phase| Stretch {
        from: phase.from,
        to: phase.to,
        class: "odd",
        has_line: false,
    });
    let faults = record.faults.iter().filter_map(|fault| {
        let from = fault.injected?;
        let to = over(fault).unwrap_or(from).clamp(from, time.high.max(from));
        Some(Stretch { from, to, class: "fault", has_line: record.faults.len() <= LINES })
    });
    let stretches: Vec<Stretch> = phases.chain(faults).collect();
    time.ground(out, &stretches)
}

/// When a fault was over: healed, or undone where nobody saw it heal.
pub(super) fn over(fault: &crate::record::FaultRecord) -> Option<f64> {
    let times = [fault.healed, fault.undone].into_iter().flatten();
    times.filter(|at| at.is_finite()).reduce(f64::max)
}

/// A named place in the run: `1m45.2s (kills)`.
pub(super) fn place(record: &Record, at: f64) -> String {
    let phase = record.phases.iter().find(|phase| phase.from <= at && at < phase.to);
    match phase {
        Some(phase) => format!("{} ({})", precise(at), phase.name),
        None => precise(at),
    }
}
