//! What a deployment is given back, as it can be written down before anything is asked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use scenarios::plan::Deployment;
use scenarios::program::Program;
use serde::{Deserialize, Serialize};

use super::commands::Commands;
use super::control::Control;
#[cfg(feature = "kubernetes")]
use super::kubernetes::Kubernetes;
use super::part::{Part, can_set};
use super::way::{Present, Way};
use crate::FaultError;
use crate::hold::{self, Hold, Record};

/// Where a deployment is. No credentials are in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// A controller such as the lab's.
    Control {
        /// Its address.
        url: String,
    },
    /// A cluster.
    #[cfg(feature = "kubernetes")]
    Kubernetes {
        /// The namespace, and the kubeconfig with the context that leads to it.
        place: crate::kubernetes::Place,
        /// The API server, so that a context that was changed since does not lead the undo
        /// to another cluster.
        server: String,
        /// The container whose image is set; empty for the only one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        container: String,
        /// The ReplicaSets of the templates that a step can go back to, the one from before
        /// first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        templates: Vec<String>,
    },
    /// A program of the user's own, which sets an image.
    Commands {
        /// The program; `IMAGE` in its environment is what it sets.
        set_image: Program,
        /// The image from before.
        image: String,
        /// The folder in which it runs.
        folder: PathBuf,
    },
}

/// Which deployments are meant, and not others of their names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The deployment's.
    pub uid: String,
    /// Its canary's, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// The containers whose images are set, in a cluster.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub containers: BTreeMap<Part, String>,
}

impl Identity {
    pub(super) fn present(&self) -> Present {
        let Self { uid, canary, containers } = self.clone();
        Present { uid, canary_uid: canary, containers, ..Present::default() }
    }
}

/// One thing that can be set, and what was there before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What it is.
    pub part: Part,
    /// What was there before.
    pub before: String,
    /// Every value that a step of the plan can set.
    pub set: Vec<String>,
    /// The part in it of this run, where faults can set the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
}

/// What a deployment and its canary are given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoration {
    /// Where it is.
    pub at: At,
    /// Its name.
    pub name: String,
    /// That of its canary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<String>,
    /// Which ones.
    pub identity: Identity,
    /// What is given back.
    pub parts: Vec<Kept>,
}

/// What is done with a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// It gets this value.
    Set(String),
    /// It is as another has it, who still holds it: `RUN/NAME`.
    LeftTo(String),
    /// Somebody else has set this since.
    Theirs(String),
}

impl Restoration {
    /// What is desired now is what was before.
    pub(super) fn new(
        plan: &Deployment,
        way: &Way,
        present: Present,
        templates: Vec<String>,
    ) -> Self {
        let mut can = can_set(plan, way.counting(), present.of_canary(), &present.images);
        if !templates.is_empty() {
            can.insert(Part::Template, templates.iter().cloned().collect());
        }
        let parts = can.into_iter().filter_map(|(part, set)| {
            let before = present.values.get(&part)?.clone();
            Some(Kept { part, before, set: set.into_iter().collect(), hold: None })
        });
        let mut at = way.at();
        #[cfg(feature = "kubernetes")]
        if let At::Kubernetes { templates: known, .. } = &mut at {
            *known = templates;
        }
        let _ = &mut at;
        Self {
            at,
            name: plan.name.clone(),
            canary: plan.canary.clone(),
            parts: parts.collect(),
            identity: Identity {
                uid: present.uid,
                canary: present.canary_uid,
                containers: present.containers,
            },
        }
    }

    /// Its parts in things that several faults can hold.
    pub(crate) fn holds(&self) -> impl Iterator<Item = &Hold> {
        self.parts.iter().filter_map(|kept| kept.hold.as_ref())
    }

    /// The templates that a step can go back to.
    pub(crate) fn templates(&self) -> &[String] {
        match &self.at {
            #[cfg(feature = "kubernetes")]
            At::Kubernetes { templates, .. } => templates,
            At::Control { .. } | At::Commands { .. } => &[],
        }
    }

    /// The way to where it is. No guard is asked: that was done before it was changed.
    pub(crate) async fn connect(&self) -> Result<Way, FaultError> {
        let (name, canary) = (self.name.as_str(), self.canary.as_deref());
        match &self.at {
            At::Control { url } => {
                Ok(Way::Control(Control::new(url, name, canary, crate::http_client()?)?))
            }
            #[cfg(feature = "kubernetes")]
            At::Kubernetes { place, server, container, .. } => {
                let way = Kubernetes::again(place, server, name, canary, container).await?;
                Ok(Way::Kubernetes(Box::new(way)))
            }
            At::Commands { set_image, image, folder } => {
                Ok(Way::Commands(Commands::again(name, set_image, image, folder)?))
            }
        }
    }

    /// Gives each part that faults can set as well its record.
    pub(super) fn holding(mut self, plan: &Deployment, way: &Way, by: &str) -> Self {
        let present = self.identity.present();
        for kept in &mut self.parts {
            let thing = way.thing(plan, kept.part, &present);
            kept.hold = thing.map(|thing| Hold { record: hold::record(&thing), by: by.to_owned() });
        }
        self
    }
}

impl Kept {
    /// What is done where this is there now and the record says so of the others.
    pub(crate) fn decide(&self, present: &str, known: Option<&Record>) -> Decision {
        let empty = Record::default();
        let known = known.unwrap_or(&empty);
        let by = self.hold.as_ref().map_or("", |hold| hold.by.as_str());
        let own = known.place(by);
        let target = match known.others(by).last() {
            None if own.is_some() => known.before.as_ref().unwrap_or(&self.before),
            None => &self.before,
            Some((place, other)) if own.is_some_and(|own| own > place) => match &other.set {
                Some(set) => set,
                None => return Decision::LeftTo(other.by.clone()),
            },
            Some((_, other)) => return Decision::LeftTo(other.by.clone()),
        };
        let mut ours = self.set.iter().chain([&self.before, target]);
        let of_holders = || known.holders.iter().filter_map(|holder| holder.set.as_ref());
        match ours.any(|set| set == present) || of_holders().any(|set| set == present) {
            true => Decision::Set(target.clone()),
            false => Decision::Theirs(present.to_owned()),
        }
    }
}
