//! A rollout: each of the steps of a deployment was done in its time, and in the end
//! every pod runs what it is to run, is ready, and has not been started again.
//!
//! Broken when a step that was asked for failed or took longer than it may, when a pod
//! runs another image or is not ready where the step is said to be done, or when pods that
//! the step made were started again more often than is allowed. Restarts are counted where
//! a step replaces all pods or those of the canary, because others had them before; every
//! victim of a fault in `excused_by` that was injected meanwhile excuses one. A rollback
//! that the run itself asked for is judged like a step; one that something else overtook
//! is not, unless it is named. Inconclusive when a step was never
//! asked for, because nobody answered, the run ended, or the deployment had been rolled
//! back before; and when what was seen at the end of a step is not in the record, or the
//! orchestrator tells no counts that pods could be judged by, which holds where only its
//! word was asked for. Measured is the longest time that a step took. Evidence: each step.

use reports::record::{
    DeploymentLook, DeploymentRecord, DeploymentStep, Evidence, PodRecord, Rollback,
};
use scenarios::plan::check::Rollout;
use scenarios::plan::{Change, Deployment, Orchestrator, Plan};
use serde_json::json;

use super::anomalies::Rows;
use super::opinion::{Opinion, evidence};
use super::words;
use crate::history::History;

/// The clock of the record and the one by which a step is given up are read one after
/// the other, so much apart at most, in seconds.
const SLACK: f64 = 0.5;

const NOBODY: &str = "nobody knows why";

/// What one step comes to.
#[derive(Debug)]
enum Outcome {
    Done {
        took: f64,
    },
    /// Something else set the same before it was done.
    Superseded {
        by: String,
    },
    Broken {
        at: Option<f64>,
        why: String,
    },
    Unknown {
        why: String,
    },
}

pub(super) fn judge(check: &Rollout, plan: &Plan, history: &History) -> Opinion {
    let restarts = match check.max_restarts {
        0 => "no restart".to_owned(),
        most => format!("at most {}", words::plural(most, "restart")),
    };
    let bound = format!("every step done in time, every pod new and ready, {restarts}");
    let planned = plan.deployments.iter().find(|planned| planned.name == check.deployment);
    let (Some(planned), Some(record)) = (planned, history.deployment(&check.deployment)) else {
        let why = format!("The record says nothing of deployment {}.", check.deployment);
        return Opinion::inconclusive(&bound, why);
    };
    let judged = Judged { check, planned, record, history };
    let mut outcomes: Vec<(String, Outcome)> = Vec::new();
    for step in &planned.steps {
        if !check.steps.is_empty() && !check.steps.contains(&step.name) {
            continue;
        }
        let known = record.steps.iter().find(|known| known.name == step.name);
        let outcome = known.map_or_else(
            || Outcome::Unknown { why: "it is not in the record".to_owned() },
            |known| judged.step(known),
        );
        outcomes.push((step.name.clone(), outcome));
    }
    outcomes.extend(judged.rollback().map(|outcome| ("the rollback".to_owned(), outcome)));
    conclude(&bound, &outcomes)
}

/// What a check on a deployment looks at.
struct Judged<'a> {
    check: &'a Rollout,
    planned: &'a Deployment,
    record: &'a DeploymentRecord,
    history: &'a History,
}

impl Judged<'_> {
    fn step(&self, step: &DeploymentStep) -> Outcome {
        if let Some(why) = &step.skipped {
            return Outcome::Unknown { why: format!("it was left out: {why}") };
        }
        let Some(asked) = step.asked.filter(|_| !step.unasked) else {
            let why = step.why.as_deref().unwrap_or("the run had ended before");
            return Outcome::Unknown { why: format!("it was never asked for: {why}") };
        };
        if let Some(by) = &step.superseded_by {
            return match self.check.steps.is_empty() {
                true => Outcome::Superseded { by: by.clone() },
                false => Outcome::Unknown { why: format!("{by} came before it was done") },
            };
        }
        let looks = Looks { stable: step.at_end.as_ref(), canary: step.canary_at_end.as_ref() };
        let (within, done, failed) = (step.within, step.done, step.failed);
        let end = End { asked, within, done, failed, why: step.why.as_deref(), looks };
        self.outcome(&end, |done| {
            let restarts = looks.restarts(&step.change);
            self.seen(&step.change, &looks).or_else(|| self.restarted(restarts, asked, done))
        })
    }

    fn rollback(&self) -> Option<Outcome> {
        let rollback = self.record.rolled_back.as_ref()?;
        let why = rollback.why.as_deref();
        if rollback.unasked {
            let why = format!("it could not be asked for: {}", why.unwrap_or(NOBODY));
            return Some(Outcome::Unknown { why });
        }
        let Rollback { asked, within, done, failed, .. } = *rollback;
        let (stable, canary) = (rollback.at_end.as_ref(), rollback.canary_at_end.as_ref());
        let looks = Looks { stable, canary };
        let end = End { asked, within, done, failed, why, looks };
        Some(self.outcome(&end, |_| {
            let image = self.image("stable");
            let of_canary = || mistaken(looks.canary?, None, None);
            self.told(&looks, |stable| mistaken(stable, image, None).or_else(of_canary))
        }))
    }

    /// What became of something that was asked for; `wrong` says what is wrong with the
    /// pods where it was done in time.
    fn outcome(&self, end: &End<'_>, wrong: impl FnOnce(f64) -> Option<Wrong>) -> Outcome {
        let unknown = |why: &str| Outcome::Unknown { why: why.to_owned() };
        if let Some(failed) = end.failed {
            if self.starved(end.asked, failed) > 0.0 {
                return unknown("it failed while the host was starved");
            }
            let why = end.why.unwrap_or(NOBODY);
            let seen = end.looks.stable.map(state).unwrap_or_default();
            return Outcome::Broken { at: Some(failed), why: format!("it failed: {why}{seen}") };
        }
        let Some(done) = end.done else {
            return unknown("the run ended before it was done, or had to be");
        };
        let took = done - end.asked;
        if took - self.starved(end.asked, done) > end.within + SLACK {
            let (took, within) = (words::seconds(took), words::seconds(end.within));
            let why = format!("it took {took}, and {within} are allowed");
            return Outcome::Broken { at: Some(done), why };
        }
        match wrong(done) {
            Some(Wrong::Broken(why)) => Outcome::Broken { at: Some(done), why },
            Some(Wrong::Unknown(why)) => Outcome::Unknown { why },
            None => Outcome::Done { took },
        }
    }

    /// For how much of a time the host was starved, where that is not to be held against
    /// the system, in seconds.
    fn starved(&self, from: f64, to: f64) -> f64 {
        let stretches = self.history.apart.iter();
        stretches.map(|&(begin, end)| (end.min(to) - begin.max(from)).max(0.0)).sum()
    }

    /// The image that a deployment's plan calls so.
    fn image(&self, name: &str) -> Option<&str> {
        self.planned.images.get(name).map(String::as_str)
    }

    /// What `judged` finds in the look at the deployment. Programs of the user's own tell
    /// nothing of pods: their word is all that there is.
    fn told(
        &self,
        looks: &Looks<'_>,
        judged: impl FnOnce(&DeploymentLook) -> Option<Wrong>,
    ) -> Option<Wrong> {
        match (&self.planned.at, looks.stable) {
            (Orchestrator::Commands { .. }, _) => None,
            (_, Some(stable)) => judged(stable),
            (_, None) => Some(Wrong::Unknown("what was seen then is not in the record".to_owned())),
        }
    }

    /// What is wrong with the pods after a step that is said to be done.
    fn seen(&self, change: &Change, looks: &Looks<'_>) -> Option<Wrong> {
        self.told(looks, |stable| self.seen_in(change, stable, looks))
    }

    fn seen_in(
        &self,
        change: &Change,
        stable: &DeploymentLook,
        looks: &Looks<'_>,
    ) -> Option<Wrong> {
        match change {
            Change::Pause if !stable.paused => Some(Wrong::Broken("it is not paused".to_owned())),
            // Pods of both images may be there, and stay.
            Change::Pause => None,
            Change::Resume if stable.paused => Some(Wrong::Broken("it is still paused".to_owned())),
            Change::SetImage { image } => mistaken(stable, self.image(image), None),
            Change::Scale { replicas } => mistaken(stable, None, self.share(*replicas, looks)),
            Change::Weight { pods, of: all, image } => match looks.canary {
                None if *pods == 0 => mistaken(stable, None, Some((*all).into())),
                None => Some(Wrong::Unknown("nothing of the canary is in the record".to_owned())),
                Some(canary) => {
                    let image = self.image(image).filter(|_| *pods > 0);
                    let rest = u64::from(all.saturating_sub(*pods));
                    mistaken(canary, image, Some((*pods).into()))
                        .or_else(|| mistaken(stable, None, Some(rest)))
                }
            },
            Change::Resume | Change::Restart | Change::Undo { .. } => mistaken(stable, None, None),
        }
    }

    /// How many pods the stable deployment has of all of them, where a canary has some.
    fn share(&self, replicas: u32, looks: &Looks<'_>) -> Option<u64> {
        let canary = match looks.canary {
            Some(canary) => canary.counts.as_ref()?.desired,
            None => 0,
        };
        Some(u64::from(replicas.saturating_sub(canary)))
    }

    /// Why there were too many restarts, if so.
    fn restarted(&self, restarts: u64, asked: f64, done: f64) -> Option<Wrong> {
        let meanwhile = |at: f64| (asked - SLACK..=done).contains(&at);
        let faults = self.check.excused_by.iter().filter_map(|name| self.history.fault(name));
        let faults = faults.filter(|fault| fault.injected.is_some_and(meanwhile));
        let excused: u64 = faults.map(|fault| fault.victims.len() as u64).sum();
        let (counted, most) = (restarts.saturating_sub(excused), self.check.max_restarts);
        (counted > most).then(|| {
            let beside = match excused {
                0 => String::new(),
                _ => format!(", beside {excused} that the tool's own faults explain"),
            };
            let counted = words::plural(counted, "restart");
            Wrong::Broken(format!("its pods had {counted}{beside}"))
        })
    }
}

enum Wrong {
    Broken(String),
    Unknown(String),
}

/// What became of a step or a rollback that was asked for.
struct End<'a> {
    asked: f64,
    within: f64,
    done: Option<f64>,
    failed: Option<f64>,
    why: Option<&'a str>,
    looks: Looks<'a>,
}

/// What was seen of a deployment and its canary at the end of a step.
#[derive(Clone, Copy)]
struct Looks<'a> {
    stable: Option<&'a DeploymentLook>,
    canary: Option<&'a DeploymentLook>,
}

impl Looks<'_> {
    /// The restarts of the pods that a step has made.
    fn restarts(&self, change: &Change) -> u64 {
        let of = |counts: Option<&DeploymentLook>| {
            let pods = counts.into_iter().flat_map(staying);
            pods.map(|pod| u64::from(pod.restarts)).sum()
        };
        match change {
            Change::SetImage { .. } | Change::Restart | Change::Undo { .. } => of(self.stable),
            Change::Weight { .. } => of(self.canary),
            Change::Scale { .. } | Change::Pause | Change::Resume => 0,
        }
    }
}

/// The pods that are not being ended.
fn staying(look: &DeploymentLook) -> impl Iterator<Item = &PodRecord> {
    look.pods.iter().filter(|pod| !pod.is_ending())
}

/// Why a deployment is not what it is to be, if so: the image that its pods are to run, if
/// it is known, and how many there are to be.
fn mistaken(look: &DeploymentLook, image: Option<&str>, pods: Option<u64>) -> Option<Wrong> {
    let broken = |why: String| Some(Wrong::Broken(why));
    let (Some(told), Some(counts)) = (&look.image, &look.counts) else {
        let why = "the orchestrator did not tell the image or the number of its pods";
        return Some(Wrong::Unknown(why.to_owned()));
    };
    let wanted = image.unwrap_or(told);
    if told != wanted {
        return broken(format!("it is to run {told}, not {wanted}"));
    }
    if let Some(pods) = pods.filter(|&pods| u64::from(counts.desired) != pods) {
        return broken(format!("it is to have {} pods, not {pods}", counts.desired));
    }
    let all = [counts.replicas, counts.updated, counts.available];
    if all.iter().any(|&count| count != counts.desired) {
        return broken(format!("it was not done{}", state(look)));
    }
    let staying: Vec<&PodRecord> = staying(look).collect();
    if staying.len() != counts.desired as usize {
        let (known, desired) = (staying.len(), counts.desired);
        return Some(Wrong::Unknown(format!("{known} of {desired} pods are in the record")));
    }
    match staying.iter().find(|pod| !pod.ready || pod.image != wanted) {
        Some(pod) if pod.image != wanted => {
            broken(format!("pod {} runs {}, not {wanted}", pod.name, pod.image))
        }
        Some(pod) => broken(format!("pod {} was not ready", pod.name)),
        None => None,
    }
}

/// How far a deployment was, in words: `; 2 of 6 pods were new and 4 available`.
fn state(look: &DeploymentLook) -> String {
    let Some(counts) = &look.counts else { return String::new() };
    let restarts = match counts.restarts {
        0 => String::new(),
        restarts => format!(", with {}", words::plural(restarts.into(), "restart")),
    };
    let (desired, updated, available) = (counts.desired, counts.updated, counts.available);
    let ends = staying(look).filter_map(|pod| pod.last_end.as_deref());
    let ends = ends.last().map(|end| format!("; a pod ended: {end}")).unwrap_or_default();
    format!("; {updated} of {desired} pods were new and {available} available{restarts}{ends}")
}

fn conclude(bound: &str, outcomes: &[(String, Outcome)]) -> Opinion {
    let mut told: Vec<Evidence> = Vec::new();
    let (mut broken, mut unknown, mut rows) = (Vec::new(), Vec::new(), Vec::new());
    let (mut done, mut superseded) = (0, 0_u64);
    let (mut longest, mut since) = (0.0_f64, None::<f64>);
    for (name, outcome) in outcomes {
        let (seen, at) = match outcome {
            Outcome::Done { took } => {
                done += 1;
                longest = longest.max(*took);
                (format!("done in {}", words::seconds(*took)), None)
            }
            Outcome::Superseded { by } => {
                superseded += 1;
                (format!("{by} came before it was done"), None)
            }
            Outcome::Broken { at, why } => {
                since = since.or(*at);
                broken.push(format!("{name}: {why}"));
                rows.push(json!({ "step": name, "at": at, "why": why }));
                (why.clone(), *at)
            }
            Outcome::Unknown { why } => {
                unknown.push(format!("{name}: {why}"));
                (why.clone(), None)
            }
        };
        told.push(evidence(format!("step {name}"), seen, at));
    }
    let of = words::plural(outcomes.len() as u64 - superseded, "step");
    let measured = match done {
        0 => format!("0 of {of}"),
        _ => format!("{done} of {of}, the slowest in {}", words::seconds(longest)),
    };
    let opinion = if !broken.is_empty() {
        let why = format!("{}.", broken.join("; "));
        Opinion::violated(bound, measured, why).since(since).rows(Rows::Listed(rows))
    } else if !unknown.is_empty() {
        Opinion::doubtful(bound, measured, format!("{}.", unknown.join("; ")))
    } else if done == 0 {
        Opinion::inconclusive(bound, "No step was judged.")
    } else {
        Opinion::held(bound, measured, "Every step was done in its time.")
    };
    opinion.evidence(told)
}
