//! Events read back: what happened, in the order in which it was written.

use reports::record::PhaseRecord;

use super::lines::whole_lines;
use super::{Facts, Folder};
use crate::event::{Event, Stamped};
use crate::history::{
    Aggregates, Conformity, Dead, DeadTries, Flaw, History, Order, Seen, Trouble, Turn,
};

/// The file, as a flaw names it.
pub(super) const EVENTS: &str = "events.jsonl";
/// The most log lines of a probe that the judge is shown.
const LINES: usize = 2_000;

/// Reads the events. A line that cannot be read is passed over and told.
pub(super) fn read(folder: &Folder, facts: &mut Facts, history: &mut History) {
    let lines = match whole_lines(&folder.events()) {
        Ok(Some(lines)) => lines,
        Ok(None) => return history.flaws.push(Flaw::of(EVENTS, "it is missing")),
        Err(error) => return history.flaws.push(Flaw::of(EVENTS, error)),
    };
    let (mut read, mut runs) = (0, Vec::new());
    for (index, line) in lines.text.lines().enumerate() {
        match serde_json::from_str::<Stamped>(line) {
            Ok(stamped) => {
                if let Event::RunStarted { run, .. } = &stamped.event {
                    runs.push(run.clone());
                }
                apply(stamped, facts, history);
                read += 1;
            }
            Err(error) => {
                let why = format!("line {} cannot be read: {error}", index + 1);
                history.flaws.push(Flaw::of(EVENTS, why));
            }
        }
    }
    if runs.len() != 1 {
        let why = match runs.len() {
            0 => "it does not say which run it is of".to_owned(),
            _ => format!("it is of more than one run: {}", runs.join(", ")),
        };
        history.flaws.push(Flaw::of(EVENTS, why));
    }
    if lines.is_torn && facts.has_ended {
        history.flaws.push(Flaw::of(EVENTS, "its last line is torn"));
    }
    if let Some(written) = facts.written
        && written.events + 1 != read
    {
        let why = format!("the run wrote {} lines, and it has {read}", written.events + 1);
        history.flaws.push(Flaw::of(EVENTS, why));
    }
}

pub(in crate::folder) fn apply(stamped: Stamped, facts: &mut Facts, history: &mut History) {
    match stamped.event {
        Event::RunStarted { run, version, again, record } => {
            facts.run = run;
            facts.record = record;
            facts.version = version;
            facts.again = again;
            facts.started = stamped.time;
        }
        Event::SystemReady { targets, brokers, .. } => {
            facts.targets = targets;
            facts.brokers = brokers;
        }
        Event::PlanWritten { text, digest } => facts.plan = Some((text, digest)),
        Event::FilesWritten { files } => facts.files.extend(files),
        Event::PhaseStarted { .. } => {}
        Event::Process { name, .. } => {
            history.processes.extend(stamped.at.map(|at| Turn { at, process: name }));
        }
        Event::PhaseEnded { phase, from, to } => {
            history.phases.push(PhaseRecord { name: phase, from, to });
        }
        Event::FaultPlanned { fault } | Event::FaultChanged { fault } => {
            match history.faults.iter_mut().find(|known| known.name == fault.name) {
                Some(known) => *known = fault,
                None => history.faults.push(fault),
            }
        }
        Event::DeploymentPlanned { deployment } | Event::DeploymentChanged { deployment } => {
            match history.deployments.iter_mut().find(|known| known.name == deployment.name) {
                Some(known) => *known = deployment,
                None => history.deployments.push(deployment),
            }
        }
        Event::RollBackAdvised { advice } => history.advised.push(advice),
        Event::LogLine { probe, line } => {
            let lines = history.lines.entry(probe).or_default();
            if lines.len() < LINES {
                lines.push(line);
            }
        }
        Event::ProbeTrouble { probe, why } => {
            history.troubles.entry(probe).or_default().push(Trouble { at: stamped.at, why });
        }
        Event::Absent { probe, thing, what } => {
            history.never_there.insert((probe, thing), what);
        }
        Event::Appeared { probe, thing } => {
            history.never_there.remove(&(probe, thing));
        }
        Event::RunStopped { stop } => {
            let at = (stop.at * 10.0).round() / 10.0;
            facts.warnings.push(format!("Stopped by {} at {at} s: {}", stop.check, stop.why));
            history.stopped = Some(stop);
        }
        Event::AbortRan { error } => abort_ran(error, facts, history),
        Event::Warning { text, awaited_by } => {
            if !awaited_by.is_empty() {
                facts.awaited.insert(text.clone(), awaited_by);
            }
            facts.warnings.push(text);
        }
        Event::WorkloadEnded { workload, summary } => {
            facts.workloads.insert(workload, *summary);
        }
        event @ Event::EffectsRead { .. } => effects_read(event, facts, history),
        Event::RunEnded { interrupted, seconds, written, samples } => {
            facts.samples = samples;
            history.interrupted = interrupted;
            facts.written = written;
            facts.has_ended = true;
            facts.seconds = seconds;
        }
    }
}

/// What became of the reading of a source.
fn effects_read(event: Event, facts: &mut Facts, history: &mut History) {
    let Event::EffectsRead {
        source,
        place,
        error,
        blind,
        foreign,
        foreign_count,
        workloads,
        dead,
        tries,
        order,
        schema,
        absent,
        nameless,
        times,
        dead_times,
        aggregates,
    } = event
    else {
        return;
    };
    facts.effects.insert(source.clone(), workloads);
    facts.sources.insert(source.clone(), place);
    let seen = match error {
        Some(why) => Err(why),
        None => Ok(Seen {
            foreign,
            foreign_count,
            blind,
            dead: dead.map(|part| {
                let tries =
                    tries.map(|part| DeadTries { trouble: part.error, ..DeadTries::default() });
                Dead { trouble: part.error, tries, ..Dead::default() }
            }),
            order: order.map(|part| Order { trouble: part.error, ..Order::default() }),
            schema: schema.map(|part| Conformity { trouble: part.error, ..Conformity::default() }),
            absent,
            nameless,
            times: times.map(|times| times.timing()),
            dead_times: dead_times.map(|times| times.timing()),
            aggregates: aggregates.map(|read| Aggregates {
                strangers: read.strangers,
                trouble: read.error,
                ..Aggregates::default()
            }),
            ..Seen::default()
        }),
    };
    history.effects.insert(source, seen);
}

/// What became of the program of `[safety] on_abort`.
fn abort_ran(error: Option<String>, facts: &mut Facts, history: &mut History) {
    let text = match &error {
        None => "on_abort was run, and ended well.".to_owned(),
        Some(why) => format!(
            "on_abort failed: {why}. The new version may still have its share of the traffic; \
             take it away by hand."
        ),
    };
    facts.warnings.push(text);
    history.abort_failed = error;
}
