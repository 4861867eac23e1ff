//! The manifest in `chaos/deploy/` grants what is needed, and nothing more.

use std::collections::BTreeSet;

use chaos::kubernetes::{ACCESS, Blocked, Cluster, KubernetesError, Selection};
use serde_json::Value;

use super::mock::{Mock, Right};
use super::{cluster, stories, web};

const MANIFEST: &str = include_str!("../../../deploy/role.yaml");

pub(super) fn documents() -> Vec<Value> {
    MANIFEST.split("\n---\n").map(|text| serde_saphyr::from_str(text).unwrap()).collect()
}

fn document(kind: &str) -> Value {
    documents().into_iter().find(|document| document["kind"] == kind).unwrap()
}

pub(super) fn granted() -> BTreeSet<Right> {
    let texts = |list: &Value| -> Vec<String> {
        list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut rights = BTreeSet::new();
    for rule in document("Role")["rules"].as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    let right = (group.clone(), resource.clone(), verb);
                    assert!(rights.insert(right.clone()), "{right:?} is granted twice");
                }
            }
        }
    }
    rights
}

#[test]
fn the_role_is_what_the_module_says_that_it_uses() {
    let used = ACCESS.map(|a| (a.group.to_owned(), a.resource.to_owned(), a.verb.to_owned()));
    assert_eq!(granted(), BTreeSet::from(used));
}

#[tokio::test]
async fn the_stories_need_every_right_of_the_role_and_no_other() {
    let mock = Mock::start().await;
    mock.grant(granted());
    stories::all(&cluster(&mock.url)).await;
    assert_eq!(mock.needed(), granted());
}

#[tokio::test]
async fn a_right_that_is_missing_is_the_one_that_is_named() {
    let mock = Mock::start().await;
    let cluster: Cluster = cluster(&mock.url);
    let mut rights = granted();
    rights.remove(&("apps".to_owned(), "replicasets".to_owned(), "list".to_owned()));
    mock.grant(rights);
    let error = cluster.pods(&Selection::of(&web())).await.unwrap_err();
    let KubernetesError::Blocked { blocked: Blocked::Role { access, message }, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(access.to_string(), "list on replicasets (group apps)");
    assert!(message.contains("system:serviceaccount:shop:chaos"), "{message}");
}

#[test]
fn the_binding_binds_this_role_to_this_account_in_one_namespace() {
    let (account, role, binding) =
        (document("ServiceAccount"), document("Role"), document("RoleBinding"));
    assert_eq!(documents().len(), 3);
    let name = |object: &Value| object["metadata"]["name"].clone();
    assert_eq!(binding["roleRef"]["name"], name(&role));
    assert_eq!(binding["roleRef"]["kind"], "Role");
    assert_eq!(binding["subjects"].as_array().unwrap().len(), 1);
    assert_eq!(binding["subjects"][0]["name"], name(&account));
    let namespaces = [&account, &role, &binding].map(|object| &object["metadata"]["namespace"]);
    assert_eq!(namespaces, [&binding["subjects"][0]["namespace"]; 3]);
}
