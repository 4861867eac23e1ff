//! Roles that pods play: what is done to processes of a role is done to the pods.

use chaos::kubernetes::{ACCESS, Cluster, Limits};
use serde_json::json;

use super::mock::Failure;
use super::program::Desk;

const KILL: &str = r#"
name = "kill"

[[phase]]
name = "load"
for = "60s"

[[fault]]
name = "kill"
phase = "load"
kill_process = { role = "web", pick = 2 }
"#;

fn file(desk: &Desk, text: &str) {
    std::fs::write(desk.folder.path().join("faults.toml"), text).unwrap();
}

#[tokio::test]
async fn a_fault_on_a_role_hits_the_pods_that_play_it() {
    let desk = Desk::new().await;
    file(&desk, KILL);
    let words = "run faults.toml --seed 3 --role web=k8s:shop/app=web";
    let (code, said) = desk.run(&format!("{words} --dry-run")).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("would hit pod web-"), "{said}");
    assert!(desk.mock.requests("delete", "pods").is_empty());
    let (code, said) = desk.run(words).await;
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(desk.mock.requests("delete", "pods").len(), 2);
}

#[tokio::test]
async fn the_command_line_casts_a_role_anew() {
    let desk = Desk::new().await;
    let default = "[system]\n[system.roles.web]\nhelp = \"serves\"\ndefault = ";
    let with = |default: &str| KILL.replace("[[phase]]", &format!("{default}\n[[phase]]"));
    file(&desk, &with(&format!("{default}\"k8s:shop/app=web\"\n")));
    let (code, said) = desk.run("run faults.toml --seed 3 --dry-run").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("would hit pod web-"), "{said}");
    let none = "run faults.toml --dry-run --role web=pid-file:nobody.pid";
    let (_, said) = desk.run(none).await;
    assert!(!said.contains("would hit pod"), "{said}");
    file(&desk, &with(&format!("{default}\"pid-file:nobody.pid\"\n")));
    let (code, said) = desk.run("run faults.toml --dry-run --role web=k8s:shop/app=web").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("would hit pod web-"), "{said}");
}

#[tokio::test]
async fn what_has_no_meaning_for_pods_is_refused_with_what_has() {
    let desk = Desk::new().await;
    for (fault, instead) in [
        ("pause_process = { role = \"web\", for = \"1s\" }", "kubectl exec"),
        ("stop_process = { role = \"web\", for = \"1s\" }", "scale"),
    ] {
        file(&desk, &KILL.replace("kill_process = { role = \"web\", pick = 2 }", fault));
        let (code, said) = desk.run("run faults.toml --role web=k8s:shop/app=web").await;
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(instead) && said.contains("role web"), "{said}");
    }
    file(&desk, KILL);
    let both = "run faults.toml --role web=k8s:shop/app=web --role web=name:web";
    let (code, said) = desk.run(both).await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot play one role together"), "{said}");
    let (code, said) = desk.run("run faults.toml --role web=k8s:shop").await;
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("k8s:NAMESPACE/LABELS"), "{said}");
    assert!(desk.mock.requests("delete", "pods").is_empty());
}

#[tokio::test]
async fn the_guard_of_namespaces_holds_for_roles() {
    let desk = Desk::new().await;
    file(&desk, KILL);
    let (code, said) = desk.run("run faults.toml --role web=k8s:shop-prod/app=web").await;
    assert_ne!(code, Some(0), "{said}");
    assert!(said.contains("--allow shop-prod"), "{said}");
    assert!(desk.mock.requests("delete", "pods").is_empty());
}

#[tokio::test]
async fn the_api_says_beforehand_which_rights_are_missing() {
    let desk = Desk::new().await;
    let cluster = Cluster::at(&desk.mock.url, "shop", Limits::default()).unwrap();
    let end = ACCESS.into_iter().find(|access| access.verb == "delete").unwrap();
    let evict = ACCESS.into_iter().find(|access| access.resource == "pods/eviction").unwrap();
    assert!(cluster.lacking(&[end, evict]).await.unwrap().is_empty());
    let delete = (String::new(), "pods".to_owned(), "delete".to_owned());
    desk.mock.grant([delete].into());
    assert_eq!(cluster.lacking(&[end, evict]).await.unwrap(), [evict]);
    // Who may not ask is told nothing, and finds out later.
    let refused = Failure::Status(403, "not you", json!({}));
    desk.mock.fail_later("create", "selfsubjectaccessreviews", refused, 0, 9);
    assert!(cluster.lacking(&[end, evict]).await.unwrap().is_empty());
    assert!(desk.mock.requests("create", "pods/eviction").is_empty());
}
