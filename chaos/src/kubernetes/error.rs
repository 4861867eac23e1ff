//! Why something was not done to the cluster.

use std::time::Duration;

use super::call::Access;

/// Who refused. Nothing was done, and nothing is broken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// The API does not know who asks (401).
    #[error("the API does not accept the credentials; see that they are not expired: {message}")]
    Credentials {
        /// What the API said.
        message: String,
    },
    /// The API knows who asks and says no (403).
    #[error("a Role must grant {access}, see chaos/deploy/role.yaml: {message}")]
    Role {
        /// The right that is missing.
        access: Access,
        /// What the API said.
        message: String,
    },
    /// A disruption budget allows no eviction now, or two of them match the pod.
    #[error("a disruption budget does not allow it{}: {message}", after(*retry_after))]
    Budget {
        /// When the API says that it is worth asking again. Nobody does it here.
        retry_after: Option<Duration>,
        /// What the API said.
        message: String,
    },
    /// The API answers fewer requests than it is sent (429).
    #[error("the API is too busy{}: {message}", after(*retry_after))]
    Busy {
        /// When the API says that it is worth asking again. Nobody does it here.
        retry_after: Option<Duration>,
        /// What the API said.
        message: String,
    },
    /// An admission webhook or policy denied it.
    #[error("the cluster's admission denied it: {message}")]
    Admission {
        /// What it said.
        message: String,
    },
    /// The guard of this program denied it; nothing was sent.
    #[error("{message}")]
    Guard {
        /// Why, and how to allow it.
        message: String,
    },
}

/// What is open after a request without an answer; a look changes nothing.
fn unknown(request: &str) -> &'static str {
    match request.starts_with("GET ") {
        true => "",
        false => "; whether it took effect is not known",
    }
}

fn after(wait: Option<Duration>) -> String {
    wait.map(|wait| format!(" (Retry-After {} s)", wait.as_secs())).unwrap_or_default()
}

/// Why a request to the cluster did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum KubernetesError {
    /// It was refused: blocked, not broken.
    #[error("{what} was refused: {blocked}")]
    Blocked {
        /// What was to be done.
        what: String,
        /// Who refused.
        blocked: Blocked,
    },
    /// There is no way to a cluster.
    #[error(
        "no cluster to connect to: {reason}; set KUBECONFIG, name a kubeconfig and a context of it, or run inside the cluster"
    )]
    Config {
        /// What is missing or wrong.
        reason: String,
    },
    /// A context leads to another cluster than the one that was altered.
    #[error(
        "the context now leads to {now}, and the alteration was made at {then}: nothing was touched"
    )]
    Elsewhere {
        /// The server that was altered.
        then: String,
        /// The server to which the context leads now.
        now: String,
    },
    /// A text that cannot be the name of an object or a namespace.
    #[error("{name:?} is not a name in Kubernetes: lower-case letters, digits, '-' and '.'")]
    Name {
        /// The text.
        name: String,
    },
    /// The named object does not exist.
    #[error("{what} does not exist in namespace {namespace}")]
    Absent {
        /// `deployment web`.
        what: String,
        /// Where it was looked for.
        namespace: String,
    },
    /// It cannot be asked of this object.
    #[error("{what}: {why}")]
    Impossible {
        /// What was asked.
        what: String,
        /// Why not.
        why: String,
    },
    /// No whole answer came. If the request was to change something, whether it
    /// did is not known.
    #[error("no answer to {request}: {reason}{}", unknown(.request))]
    NoAnswer {
        /// The request, without its query.
        request: String,
        /// What the network said.
        reason: String,
    },
    /// The API gave an answer that it should not give.
    #[error("the API answered {status} to {request}: {message}")]
    Answer {
        /// The request, without its query.
        request: String,
        /// The status code.
        status: u16,
        /// What it said, or the beginning of it.
        message: String,
    },
    /// A list expired while its pages were read, several times over (410).
    #[error("the answer to {request} expired while it was read, {times} times over")]
    Expired {
        /// The request, without its query.
        request: String,
        /// How often it was begun.
        times: u32,
    },
    /// An object that others change all the time (409).
    #[error("{what} was changed by others {times} times between a look and the change")]
    Contended {
        /// The object.
        what: String,
        /// How often it was tried.
        times: u32,
    },
    /// Somebody else has set something else since, which was left alone.
    #[error("{what} was left alone: somebody has set it to {present} since")]
    Theirs {
        /// `the replicas of deployment web`.
        what: String,
        /// What is there.
        present: String,
    },
    /// What was waited for did not come.
    #[error("after {within:?}, {seen}")]
    NotSeen {
        /// What is seen instead.
        seen: String,
        /// How long it was waited for.
        within: Duration,
    },
}

impl KubernetesError {
    /// Whether somebody refused: the fault is blocked, not broken.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::Blocked { .. })
    }

    /// A right that one has not, as the API says when it is asked beforehand.
    pub(crate) fn lacking(access: Access) -> Self {
        let message = "the API says so when it is asked".to_owned();
        Self::Blocked { what: access.to_string(), blocked: Blocked::Role { access, message } }
    }

    /// Whether it is not known what became of the request.
    #[must_use]
    pub fn is_indeterminate(&self) -> bool {
        matches!(self, Self::NoAnswer { .. })
    }

    /// Whether the same may well succeed within minutes: the server is away or
    /// starts, a token expires and is renewed, an admission or a role that was
    /// there before the fault is not there for a while.
    pub(crate) fn may_pass_in_time(&self) -> bool {
        match self {
            Self::Config { .. } | Self::Contended { .. } => true,
            Self::Blocked { blocked, .. } => !matches!(blocked, Blocked::Guard { .. }),
            error => error.may_pass(),
        }
    }

    /// Whether a look may well succeed a little later.
    fn may_pass(&self) -> bool {
        match self {
            Self::NoAnswer { .. } | Self::Expired { .. } => true,
            Self::Answer { status, .. } => *status >= 500,
            Self::Blocked { blocked, .. } => matches!(blocked, Blocked::Busy { .. }),
            _ => false,
        }
    }
}
