//! The course of one deployment: which step is to be asked for now, and what becomes of
//! each. A function of the plan, of what was asked, of what was seen and of the time; no
//! clock and no request. Times are seconds since the start of the first phase.

use std::collections::BTreeMap;

use chaos::conduct::StepSeen;
use chaos::deployment::{Asked, Look, Progress, Status};
use reports::record::{DeploymentRecord, DeploymentStep, Rollback};
use scenarios::plan::{Afterwards, Change, Deployment, Timeline};

use super::record;

/// What was taken, and when.
#[derive(Debug, Clone, Copy)]
struct Taken {
    asked: Asked,
    at: f64,
}

/// A look, and when it began.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) begun: f64,
    pub(super) look: Look,
}

/// A deployment on its way through its steps.
pub(super) struct Course {
    plan: Deployment,
    record: DeploymentRecord,
    taken: Vec<Option<Taken>>,
    rolled: Option<Taken>,
    last: Option<Look>,
}

impl Course {
    pub(super) fn new(plan: &Deployment, timeline: &Timeline, orchestrator: String) -> Self {
        let steps = plan.steps.iter().map(|step| {
            let begin = timeline.span(&step.phase).map_or_else(Default::default, |span| span.0);
            DeploymentStep {
                name: step.name.clone(),
                phase: step.phase.clone(),
                what: plan.what(&step.change),
                change: step.change.clone(),
                due: (begin + step.at.0).as_secs_f64(),
                within: step.within.as_secs_f64(),
                asked: None,
                confirmed: None,
                done: None,
                failed: None,
                why: None,
                unasked: false,
                skipped: None,
                superseded_by: None,
                at_end: None,
                canary_at_end: None,
            }
        });
        let record = DeploymentRecord {
            name: plan.name.clone(),
            orchestrator,
            canary: plan.canary.clone(),
            steps: steps.collect(),
            rolled_back: None,
            restored: None,
        };
        let taken = vec![None; plan.steps.len()];
        Self { plan: plan.clone(), record, taken, rolled: None, last: None }
    }

    pub(super) fn record(&self) -> &DeploymentRecord {
        &self.record
    }

    pub(super) fn record_mut(&mut self) -> &mut DeploymentRecord {
        &mut self.record
    }

    pub(super) fn change(&self, step: usize) -> &Change {
        &self.plan.steps[step].change
    }

    /// The step that is to be asked for now. What cannot be asked for any more because of
    /// the step before it is skipped.
    pub(super) fn next(&mut self, now: f64) -> Option<usize> {
        loop {
            let step = self.waiting()?;
            if self.record.steps[step].due > now {
                return None;
            }
            if let Some(later) = self.overtaking(step, now) {
                let why = format!("step {} came before its turn", self.record.steps[later].name);
                self.record.steps[step].skipped = Some(why);
                continue;
            }
            let Some(before) = step.checked_sub(1) else { return Some(step) };
            if self.plan.steps[step].overlaps || self.record.steps[before].done.is_some() {
                return Some(step);
            }
            let before = &self.record.steps[before];
            let became = match before {
                before if before.failed.is_some() => "failed",
                before if before.skipped.is_some() => "was skipped",
                before if before.is_over() => "was not done",
                _ => return None,
            };
            let why = format!("step {} before it {became}", before.name);
            self.record.steps[step].skipped = Some(why);
        }
    }

    /// The first step that was neither asked for nor is over.
    fn waiting(&self) -> Option<usize> {
        self.record.steps.iter().position(|step| step.asked.is_none() && !step.is_over())
    }

    /// A later step that does not wait, and whose time has come while this one waits.
    fn overtaking(&self, step: usize, now: f64) -> Option<usize> {
        let waits = step.checked_sub(1).is_some_and(|before| {
            !self.plan.steps[step].overlaps && !self.record.steps[before].is_over()
        });
        let later = (step + 1..self.plan.steps.len())
            .find(|&later| self.plan.steps[later].overlaps && self.record.steps[later].due <= now);
        later.filter(|_| waits)
    }

    /// When something is to be done although nothing is seen: a step is due, or the time of
    /// one is over. Infinite where nothing is.
    pub(super) fn wakes_at(&self, now: f64) -> f64 {
        let due = self.waiting().map(|step| self.record.steps[step].due);
        // What is due and waits for another step is woken by that.
        let due = due.filter(|&due| due > now);
        let overlapping = self.record.steps.iter().zip(&self.plan.steps);
        let overlapping = overlapping
            .filter(|(step, plan)| plan.overlaps && step.asked.is_none() && step.due > now)
            .map(|(step, _)| step.due);
        let under_way = self.record.steps.iter().filter(|step| step.is_under_way());
        let ends = under_way.filter_map(|step| Some(step.asked? + step.within));
        let rollback = self.record.rolled_back.as_ref().filter(|rollback| is_open(rollback));
        let ends = ends.chain(rollback.map(|rollback| rollback.asked + rollback.within));
        due.into_iter().chain(overlapping).chain(ends).fold(f64::INFINITY, f64::min)
    }

    /// A step is asked for. Earlier ones that set the same cannot be done any more.
    pub(super) fn asking(&mut self, step: usize, now: f64) {
        self.record.steps[step].asked = Some(now);
        let (change, name) =
            (self.plan.steps[step].change.clone(), self.plan.steps[step].name.clone());
        let earlier = self.record.steps[..step].iter_mut().zip(&self.plan.steps);
        for (earlier, plan) in earlier.filter(|(earlier, _)| earlier.is_under_way()) {
            if change.supersedes(&plan.change) {
                earlier.superseded_by = Some(format!("step {name}"));
            }
        }
    }

    /// What came of asking.
    pub(super) fn took(&mut self, step: usize, asked: Result<Asked, String>, now: f64) {
        match asked {
            Ok(asked) => self.taken[step] = Some(Taken { asked, at: now }),
            Err(why) => {
                let step = &mut self.record.steps[step];
                (step.failed, step.why, step.unasked) = (Some(now), Some(why), true);
            }
        }
    }

    /// Takes note of a look. What was seen before a request was answered says nothing of it.
    pub(super) fn see(&mut self, seen: Seen, now: f64) {
        let Seen { begun, look } = seen;
        for (place, step) in self.record.steps.iter_mut().enumerate() {
            let Some(taken) = self.taken[place].filter(|taken| begun >= taken.at) else { continue };
            if !step.is_under_way() || !is_seen(&look, &taken.asked) {
                continue;
            }
            step.confirmed.get_or_insert(now);
            if look.is_done(&step.change) {
                step.done = Some(now);
            } else if let Some(reason) = stuck(&look, &step.change) {
                (step.failed, step.why) = (Some(now), Some(reason));
            }
            if step.is_over() {
                (step.at_end, step.canary_at_end) = record::both(&look);
            }
        }
        if let (Some(rollback), Some(taken)) = (&mut self.record.rolled_back, self.rolled)
            && is_open(rollback)
            && begun >= taken.at
            && is_seen(&look, &taken.asked)
        {
            if look.statuses().all(Status::is_done) {
                rollback.done = Some(now);
            } else if let Some(reason) = look.statuses().find_map(exceeded) {
                (rollback.failed, rollback.why) = (Some(now), Some(reason));
            }
            if !is_open(rollback) {
                (rollback.at_end, rollback.canary_at_end) = record::both(&look);
            }
        }
        self.last = Some(look);
    }

    /// Gives up what has taken too long.
    pub(super) fn expire(&mut self, now: f64) {
        let seen = self.last.as_ref().map(record::both).unwrap_or_default();
        let state =
            self.last.as_ref().map_or_else(|| "nothing was seen of it".to_owned(), record::said);
        let is_late = |asked: f64, within: f64| now >= asked + within;
        for step in self.record.steps.iter_mut().filter(|step| step.is_under_way()) {
            if !step.asked.is_some_and(|asked| is_late(asked, step.within)) {
                continue;
            }
            let what = if step.confirmed.is_some() { "done" } else { "seen by the orchestrator" };
            step.failed = Some(now);
            step.why = Some(format!("it was not {what} within {:.0} s: {state}", step.within));
            (step.at_end, step.canary_at_end) = seen.clone();
        }
        if let Some(rollback) =
            self.record.rolled_back.as_mut().filter(|rollback| is_open(rollback))
            && is_late(rollback.asked, rollback.within)
        {
            rollback.failed = Some(now);
            rollback.why =
                Some(format!("it was not done within {:.0} s: {state}", rollback.within));
            (rollback.at_end, rollback.canary_at_end) = seen;
        }
    }

    /// Skips the steps that were not asked for yet.
    pub(super) fn skip_rest(&mut self, why: &str) {
        let steps = self.record.steps.iter_mut();
        for step in steps.filter(|step| step.asked.is_none() && !step.is_over()) {
            step.skipped = Some(why.to_owned());
        }
    }

    /// A rollback is asked for: what is under way cannot be done any more, and nothing more
    /// is asked for.
    pub(super) fn rolling_back(&mut self, why: &str, now: f64) {
        self.skip_rest(why);
        for step in self.record.steps.iter_mut().filter(|step| step.is_under_way()) {
            step.superseded_by = Some("the rollback".to_owned());
        }
        self.record.rolled_back = Some(Rollback {
            asked: now,
            within: self.plan.roll_back_within.as_secs_f64(),
            done: None,
            failed: None,
            why: None,
            unasked: false,
            at_end: None,
            canary_at_end: None,
        });
    }

    /// What came of asking for it.
    pub(super) fn rolled_back(&mut self, asked: Result<Asked, String>, now: f64) {
        match (asked, &mut self.record.rolled_back) {
            (Ok(asked), _) => self.rolled = Some(Taken { asked, at: now }),
            (Err(why), Some(rollback)) => {
                (rollback.failed, rollback.why, rollback.unasked) = (Some(now), Some(why), true);
            }
            (Err(_), None) => {}
        }
    }

    /// When the first step was asked for: from then on there is something to roll back.
    pub(super) fn begun_at(&self) -> Option<f64> {
        self.record.steps.iter().find_map(|step| step.asked)
    }

    /// Whether nothing more becomes of its steps and of its rollback.
    pub(super) fn is_over(&self) -> bool {
        self.record.steps.iter().all(DeploymentStep::is_over) && !self.is_rolling_back()
    }

    pub(super) fn is_rolling_back(&self) -> bool {
        self.record.rolled_back.as_ref().is_some_and(is_open)
    }

    /// Whether it stays as it is when the run ends.
    pub(super) fn is_kept(&self) -> bool {
        let is_last_done = self.record.steps.last().is_some_and(|step| step.done.is_some());
        self.plan.after == Afterwards::Keep && is_last_done && self.record.rolled_back.is_none()
    }

    /// How far each step is, for the faults that wait for one.
    pub(super) fn told(&self) -> BTreeMap<(String, String), StepSeen> {
        let steps = self.record.steps.iter().map(|step| {
            let updated = match step.change {
                Change::Weight { .. } => self.last.as_ref().and_then(|look| look.canary.as_ref()),
                _ => self.last.as_ref().map(|look| &look.stable),
            };
            let over = match step {
                step if step.failed.is_some() => Some("failed"),
                step if step.skipped.is_some() => Some("was skipped"),
                step if step.superseded_by.is_some() => Some("was superseded"),
                _ => None,
            };
            let seen = StepSeen {
                confirmed: step.confirmed.is_some(),
                updated: updated.and_then(|status| Some(status.counts?.updated)),
                done: step.done.is_some(),
                over: over.map(str::to_owned),
            };
            ((self.record.name.clone(), step.name.clone()), seen)
        });
        steps.collect()
    }
}

fn is_open(rollback: &Rollback) -> bool {
    rollback.done.is_none() && rollback.failed.is_none()
}

/// Whether the orchestrator has seen what was asked for.
fn is_seen(look: &Look, asked: &Asked) -> bool {
    let of_canary = || match (asked.canary_generation, &look.canary) {
        (Some(asked), Some(canary)) => canary.observed_generation >= asked,
        (Some(_), None) => false,
        (None, _) => true,
    };
    look.stable.observed_generation >= asked.generation && of_canary()
}

/// Why the orchestrator has given up what a change asks for.
fn stuck(look: &Look, change: &Change) -> Option<String> {
    match change {
        Change::Weight { .. } => look.canary.as_ref().and_then(exceeded),
        Change::SetImage { .. } | Change::Restart | Change::Undo { .. } | Change::Resume => {
            exceeded(&look.stable)
        }
        Change::Scale { .. } | Change::Pause => None,
    }
}

fn exceeded(status: &Status) -> Option<String> {
    match &status.progress {
        Progress::Exceeded { reason } => Some(format!("{}: {reason}", record::of(status))),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
