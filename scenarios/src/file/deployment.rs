//! `[[deployment]]`: what is updated, canaried and rolled back while a run goes on.

mod orchestrator;
mod step;

use std::collections::{BTreeMap, BTreeSet};

use super::is_name;
use super::links::{Kind, Links};
use crate::plan::{Afterwards, Deployment, Orchestrator};
use crate::read::{At, Context, Table};
use crate::units::Span;
use step::Ground;

/// What the image is called that was there before.
const STABLE: &str = "stable";

pub(super) fn read(table: &mut Table<'_, '_>, name: &str, links: &Links) -> Deployment {
    let at = table.table(
        "at",
        "Who orchestrates it: the one of these that the run gives.",
        orchestrator::read,
    );
    let canary = table.opt_at::<String>(
        "canary",
        "The name of the deployment beside it, which runs the new version for a share of the work.",
    );
    let container = table.opt_at::<String>(
        "container",
        "The container whose image is set, where its pods have several.",
    );
    if let Some(container) = &container
        && !matches!(at, Orchestrator::Kubernetes { .. })
    {
        let help = Some("leave it out, or give at.kubernetes".to_owned());
        let message = "only pods of a cluster have containers";
        table.context.problem(Some(container.span.clone()), message, help);
    }
    let images = images(table);
    let after = table.or(
        "after",
        "What becomes of it when the run ends: \"restore\", as it was before the first step, or \"keep\", as the last step left it if that was done.",
        Afterwards::Restore,
    );
    let roll_back_if = table.list_or_empty(
        "roll_back_if",
        "Checks that are judged while the run goes on: when one is violated, the run says that it would roll back, and with --act does so: the steps that are left are skipped, and the stable image and the numbers of pods from before are set.",
    );
    let roll_back_if = links.refer_weakly(table.context, Kind::LiveCheck, roll_back_if);
    let roll_back_within = table.or(
        "roll_back_within",
        "How long a rollback may take, from when it is asked for to when it is done.",
        Span::seconds(300),
    );
    let mut deployment = Deployment {
        name: name.to_owned(),
        at,
        canary: canary.as_ref().map(|at| at.value.clone()),
        container: container.map(|at| at.value).unwrap_or_default(),
        images: images.iter().map(|(name, at)| (name.clone(), at.value.clone())).collect(),
        after,
        roll_back_if,
        roll_back_within,
        steps: Vec::new(),
    };
    let ground = Ground::of(&deployment, table.has("images"));
    let steps = table.some_tables(
        "step",
        "What is done to it, in the order of time.",
        "a deployment goes by its steps; write [[deployment.step]] below it",
        |table| step::read(table, &ground, links),
    );
    step::check_names(table.context, &steps);
    if let Some(canary) = canary
        && has_canary(&steps)
    {
        check_canary(table.context, canary, name);
    }
    check_images(table.context, &images, &steps);
    deployment.steps = steps.into_iter().map(|read| read.step.value).collect();
    deployment
}

/// Whether there is a canary in this run: without a step of it it is looked at all the same.
fn has_canary(steps: &[step::Read]) -> bool {
    let mut of_canary = steps.iter().filter(|step| step.is_of_canary()).peekable();
    of_canary.peek().is_none() || of_canary.any(|step| step.is_kept)
}

/// Sees that what a step sets is another image than the one from before.
fn check_images(context: &Context, images: &BTreeMap<String, At<String>>, steps: &[step::Read]) {
    let Some(stable) = images.get(STABLE) else { return };
    let used: BTreeSet<&str> =
        steps.iter().filter(|step| step.is_kept).filter_map(step::Read::image).collect();
    for (name, image) in images {
        let is_same = name != STABLE && image.value.trim() == stable.value.trim();
        if is_same && used.contains(name.as_str()) && !image.value.trim().is_empty() {
            let message = format!(
                "the images {STABLE} and {name} are both {:?}: a rollout from one to the other changes nothing, and proves nothing",
                image.value
            );
            let help = Some(format!("give {name} the image of another version"));
            context.problem(Some(image.span.clone()), message, help);
        }
    }
}

/// Sees that the deployment beside it can be called so.
fn check_canary(context: &Context, canary: At<String>, name: &str) {
    // That the deployment's own name is none is told of that.
    if !is_name(name) && canary.value.starts_with(name) {
        return;
    }
    let wrong = if !is_name(&canary.value) {
        Some((
            format!("{:?} is no name", canary.value),
            "use small letters, digits and hyphens, at most 64, and no hyphen first".to_owned(),
        ))
    } else if canary.value == name {
        let message = "a deployment cannot be its own canary".to_owned();
        Some((message, format!("a canary is a deployment of its own, such as \"{name}-canary\"")))
    } else {
        None
    };
    if let Some((message, help)) = wrong {
        context.problem(Some(canary.span), message, Some(help));
    }
}

fn images(table: &mut Table<'_, '_>) -> BTreeMap<String, At<String>> {
    let images = table.values_at::<String>(
        "images",
        "Images by the names that steps call them: { stable = \"orders:1\", new = \"orders:2\" }. A rollback sets the one that is called stable, or what was there before if none is.",
    );
    for (name, reference) in &images {
        let wrong = if !is_name(name) {
            format!("{name:?} is no name of an image")
        } else if reference.value.trim().is_empty() {
            format!("the image {name:?} is empty")
        } else {
            continue;
        };
        let help = Some("write images = { new = \"NAME:TAG\" }".to_owned());
        table.context.problem(Some(table.place_of("images")), wrong, help);
    }
    images
}

/// A list of names for people: `a, b`.
fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// A value whose place is that of the table it was read from.
fn placed<T>(table: &Table<'_, '_>, key: &str, value: T) -> At<T> {
    At { value, span: table.place_of(key) }
}
