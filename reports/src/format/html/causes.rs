//! What happened just before something went wrong: the fault, the step or the phase that
//! each burst of it belongs to.

use super::time::{over, precise};
use crate::format::text::count;
use crate::record::{Record, TimesRecord};

/// What came due so shortly before something happened was under way then, in seconds.
const UNDER_WAY: f64 = 2.0;
/// So many events at most are named as the cause of one burst.
const NAMED: usize = 3;
/// What lies longer before is no cause that could be named, in seconds.
const LONG_AGO: f64 = 30.0;

/// Something that happened, and may be why something else went wrong.
struct Event {
    at: f64,
    /// When it was over, for what lasts.
    to: f64,
    /// `kill-workers`
    name: String,
    /// `was injected`
    did: &'static str,
}

/// Bursts that belong to the same event.
#[derive(Debug, PartialEq)]
pub(super) struct Cause {
    /// `kill-workers`; the phase where nothing else was near.
    pub(super) name: String,
    /// `the first 20ms before it was injected`
    pub(super) when: String,
    /// How many there are, in how many bursts.
    pub(super) number: u64,
    pub(super) bursts: usize,
    /// When the first and the last were due or seen.
    pub(super) from: f64,
    pub(super) to: f64,
}

/// What the bursts belong to, that with the most of them first.
pub(super) fn causes(record: &Record, times: &TimesRecord) -> Vec<Cause> {
    let events = events(record);
    let mut causes: Vec<Cause> = Vec::new();
    for &(from, to, number) in &times.clusters {
        let (name, when) = cause(record, &events, from, to, times.is_due);
        match causes.iter_mut().find(|known| known.name == name) {
            Some(known) => {
                known.number += number;
                known.bursts += 1;
                known.to = known.to.max(to);
            }
            None => causes.push(Cause { name, when, number, bursts: 1, from, to }),
        }
    }
    causes.sort_by(|a, b| b.number.cmp(&a.number).then(a.from.total_cmp(&b.from)));
    causes
}

/// All of it in one sentence: `438 of 526 at kill-workers: the first …`. What lies all over
/// the run has no cause in time.
pub(super) fn sentence(times: &TimesRecord, causes: &[Cause]) -> Option<String> {
    let first = causes.first()?;
    if first.number * 2 < times.count {
        let bursts: usize = causes.iter().map(|cause| cause.bursts).sum();
        let from = causes.iter().map(|cause| cause.from).fold(f64::INFINITY, f64::min);
        let to = causes.iter().map(|cause| cause.to).fold(f64::NEG_INFINITY, f64::max);
        return Some(format!(
            "Spread over {bursts} bursts from {} to {}: no fault or step alone explains it.",
            precise(from),
            precise(to)
        ));
    }
    let all = if first.number == times.count {
        match first.number {
            1 => "It".to_owned(),
            number => format!("All {}", count(number)),
        }
    } else {
        format!("{} of {}", count(first.number), count(times.count))
    };
    Some(format!("{all} at {}: {}.", first.name, first.when))
}

fn events(record: &Record) -> Vec<Event> {
    let mut events = Vec::new();
    for fault in &record.faults {
        let Some(at) = fault.injected else { continue };
        let to = over(fault).unwrap_or(at);
        events.push(Event { at, to, name: fault.name.clone(), did: "was injected" });
    }
    for deployment in &record.deployments {
        for step in &deployment.steps {
            let Some(at) = step.asked else { continue };
            let to = step.done.or(step.failed).unwrap_or(at);
            events.push(Event {
                at,
                to,
                name: format!("step {}", step.name),
                did: "was asked for",
            });
        }
        if let Some(rollback) = &deployment.rolled_back {
            let name = format!("rollback of {}", deployment.name);
            events.push(Event {
                at: rollback.asked,
                to: rollback.asked,
                name,
                did: "was asked for",
            });
        }
    }
    events.sort_by(|a, b| a.at.total_cmp(&b.at));
    events
}

/// The name of what a burst belongs to, and how they lie to each other. An operation that
/// was due before something happened may have been under way then; what was seen before is
/// no consequence of it.
fn cause(record: &Record, events: &[Event], from: f64, to: f64, is_due: bool) -> (String, String) {
    let reach = if is_due { to + UNDER_WAY } else { f64::NEG_INFINITY };
    let within: Vec<&Event> =
        events.iter().filter(|event| from < event.at && event.at <= reach).collect();
    let before = events.iter().rev().find(|event| event.at <= from);
    let standing = events.iter().rev().find(|event| event.at <= from && event.to >= from);
    let near = before.map_or(f64::INFINITY, |before| from - before.at);
    match within.as_slice() {
        [next] if next.at - from < near || next.at <= to => {
            let ahead = precise(next.at - from);
            return (next.name.clone(), format!("the first {ahead} before it {}", next.did));
        }
        [first, .., last] if first.at <= to && within.len() <= NAMED => {
            let names: Vec<&str> = within.iter().map(|event| event.name.as_str()).collect();
            let behind = if last.at > to { "before" } else { "after" };
            let when = format!(
                "the first {} before {} {}, the last {} {behind} {} {}",
                precise(first.at - from),
                first.name,
                first.did,
                precise((last.at - to).abs()),
                last.name,
                last.did
            );
            return (names.join(" and "), when);
        }
        [first, ..] if first.at - from < near && within.len() <= NAMED => {
            let ahead = precise(first.at - from);
            return (first.name.clone(), format!("the first {ahead} before it {}", first.did));
        }
        _ => {}
    }
    let (name, when) = start(record, standing, before, from);
    match within.len() {
        0..=NAMED => (name, when),
        passed => (name, format!("{when}; it went on past {passed} faults and steps")),
    }
}

/// What the begin of a burst belongs to.
fn start(
    record: &Record,
    standing: Option<&Event>,
    before: Option<&Event>,
    from: f64,
) -> (String, String) {
    if let Some(standing) = standing {
        let after = precise(from - standing.at);
        return (
            standing.name.clone(),
            format!("the first {after} after it {}, before it was over", standing.did),
        );
    }
    if let Some(before) = before.filter(|before| from - before.at.max(before.to) <= LONG_AGO) {
        let after = precise(from - before.at);
        return (before.name.clone(), format!("the first {after} after it {}", before.did));
    }
    match record.phases.iter().find(|phase| phase.from <= from && from < phase.to) {
        Some(phase) => (
            format!("phase {}", phase.name),
            format!(
                "the first {} after it began; no fault or step was near",
                precise(from - phase.from)
            ),
        ),
        None => ("no phase".to_owned(), "outside of all phases".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: f64, to: f64, name: &str) -> Event {
        Event { at, to, name: name.to_owned(), did: "was injected" }
    }

    fn of(record: &Record, from: f64, to: f64) -> (String, String) {
        let events = [event(8.0, 8.3, "kill-worker"), event(40.0, 50.0, "broker-away")];
        cause(record, &events, from, to, true)
    }

    #[test]
    fn what_was_under_way_belongs_to_the_fault_that_follows() {
        let json = include_str!("causes/record.json");
        let record = Record::from_json(json.as_bytes()).unwrap();
        let told = |from, to| {
            let (name, when) = of(&record, from, to);
            format!("{name}: {when}")
        };
        assert_eq!(told(7.98, 7.99), "kill-worker: the first 20ms before it was injected");
        assert_eq!(
            told(41.5, 44.0),
            "broker-away: the first 1.5s after it was injected, before it was over"
        );
        assert_eq!(told(9.0, 9.5), "kill-worker: the first 1s after it was injected");
        assert_eq!(
            told(7.9, 39.9),
            "kill-worker and broker-away: the first 100ms before kill-worker was injected, the \
             last 100ms before broker-away was injected"
        );
        assert!(told(2.0, 2.0).starts_with("phase load: the first 2s after it began"));
    }
}
