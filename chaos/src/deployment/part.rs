//! What can be set of a deployment and of its canary, each with a value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use scenarios::plan::{Change, Deployment};
use serde::{Deserialize, Serialize};

/// The image that stands for what was there before.
pub(super) const STABLE: &str = "stable";

/// One thing that a step can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// What the deployment's pods run.
    Image,
    /// The template of its pods, by the ReplicaSet that holds it, whatever its image is.
    Template,
    /// How many pods there are to be: of both together where the canary takes its pods
    /// from them, else of the deployment alone.
    Replicas,
    /// Whether no pods are replaced for now.
    Paused,
    /// What the canary's pods run.
    CanaryImage,
    /// How many pods the canary is to have.
    CanaryReplicas,
}

/// Parts with their values.
pub(crate) type Values = BTreeMap<Part, String>;

impl Part {
    /// Whether it is one of the canary.
    pub(crate) fn is_of_canary(self) -> bool {
        matches!(self, Self::CanaryImage | Self::CanaryReplicas)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Image => "the image",
            Self::Template => "the template",
            Self::Replicas => "the replicas",
            Self::Paused => "whether it is paused",
            Self::CanaryImage => "the canary's image",
            Self::CanaryReplicas => "the canary's replicas",
        })
    }
}

/// How the pods of a deployment and of its canary are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Counting {
    /// The canary's are some of the deployment's.
    Together,
    /// Each has its own.
    Apart,
}

impl Counting {
    /// The deployment's count where both are to have so many.
    fn of(self, all: u32, canary: u32) -> u32 {
        match self {
            Self::Together => all,
            Self::Apart => all.saturating_sub(canary),
        }
    }
}

/// What a change sets; nothing for one that asks for something else than values. The
/// canary has so many pods now.
pub(super) fn values(
    plan: &Deployment,
    change: &Change,
    counting: Counting,
    canary: u32,
) -> Values {
    let image = |name: &String| plan.images.get(name).unwrap_or(name).clone();
    match change {
        Change::SetImage { image: name } => Values::from([(Part::Image, image(name))]),
        Change::Weight { pods, of, image: name } => {
            let counts = [
                (Part::CanaryReplicas, pods.to_string()),
                (Part::Replicas, counting.of(*of, *pods).to_string()),
            ];
            // What no pod runs is not set.
            let image = (*pods > 0).then(|| (Part::CanaryImage, image(name)));
            counts.into_iter().chain(image).collect()
        }
        Change::Scale { replicas } => {
            Values::from([(Part::Replicas, counting.of(*replicas, canary).to_string())])
        }
        Change::Pause => Values::from([(Part::Paused, true.to_string())]),
        Change::Resume => Values::from([(Part::Paused, false.to_string())]),
        Change::Restart | Change::Undo { .. } => Values::new(),
    }
}

/// The counts that a canary has from one of these on.
fn counts_of_canary(plan: &Deployment, now: u32) -> BTreeSet<u32> {
    let weights = plan.steps.iter().filter_map(|step| match step.change {
        Change::Weight { pods, .. } => Some(pods),
        _ => None,
    });
    weights.chain([now]).collect()
}

/// Every value that a step of the plan, or a rollback, can set. `revisions` are the images
/// to which a step can go back.
pub(super) fn can_set(
    plan: &Deployment,
    counting: Counting,
    canary: u32,
    revisions: &[String],
) -> BTreeMap<Part, BTreeSet<String>> {
    let mut all: BTreeMap<Part, BTreeSet<String>> = BTreeMap::new();
    for step in &plan.steps {
        for canary in counts_of_canary(plan, canary) {
            for (part, value) in values(plan, &step.change, counting, canary) {
                all.entry(part).or_default().insert(value);
            }
        }
        match step.change {
            Change::Pause | Change::Resume => {
                let both = [true, false].map(|paused| paused.to_string());
                all.entry(Part::Paused).or_default().extend(both);
            }
            Change::Undo { .. } => {
                let images = plan.images.values().chain(revisions).cloned();
                all.entry(Part::Image).or_default().extend(images);
            }
            _ => {}
        }
    }
    if let Some(images) = all.get_mut(&Part::Image) {
        images.extend(plan.images.get(STABLE).cloned());
    }
    all
}
