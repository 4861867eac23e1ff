//! A look at the clusters that faults and probes need.

use std::time::Duration;

use chaos::Limits;
use chaos::kubernetes::Selection;
use futures_util::future::{join, join_all};
use scenarios::plan::{Fault, Plan, Probe, ProbeKind};
use tokio::time::timeout;

use super::Found;
use crate::probe;

/// How long a look at a cluster may take: several requests, and perhaps a program
/// that gets a token.
const LIMIT: Duration = Duration::from_secs(10);

/// What there is to tell of each: what looks, and what was found. All are looked at at
/// the same time.
pub(super) async fn look(plan: &Plan) -> Vec<(String, Found)> {
    let allowed = plan.safety.allowed.clone();
    let limits = Limits::default().within(Vec::new(), allowed);
    let faults = plan.faults.iter().map(|fault| of_fault(fault, &limits));
    let probes = plan.probes.iter().map(of_probe);
    let (faults, probes) = join(join_all(faults), join_all(probes)).await;
    faults.into_iter().chain(probes).flatten().collect()
}

fn late() -> Found {
    Found::Unusable(format!("the cluster did not answer within {} s", LIMIT.as_secs()))
}

async fn of_fault(fault: &Fault, limits: &Limits) -> Option<(String, Found)> {
    let found = match timeout(LIMIT, chaos::at_cluster(&fault.kind, limits)).await {
        Ok(Ok(doubt)) => Found::Doubt(doubt?),
        Ok(Err(error)) => error.into(),
        Err(_) => late(),
    };
    Some((format!("fault {}", fault.name), found))
}

async fn of_probe(probe: &Probe) -> Option<(String, Found)> {
    let ProbeKind::Pods { context, namespace, labels } = &probe.kind else { return None };
    let look = async {
        let cluster = probe::cluster(context, namespace).await?;
        let selection = Selection { labels: Some(labels.clone()), ..Selection::default() };
        cluster.pods(&selection).await
    };
    let found = match timeout(LIMIT, look).await {
        Ok(Ok(pods)) if pods.is_empty() => {
            Found::Doubt(format!("namespace {namespace} has no pod with {labels} now"))
        }
        Ok(Ok(_)) => return None,
        Ok(Err(error)) => Found::Unusable(error.to_string()),
        Err(_) => late(),
    };
    Some((format!("probe {}", probe.name), found))
}
