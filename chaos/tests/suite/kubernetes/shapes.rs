//! Workloads and pods that are not as usual: paused, replaced by hand, without an
//! owner, not ready before; and rights that are missing.

use chaos::journal::read;
use serde_json::{Value, json};

use super::program::{Desk, kill_plan};
use super::role::granted;
use super::state::State;

fn of<'a>(state: &'a mut State, resource: &str, name: &str) -> &'a mut Value {
    state.find(resource, name).unwrap()
}

/// A mock whose stateful set waits for somebody to end its old pods.
async fn replaced_by_hand() -> Desk {
    let desk = Desk::new().await;
    desk.mock.change(|state| {
        of(state, "statefulsets", "store")["spec"]["updateStrategy"] = json!({"type": "OnDelete"});
        state.work();
    });
    desk
}

#[tokio::test]
async fn what_would_replace_no_pod_is_refused_before_anything_is_changed() {
    let desk = replaced_by_hand().await;
    desk.mock.change(|state| of(state, "deployments", "web")["spec"]["paused"] = json!(true));
    for (arguments, hint) in [
        ("restart-rollout deployment/web -n shop", "kubectl rollout resume"),
        ("set-image deployment/web -n shop --image app:2 --for 1s", "kubectl rollout resume"),
        ("restart-rollout statefulset/store -n shop", "OnDelete"),
        ("set-image statefulset/store -n shop --image app:2 --for 1s", "OnDelete"),
    ] {
        let (code, said) = desk.run(arguments).await;
        assert_eq!(code, Some(3), "{arguments}: {said}");
        assert!(said.contains(hint) && !said.contains("confirmed"), "{arguments}: {said}");
    }
    for resource in ["deployments", "statefulsets"] {
        assert!(desk.mock.requests("patch", resource).is_empty());
    }
}

#[tokio::test]
async fn a_partition_above_every_pod_replaces_none() {
    let desk = Desk::new().await;
    desk.mock.change(|state| {
        of(state, "statefulsets", "store")["spec"]["updateStrategy"] =
            json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 2}});
    });
    let (code, said) = desk.run("restart-rollout statefulset/store -n shop").await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("all pods below 2"), "{said}");
}

#[tokio::test]
async fn a_count_is_given_back_whatever_waits_for_its_template() {
    let desk = replaced_by_hand().await;
    let scale = "scale statefulset/store -n shop --replicas 1 --for 100ms --heal-within 30s";
    let (code, said) = desk.run(scale).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 of 2 pods of statefulset store are ready"), "{said}");
    let (code, said) = desk.run("kill-pods -n shop -l app=store --heal-within 30s").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("2 of 2 pods are ready"), "{said}");
}

#[tokio::test]
async fn pods_without_an_owner_are_not_waited_for() {
    let desk = Desk::new().await;
    for name in ["lone-1", "lone-2"] {
        let pod = json!({
            "metadata": {"name": name, "labels": {"app": "lone", "tier": "front"}},
            "spec": {"containers": [{"name": "app", "image": "app:1"}]},
            "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        desk.mock.change(|state| state.insert("pods", pod));
    }
    let (code, said) = desk.run("kill-pods -n shop -l app=lone --heal-within 30s").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nobody makes new ones: they have no owner"), "{said}");
    assert!(!said.contains("whole again"), "{said}");
    let (_, said) = desk.run("kill-pods -n shop -l app=web --heal-within 30s").await;
    assert!(said.contains("the pods' owner makes new ones"), "{said}");
    // Both kinds at once: the lone one that is left, and three of the deployment.
    desk.mock.change(|state| {
        let template = &mut of(state, "deployments", "web")["spec"]["template"];
        template["metadata"]["labels"]["tier"] = json!("front");
        state.work();
    });
    let all = "kill-pods -n shop -l tier=front --pick all --heal-within 30s";
    let (code, said) = desk.run(all).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("but nobody of lone-"), "{said}");
    assert!(said.contains("3 of 3 pods are ready"), "{said}");
}

#[tokio::test]
async fn no_more_is_waited_for_than_was_ready_before() {
    let desk = Desk::new().await;
    desk.mock.change(|state| {
        let web = |pod: &&mut Value| pod["metadata"]["labels"]["app"] == "web";
        let pod = state.objects.get_mut("pods").unwrap().iter_mut().find(web).unwrap();
        pod["status"]["conditions"][0]["status"] = json!("False");
    });
    // Whoever is chosen, two are ready again in the end.
    let (code, said) = desk.run("kill-pods -n shop -l app=web --pick 2 --heal-within 30s").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("of 2 pods are ready"), "{said}");
}

#[tokio::test]
async fn a_count_is_given_back_to_as_many_ready_pods_as_before() {
    let desk = Desk::new().await;
    desk.mock.change(|state| state.unready = true);
    let kill = "kill-pods -n shop -l app=web --heal-within 1s";
    // The one that comes instead is not ready.
    let (code, said) = desk.run(kill).await;
    assert_eq!(code, Some(3), "{said}");
    let scale = "scale deployment/web -n shop --replicas 2 --for 100ms --heal-within 30s";
    let (code, said) = desk.run(scale).await;
    assert_eq!((code, desk.replicas()), (Some(0), 3), "{said}");
    assert!(said.contains("2 of 3 pods of deployment web are ready"), "{said}");
}

#[tokio::test]
async fn a_right_that_is_missing_for_the_end_is_seen_before_the_beginning() {
    let desk = Desk::new().await;
    let mut rights = granted();
    rights.remove(&("apps".to_owned(), "replicasets".to_owned(), "list".to_owned()));
    desk.mock.grant(rights);
    for arguments in [
        "restart-rollout deployment/web -n shop",
        "set-image deployment/web -n shop --image app:2 --for 1s",
        "scale deployment/web -n shop --replicas 1 --for 1s",
    ] {
        let (code, said) = desk.run(arguments).await;
        assert_eq!(code, Some(3), "{arguments}: {said}");
        assert!(said.contains("must grant list on replicasets"), "{arguments}: {said}");
    }
    assert!(desk.mock.requests("patch", "deployments").is_empty());
    assert!(desk.mock.requests("patch", "deployments/scale").is_empty());
}

#[tokio::test]
async fn a_kill_of_pods_is_replayed_on_others_of_their_keeper_by_name_only() {
    let desk = Desk::new().await;
    for (labels, again) in [("app=web", "of deployment web"), ("app=store", "pod store-")] {
        let plan = kill_plan("shop", labels);
        std::fs::write(desk.folder.path().join("kill.toml"), plan).unwrap();
        let (code, said) = desk.run("run kill.toml --seed 3").await;
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains(again), "{said}");
        let entries = read(&desk.folder.path().join("journal")).unwrap().entries;
        let run = entries.last().unwrap().run.clone();
        let (code, said) = desk.run(&format!("replay {run}")).await;
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("was hit then"), "{said}");
        let (code, said) = desk.run(&format!("replay {run} --by-name")).await;
        assert_eq!(code, Some(0), "{said}");
    }
}
