//! Every request against every failure: what it becomes, and that it is sent once.

use std::time::Duration;

use chaos::kubernetes::{
    ACCESS, Access, Alteration, Change, Cluster, KubernetesError, Limits, Pod, Selection, Workload,
};
use serde_json::json;
use tokio::task::JoinSet;

use super::mock::{Failure, Mock};
use super::{SHOP, cluster, pods_of, store, web};

/// Something for each request to be about.
struct Props {
    pod: Pod,
    scale: Vec<Alteration>,
    image: Vec<Alteration>,
}

async fn props(cluster: &Cluster) -> Props {
    let pod = pods_of(cluster, &web()).await.remove(0);
    let (mut scale, mut image) = (Vec::new(), Vec::new());
    for workload in [web(), store()] {
        scale.push(cluster.plan(&workload, &Change::Scale { to: 1 }).await.unwrap());
        let change = Change::SetImage { container: None, image: "app:2".to_owned() };
        image.push(cluster.plan(&workload, &change).await.unwrap());
    }
    Props { pod, scale, image }
}

/// Does what sends this request and tells what came of it.
async fn send(access: Access, cluster: &Cluster, props: &Props) -> Result<String, KubernetesError> {
    let told = |outcome: &dyn std::fmt::Debug| format!("{outcome:?}");
    let of = |workload: &Workload| Selection::of(workload);
    Ok(match (access.verb, access.resource) {
        ("list", "pods") => told(&cluster.pods(&Selection::default()).await?.len()),
        ("get", "pods") => told(&cluster.terminate(&props.pod).await?),
        ("delete", "pods") => told(&cluster.kill(&props.pod).await?),
        ("create", "pods/eviction") => told(&cluster.evict(&props.pod, None).await?),
        ("list", "replicasets") => told(&cluster.pods(&of(&web())).await?.len()),
        ("get", "deployments") => told(&cluster.state(&web()).await?.wanted),
        ("get", "statefulsets") => told(&cluster.state(&store()).await?.wanted),
        ("patch", "deployments") => told(&cluster.alter(&props.image[0]).await?),
        ("patch", "statefulsets") => told(&cluster.alter(&props.image[1]).await?),
        (_, "deployments/scale") => told(&cluster.alter(&props.scale[0]).await?),
        (_, "statefulsets/scale") => told(&cluster.alter(&props.scale[1]).await?),
        other => panic!("nobody sends {other:?}"),
    })
}

/// Lets each request fail once, each on a mock of its own and all at the same
/// time, and tells what came of it and how often it was sent.
async fn outcomes(
    failure: Failure,
    answer: Duration,
) -> Vec<(Access, Result<String, KubernetesError>, usize)> {
    let mut tasks = JoinSet::new();
    for access in ACCESS {
        let failure = failure.clone();
        tasks.spawn(async move {
            let mock = Mock::start().await;
            let props = props(&cluster(&mock.url)).await;
            let limits = Limits { connect: super::PATIENCE, answer };
            let cluster = Cluster::at(&mock.url, SHOP, limits).unwrap();
            let before = mock.requests(access.verb, access.resource).len();
            mock.fail(access.verb, access.resource, failure);
            let outcome = send(access, &cluster, &props).await;
            (access, outcome, mock.requests(access.verb, access.resource).len() - before)
        });
    }
    tasks.join_all().await
}

async fn statuses(code: u16, message: &'static str) -> Vec<(Access, String, usize)> {
    let failure = Failure::Status(code, message, json!({}));
    let outcomes = outcomes(failure, super::PATIENCE).await;
    let told = |(access, outcome, sent)| {
        let told = match outcome {
            Ok(told) => told,
            Err(error @ KubernetesError::Blocked { .. }) => format!("blocked: {error}"),
            Err(error @ KubernetesError::Answer { .. }) => format!("error: {error}"),
            Err(error @ KubernetesError::Absent { .. }) => format!("absent: {error}"),
            Err(error) => format!("other: {error}"),
        };
        (access, told, sent)
    };
    outcomes.into_iter().map(told).collect()
}

#[tokio::test]
async fn who_may_not_is_told_which_right_is_missing() {
    for (access, told, sent) in statuses(403, "it is forbidden").await {
        assert!(told.starts_with("blocked"), "{access}: {told}");
        assert!(told.contains(&format!("must grant {access}")), "{told}");
        assert_eq!(sent, 1, "{access}");
    }
    for (access, told, sent) in statuses(401, "Unauthorized").await {
        assert!(told.starts_with("blocked") && told.contains("credentials"), "{access}: {told}");
        assert_eq!(sent, 1, "{access}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_gone_or_absent() {
    for (access, told, sent) in statuses(404, "not found").await {
        let expected = match (access.verb, access.resource) {
            ("list", _) => "error",
            (_, "pods" | "pods/eviction") => "Missed(Gone)",
            ("get", "deployments" | "statefulsets") => "absent",
            _ => "Gone",
        };
        assert!(told.starts_with(expected), "{access}: {told}");
        assert_eq!(sent, 1, "{access}");
    }
}

#[tokio::test]
async fn a_conflict_means_another_pod_or_another_look() {
    for (access, told, sent) in statuses(409, "the object has been modified").await {
        let expected = match access.verb {
            "delete" | "create" => ("Missed(Replaced)", 1),
            "patch" => ("Now", 2),
            _ => ("error", 1),
        };
        assert!(told.starts_with(expected.0), "{access}: {told}");
        assert_eq!(sent, expected.1, "{access}");
    }
}

#[tokio::test]
async fn an_expired_list_is_read_again() {
    for (access, told, sent) in statuses(410, "too old").await {
        if access.verb == "list" {
            assert!(!told.contains("error") && sent == 2, "{access}: {told}, sent {sent}");
        } else {
            assert!(told.starts_with("error") && sent == 1, "{access}: {told}, sent {sent}");
        }
    }
}

#[tokio::test]
async fn what_is_broken_is_an_error_with_its_message_and_is_not_sent_again() {
    for (code, message) in [(422, "spec is invalid"), (500, "etcd is away"), (503, "starting")] {
        for (access, told, sent) in statuses(code, message).await {
            let is_told = told.contains(message) && told.contains(&code.to_string());
            assert!(told.starts_with("error") && is_told, "{access}: {told}");
            assert_eq!(sent, 1, "{access}");
        }
    }
}

#[tokio::test]
async fn an_admission_that_denies_blocks() {
    let denied = "admission webhook \"guard.example\" denied the request: not on Friday";
    for (access, told, sent) in statuses(403, denied).await {
        assert!(told.starts_with("blocked") && told.contains("not on Friday"), "{access}: {told}");
        assert!(!told.contains("Role") && sent == 1, "{access}: {told}");
    }
}

#[tokio::test]
async fn a_busy_server_blocks_and_is_not_asked_again() {
    for (header, shown) in [("7", "(Retry-After 7 s)"), ("soon", "too busy:")] {
        for (access, outcome, sent) in outcomes(Failure::Busy(header), super::PATIENCE).await {
            let error = outcome.unwrap_err();
            assert!(error.is_refusal() && error.to_string().contains(shown), "{access}: {error}");
            assert_eq!(sent, 1, "{access}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_leaves_open_what_happened() {
    for (access, outcome, sent) in outcomes(Failure::Cut, super::PATIENCE).await {
        let error = outcome.unwrap_err();
        assert!(error.is_indeterminate(), "{access}: {error}");
        assert_eq!(sent, 1, "{access}");
    }
}

#[tokio::test]
async fn a_server_that_never_answers_is_left_in_time() {
    for (access, outcome, sent) in outcomes(Failure::Silence, Duration::from_secs(3)).await {
        let error = outcome.unwrap_err();
        assert!(error.is_indeterminate(), "{access}: {error}");
        assert_eq!(sent, 1, "{access}");
    }
}

#[tokio::test]
async fn a_page_of_a_proxy_is_an_error() {
    for (access, outcome, sent) in outcomes(Failure::Page, super::PATIENCE).await {
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("not JSON"), "{access}: {error}");
        assert_eq!(sent, 1, "{access}");
    }
}
