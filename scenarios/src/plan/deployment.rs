//! Deployments: what is updated, canaried and rolled back while a run goes on, and by
//! which steps. A deployment is a subject of the scenario beside its faults, with a
//! timeline of its own (ADR 17).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Namespace;
use crate::program::Program;
use crate::redact::redact_address;
use crate::template::{Template, TemplateError};
use crate::units::Span;

/// A deployment with its steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deployment {
    /// What the orchestrator and the report call it: `download-worker`.
    pub name: String,
    /// Who orchestrates it.
    pub at: Orchestrator,
    /// The name of the deployment beside it that runs the new version for a share of the
    /// work; none if it has no canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// The container whose image is set; empty for the only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub container: String,
    /// The images that steps name: `stable`, `new`.
    pub images: BTreeMap<String, String>,
    /// What becomes of it when the run ends.
    pub after: Afterwards,
    /// The checks that say that it should be rolled back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roll_back_if: Vec<String>,
    /// How long a rollback may take, from when it is asked for to when it is done.
    pub roll_back_within: Span,
    /// What is done to it, in the order of time.
    pub steps: Vec<Step>,
}

/// Who orchestrates a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orchestrator {
    /// The API of a controller such as the lab's: `http://127.0.0.1:PORT`.
    Control(Template),
    /// A namespace of a cluster, `CONTEXT/NAMESPACE` ([`Namespace`](super::Namespace)).
    Kubernetes(Template),
    /// Programs of the user's own.
    Commands {
        /// Sets the image that the environment gives in `IMAGE`, for the deployment in
        /// `DEPLOYMENT`.
        set_image: Program,
        /// Goes back to the image from before; `set_image` with the image `stable` where
        /// there is none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        roll_back: Option<Program>,
        /// Ends with 0 when the rollout is done, and with anything else as long as it is
        /// not; without it, a rollout is done when `set_image` has ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<Program>,
    },
}

impl Orchestrator {
    /// What it is, in words: `a controller`, `kubernetes staging/orders`.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Control(_) => "a controller".to_owned(),
            Self::Kubernetes(place) => format!("kubernetes {}", place.as_str()),
            Self::Commands { .. } => "commands".to_owned(),
        }
    }

    /// [`Orchestrator::words`] with how it is reached, and a line for each program; an address
    /// without its password.
    #[must_use]
    pub fn told(&self) -> String {
        match self {
            Self::Control(url) => {
                let url = url.fill(&BTreeMap::new()).unwrap_or_else(|_| url.as_str().to_owned());
                format!("the controller at {}", redact_address(&url))
            }
            Self::Kubernetes(place) => match place.as_str().parse::<Namespace>() {
                Ok(place) if place.context.is_empty() => {
                    format!("{} of the current context", self.words())
                }
                Ok(_) | Err(_) => self.words(),
            },
            Self::Commands { set_image, roll_back, status } => {
                let or = |program: &Option<Program>, without: &str| {
                    program.as_ref().map_or_else(|| without.to_owned(), ToString::to_string)
                };
                let back = or(roll_back, "(none: set_image sets the image from before)");
                let done = or(status, "(none: it is done when set_image has ended)");
                format!(
                    "commands\n  set_image  {set_image}\n  roll_back  {back}\n  status     {done}"
                )
            }
        }
    }

    /// The programs of the user's own that it is made of, each with its key.
    pub fn named_programs(&self) -> impl Iterator<Item = (&'static str, &Program)> {
        let programs = match self {
            Self::Commands { set_image, roll_back, status } => {
                [Some(set_image), roll_back.as_ref(), status.as_ref()]
            }
            Self::Control(_) | Self::Kubernetes(_) => [None; 3],
        };
        let keys = ["set_image", "roll_back", "status"];
        keys.into_iter().zip(programs).filter_map(|(key, program)| Some((key, program?)))
    }

    /// The programs of the user's own that it is made of.
    pub fn programs(&self) -> impl Iterator<Item = &Program> {
        self.named_programs().map(|(_, program)| program)
    }

    /// Why it cannot do what a step asks for, if so.
    #[must_use]
    pub fn cannot(&self, change: &Change) -> Option<String> {
        let can = match self {
            Self::Control(_) | Self::Kubernetes(_) => true,
            Self::Commands { .. } => {
                matches!(change, Change::SetImage { .. } | Change::Undo { revision: None })
            }
        };
        let word = change.word();
        (!can).then(|| format!("commands set images, and no command does {word}"))
    }

    /// Whether it tells how many pods there are, and how they fare.
    #[must_use]
    pub const fn tells_pods(&self) -> bool {
        !matches!(self, Self::Commands { .. })
    }
}

impl Deployment {
    /// Its name, and that of its canary.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.name.as_str()).chain(self.canary.as_deref())
    }

    /// A step of it.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// What a step asks for, in words: `set image new (orders:2)`.
    #[must_use]
    pub fn what(&self, change: &Change) -> String {
        let shown = |image: &String| match self.images.get(image) {
            Some(reference) => format!("{image} ({reference})"),
            None => image.clone(),
        };
        match change {
            Change::SetImage { image } => format!("set image {}", shown(image)),
            Change::Weight { pods: 0, of, .. } => format!("no canary, {of} of {of} stable"),
            Change::Weight { pods, of, image } => {
                format!("canary {} of {of} with {}", pods, shown(image))
            }
            Change::Scale { replicas } => format!("scale to {replicas}"),
            Change::Pause => "pause".to_owned(),
            Change::Resume => "resume".to_owned(),
            Change::Restart => "restart".to_owned(),
            Change::Undo { revision: None } => "undo to the revision before".to_owned(),
            Change::Undo { revision: Some(revision) } => format!("undo to revision {revision}"),
        }
    }

    /// The deployment with the addresses of its targets.
    ///
    /// # Errors
    /// When a target that it names has no address.
    pub fn filled(&self, targets: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        let mut filled = self.clone();
        match &mut filled.at {
            Orchestrator::Control(place) | Orchestrator::Kubernetes(place) => {
                *place = Template::literal(&place.fill(targets)?);
            }
            Orchestrator::Commands { set_image, roll_back, status } => {
                let programs = [Some(set_image), roll_back.as_mut(), status.as_mut()];
                for program in programs.into_iter().flatten() {
                    *program = Program::literal(program.words(targets)?);
                }
            }
        }
        Ok(filled)
    }
}

/// What becomes of a deployment when the run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Afterwards {
    /// It gets back what it had before the first step.
    #[default]
    Restore,
    /// It stays as the last step left it, if that was done.
    Keep,
}

/// One step of a deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// What the report calls it.
    pub name: String,
    /// The phase in which it is due.
    pub phase: String,
    /// When, counted from the start of the phase.
    pub at: Span,
    /// What is asked for.
    pub change: Change,
    /// How long it may take, from when it is asked for to when it is done.
    pub within: Span,
    /// Whether it is asked for although the step before it is not done yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overlaps: bool,
}

/// What a step asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// All pods run another image, replaced one after another.
    SetImage {
        /// Its name among the deployment's images.
        image: String,
    },
    /// So many of all pods are the canary's, and run the other image.
    Weight {
        /// The canary's pods; 0 takes the canary away.
        pods: u32,
        /// Both deployments' pods together.
        of: u32,
        /// Its image, by its name among the deployment's.
        image: String,
    },
    /// Another number of pods.
    Scale {
        /// How many there are to be.
        replicas: u32,
    },
    /// No more pods are replaced for now.
    Pause,
    /// Pods are replaced again.
    Resume,
    /// All pods are replaced by new ones of the same image.
    Restart,
    /// Back to an earlier revision.
    Undo {
        /// Which one; the one before if absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revision: Option<u64>,
    },
}

impl Change {
    /// The key of the language that asks for it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::SetImage { .. } => "set_image",
            Self::Weight { .. } => "weight",
            Self::Scale { .. } => "scale",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Restart => "restart",
            Self::Undo { revision: None } => "undo",
            Self::Undo { revision: Some(_) } => "undo to a revision of a number",
        }
    }

    /// Whether an earlier change that is not done yet cannot be done any more as soon as
    /// this one is asked for, because it sets the same.
    #[must_use]
    pub const fn supersedes(&self, earlier: &Self) -> bool {
        match earlier {
            Self::SetImage { .. } | Self::Restart | Self::Undo { .. } => {
                matches!(self, Self::SetImage { .. } | Self::Restart | Self::Undo { .. })
            }
            Self::Weight { .. } | Self::Scale { .. } => {
                matches!(self, Self::Weight { .. } | Self::Scale { .. })
            }
            Self::Pause | Self::Resume => matches!(self, Self::Pause | Self::Resume),
        }
    }

    /// Whether pods are replaced by those of another template, so that some of them are
    /// new while others are not yet.
    #[must_use]
    pub const fn replaces_pods(&self) -> bool {
        match self {
            Self::SetImage { .. } | Self::Weight { .. } | Self::Restart | Self::Undo { .. } => true,
            Self::Scale { .. } | Self::Pause | Self::Resume => false,
        }
    }
}

/// What to write for one.
const WEIGHT: &str = "write the canary's pods of all pods, such as \"1 of 10\"";

/// How many of a number of pods are the canary's: `1 of 10`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// The canary's pods.
    pub pods: u32,
    /// The pods of both.
    pub of: u32,
}

impl FromStr for Weight {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no weight; {WEIGHT}");
        let (pods, of) = text.split_once(" of ").ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let weight = Self { pods: number(pods)?, of: number(of)? };
        match weight {
            Self { of: 0, .. } => Err(format!("{text:?} is of no pods at all; {WEIGHT}")),
            Self { pods, of } if pods > of => {
                Err(format!("{pods} pods cannot be some of {of}; {WEIGHT}"))
            }
            weight => Ok(weight),
        }
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.pods, self.of)
    }
}

/// A revision to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Revision {
    /// The one before.
    #[default]
    Previous,
    /// That of a number.
    Number(u64),
}

impl Revision {
    /// Its number; none for the one before.
    #[must_use]
    pub const fn number(self) -> Option<u64> {
        match self {
            Self::Previous => None,
            Self::Number(number) => Some(number),
        }
    }
}
