//! Pods and workloads of a Kubernetes cluster: what faults do to them, and how
//! it is taken back.
//!
//! Every request goes through one place ([`Cluster`]'s `call`), is sent once,
//! and needs one of the rights of [`ACCESS`], which `chaos/deploy/` grants.
//! Three ends are told apart. What was done is a value; who was not hit although
//! nobody refused is a [`Missed`]; a refusal is [`KubernetesError::Blocked`],
//! and everything else another [`KubernetesError`].
//!
//! A container is not killed on its own. The API offers only to run a command
//! inside it, and there the first process, which is the one that matters, cannot
//! be killed: the kernel drops SIGKILL from within its own namespace, and
//! SIGTERM unless it is handled. An ephemeral container that shares the
//! namespace meets the same wall and can never be removed again. So the pod is
//! the smallest victim.

mod alteration;
mod answer;
mod call;
mod cluster;
mod desired;
mod error;
mod guard;
mod pod;
mod rollout;
mod strike;
mod waiting;
mod workload;

pub use alteration::{Alteration, Altered, Change, Swap};
pub(crate) use call::rights;
pub use call::{ACCESS, Access};
pub use cluster::{Cluster, Limits, Place};
pub(crate) use desired::{Desired, Seen, Set};
pub use error::{Blocked, KubernetesError};
pub use guard::Guard;
pub use pod::{Owner, Past, Phase, Pod, Selection};
pub use rollout::Rollout;
pub use strike::{Missed, Struck};
pub(crate) use waiting::Gap;
pub use workload::{Kind, State, Workload};
