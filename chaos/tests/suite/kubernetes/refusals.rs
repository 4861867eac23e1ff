//! What is refused or misses, what is sent then, and how often.

use std::time::Duration;

use chaos::kubernetes::{
    Altered, Blocked, Change, KubernetesError, Limits, Missed, Pod, Rollout, Selection, Struck,
};
use chaos::kubernetes::{Cluster, Workload};
use serde_json::json;

use super::mock::{Failure, Mock};
use super::{SHOP, cluster, pods_of, stories, web};

async fn start() -> (Mock, Cluster, Pod) {
    let mock = Mock::start().await;
    let cluster = cluster(&mock.url);
    let pod = pods_of(&cluster, &web()).await.remove(0);
    (mock, cluster, pod)
}

fn budget(error: KubernetesError) -> (Option<Duration>, String) {
    match error {
        KubernetesError::Blocked { blocked: Blocked::Budget { retry_after, message }, .. } => {
            (retry_after, message)
        }
        other => panic!("{other}"),
    }
}

#[tokio::test]
async fn the_mock_tells_the_stories() {
    let (mock, cluster, _) = start().await;
    stories::all(&cluster).await;
    assert!(mock.requests("deletecollection", "pods").is_empty());
}

#[tokio::test]
async fn an_eviction_is_asked_for_in_the_words_of_the_api() {
    let (mock, cluster, pod) = start().await;
    cluster.evict(&pod, Some(Duration::from_secs(5))).await.unwrap();
    let sent = mock.requests("create", "pods/eviction").remove(0);
    assert_eq!(sent.content_type, "application/json");
    assert_eq!(
        sent.body,
        json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": SHOP},
            "deleteOptions": {
                "apiVersion": "v1",
                "kind": "DeleteOptions",
                "gracePeriodSeconds": 5,
                "preconditions": {"uid": pod.uid},
            },
        })
    );
}

#[tokio::test]
async fn a_kill_gives_no_grace_and_a_termination_the_pods_own() {
    let (mock, cluster, pod) = start().await;
    let other = pods_of(&cluster, &web()).await.remove(1);
    cluster.kill(&pod).await.unwrap();
    cluster.terminate(&other).await.unwrap();
    let sent: Vec<_> = mock.requests("delete", "pods").into_iter().map(|r| r.body).collect();
    let kill = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}});
    assert_eq!(sent, [kill, json!({"preconditions": {"uid": other.uid}})]);
}

#[tokio::test]
async fn an_eviction_that_a_budget_refuses_is_sent_once() {
    let (mock, cluster, pod) = start().await;
    mock.change(|state| state.budget = Some(0));
    let (retry_after, message) = budget(cluster.evict(&pod, None).await.unwrap_err());
    assert_eq!(retry_after, None);
    assert!(message.contains("needs 3 healthy pods"), "{message}");
    assert_eq!(mock.requests("create", "pods/eviction").len(), 1);
    assert!(!cluster.are_gone(std::slice::from_ref(&pod)).await.unwrap());
    mock.change(|state| state.budget = Some(1));
    assert_eq!(cluster.evict(&pod, None).await.unwrap(), Struck::Now);
}

#[tokio::test]
async fn a_stale_budget_says_when_and_two_budgets_block() {
    let (mock, cluster, pod) = start().await;
    let cause = json!({"reason": "DisruptionBudget", "message":
        "The disruption budget web is still being processed by the server."});
    let details = json!({"causes": [cause], "retryAfterSeconds": 10});
    let message = "Cannot evict pod as it would violate the pod's disruption budget.";
    mock.fail("create", "pods/eviction", Failure::Status(429, message, details));
    let (retry_after, _) = budget(cluster.evict(&pod, None).await.unwrap_err());
    assert_eq!(retry_after, Some(Duration::from_secs(10)));
    let message = "This pod has more than one PodDisruptionBudget, which the eviction \
                   subresource does not support.";
    mock.fail("create", "pods/eviction", Failure::Status(500, message, json!({})));
    assert!(budget(cluster.evict(&pod, None).await.unwrap_err()).1.contains("more than one"));
    assert_eq!(mock.requests("create", "pods/eviction").len(), 2);
}

#[tokio::test]
async fn a_pod_that_somebody_else_ends_is_not_counted_as_hit() {
    let (mock, cluster, pod) = start().await;
    mock.change(|state| {
        state.linger = 1000;
        state.end_pod(&pod.name, None);
    });
    let missed = Struck::Missed(Missed::Terminating);
    assert_eq!(cluster.evict(&pod, None).await.unwrap(), missed);
    assert_eq!(cluster.kill(&pod).await.unwrap(), missed);
    assert_eq!(cluster.terminate(&pod).await.unwrap(), missed);
    assert!(mock.requests("create", "pods/eviction").is_empty());
    assert!(mock.requests("delete", "pods").is_empty());
    assert!(!pods_of(&cluster, &web()).await.contains(&pod), "it is no candidate");
}

#[tokio::test]
async fn a_pending_pod_is_no_candidate_and_its_eviction_ignores_the_budget() {
    let (mock, cluster, pod) = start().await;
    mock.change(|state| {
        state.budget = Some(0);
        state.find("pods", &pod.name).unwrap()["status"]["phase"] = json!("Pending");
    });
    assert_eq!(pods_of(&cluster, &web()).await.len(), 2);
    assert_eq!(cluster.evict(&pod, None).await.unwrap(), Struck::Now);
}

#[tokio::test]
async fn a_pod_that_is_replaced_between_look_and_strike_is_not_hit() {
    let (mock, cluster, pod) = start().await;
    let details = json!({});
    mock.fail("delete", "pods", Failure::Status(409, "Precondition failed: UID", details));
    assert_eq!(cluster.kill(&pod).await.unwrap(), Struck::Missed(Missed::Replaced));
    assert_eq!(mock.requests("delete", "pods").len(), 1);
}

#[tokio::test]
async fn lists_are_read_page_by_page_and_again_when_they_expire() {
    let (mock, cluster, _) = start().await;
    mock.page(2);
    let all = cluster.pods(&Selection::default()).await.unwrap();
    let names: Vec<_> = all.iter().map(|pod| pod.name.clone()).collect();
    assert!(names.is_sorted() && names.len() == 5, "{names:?}");
    let expired = Failure::Status(410, "The provided continue parameter is too old", json!({}));
    mock.fail_later("list", "pods", expired.clone(), 1, 1);
    assert_eq!(cluster.pods(&Selection::default()).await.unwrap(), all);
    mock.fail_later("list", "pods", expired, 0, 3);
    let error = cluster.pods(&Selection::default()).await.unwrap_err();
    assert!(matches!(error, KubernetesError::Expired { times: 3, .. }), "{error}");
}

#[tokio::test]
async fn pods_are_selected_by_labels_by_name_and_by_what_keeps_them() {
    let (_mock, cluster, pod) = start().await;
    let labels = Selection { labels: Some("app=store".to_owned()), ..Selection::default() };
    assert_eq!(cluster.candidates(&labels).await.unwrap().len(), 2);
    let name = Some(pod.name.clone());
    let named = Selection { name, ..Selection::of(&web()) };
    assert_eq!(cluster.candidates(&named).await.unwrap(), [pod]);
    let none = Selection { labels: Some("app=store".to_owned()), ..Selection::of(&web()) };
    assert_eq!(cluster.candidates(&none).await.unwrap(), []);
    let wrong = Workload { name: "wbe".to_owned(), ..web() };
    let error = cluster.candidates(&Selection::of(&wrong)).await.unwrap_err();
    assert_eq!(error.to_string(), "deployment wbe does not exist in namespace shop");
}

#[tokio::test]
async fn a_change_that_is_overtaken_is_tried_again_on_what_is_there() {
    let (mock, cluster, _) = start().await;
    let alteration = cluster.plan(&web(), &Change::Scale { to: 1 }).await.unwrap();
    mock.fail("patch", "deployments/scale", Failure::Overtaken);
    assert_eq!(cluster.alter(&alteration).await.unwrap(), Altered::Now);
    assert_eq!(mock.requests("patch", "deployments/scale").len(), 2);
    mock.fail("patch", "deployments", Failure::Overtaken);
    cluster.restart(&web(), "2026-01-01T10:00:00Z".parse().unwrap()).await.unwrap();
    mock.fail_later("patch", "deployments/scale", Failure::Overtaken, 0, 100);
    let error = cluster.take_back(&alteration).await.unwrap_err();
    assert!(matches!(error, KubernetesError::Contended { times: 5, .. }), "{error}");
}

#[tokio::test]
async fn another_workload_of_the_same_name_is_left_alone() {
    let (mock, cluster, _) = start().await;
    let alteration = cluster.plan(&web(), &Change::Scale { to: 1 }).await.unwrap();
    cluster.alter(&alteration).await.unwrap();
    mock.change(|state| {
        state.find("deployments", "web").unwrap()["metadata"]["uid"] = json!("another");
    });
    assert_eq!(cluster.take_back(&alteration).await.unwrap(), Altered::Gone);
    mock.change(|state| state.remove("deployments", "web"));
    assert_eq!(cluster.take_back(&alteration).await.unwrap(), Altered::Gone);
    assert_eq!(mock.requests("patch", "deployments/scale").len(), 1);
}

#[tokio::test]
async fn what_cannot_be_changed_says_why() {
    let (mock, cluster, _) = start().await;
    let why = |change: Change| {
        let cluster = cluster.clone();
        async move {
            let error = cluster.plan(&web(), &change).await.unwrap_err();
            assert!(matches!(error, KubernetesError::Impossible { .. }), "{error}");
            error.to_string()
        }
    };
    assert!(why(Change::RollBack).await.contains("no revision before"));
    assert!(why(Change::Scale { to: 3 }).await.contains("its replicas is 3 already"));
    let container = Some("sidecar".to_owned());
    let image = Change::SetImage { container, image: "a:1".to_owned() };
    assert!(why(image).await.contains("its containers are app"));
    mock.change(|state| {
        state.find("deployments", "web").unwrap()["spec"]["paused"] = json!(true);
    });
    assert!(why(Change::RollBack).await.contains("paused"));
    let image = Change::SetImage { container: None, image: "a:1".to_owned() };
    assert!(why(image.clone()).await.contains("paused"));
    mock.change(|state| {
        let spec = &mut state.find("deployments", "web").unwrap()["spec"];
        spec["paused"] = json!(false);
        spec["updateStrategy"] = json!({"type": "OnDelete"});
    });
    assert!(why(image).await.contains("OnDelete"));
}

#[tokio::test]
async fn a_pod_that_was_hit_is_not_counted_although_the_controllers_rest() {
    let (mock, cluster, pod) = start().await;
    mock.change(|state| state.rest = 6);
    cluster.kill(&pod).await.unwrap();
    // The workload's own count still says 3.
    assert_eq!(cluster.state(&web()).await.unwrap().ready, 3);
    let hit = [pod];
    let whole = cluster.wait_whole(&Selection::of(&web()), &hit, 3, super::PATIENCE).await;
    assert_eq!(whole.unwrap(), "3 of 3 pods are ready");
}

#[tokio::test]
async fn pods_that_do_not_come_up_are_seen_and_told_at_the_deadline() {
    let (mock, cluster, pod) = start().await;
    mock.change(|state| state.unready = true);
    cluster.kill(&pod).await.unwrap();
    let hit = [pod];
    let soon = Duration::from_millis(50);
    let error = cluster.wait_whole(&Selection::of(&web()), &hit, 3, soon).await.unwrap_err();
    assert!(error.to_string().contains("2 of 3 pods are ready"), "{error}");
    let rollout = cluster.rollout(&web()).await.unwrap();
    assert!(matches!(rollout, Rollout::Going { .. }), "{rollout:?}");
    assert!(cluster.wait_rollout(&web(), soon).await.is_err());
}

#[tokio::test]
async fn a_look_that_fails_is_repeated_while_one_waits() {
    let (mock, cluster, pod) = start().await;
    let down = Failure::Status(503, "the server is starting", json!({}));
    mock.fail("list", "pods", down);
    mock.fail_later("list", "pods", Failure::Cut, 1, 1);
    cluster.kill(&pod).await.unwrap();
    cluster.wait_whole(&Selection::of(&web()), &[pod], 3, super::PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be() {
    // A port that was just free: nobody listens there.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cluster = Cluster::at(&format!("http://{free}"), SHOP, Limits::default()).unwrap();
    let error = cluster.state(&web()).await.unwrap_err();
    assert!(error.to_string().contains("refused"), "{error}");
}
