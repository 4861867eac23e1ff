//! The steps of deployments: that they are in the order of time and have time enough, and
//! that what waits for one waits for one that there is and that comes before.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Key, Links};
use crate::file::File;
use crate::file::item::{Lack, Out};
use crate::plan::deployment::Step;
use crate::plan::{Cause, Change, Deployment};
use crate::read::{At, Context, nearest_help};
use crate::units::Span;

/// When a step is due.
pub(in crate::file) struct Due {
    /// The step.
    pub(in crate::file) step: String,
    /// The phase in which it is due.
    pub(in crate::file) phase: String,
    /// When, counted from the start of the phase.
    pub(in crate::file) at: At<Span>,
    /// How long it may take.
    pub(in crate::file) within: At<Span>,
}

/// Something that waits for a step.
pub(in crate::file) struct Wait {
    /// The phase in which it waits.
    pub(in crate::file) phase: String,
    /// The deployment.
    pub(in crate::file) deployment: String,
    /// The step.
    pub(in crate::file) step: At<String>,
    /// How many pods must be new, if that is asked for.
    pub(in crate::file) updated: Option<At<u32>>,
}

/// What was taken down of them, each with whose it is.
#[derive(Default)]
pub(super) struct Steps {
    dues: Vec<(Key, Due)>,
    waits: Vec<(Key, Wait)>,
    /// Steps that are judged, each with its deployment.
    judged: Vec<(Key, String, At<String>)>,
    /// Steps that something cannot do without, each with its deployment.
    needed: Vec<(Key, At<String>, At<String>)>,
    /// Steps that are by themselves not part of this run.
    out: BTreeMap<Key, Out>,
}

/// A step as something that may be left out.
pub(in crate::file) fn step_key(deployment: &str, step: &str) -> Key {
    ("step".to_owned(), format!("{deployment}/{step}"))
}

/// What a deployment's orchestrator tells of its pods.
fn pods_key(deployment: &str) -> Key {
    ("pods of deployment".to_owned(), deployment.to_owned())
}

/// What it tells of its canary.
fn canary_key(deployment: &str) -> Key {
    ("canary of deployment".to_owned(), deployment.to_owned())
}

/// What a series of a deployment comes from, where that is left out: its pods, or those of
/// its canary.
pub(super) fn counted(owner: Key, series: &str, out: &BTreeMap<Key, Out>) -> Key {
    let (kind, deployment) = &owner;
    if kind != "deployment" {
        return owner;
    }
    let is_of_canary = !series.strip_prefix(deployment).is_some_and(|rest| rest.starts_with('.'));
    let canary = is_of_canary.then(|| canary_key(deployment));
    let of = canary.into_iter().chain([pods_key(deployment)]).find(|key| out.contains_key(key));
    of.unwrap_or(owner)
}

/// Things that what refers to them cannot do without, or not without all of them.
pub(super) struct Group {
    pub(super) owner: Key,
    /// Each as messages call it.
    pub(super) of: Vec<(String, Key)>,
    /// Whether the file says that the owner may be left out along with them.
    pub(super) may: bool,
}

impl Links {
    /// Takes down when the next step of the deployment that is read now is due.
    pub(in crate::file) fn due(&self, due: Due) {
        let owner = self.owner.borrow().clone();
        self.steps.borrow_mut().dues.push((owner, due));
    }

    /// Takes down that what is read now waits for a step.
    pub(in crate::file) fn wait(&self, wait: Wait) {
        let owner = self.owner.borrow().clone();
        self.steps.borrow_mut().waits.push((owner, wait));
    }

    /// Takes down steps of a deployment that what is read now judges, and gives their names.
    pub(in crate::file) fn refer_steps(
        &self,
        deployment: &str,
        steps: Vec<At<String>>,
    ) -> Vec<String> {
        let owner = self.owner.borrow().clone();
        let names = steps.iter().map(|step| step.value.clone()).collect();
        let judged = steps.into_iter().map(|step| (owner.clone(), deployment.to_owned(), step));
        self.steps.borrow_mut().judged.extend(judged);
        names
    }

    /// Takes down that a step of the deployment that is read now is left out.
    pub(in crate::file) fn without_step(&self, step: &At<String>, why: String, cause: Cause) {
        if step.is_placeholder() {
            return;
        }
        let (_, deployment) = self.owner.borrow().clone();
        let key = step_key(&deployment, &step.value);
        let lacks = [Lack::Item(key.clone(), why.clone())].into();
        self.steps.borrow_mut().out.insert(key, Out { why, cause, lacks, may: true });
    }

    /// Takes down that what is read now cannot do without a step, and may be left out with it.
    pub(in crate::file) fn needs_step(&self, deployment: At<String>, step: At<String>) {
        let owner = self.owner.borrow().clone();
        self.steps.borrow_mut().needed.push((owner, deployment, step));
    }

    /// The steps that are left out by themselves; and what else of a deployment is not part
    /// of this run: what nobody tells of its pods, a canary that no step gives any, and a
    /// deployment without steps.
    pub(super) fn outs_of_steps(&self, file: &File) -> BTreeMap<Key, Out> {
        let steps = self.steps.borrow();
        let mut out = steps.out.clone();
        let mut add = |key: Key, why: String, cause: Cause| {
            let lacks = [Lack::Item(key.clone(), why.clone())].into();
            out.insert(key, Out { why, cause, lacks, may: true });
        };
        for item in &file.deployments {
            let (name, deployment) = (&item.name.value, &item.value);
            let gone = |step: &Step| steps.out.get(&step_key(name, &step.name));
            if !deployment.at.tells_pods() {
                let why = "commands tell nothing of pods";
                add(pods_key(name), why.to_owned(), Cause::Unable);
            }
            let gives = |step: &&Step| matches!(step.change, Change::Weight { .. });
            let weights: Vec<Option<&Out>> =
                deployment.steps.iter().filter(gives).map(gone).collect();
            if let Some(Some(first)) = weights.first()
                && weights.iter().all(Option::is_some)
            {
                let why = format!("no step gives it pods: {}", first.why);
                add(canary_key(name), why, first.cause);
            }
            let all: Vec<Option<&Out>> = deployment.steps.iter().map(gone).collect();
            if let Some(Some(first)) = all.first()
                && all.iter().all(Option::is_some)
                && item.out.is_none()
            {
                let why = format!("each of its steps is left out: {}", first.why);
                add((item.kind.to_owned(), name.clone()), why, first.cause);
            }
        }
        out
    }

    /// What refers to steps, and to the pods that one replaces.
    pub(super) fn groups_of_steps(&self) -> Vec<Group> {
        let steps = self.steps.borrow();
        let named =
            |deployment: &str, step: &str| (format!("step {step}"), step_key(deployment, step));
        let mut groups = Vec::new();
        for (owner, deployment, step) in &steps.needed {
            let of_deployment = ("deployment".to_owned(), deployment.value.clone());
            for of in [
                named(&deployment.value, &step.value),
                (format!("deployment {}", deployment.value), of_deployment),
            ] {
                groups.push(Group { owner: owner.clone(), of: vec![of], may: true });
            }
        }
        for (owner, wait) in &steps.waits {
            let of = vec![named(&wait.deployment, &wait.step.value)];
            groups.push(Group { owner: owner.clone(), of, may: false });
            if wait.updated.is_some() {
                let pods = (format!("{} of it", wait.deployment), pods_key(&wait.deployment));
                groups.push(Group { owner: owner.clone(), of: vec![pods], may: false });
            }
        }
        let mut judged: BTreeMap<Key, Vec<(String, Key)>> = BTreeMap::new();
        for (owner, deployment, step) in &steps.judged {
            judged.entry(owner.clone()).or_default().push(named(deployment, &step.value));
        }
        groups.extend(judged.into_iter().map(|(owner, of)| Group { owner, of, may: false }));
        groups
    }

    /// What is left out needs no time and waits for nothing.
    pub(super) fn check_steps(&self, context: &Context, file: &File, out: &BTreeMap<Key, Out>) {
        let phases = Phases::of(file);
        let steps = self.steps.borrow();
        let is_kept = |(owner, due): &&(Key, Due)| {
            !out.contains_key(owner) && !out.contains_key(&step_key(&owner.1, &due.step))
        };
        let dues: Vec<_> = steps.dues.iter().filter(is_kept).collect();
        for pair in dues.windows(2) {
            let [(owner, first), (other, then)] = [pair[0], pair[1]];
            if owner == other
                && let (Some(before), Some(after)) = (phases.when(first), phases.when(then))
                && after < before
            {
                let message = format!(
                    "step {:?} is due before {:?}, which stands above it",
                    then.step, first.step
                );
                let help = Some("write the steps in the order of their times".to_owned());
                context.problem(Some(then.at.span.clone()), message, help);
            }
        }
        for (_, due) in &dues {
            if let (Some(at), Some(end)) = (phases.when(due), phases.end)
                && at < end
                && at + due.within.value.0 > end
            {
                let message = format!(
                    "step {:?} may take until {}, and the run ends at {}",
                    due.step,
                    Span(at + due.within.value.0),
                    Span(end)
                );
                let help = "let it take less with within, or let the last phase be longer";
                context.problem(Some(due.within.span.clone()), message, Some(help.to_owned()));
            }
        }
        for (_, wait) in steps.waits.iter().filter(|(owner, _)| !out.contains_key(owner)) {
            check_wait(context, file, &phases, wait);
        }
        for (_, deployment, step) in
            steps.judged.iter().filter(|(owner, ..)| !out.contains_key(owner))
        {
            find_step(context, file, deployment, step);
        }
        for (_, deployment, step) in &steps.needed {
            let names = || file.deployments.iter().map(|item| item.name.value.as_str());
            if !names().any(|name| name == deployment.value) {
                let message = format!("there is no deployment {:?}", deployment.value);
                let help = nearest_help(&deployment.value, names(), "deployments");
                context.problem(Some(deployment.span.clone()), message, help);
            }
            find_step(context, file, &deployment.value, step);
        }
    }
}

/// When each phase begins, and when the run ends.
struct Phases {
    begin: BTreeMap<String, Duration>,
    end: Option<Duration>,
}

impl Phases {
    fn of(file: &File) -> Self {
        let (mut begin, mut at, mut is_known) = (BTreeMap::new(), Duration::ZERO, true);
        for phase in &file.phases {
            begin.insert(phase.name.value.clone(), at);
            at += phase.length.0;
            is_known &= !phase.length.0.is_zero();
        }
        Self { begin, end: is_known.then_some(at) }
    }

    /// When a step is due; none where its phase is not known.
    fn when(&self, due: &Due) -> Option<Duration> {
        self.end?;
        Some(*self.begin.get(&due.phase)? + due.at.value.0)
    }
}

/// The step of that name; that there is none is told.
fn find_step<'a>(
    context: &Context,
    file: &'a File,
    deployment: &str,
    step: &At<String>,
) -> Option<&'a Step> {
    let mut deployments = file.deployments.iter().enumerate();
    let found = deployments.find(|(_, item)| item.name.value == deployment);
    // That there is no such deployment is told of its name.
    let (number, item) = found?;
    let known: &Deployment = &item.value;
    let found = known.step(&step.value);
    // A step of which something could not be read may be the one.
    if found.is_none() && !step.is_placeholder() && !context.is_flawed(item.kind, number) {
        let names = known.steps.iter().map(|step| step.name.as_str());
        let message = format!("deployment {deployment:?} has no step {:?}", step.value);
        let help = nearest_help(&step.value, names, "steps");
        context.problem(Some(step.span.clone()), message, help);
    }
    found
}

fn check_wait(context: &Context, file: &File, phases: &Phases, wait: &Wait) {
    let Some(step) = find_step(context, file, &wait.deployment, &wait.step) else { return };
    if let Some(updated) = &wait.updated
        && !step.change.replaces_pods()
    {
        let message = format!("step {:?} makes no pod new", step.name);
        let help = Some("take updated out: then the step must be done".to_owned());
        context.problem(Some(updated.span.clone()), message, help);
    }
    let begins = |phase: &str| phases.begin.get(phase).copied();
    if let (Some(own), Some(of_step)) = (begins(&wait.phase), begins(&step.phase))
        && own < of_step
    {
        let message = format!(
            "step {:?} is not due before phase {:?}, and phase {:?} is over then",
            step.name, step.phase, wait.phase
        );
        let help = Some(format!("put it into phase {:?} or a later one", step.phase));
        context.problem(Some(wait.step.span.clone()), message, help);
    }
}
