//! The stories on a real cluster, by `scripts/test-kubernetes`.

use chaos::kubernetes::{Cluster, Guard, KubernetesError, Limits, Place};

use super::{pods_of, stories, web};

async fn connect() -> Cluster {
    let key = "SHAKEDOWN_KUBERNETES_NAMESPACE";
    let namespace = std::env::var(key);
    let namespace = namespace.unwrap_or_else(|_| panic!("scripts/test-kubernetes sets {key}"));
    let place = Place { namespace, ..Place::default() };
    Cluster::connect(&place, &Guard::default(), Limits::default()).await.unwrap()
}

#[tokio::test]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_real_cluster_tells_the_same_stories() {
    stories::all(&connect().await).await;
}

#[tokio::test]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_real_budget_blocks_an_eviction() {
    let cluster = connect().await;
    let pod = pods_of(&cluster, &web()).await.remove(0);
    let error = cluster.evict(&pod, None).await.unwrap_err();
    assert!(matches!(error, KubernetesError::Blocked { .. }), "{error}");
    assert!(!cluster.are_gone(&[pod]).await.unwrap());
}
