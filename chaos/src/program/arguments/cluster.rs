//! The subcommands for faults in a Kubernetes cluster.

use clap::{Args, Subcommand};
use scenarios::plan::FaultKind;
use scenarios::plan::fault::{Pods, Rollout, Scale, SetImage};
use scenarios::units::Span;

use super::faults::Asked;
use super::{Allow, Choice};

#[derive(Debug, Subcommand)]
pub(crate) enum ClusterCommand {
    /// Deletes pods without grace
    KillPods(PodsArgs),
    /// Deletes pods, which get the grace that they ask for
    TerminatePods(PodsArgs),
    /// Evicts pods, as far as disruption budgets allow
    EvictPods(PodsArgs),
    /// Has a deployment or stateful set replace its pods one after another
    RestartRollout(RolloutArgs),
    /// Gives a container another image for a while
    SetImage(ImageArgs),
    /// Takes a deployment back to its revision before
    RollBack(RolloutArgs),
    /// Gives a deployment or stateful set another number of pods for a while
    Scale(ScaleArgs),
}

/// Where in which cluster.
#[derive(Debug, Args)]
pub(crate) struct Where {
    /// The kubeconfig's context [default: the current one, or the cluster around]
    #[arg(long, default_value = "", hide_default_value = true)]
    context: String,
    /// The namespace
    #[arg(long, short = 'n')]
    namespace: String,
    #[command(flatten)]
    allow: Allow,
    /// Waits so long for the pods to be as many as before, and ready
    #[arg(long, value_name = "TIME", default_value = "5m")]
    heal_within: Span,
}

#[derive(Debug, Args)]
pub(crate) struct PodsArgs {
    #[command(flatten)]
    place: Where,
    /// A label selector: app=worker
    #[arg(long = "selector", short = 'l', value_name = "LABELS")]
    labels: String,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct RolloutArgs {
    /// deployment/NAME or statefulset/NAME
    of: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    choice: Choice,
}

#[derive(Debug, Args)]
pub(crate) struct ImageArgs {
    #[command(flatten)]
    rollout: RolloutArgs,
    /// The image
    #[arg(long)]
    image: String,
    /// The container [default: the only one]
    #[arg(long, default_value = "", hide_default_value = true)]
    container: String,
    /// For how long; a watchdog sets the old one then, even if chaos is killed
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
}

#[derive(Debug, Args)]
pub(crate) struct ScaleArgs {
    #[command(flatten)]
    rollout: RolloutArgs,
    /// How many pods
    #[arg(long)]
    replicas: u32,
    /// For how long; a watchdog sets the old count then, even if chaos is killed
    #[arg(long = "for", value_name = "TIME")]
    lasts: Span,
}

impl ClusterCommand {
    pub(super) fn asked(&self) -> Asked<'_> {
        match self {
            Self::KillPods(args) => args.asked(FaultKind::KillPods),
            Self::TerminatePods(args) => args.asked(FaultKind::TerminatePods),
            Self::EvictPods(args) => args.asked(FaultKind::EvictPods),
            Self::RestartRollout(args) => args.asked(FaultKind::RestartRollout),
            Self::RollBack(args) => args.asked(FaultKind::RollBack),
            Self::SetImage(ImageArgs { rollout, image, container, lasts }) => {
                rollout.asked(|rollout| {
                    let (container, image) = (container.clone(), image.clone());
                    FaultKind::SetImage(SetImage { rollout, container, image, lasts: *lasts })
                })
            }
            Self::Scale(ScaleArgs { rollout, replicas, lasts }) => rollout.asked(|rollout| {
                FaultKind::Scale(Scale { rollout, replicas: *replicas, lasts: *lasts })
            }),
        }
    }
}

impl PodsArgs {
    fn asked(&self, kind: impl FnOnce(Pods) -> FaultKind) -> Asked<'_> {
        let pods = Pods {
            context: self.place.context.clone(),
            namespace: self.place.namespace.clone(),
            labels: self.labels.clone(),
            pick: self.choice.pick,
        };
        self.place.asked(kind(pods), &self.choice)
    }
}

impl RolloutArgs {
    fn asked(&self, kind: impl FnOnce(Rollout) -> FaultKind) -> Asked<'_> {
        let rollout = Rollout {
            context: self.place.context.clone(),
            namespace: self.place.namespace.clone(),
            of: self.of.clone(),
        };
        self.place.asked(kind(rollout), &self.choice)
    }
}

impl Where {
    fn asked<'a>(&'a self, kind: FaultKind, choice: &'a Choice) -> Asked<'a> {
        Asked {
            kind,
            choice,
            processes: None,
            heal_within: Some(self.heal_within),
            allow: &self.allow,
        }
    }
}
