//! The way to a cluster: kubeconfig, context, guard, and an undo that is carried
//! out by another program.

use std::path::{Path, PathBuf};

use chaos::kubernetes::{
    Alteration, Altered, Change, Cluster, Guard, KubernetesError, Limits, Place,
};

use super::mock::Mock;
use super::{PATIENCE, SHOP, pods_of, web};

/// A kubeconfig of two contexts, of which the last one is the current one.
fn kubeconfig(folder: &Path, contexts: [(&str, &str); 2]) -> PathBuf {
    let path = folder.join("config");
    let mut text =
        "apiVersion: v1\nkind: Config\nusers:\n- {name: joe, user: {token: s3cret}}\n".to_owned();
    text += "clusters:\n";
    for (name, url) in contexts {
        text += &format!("- {{name: {name}, cluster: {{server: \"{url}\"}}}}\n");
    }
    text += "contexts:\n";
    for (name, _) in contexts {
        text += &format!("- {{name: {name}, context: {{cluster: {name}, user: joe}}}}\n");
    }
    text += &format!("current-context: {}\n", contexts[1].0);
    std::fs::write(&path, text).unwrap();
    path
}

fn place(kubeconfig: PathBuf, context: Option<&str>) -> Place {
    let context = context.map(str::to_owned);
    let namespace = SHOP.to_owned();
    Place { kubeconfig: Some(kubeconfig), context, namespace, ..Place::default() }
}

fn limits() -> Limits {
    Limits { connect: PATIENCE, answer: PATIENCE }
}

async fn connect(place: &Place) -> Result<Cluster, KubernetesError> {
    Cluster::connect(place, &Guard::default(), limits()).await
}

#[tokio::test]
async fn a_context_is_found_and_kept() {
    let (mock, folder) = (Mock::start().await, tempfile::tempdir().unwrap());
    let path = kubeconfig(folder.path(), [("other", "http://127.0.0.1:1"), ("lab", &mock.url)]);
    let cluster = connect(&place(path.clone(), None)).await.unwrap();
    assert_eq!(cluster.place().context.as_deref(), Some("lab"));
    assert_eq!(cluster.server(), mock.url);
    assert_eq!(pods_of(&cluster, &web()).await.len(), 3);
    let other = connect(&place(path, Some("other"))).await.unwrap();
    assert_eq!(other.server(), "http://127.0.0.1:1");
}

#[tokio::test]
async fn a_current_context_that_looks_like_production_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let contexts = [("lab", "http://127.0.0.1:1"), ("eu-prod-1", "http://127.0.0.1:2")];
    let path = kubeconfig(folder.path(), contexts);
    let error = connect(&place(path.clone(), None)).await.err().unwrap();
    assert!(error.is_refusal(), "{error}");
    assert!(error.to_string().contains("--allow eu-prod-1"), "{error}");
    let guard = Guard { allow: vec!["eu-prod-1".to_owned()], ..Guard::default() };
    Cluster::connect(&place(path, None), &guard, limits()).await.unwrap();
}

#[tokio::test]
async fn what_leads_nowhere_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let path =
        kubeconfig(folder.path(), [("a", "http://127.0.0.1:1"), ("b", "http://127.0.0.1:2")]);
    let absent = place(folder.path().join("absent"), None);
    for place in [absent, place(path.clone(), Some("c"))] {
        let error = connect(&place).await.err().unwrap();
        assert!(matches!(error, KubernetesError::Config { .. }), "{error}");
        assert!(error.to_string().contains("set KUBECONFIG"), "{error}");
    }
    for namespace in ["", "a/b", "../x"] {
        let place = Place { namespace: namespace.to_owned(), ..place(path.clone(), None) };
        let error = connect(&place).await.err().unwrap();
        assert!(matches!(error, KubernetesError::Name { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_kubeconfig_that_is_broken_is_not_quoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    for text in ["users:\n- name: joe\n  user: {token: s3cret\nclusters: [", "users: s3cret\n"] {
        std::fs::write(&path, text).unwrap();
        let error = connect(&place(path.clone(), None)).await.err().unwrap().to_string();
        assert!(error.contains("not one") && !error.contains("s3cret"), "{error}");
    }
}

#[test]
fn a_proxy_of_the_environment_is_not_asked_for_a_cluster_on_this_machine() {
    let mut tests = std::process::Command::new(std::env::current_exe().unwrap());
    tests.args(["--exact", "kubernetes::place::a_context_is_found_and_kept"]);
    // Nobody listens there.
    for key in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"] {
        tests.env(key, "http://127.0.0.1:1");
    }
    let output = tests.env_remove("NO_PROXY").env_remove("no_proxy").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("1 passed"), "{told}");
}

/// What a journal would hold, read back by another program.
fn written(alteration: &Alteration) -> Alteration {
    let text = serde_json::to_string(alteration).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn an_undo_is_carried_out_by_another_program_although_the_context_has_changed() {
    let (mock, folder) = (Mock::start().await, tempfile::tempdir().unwrap());
    let nowhere = "http://127.0.0.1:1";
    let path = kubeconfig(folder.path(), [("other", nowhere), ("lab", &mock.url)]);
    let cluster = connect(&place(path, None)).await.unwrap();
    let alteration = cluster.plan(&web(), &Change::Scale { to: 0 }).await.unwrap();
    let written = written(&alteration);
    assert_eq!(written, alteration);
    // Nothing has happened yet, and nothing is taken back.
    let before = written.undo(limits()).await.unwrap();
    assert_eq!(before, "the replicas of deployment web was 3 already");
    assert_eq!(cluster.alter(&alteration).await.unwrap(), Altered::Now);
    kubeconfig(folder.path(), [("lab", &mock.url), ("other", nowhere)]);
    let how = written.undo(limits()).await.unwrap();
    assert_eq!(how, "set the replicas of deployment web back to 3");
    assert!(written.undo(limits()).await.unwrap().contains("was 3 already"));
    let other = cluster.plan(&web(), &Change::Scale { to: 5 }).await.unwrap();
    cluster.alter(&other).await.unwrap();
    let left = written.undo(limits()).await.unwrap_err();
    assert!(matches!(left, KubernetesError::Theirs { .. }), "{left}");
    assert!(left.to_string().contains("alone: somebody has set it to 5 since"), "{left}");
}

#[tokio::test]
async fn an_undo_does_not_touch_another_cluster() {
    let (mock, folder) = (Mock::start().await, tempfile::tempdir().unwrap());
    let other = Mock::start().await;
    let path = kubeconfig(folder.path(), [("x", &mock.url), ("lab", &mock.url)]);
    let cluster = connect(&place(path, None)).await.unwrap();
    let alteration = cluster.plan(&web(), &Change::Scale { to: 0 }).await.unwrap();
    kubeconfig(folder.path(), [("x", &mock.url), ("lab", &other.url)]);
    let error = written(&alteration).undo(limits()).await.unwrap_err();
    assert!(matches!(error, KubernetesError::Elsewhere { .. }), "{error}");
    assert!(other.needed().is_empty());
}
