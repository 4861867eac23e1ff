//! The templates of a Deployment, by the ReplicaSets that hold them.

use serde_json::Value;

use super::super::pod::TEMPLATE_HASH;

const REVISION: &str = "deployment.kubernetes.io/revision";
/// What `kubectl rollout undo` leaves as it is in a Deployment.
const ITS_OWN: [&str; 6] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas",
    "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
];

/// The names of the ReplicaSets of the present template and of the one before.
pub(super) fn revisions(deployment: &Value, sets: &[Value]) -> Result<(String, String), String> {
    let now = holder(deployment, sets)
        .ok_or_else(|| "its present template has no ReplicaSet yet".to_owned())?;
    let revision = |set: &&Value| -> Option<u64> {
        set["metadata"]["annotations"][REVISION].as_str()?.parse().ok()
    };
    let others = sets.iter().filter(|set| name(set) != name(now) && revision(set).is_some());
    let before = others.max_by_key(revision);
    let before = before.ok_or_else(|| "there is no revision before the present".to_owned())?;
    Ok((name(now), name(before)))
}

/// The ReplicaSet of a Deployment's present template. Its revision would name it,
/// too, but is written later.
pub(in crate::kubernetes) fn holder<'a>(
    deployment: &Value,
    sets: &'a [Value],
) -> Option<&'a Value> {
    let present = template(deployment);
    sets.iter().find(|set| template(set) == present)
}

pub(in crate::kubernetes) fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
}

/// A template without what the controller adds.
pub(in crate::kubernetes) fn template(object: &Value) -> Value {
    let mut template = object["spec"]["template"].clone();
    if let Some(labels) = template["metadata"]["labels"].as_object_mut() {
        labels.remove(TEMPLATE_HASH);
    }
    template
}

pub(in crate::kubernetes) fn annotations(deployment: &Value, set: &Value) -> Value {
    let of =
        |object: &Value| object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
    let its_own = |key: &str| ITS_OWN.contains(&key);
    let mut kept = of(deployment);
    kept.retain(|key, _| its_own(key));
    kept.extend(of(set).into_iter().filter(|(key, _)| !its_own(key)));
    Value::Object(kept)
}
