//! The stories and the hard cases on a real cluster, by `scripts/test-kubernetes`.

mod alone;
mod cases;
mod deployment;
mod ground;

use chaos::kubernetes::KubernetesError;
use serde_json::json;

use super::{pods_of, stories, web};
use ground::Ground;

/// What the stories find.
const SHOP: &str = include_str!("shop.yaml");

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_real_cluster_tells_the_same_stories() {
    let ground = Ground::shop().await;
    stories::all(&ground.cluster().await).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_real_budget_blocks_an_eviction() {
    let ground = Ground::shop().await;
    ground.make(&budget("web", &json!("100%"))).await;
    let cluster = ground.cluster().await;
    let pod = pods_of(&cluster, &web()).await.remove(0);
    let error = cluster.evict(&pod, None).await.unwrap_err();
    assert!(matches!(error, KubernetesError::Blocked { .. }), "{error}");
    assert!(!cluster.are_gone(&[pod]).await.unwrap());
}

/// So many pods of this name must stay.
fn budget(app: &str, stay: &serde_json::Value) -> serde_json::Value {
    json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": app},
        "spec": {"minAvailable": stay, "selector": {"matchLabels": {"app": app}}},
    })
}
