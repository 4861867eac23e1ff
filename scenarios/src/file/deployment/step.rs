//! `[[deployment.step]]`: one thing that is asked for, and when.

use std::collections::BTreeSet;

use super::{listed, placed};
use crate::file::item::read_name;
use crate::file::links::{Due, Kind, Links};
use crate::plan::deployment::{Revision, Weight};
use crate::plan::{Cause, Change, Deployment, Orchestrator, Step};
use crate::read::{At, Context, Table, nearest_help};
use crate::units::Span;

/// What is so of every step.
const ONE: &str = "a step asks for one thing";

/// What a step can be asked of.
pub(super) struct Ground {
    images: BTreeSet<String>,
    has_images: bool,
    has_canary: bool,
    at: Orchestrator,
}

impl Ground {
    pub(super) fn of(deployment: &Deployment, has_images: bool) -> Self {
        Self {
            images: deployment.images.keys().cloned().collect(),
            has_images,
            has_canary: deployment.canary.is_some(),
            at: deployment.at.clone(),
        }
    }
}

/// A step, and whether it is part of this run.
pub(super) struct Read {
    pub(super) step: At<Step>,
    pub(super) is_kept: bool,
}

impl Read {
    /// The image that it has pods run, by its name.
    pub(super) fn image(&self) -> Option<&str> {
        match &self.step.value.change {
            Change::SetImage { image } | Change::Weight { image, pods: 1.., .. } => Some(image),
            _ => None,
        }
    }

    /// Whether it gives a canary pods, or takes them away.
    pub(super) const fn is_of_canary(&self) -> bool {
        matches!(self.step.value.change, Change::Weight { .. })
    }
}

pub(super) fn read(table: &mut Table<'_, '_>, ground: &Ground, links: &Links) -> Read {
    let name = read_name(table, "Its name: small letters, digits and hyphens.");
    let enabled = table.or("enabled", "\"off\" leaves it out.", true);
    let optional = table.or(
        "optional",
        "Whether it is left out where its orchestrator cannot take it; otherwise there is no such run.",
        false,
    );
    let phase_at = table.req_at("phase", "The phase in which it is due.");
    let phase = links.refer(Kind::Phase, phase_at.clone());
    let at = table.or_at("at", "When, counted from the start of the phase.", Span::default());
    links.within(&phase, at.clone());
    let asked = change(table, ground);
    if enabled && asked.is_none() {
        table.none_chosen("step", ONE);
    }
    let change = asked.unwrap_or(Change::Restart);
    let cannot_be = ground.at.cannot(&change);
    let is_kept = enabled && cannot_be.is_none();
    if !enabled {
        links.without_step(&name, "switched off".to_owned(), Cause::SwitchedOff);
    } else if let Some(why) = cannot_be {
        match optional {
            true => links.without_step(&name, why, Cause::Unable),
            false => cannot(table, &change, why),
        }
    }
    let within = table.or_at(
        "within",
        "How long it may take, from when it is asked for to when it is done.",
        Span::seconds(60),
    );
    if within.value.0.is_zero() && !within.is_placeholder() {
        let help = Some("give a time such as \"60s\"".to_owned());
        table.context.problem(Some(within.span.clone()), "no step is done in no time", help);
    }
    let overlaps = table.or(
        "overlaps",
        "Whether it is asked for although the step before it is not done yet.",
        false,
    );
    if !name.is_placeholder() {
        let place = if at.is_placeholder() { phase_at.span.clone() } else { at.span.clone() };
        let of_time = if within.is_placeholder() { place.clone() } else { within.span };
        links.due(Due {
            step: name.value.clone(),
            phase: phase.clone(),
            at: At { value: at.value, span: place },
            within: At { value: within.value, span: of_time },
        });
    }
    let step =
        Step { name: name.value, phase, at: at.value, change, within: within.value, overlaps };
    Read { step: At { value: step, span: name.span }, is_kept }
}

/// Its orchestrator cannot take it, and the file does not say that it may go.
fn cannot(table: &Table<'_, '_>, change: &Change, why: String) {
    let key = match change {
        Change::Undo { .. } => "undo",
        other => other.word(),
    };
    let help = "write set_image or undo = \"previous\", or give at.control or at.kubernetes; optional = true leaves the step out";
    if table.has(key) {
        table.context.problem(Some(table.place_of(key)), why, Some(help.to_owned()));
    }
}

/// What the step asks for: exactly one of them; `None` where it asks for nothing.
fn change(table: &mut Table<'_, '_>, ground: &Ground) -> Option<Change> {
    let set_image = table.opt_at::<String>("set_image", "The image that all pods are to run, by its name among the images; they are replaced one after another.");
    let set_image = set_image.map(|image| {
        known_image(table.context, &image, ground);
        Change::SetImage { image: image.value }
    });
    let weight = weight(table, ground);
    let scale = table.opt::<u32>("scale", "Another number of pods, the canary's included.");
    let pause = table.or("pause", "true: no more pods are replaced for now.", false);
    let resume = table.or("resume", "true: pods are replaced again.", false);
    let restart =
        table.or("restart", "true: all pods are replaced by new ones of the same image.", false);
    let undo = table
        .opt::<Revision>("undo", "Back to an earlier revision: \"previous\", or its number.")
        .map(|revision| Change::Undo { revision: revision.number() });
    let kinds = [
        ("set_image", set_image),
        ("weight", weight),
        ("scale", scale.map(|replicas| Change::Scale { replicas })),
        ("pause", pause.then_some(Change::Pause)),
        ("resume", resume.then_some(Change::Resume)),
        ("restart", restart.then_some(Change::Restart)),
        ("undo", undo),
    ];
    table.choice("step", ONE, kinds)
}

fn weight(table: &mut Table<'_, '_>, ground: &Ground) -> Option<Change> {
    let weight = table.opt_at::<Weight>(
        "weight",
        "How many of all pods are the canary's: \"1 of 10\"; \"0 of 10\" takes it away.",
    );
    let image =
        table.or_at("image", "The image that the canary is to run, with weight.", "new".to_owned());
    let Some(weight) = weight else {
        if !image.is_placeholder() {
            let help = Some("set_image = \"NAME\" sets that of all pods".to_owned());
            let message = "an image alone is that of a canary, and there is no weight";
            table.context.problem(Some(image.span), message, help);
        }
        return None;
    };
    if !ground.has_canary {
        let help = Some("give the deployment canary = \"NAME-canary\"".to_owned());
        let message = "there is no canary that could get pods";
        table.context.problem(Some(weight.span.clone()), message, help);
    }
    // Without pods it runs nothing.
    if weight.value.pods > 0 {
        let place = if image.is_placeholder() { "weight" } else { "image" };
        known_image(table.context, &placed(table, place, image.value.clone()), ground);
    }
    let Weight { pods, of } = weight.value;
    Some(Change::Weight { pods, of, image: image.value })
}

fn known_image(context: &Context, image: &At<String>, ground: &Ground) {
    if image.is_placeholder() || ground.images.contains(&image.value) {
        return;
    }
    let known = ground.images.iter().map(String::as_str);
    let help = match ground.has_images {
        true => nearest_help(&image.value, known, "images"),
        false => Some(format!("give the deployment images = {{ {} = \"NAME:TAG\" }}", image.value)),
    };
    context.problem(Some(image.span.clone()), format!("there is no image {:?}", image.value), help);
}

/// A step is referred to by its name.
pub(super) fn check_names(context: &Context, steps: &[Read]) {
    let mut seen = BTreeSet::new();
    let steps = steps.iter().map(|read| &read.step);
    for step in steps.filter(|step| !step.is_placeholder()) {
        if !seen.insert(&step.value.name) {
            let message = format!("a second step is named {:?}", step.value.name);
            let help = format!("steps: {}", listed(seen.iter().map(|name| name.as_str())));
            context.problem(Some(step.span.clone()), message, Some(help));
        }
    }
}
