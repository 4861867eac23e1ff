//! What is known of a series before it has a sample.

use scenarios::plan::Plan;
use scenarios::series::{DEPLOYMENT, HOST, HOST_NAME, SeriesInfo, WORKLOAD};
use scenarios::units::Unit;

/// What is known of a series without its samples. What belongs to no probe is a count of a
/// workload.
pub(in crate::judge) fn info(plan: &Plan, name: &str) -> Option<SeriesInfo> {
    let (owner, last) = name.rsplit_once('.').unwrap_or((name, ""));
    let planned = plan.probes.iter().find(|probe| probe.name == owner);
    let infos = match planned {
        Some(probe) => probe.kind.series(),
        None if owner == HOST_NAME => HOST.to_vec(),
        None if plan.has_deployment(owner) => DEPLOYMENT.to_vec(),
        None => WORKLOAD.to_vec(),
    };
    infos.into_iter().find(|info| info.name == last)
}

/// What a series is measured in.
pub(in crate::judge) fn unit(info: Option<&SeriesInfo>) -> Unit {
    info.map_or(Unit::Count, |info| info.unit)
}
