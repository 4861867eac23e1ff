//! What is true of the mock and of a real cluster alike. The stories find a
//! deployment `web` of three pods and a stateful set `store` of two, each with one
//! container `app`, and leave them so.

use std::time::Duration;

use chaos::choose;
use chaos::kubernetes::{
    Altered, Change, Cluster, KubernetesError, Missed, Pod, Rollout, Selection, Struck, Swap,
    Workload,
};
use scenarios::plan::Pick;

use super::{pods_of, store, web};

/// A real cluster may have to fetch an image first.
const WITHIN: Duration = Duration::from_secs(180);
pub(crate) const SECOND_IMAGE: &str = "registry.k8s.io/pause:3.10";

/// Every story, one after the other.
pub(crate) async fn all(cluster: &Cluster) {
    killed_pods_are_gone_and_replaced(cluster, &web(), Missed::Gone).await;
    killed_pods_are_gone_and_replaced(cluster, &store(), Missed::Replaced).await;
    terminated_and_evicted_pods_end_and_are_replaced(cluster).await;
    for workload in [web(), store()] {
        a_restart_replaces_every_pod(cluster, &workload).await;
        a_new_image_is_set_and_taken_back(cluster, &workload).await;
        a_count_is_set_and_taken_back(cluster, &workload).await;
    }
    the_revision_before_is_taken_and_given_back(cluster).await;
    what_somebody_else_has_set_is_left_alone(cluster).await;
}

async fn one_of(cluster: &Cluster, workload: &Workload) -> (Pod, usize) {
    let pods = pods_of(cluster, workload).await;
    (choose(&pods, Pick::count(1), 7, |pod| pod.created).unwrap().remove(0), pods.len())
}

async fn is_replaced(cluster: &Cluster, workload: &Workload, pod: &Pod, before: usize) {
    let hit = std::slice::from_ref(pod);
    cluster.wait_gone(hit, WITHIN).await.unwrap();
    let selection = Selection::of(workload);
    let seen = cluster.wait_whole(&selection, hit, before, WITHIN).await.unwrap();
    assert_eq!(seen, format!("{before} of {before} pods are ready"));
}

async fn killed_pods_are_gone_and_replaced(cluster: &Cluster, workload: &Workload, then: Missed) {
    let (pod, before) = one_of(cluster, workload).await;
    assert_eq!(cluster.kill(&pod).await.unwrap(), Struck::Now);
    is_replaced(cluster, workload, &pod, before).await;
    // The new pod of the same name is not hit by mistake.
    assert_eq!(cluster.kill(&pod).await.unwrap(), Struck::Missed(then));
    assert_eq!(cluster.evict(&pod, None).await.unwrap(), Struck::Missed(then));
}

async fn terminated_and_evicted_pods_end_and_are_replaced(cluster: &Cluster) {
    let (pod, before) = one_of(cluster, &web()).await;
    assert_eq!(cluster.terminate(&pod).await.unwrap(), Struck::Now);
    is_replaced(cluster, &web(), &pod, before).await;
    let (pod, before) = one_of(cluster, &web()).await;
    assert_eq!(cluster.evict(&pod, Some(Duration::from_secs(1))).await.unwrap(), Struck::Now);
    is_replaced(cluster, &web(), &pod, before).await;
}

async fn a_restart_replaces_every_pod(cluster: &Cluster, workload: &Workload) {
    let before = pods_of(cluster, workload).await;
    let at = "2026-01-01T10:00:00Z".parse().unwrap();
    cluster.restart(workload, at).await.unwrap();
    cluster.wait_gone(&before, WITHIN).await.unwrap();
    cluster.wait_rollout(workload, WITHIN).await.unwrap();
    let again = cluster.restart(workload, at).await.unwrap_err();
    assert!(matches!(again, KubernetesError::Impossible { .. }), "{again}");
}

async fn a_new_image_is_set_and_taken_back(cluster: &Cluster, workload: &Workload) {
    let first = cluster.state(workload).await.unwrap().images["app"].clone();
    let change = Change::SetImage { container: None, image: SECOND_IMAGE.to_owned() };
    let alteration = cluster.plan(workload, &change).await.unwrap();
    assert_eq!(cluster.alter(&alteration).await.unwrap(), Altered::Now);
    assert_eq!(cluster.alter(&alteration).await.unwrap(), Altered::Already);
    cluster.wait_rollout(workload, WITHIN).await.unwrap();
    for pod in pods_of(cluster, workload).await {
        assert_eq!(pod.images["app"], SECOND_IMAGE);
    }
    assert_eq!(cluster.take_back(&alteration).await.unwrap(), Altered::Now);
    assert_eq!(cluster.take_back(&alteration).await.unwrap(), Altered::Already);
    cluster.wait_rollout(workload, WITHIN).await.unwrap();
    assert_eq!(cluster.state(workload).await.unwrap().images["app"], first);
    assert_eq!(cluster.rollout(workload).await.unwrap(), Rollout::Complete);
}

async fn a_count_is_set_and_taken_back(cluster: &Cluster, workload: &Workload) {
    let before = pods_of(cluster, workload).await;
    let alteration = cluster.plan(workload, &Change::Scale { to: 0 }).await.unwrap();
    let was = u32::try_from(before.len()).unwrap();
    assert_eq!(alteration.swap, Swap::Replicas { was, set: 0 });
    assert_eq!(cluster.alter(&alteration).await.unwrap(), Altered::Now);
    assert_eq!(cluster.alter(&alteration).await.unwrap(), Altered::Already);
    cluster.wait_gone(&before, WITHIN).await.unwrap();
    assert_eq!(cluster.take_back(&alteration).await.unwrap(), Altered::Now);
    assert_eq!(cluster.take_back(&alteration).await.unwrap(), Altered::Already);
    let selection = Selection::of(workload);
    cluster.wait_whole(&selection, &before, before.len(), WITHIN).await.unwrap();
}

async fn the_revision_before_is_taken_and_given_back(cluster: &Cluster) {
    let first = cluster.state(&web()).await.unwrap().images["app"].clone();
    // The story of the image has left the second one in the revision before.
    let alteration = cluster.plan(&web(), &Change::RollBack).await.unwrap();
    assert_eq!(cluster.alter(&alteration).await.unwrap(), Altered::Now);
    cluster.wait_rollout(&web(), WITHIN).await.unwrap();
    assert_eq!(cluster.state(&web()).await.unwrap().images["app"], SECOND_IMAGE);
    assert_eq!(cluster.alter(&alteration).await.unwrap(), Altered::Already);
    assert_eq!(cluster.take_back(&alteration).await.unwrap(), Altered::Now);
    cluster.wait_rollout(&web(), WITHIN).await.unwrap();
    assert_eq!(cluster.state(&web()).await.unwrap().images["app"], first);
    assert_eq!(cluster.take_back(&alteration).await.unwrap(), Altered::Already);
}

async fn what_somebody_else_has_set_is_left_alone(cluster: &Cluster) {
    let ours = cluster.plan(&web(), &Change::Scale { to: 1 }).await.unwrap();
    cluster.alter(&ours).await.unwrap();
    let theirs = cluster.plan(&web(), &Change::Scale { to: 2 }).await.unwrap();
    cluster.alter(&theirs).await.unwrap();
    let other = Altered::Other { present: "2".to_owned() };
    assert_eq!(cluster.take_back(&ours).await.unwrap(), other);
    // Once they have taken theirs back, ours can be, too.
    assert_eq!(cluster.take_back(&theirs).await.unwrap(), Altered::Now);
    assert_eq!(cluster.take_back(&ours).await.unwrap(), Altered::Now);
    let selection = Selection::of(&web());
    cluster.wait_whole(&selection, &[], 3, WITHIN).await.unwrap();
}
