//! What is written down of a look at a deployment.

use chaos::deployment::{Counts, Look, PodLook, Status};
use reports::record::{DeploymentCounts, DeploymentLook, PodRecord};

/// A look at a deployment, and at its canary.
pub(super) fn both(look: &Look) -> (Option<DeploymentLook>, Option<DeploymentLook>) {
    (Some(one(&look.stable)), look.canary.as_ref().map(one))
}

fn one(status: &Status) -> DeploymentLook {
    DeploymentLook {
        image: status.image.clone(),
        revision: status.revision,
        paused: status.paused,
        counts: status.counts.map(counts),
        pods: status.pods.iter().map(pod).collect(),
    }
}

fn counts(counts: Counts) -> DeploymentCounts {
    let Counts { desired, replicas, updated, ready, available, unavailable, restarts } = counts;
    DeploymentCounts { desired, replicas, updated, ready, available, unavailable, restarts }
}

fn pod(pod: &PodLook) -> PodRecord {
    PodRecord {
        name: pod.name.clone(),
        image: pod.image.clone(),
        ready: pod.ready,
        restarts: pod.restarts,
        phase: pod.phase.clone(),
        last_end: pod.last_end.clone(),
    }
}

/// Both in words: `orders has 3 of 4 pods, 1 of them new and 3 available`.
pub(super) fn said(look: &Look) -> String {
    look.statuses().map(of).collect::<Vec<_>>().join("; ")
}

/// One of both in words.
pub(super) fn of(status: &Status) -> String {
    let name = &status.name;
    let Some(Counts { desired, replicas, updated, available, .. }) = status.counts else {
        return format!("nobody says how many pods {name} has");
    };
    let worst = status.pods.iter().filter(|pod| !pod.ready && !pod.is_ending());
    let worst = worst.max_by_key(|pod| pod.restarts).map(|pod| {
        let end = pod.last_end.as_ref().map(|end| format!(", {end}")).unwrap_or_default();
        format!("; {} is {}, restarted {} times{end}", pod.name, pod.phase, pod.restarts)
    });
    format!(
        "{name} has {replicas} of {desired} pods, {updated} of them new and {available} available{}",
        worst.unwrap_or_default()
    )
}
