//! Cases that a mock might flatter: overlaps, budgets, long graces, workloads and pods
//! that are not as usual.

use std::time::Duration;

use chaos::journal::{End, State, read, stories};
use serde_json::json;

use super::super::program::kill_plan;
use super::budget;
use super::ground::{Ground, deployment, ended, pod_spec};

/// A namespace with a deployment `web` of six pods.
async fn six() -> Ground {
    let ground = Ground::new().await;
    ground.make(&deployment("web", 6)).await;
    ground.ready("app=web", 6).await;
    ground
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn counts_that_overlap_in_one_file_end_as_before_the_first() {
    let ground = six().await;
    let fault = |name: &str, at: &str, replicas: u32, lasts: &str| {
        format!(
            "[[fault]]\nname = {name:?}\nphase = \"load\"\nat = {at:?}\nscale = {{ namespace = \
             \"NAMESPACE\", of = \"deployment/web\", replicas = {replicas}, for = {lasts:?} }}\n"
        )
    };
    let phase = "name = \"overlap\"\n[[phase]]\nname = \"load\"\nfor = \"10s\"\n";
    let faults = [fault("two", "1s", 2, "4s"), fault("one", "3s", 1, "5s")].concat();
    ground.file("overlap.toml", &format!("{phase}{faults}"));
    let chaos = ground.start("run overlap.toml", "journal");
    ground.replicas_become("web", 2).await;
    ground.replicas_become("web", 1).await;
    let (code, said) = ended(chaos).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(ground.replicas("web").await, 6, "{said}");
    assert!(said.contains("6 of 6 pods of deployment web are ready"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn counts_that_two_programs_set_end_as_before_the_first() {
    let ground = six().await;
    let scale = "scale deployment/web -n NAMESPACE --replicas";
    let first = ground.start(&format!("{scale} 2 --for 4s"), "one journal");
    ground.replicas_become("web", 2).await;
    let second = ground.start(&format!("{scale} 1 --for 5s"), "another journal");
    ground.replicas_become("web", 1).await;
    let (code, said) = ended(first).await;
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = ended(second).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(ground.replicas("web").await, 6, "{said}");
    ground.ready("app=web", 6).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn who_was_evicted_before_a_budget_refused_is_recorded() {
    let ground = six().await;
    ground.make(&budget("web", &json!(5))).await;
    // Its controller allows one once it has counted the pods.
    let budget = || ground.get("/apis/policy/v1", "poddisruptionbudgets/web");
    while budget().await["status"]["disruptionsAllowed"] != 1 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (code, said) = ground.run("evict-pods -n NAMESPACE -l app=web --pick 3").await;
    assert_eq!(code, Some(3), "{said}");
    let entries = read(&ground.journal()).unwrap().entries;
    let hit = entries.iter().find_map(|entry| match &entry.state {
        State::Injected { victims } => Some(victims.len()),
        _ => None,
    });
    assert_eq!(hit, Some(1), "{said}");
    assert!(said.contains("1 of 3 were hit and the others not"), "{said}");
    assert!(said.contains("disruption budget"), "{said}");
    assert!(said.contains("whole again: 6 of 6"), "{said}");
    assert_eq!(stories(&entries)[0].end, End::Failed);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_pod_may_use_more_than_two_minutes_of_grace() {
    let ground = Ground::new().await;
    let mut slow = deployment("slow", 1);
    let spec = &mut slow["spec"]["template"]["spec"];
    spec["terminationGracePeriodSeconds"] = json!(180);
    // Longer than a pod without grace may take.
    let script = "trap 'sleep 125; exit 0' TERM; while true; do sleep 1; done";
    spec["containers"][0]["image"] = json!("busybox:1.36");
    spec["containers"][0]["command"] = json!(["sh", "-c", script]);
    ground.make(&slow).await;
    ground.ready("app=slow", 1).await;
    let (code, said) = ground.run("terminate-pods -n NAMESPACE -l app=slow").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("whole again: 1 of 1"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_paused_deployment_gets_no_image_but_its_count() {
    let ground = Ground::shop().await;
    let paused = json!({"spec": {"paused": true}});
    ground.patch("/apis/apps/v1", "deployments/web", &paused).await;
    // A change that waits for the end of the pause.
    let image = json!({"spec": {"template": {"metadata": {"annotations": {"note": "new"}}}}});
    ground.patch("/apis/apps/v1", "deployments/web", &image).await;
    for arguments in [
        "set-image deployment/web -n NAMESPACE --image app:2 --for 1s",
        "restart-rollout deployment/web -n NAMESPACE",
    ] {
        let (code, said) = ground.run(arguments).await;
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("kubectl rollout resume"), "{said}");
        assert!(!said.contains("confirmed"), "{said}");
    }
    let scale = "scale deployment/web -n NAMESPACE --replicas 1 --for 1s --heal-within 90s";
    let (code, said) = ground.run(scale).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 of 3 pods of deployment web are ready"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_stateful_set_that_others_roll_out_recovers() {
    let ground = Ground::shop().await;
    let by_hand = json!({"spec": {
        "updateStrategy": {"type": "OnDelete", "rollingUpdate": null},
        "template": {"metadata": {"annotations": {"note": "new"}}},
    }});
    ground.patch("/apis/apps/v1", "statefulsets/store", &by_hand).await;
    for arguments in [
        "restart-rollout statefulset/store -n NAMESPACE",
        "set-image statefulset/store -n NAMESPACE --image app:2 --for 1s",
    ] {
        let (code, said) = ground.run(arguments).await;
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("OnDelete"), "{said}");
    }
    for arguments in [
        "scale statefulset/store -n NAMESPACE --replicas 1 --for 1s --heal-within 90s",
        "kill-pods -n NAMESPACE -l app=store --heal-within 90s",
    ] {
        let (code, said) = ground.run(arguments).await;
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("2 of 2 pods"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_kill_of_pods_is_replayed_by_name() {
    let ground = Ground::shop().await;
    for labels in ["app=web", "app=store"] {
        ground.file("kill.toml", &kill_plan("NAMESPACE", labels));
        let (code, said) = ground.run("run kill.toml --seed 3").await;
        assert_eq!(code, Some(0), "{said}");
        let run = read(&ground.journal()).unwrap().entries.last().unwrap().run.clone();
        let (code, said) = ground.run(&format!("replay {run}")).await;
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("was hit then"), "{said}");
        let (code, said) = ground.run(&format!("replay {run} --by-name")).await;
        assert_eq!(code, Some(0), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn nobody_promises_new_ones_for_pods_without_an_owner() {
    let ground = Ground::new().await;
    for name in ["lone-1", "lone-2"] {
        let labels = json!({"app": "lone"});
        ground
            .make(&json!({"apiVersion": "v1", "kind": "Pod", "spec": pod_spec(),
                "metadata": {"name": name, "labels": labels}}))
            .await;
    }
    ground.ready("app=lone", 2).await;
    let (code, said) = ground.run("kill-pods -n NAMESPACE -l app=lone --heal-within 30s").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("nobody makes new ones: they have no owner"), "{said}");
    assert!(!said.contains("whole again"), "{said}");
    assert_eq!(ground.up("app=lone").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_missing_right_is_seen_before_a_restart() {
    let ground = Ground::shop().await;
    let api = "/apis/rbac.authorization.k8s.io/v1";
    let role = ground.get(api, "roles/shakedown-chaos").await;
    let mut rules = role["rules"].as_array().unwrap().clone();
    rules.retain(|rule| rule["resources"] != json!(["replicasets"]));
    ground.patch(api, "roles/shakedown-chaos", &json!({"rules": rules})).await;
    let before = ground.get("/apis/apps/v1", "deployments/web").await;
    let (code, said) = ground.run("restart-rollout deployment/web -n NAMESPACE").await;
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("must grant list on replicasets"), "{said}");
    let after = ground.get("/apis/apps/v1", "deployments/web").await;
    assert_eq!(before["metadata"]["generation"], after["metadata"]["generation"]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn as_many_pods_are_waited_for_as_were_ready() {
    let ground = Ground::new().await;
    for (name, replicas) in [("good", 3), ("broken", 2)] {
        let mut made = deployment(name, replicas);
        let template = &mut made["spec"]["template"];
        template["metadata"]["labels"]["tier"] = json!("front");
        if name == "broken" {
            let container = &mut template["spec"]["containers"][0];
            container["image"] = json!("busybox:1.36");
            container["command"] = json!(["sh", "-c", "while true; do sleep 1; done"]);
            // Nobody listens there.
            container["readinessProbe"] = json!({"tcpSocket": {"port": 9}, "periodSeconds": 1});
        }
        ground.make(&made).await;
    }
    ground.running("tier=front", 5).await;
    ground.ready("tier=front", 3).await;
    let kill = "kill-pods -n NAMESPACE -l tier=front --pick 3 --heal-within 60s";
    let (code, said) = ground.run(kill).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("3 of 3 pods are ready"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn a_container_that_ends_is_started_again_and_says_how_it_ended() {
    let ground = Ground::new().await;
    let script = "test -n \"$ME\" && exit 3";
    ground
        .make(&json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "loop"},
        "spec": {"containers": [{"name": "app", "image": "busybox:1.36",
            "command": ["sh", "-c", script],
            "env": [{"name": "ME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
        }]}}))
        .await;
    let begun = tokio::time::Instant::now();
    loop {
        let pod = ground.get("/api/v1", "pods/loop").await;
        let container = &pod["status"]["containerStatuses"][0];
        let before = &container["lastState"]["terminated"]["exitCode"];
        if container["restartCount"].as_u64() >= Some(2) && *before == 3 {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(180), "{container}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
