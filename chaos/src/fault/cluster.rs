//! A look at the cluster that a fault is aimed at, before a load: whether it answers,
//! whether one may do there what the fault does, and whether there is anybody to hit.

use scenarios::plan::FaultKind;

use super::{pods, rollouts};
use crate::FaultError;
use crate::kubernetes::{Access, KubernetesError, Selection, rights};
use crate::limits::Limits;

/// What is to be told of a fault on a cluster that would not land now, although it may
/// later; `None` where it would, and for every other fault. Nothing is touched.
///
/// # Errors
/// When it certainly will not: the cluster does not answer, a guard or the cluster
/// refuses, or a right is missing.
pub async fn at_cluster(kind: &FaultKind, limits: &Limits) -> Result<Option<String>, FaultError> {
    let looked = match kind {
        FaultKind::KillPods(asked) | FaultKind::TerminatePods(asked) => {
            pods_of(asked, rights::END_PODS, limits).await
        }
        FaultKind::EvictPods(asked) => pods_of(asked, rights::EVICT_PODS, limits).await,
        FaultKind::RestartRollout(asked) => {
            workload(rollouts::restart(asked, limits).await, asked, rights::patch, limits).await
        }
        FaultKind::SetImage(set) => {
            let drafted = rollouts::set_image(set, limits).await;
            workload(drafted, &set.rollout, rights::patch, limits).await
        }
        FaultKind::RollBack(asked) => {
            workload(rollouts::roll_back(asked, limits).await, asked, rights::patch, limits).await
        }
        FaultKind::Scale(scale) => {
            let drafted = rollouts::scale(scale, limits).await;
            workload(drafted, &scale.rollout, rights::scale, limits).await
        }
        _ => Ok(None),
    };
    match looked {
        Err(error) if is_final(&error) => Err(error),
        Err(error) => Ok(Some(error.to_string())),
        Ok(doubt) => Ok(doubt),
    }
}

/// Whether waiting changes nothing.
fn is_final(error: &FaultError) -> bool {
    error.is_refusal() || error.is_environment() || error.is_usage()
}

async fn pods_of(
    asked: &scenarios::plan::fault::Pods,
    rights: &[Access],
    limits: &Limits,
) -> Result<Option<String>, FaultError> {
    let cluster = pods::cluster(&asked.context, &asked.namespace, limits).await?;
    let selection = Selection { labels: Some(asked.labels.clone()), ..Selection::default() };
    let candidates = cluster.candidates(&selection).await?;
    missing(cluster.lacking(rights).await?)?;
    Ok(candidates
        .is_empty()
        .then(|| format!("no pod of {} with {} runs now", asked.namespace, asked.labels)))
}

async fn workload(
    drafted: Result<Box<dyn super::Strike>, FaultError>,
    asked: &scenarios::plan::fault::Rollout,
    rights: fn(crate::kubernetes::Kind) -> [Access; 1],
    limits: &Limits,
) -> Result<Option<String>, FaultError> {
    let doubt = match drafted {
        Ok(_) => None,
        Err(error) if is_final(&error) => return Err(error),
        Err(error) => Some(error.to_string()),
    };
    let cluster = pods::cluster(&asked.context, &asked.namespace, limits).await?;
    let workload = rollouts::workload(&asked.of)?;
    missing(cluster.lacking(&rights(workload.kind)).await?)?;
    Ok(doubt)
}

fn missing(lacking: Vec<Access>) -> Result<(), KubernetesError> {
    match lacking.first() {
        None => Ok(()),
        Some(&access) => Err(KubernetesError::lacking(access)),
    }
}
