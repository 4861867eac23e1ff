//! The three who can be asked, behind the same questions.

use std::collections::BTreeMap;

use reqwest::Client;
use scenarios::plan::{Deployment, Namespace, Orchestrator};

use super::commands::Commands;
use super::control::Control;
#[cfg(feature = "kubernetes")]
use super::kubernetes::Kubernetes;
use super::part::{Counting, Part, Values};
use super::{Asked, At, Look};
use crate::timetable::ChoiceError;
use crate::{FaultError, Limits};

/// Who is asked.
#[derive(Clone)]
pub(crate) enum Way {
    Control(Control),
    #[cfg(feature = "kubernetes")]
    Kubernetes(Box<Kubernetes>),
    Commands(Commands),
}

/// What is desired at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Present {
    pub(crate) uid: String,
    pub(crate) canary_uid: Option<String>,
    /// The version of which the values are true, so that nothing newer is changed.
    pub(crate) version: String,
    pub(crate) canary_version: Option<String>,
    pub(crate) values: Values,
    /// The images of the revisions that can be gone back to.
    pub(crate) images: Vec<String>,
    /// The containers whose images the parts are, in a cluster.
    pub(crate) containers: BTreeMap<Part, String>,
}

impl Present {
    /// How many pods the canary is to have.
    pub(super) fn of_canary(&self) -> u32 {
        let count = self.values.get(&Part::CanaryReplicas);
        count.and_then(|count| count.parse().ok()).unwrap_or(0)
    }
}

/// What became of a request that sets values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wrote {
    /// It was taken.
    Now(Asked),
    /// Something newer was asked since it was looked at.
    Conflict,
    /// There is no such deployment any more.
    Gone,
}

impl Way {
    pub(super) async fn to(
        plan: &Deployment,
        http: &Client,
        limits: &Limits,
    ) -> Result<Self, FaultError> {
        let canary = plan.canary.as_deref();
        match &plan.at {
            Orchestrator::Control(url) => {
                let url = url.fill(&BTreeMap::new())?;
                Ok(Self::Control(Control::new(&url, &plan.name, canary, http.clone())?))
            }
            Orchestrator::Kubernetes(place) => {
                let wrong =
                    |why| FaultError::Setting { what: format!("deployment {}", plan.name), why };
                let place = place.fill(&BTreeMap::new())?.parse().map_err(wrong)?;
                kubernetes(plan, place, limits).await
            }
            Orchestrator::Commands { .. } => Ok(Self::Commands(Commands::new(plan)?)),
        }
    }

    pub(super) fn counting(&self) -> Counting {
        match self {
            Self::Control(_) => Counting::Together,
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(_) => Counting::Apart,
            Self::Commands(_) => Counting::Apart,
        }
    }

    pub(super) async fn look(&self) -> Result<Look, FaultError> {
        match self {
            Self::Control(control) => control.look().await,
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(kubernetes) => kubernetes.look().await,
            Self::Commands(commands) => commands.look().await,
        }
    }

    /// What is desired; `None` if there is no such deployment. With names of templates,
    /// which of them it has.
    pub(crate) async fn present(
        &self,
        templates: &[String],
    ) -> Result<Option<Present>, FaultError> {
        let _ = templates;
        match self {
            Self::Control(control) => control.present().await,
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(kubernetes) => kubernetes.present(templates).await,
            Self::Commands(_) => Ok(Some(Present::default())),
        }
    }

    /// Sets values of what was looked at, and of nothing newer.
    pub(crate) async fn set(
        &self,
        values: &Values,
        present: &Present,
    ) -> Result<Wrote, FaultError> {
        match self {
            Self::Control(control) => control.set(values, present).await,
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(kubernetes) => kubernetes.set(values, present).await,
            Self::Commands(commands) => commands.set(values).await.map(Wrote::Now),
        }
    }

    pub(super) async fn restart(&self) -> Result<Asked, FaultError> {
        match self {
            Self::Control(control) => control.restart().await,
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(kubernetes) => kubernetes.restart().await,
            Self::Commands(commands) => Err(commands.cannot("restart it")),
        }
    }

    pub(super) async fn go_back(&self, to: Option<u64>) -> Result<Asked, FaultError> {
        match self {
            Self::Control(control) => control.undo(to).await,
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(kubernetes) => kubernetes.go_back(to).await,
            Self::Commands(commands) => commands.roll_back().await,
        }
    }

    /// The templates that a step can go back to, by name, the present one first; none where
    /// a template is nothing but its image.
    pub(super) async fn templates(&self) -> Result<Vec<String>, FaultError> {
        match self {
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(kubernetes) => kubernetes.templates().await,
            Self::Control(_) | Self::Commands(_) => Ok(Vec::new()),
        }
    }

    /// Whether nobody listens there.
    pub(crate) async fn is_away(&self) -> bool {
        match self {
            Self::Control(control) => control.is_away().await,
            _ => false,
        }
    }

    /// Where this is, as it can be written down.
    pub(super) fn at(&self) -> At {
        match self {
            Self::Control(control) => At::Control { url: control.shown().to_owned() },
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(kubernetes) => kubernetes.at(),
            Self::Commands(commands) => commands.at(),
        }
    }

    pub(super) fn absent(&self, name: &str) -> FaultError {
        let what = match self {
            Self::Control(control) => format!("deployment {name:?} at {}", control.shown()),
            _ => format!("deployment {name:?}"),
        };
        FaultError::Choice { what, source: ChoiceError::Nothing }
    }

    /// What a part is called by everybody who can set it; `None` for one that nobody else
    /// sets.
    pub(super) fn thing(&self, plan: &Deployment, part: Part, uids: &Present) -> Option<String> {
        match self {
            Self::Control(control) => {
                let uid = &uids.uid;
                let name = &plan.name;
                (part != Part::Paused).then(|| {
                    format!("{part} of deployment {name} at {} (uid {uid})", control.shown())
                })
            }
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(kubernetes) => kubernetes.thing(part, uids),
            Self::Commands(_) => None,
        }
    }
}

/// Whether it is not known what became of a request.
pub(super) fn is_indeterminate(error: &FaultError) -> bool {
    match error {
        FaultError::Unreachable { .. } => true,
        FaultError::Answer { answer, .. } => answer == super::control::NOTHING,
        #[cfg(feature = "kubernetes")]
        FaultError::Kubernetes(error) => error.is_indeterminate(),
        _ => false,
    }
}

#[cfg(feature = "kubernetes")]
async fn kubernetes(
    plan: &Deployment,
    place: Namespace,
    limits: &Limits,
) -> Result<Way, FaultError> {
    let Namespace { context, namespace } = place;
    let place = crate::kubernetes::Place {
        kubeconfig: None,
        merged: Vec::new(),
        context: Some(context).filter(|context| !context.is_empty()),
        namespace,
    };
    let requests = crate::kubernetes::Limits::default();
    let cluster = crate::kubernetes::Cluster::connect(&place, &limits.guard(), requests).await?;
    let canary = plan.canary.as_deref();
    Ok(Way::Kubernetes(Box::new(Kubernetes::new(cluster, &plan.name, canary, &plan.container))))
}

#[cfg(not(feature = "kubernetes"))]
async fn kubernetes(plan: &Deployment, _: Namespace, _: &Limits) -> Result<Way, FaultError> {
    Err(FaultError::Setting {
        what: format!("deployment {}", plan.name),
        why: "this program was built without the feature kubernetes; build it with".to_owned(),
    })
}
