//! Kubernetes: stories told to a mock of the API server and, where one is at
//! hand, to a real one; refusals and failures by the mock alone.

mod failures;
mod mock;
mod overlap;
mod patch;
mod place;
mod program;
mod real;
mod refusals;
mod role;
mod roles;
mod shapes;
mod state;
mod stories;

use std::time::Duration;

use chaos::kubernetes::{Cluster, Kind, Limits, Pod, Selection, Workload};

/// The namespace of the mock, and what is in it.
pub(crate) const SHOP: &str = "shop";

pub(crate) fn web() -> Workload {
    Workload { kind: Kind::Deployment, name: "web".to_owned() }
}

pub(crate) fn store() -> Workload {
    Workload { kind: Kind::StatefulSet, name: "store".to_owned() }
}

/// Long enough for a loaded machine; a test waits for conditions, not for this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn cluster(url: &str) -> Cluster {
    Cluster::at(url, SHOP, Limits { connect: PATIENCE, answer: PATIENCE }).unwrap()
}

pub(crate) async fn pods_of(cluster: &Cluster, workload: &Workload) -> Vec<Pod> {
    cluster.candidates(&Selection::of(workload)).await.unwrap()
}
