//! Faults in a Kubernetes cluster.

use super::{lasts, pick};
use crate::plan::FaultKind;
use crate::plan::fault::{Pods, Rollout, Scale, SetImage};
use crate::read::Table;

pub(super) fn read_pods(table: &mut Table<'_, '_>) -> [Option<FaultKind>; 3] {
    [
        table
            .opt_table("kill_pods", "Pods are deleted without grace.", pods)
            .map(FaultKind::KillPods),
        table
            .opt_table("terminate_pods", "Pods are deleted and given their grace.", pods)
            .map(FaultKind::TerminatePods),
        table
            .opt_table("evict_pods", "Pods are evicted, as far as budgets allow.", pods)
            .map(FaultKind::EvictPods),
    ]
}

pub(super) fn read_rollouts(table: &mut Table<'_, '_>) -> [Option<FaultKind>; 4] {
    [
        table
            .opt_table("restart_rollout", "Pods are replaced one after another.", rollout)
            .map(FaultKind::RestartRollout),
        table
            .opt_table("set_image", "A deployment gets another image for a while.", |table| {
                SetImage {
                    rollout: rollout(table),
                    container: table.req("container", "The container."),
                    image: table.req("image", "The image."),
                    lasts: lasts(table),
                }
            })
            .map(FaultKind::SetImage),
        table
            .opt_table("roll_back", "A deployment goes back to what it was before.", rollout)
            .map(FaultKind::RollBack),
        table
            .opt_table("scale", "Another number of pods for a while.", |table| Scale {
                rollout: rollout(table),
                replicas: table.req("replicas", "How many pods."),
                lasts: lasts(table),
            })
            .map(FaultKind::Scale),
    ]
}

fn context(table: &mut Table<'_, '_>) -> String {
    let help = "The kubeconfig's context; empty for the current one, or the cluster around.";
    table.or("context", help, String::new())
}

fn pods(table: &mut Table<'_, '_>) -> Pods {
    Pods {
        context: context(table),
        namespace: table.req("namespace", "The namespace."),
        labels: table.req("labels", "A label selector: \"app=worker\"."),
        pick: pick(table),
    }
}

fn rollout(table: &mut Table<'_, '_>) -> Rollout {
    Rollout {
        context: context(table),
        namespace: table.req("namespace", "The namespace."),
        of: table.req("of", "\"deployment/NAME\" or \"statefulset/NAME\"."),
    }
}
