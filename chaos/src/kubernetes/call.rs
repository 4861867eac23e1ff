//! The requests to the API, each with the right that it needs.

use http::Method;
use serde_json::Value;

use super::{Kind, KubernetesError};

/// A right, as a rule of a Role grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// The API's group; empty for the core.
    pub group: &'static str,
    /// What it is about: `pods`, `pods/eviction`.
    pub resource: &'static str,
    /// What is done: `get`, `list`, `create`, `patch`, `delete`.
    pub verb: &'static str,
}

impl std::fmt::Display for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} on {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, " (group {})", self.group)?;
        }
        Ok(())
    }
}

const fn core(resource: &'static str, verb: &'static str) -> Access {
    Access { group: "", resource, verb }
}

const fn apps(resource: &'static str, verb: &'static str) -> Access {
    Access { group: "apps", resource, verb }
}

pub(super) const LIST_PODS: Access = core("pods", "list");
pub(super) const GET_POD: Access = core("pods", "get");
pub(super) const DELETE_POD: Access = core("pods", "delete");
pub(super) const EVICT_POD: Access = core("pods/eviction", "create");
pub(super) const LIST_REPLICA_SETS: Access = apps("replicasets", "list");
const GET_DEPLOYMENT: Access = apps("deployments", "get");
const PATCH_DEPLOYMENT: Access = apps("deployments", "patch");
const GET_DEPLOYMENT_SCALE: Access = apps("deployments/scale", "get");
const PATCH_DEPLOYMENT_SCALE: Access = apps("deployments/scale", "patch");
const GET_STATEFUL_SET: Access = apps("statefulsets", "get");
const PATCH_STATEFUL_SET: Access = apps("statefulsets", "patch");
const GET_STATEFUL_SET_SCALE: Access = apps("statefulsets/scale", "get");
const PATCH_STATEFUL_SET_SCALE: Access = apps("statefulsets/scale", "patch");

/// Asking what one may do. Every user has this right by default, and nothing is
/// concluded where somebody has not.
const ASK: Access =
    Access { group: "authorization.k8s.io", resource: "selfsubjectaccessreviews", verb: "create" };

/// Every right that is ever needed.
pub const ACCESS: [Access; 13] = [
    LIST_PODS,
    GET_POD,
    DELETE_POD,
    EVICT_POD,
    LIST_REPLICA_SETS,
    GET_DEPLOYMENT,
    PATCH_DEPLOYMENT,
    GET_DEPLOYMENT_SCALE,
    PATCH_DEPLOYMENT_SCALE,
    GET_STATEFUL_SET,
    PATCH_STATEFUL_SET,
    GET_STATEFUL_SET_SCALE,
    PATCH_STATEFUL_SET_SCALE,
];

/// The rights of what is done to pods, beside seeing them.
pub(crate) mod rights {
    use super::{Access, DELETE_POD, EVICT_POD, GET_POD, Kind};

    pub(crate) const END_PODS: &[Access] = &[GET_POD, DELETE_POD];
    pub(crate) const EVICT_PODS: &[Access] = &[GET_POD, EVICT_POD];

    pub(crate) fn patch(kind: Kind) -> [Access; 1] {
        [super::patch(kind)]
    }

    pub(crate) fn scale(kind: Kind) -> [Access; 1] {
        [super::patch_scale(kind)]
    }
}

pub(super) fn get(kind: Kind) -> Access {
    match kind {
        Kind::Deployment => GET_DEPLOYMENT,
        Kind::StatefulSet => GET_STATEFUL_SET,
    }
}

pub(super) fn patch(kind: Kind) -> Access {
    match kind {
        Kind::Deployment => PATCH_DEPLOYMENT,
        Kind::StatefulSet => PATCH_STATEFUL_SET,
    }
}

pub(super) fn get_scale(kind: Kind) -> Access {
    match kind {
        Kind::Deployment => GET_DEPLOYMENT_SCALE,
        Kind::StatefulSet => GET_STATEFUL_SET_SCALE,
    }
}

pub(super) fn patch_scale(kind: Kind) -> Access {
    match kind {
        Kind::Deployment => PATCH_DEPLOYMENT_SCALE,
        Kind::StatefulSet => PATCH_STATEFUL_SET_SCALE,
    }
}

/// How a body is to be understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// An object or its options.
    Json,
    /// RFC 7386: objects are merged, lists replaced.
    MergePatch,
    /// As a merge, but lists such as the containers are merged by name.
    StrategicPatch,
    /// RFC 6902: a list of operations.
    JsonPatch,
}

impl Content {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::MergePatch => "application/merge-patch+json",
            Self::StrategicPatch => "application/strategic-merge-patch+json",
            Self::JsonPatch => "application/json-patch+json",
        }
    }
}

/// One request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Call {
    pub(super) access: Access,
    namespace: String,
    name: Option<String>,
    query: Vec<(&'static str, String)>,
    pub(super) body: Option<(Content, Value)>,
}

impl Call {
    /// A request about everything of a kind.
    pub(super) fn all(access: Access, namespace: &str) -> Self {
        let namespace = namespace.to_owned();
        Self { access, namespace, name: None, query: Vec::new(), body: None }
    }

    /// A request about one object. A name that is not one is refused here: an
    /// empty one would make the request one about everything of the kind.
    pub(super) fn one(
        access: Access,
        namespace: &str,
        name: &str,
    ) -> Result<Self, KubernetesError> {
        Ok(Self { name: Some(checked(name)?.to_owned()), ..Self::all(access, namespace) })
    }

    /// The question whether somebody has a right in a namespace.
    pub(super) fn may(access: Access, namespace: &str) -> Self {
        let (resource, below) = access.resource.split_once('/').unwrap_or((access.resource, ""));
        let asked = serde_json::json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": { "resourceAttributes": {
                "namespace": namespace, "verb": access.verb, "group": access.group,
                "resource": resource, "subresource": below,
            } },
        });
        Self::all(ASK, namespace).body(Content::Json, asked)
    }

    pub(super) fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    pub(super) fn body(mut self, content: Content, body: Value) -> Self {
        self.body = Some((content, body));
        self
    }

    pub(super) fn method(&self) -> Method {
        match self.access.verb {
            "create" => Method::POST,
            "patch" => Method::PATCH,
            "delete" => Method::DELETE,
            _ => Method::GET,
        }
    }

    /// The path and query of the request.
    pub(super) fn target(&self) -> String {
        let Access { group, resource, .. } = self.access;
        let root =
            if group.is_empty() { "/api/v1".to_owned() } else { format!("/apis/{group}/v1") };
        let (collection, below) = resource.split_once('/').unwrap_or((resource, ""));
        let mut target = match self.access == ASK {
            true => format!("{root}/{collection}"),
            false => format!("{root}/namespaces/{}/{collection}", self.namespace),
        };
        for part in self.name.iter().map(String::as_str).chain([below]) {
            if !part.is_empty() {
                target.push('/');
                target.push_str(part);
            }
        }
        for (at, (key, value)) in self.query.iter().enumerate() {
            target.push(if at == 0 { '?' } else { '&' });
            target.push_str(&format!("{key}={}", encoded(value)));
        }
        target
    }
}

impl std::fmt::Display for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let target = self.target();
        write!(f, "{} {}", self.method(), target.split('?').next().unwrap_or_default())
    }
}

/// A name as Kubernetes allows it (a DNS subdomain), so that it is one segment of
/// a path and nothing else.
pub(super) fn checked(name: &str) -> Result<&str, KubernetesError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let inside = |c: char| plain(c) || c == '-' || c == '.';
    if (1..=253).contains(&name.len())
        && name.starts_with(plain)
        && name.ends_with(plain)
        && name.chars().all(inside)
    {
        Ok(name)
    } else {
        Err(KubernetesError::Name { name: name.to_owned() })
    }
}

/// Percent-encoded, all but what RFC 3986 calls unreserved.
fn encoded(text: &str) -> String {
    let unreserved = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().fold(String::new(), |out, byte| {
        if unreserved(byte) {
            out + &char::from(byte).to_string()
        } else {
            out + &format!("%{byte:02X}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_made_of_group_namespace_name_and_subresource() {
        let evict = Call::one(EVICT_POD, "shop", "web-1").unwrap();
        assert_eq!(evict.target(), "/api/v1/namespaces/shop/pods/web-1/eviction");
        assert_eq!(evict.to_string(), "POST /api/v1/namespaces/shop/pods/web-1/eviction");
        let list = Call::all(LIST_REPLICA_SETS, "shop").query("labelSelector", "a=b,c!=d");
        let path = "/apis/apps/v1/namespaces/shop/replicasets";
        assert_eq!(list.target(), format!("{path}?labelSelector=a%3Db%2Cc%21%3Dd"));
        assert_eq!(list.to_string(), format!("GET {path}"));
    }

    #[test]
    fn a_name_that_would_reach_something_else_is_refused() {
        for name in ["", "..", "a/b", "a?b", "A", "-a", "a-", "a%2Fb", &"a".repeat(254)] {
            let error = Call::one(DELETE_POD, "shop", name).unwrap_err();
            assert!(matches!(error, KubernetesError::Name { .. }), "{name}: {error}");
        }
        Call::one(DELETE_POD, "shop", "web-0.a1").unwrap();
    }
}
