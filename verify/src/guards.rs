//! What a run may reach. Load and faults go to this machine without asking;
//! every other host must be allowed, by `--allow` or `SHAKEDOWN_ALLOW`, before
//! anything starts. Probes and sources of effects only read and need no
//! permission.
//!
//! It is asked twice: before the run for all that the scenario and the targets
//! name ([`before`]), and, once the targets answer and before the load, for what
//! only they can tell ([`behind`]).

use std::collections::BTreeMap;

use chaos::{FaultError, Limits};
use hosts::{Ground, Guard, GuardError};
use scenarios::Plan;
use scenarios::plan::{Transport, Workload};
use scenarios::template::{Template, TemplateError};
use services::{AddressError, Host, Service};

/// Why a run may not begin.
#[derive(Debug, thiserror::Error)]
pub enum GuardsError {
    /// Nobody allowed it, or a name means nothing.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// An address of a workload cannot be read.
    #[error("workload {workload}: {source}")]
    Address {
        /// The workload.
        workload: String,
        /// What is wrong with the address.
        source: AddressError,
    },
    /// A workload uses a target that has no address.
    #[error("workload {workload}: {source}")]
    Target {
        /// The workload.
        workload: String,
        /// The target.
        source: TemplateError,
    },
    /// What a fault is aimed at cannot be told, or is refused.
    #[error("fault {fault}: {source}")]
    Fault {
        /// The fault.
        fault: String,
        /// Why.
        source: Box<FaultError>,
    },
}

impl GuardsError {
    fn fault(name: &str, source: FaultError) -> Self {
        Self::Fault { fault: name.to_owned(), source: Box::new(source) }
    }

    /// Whether it is the command line or the scenario that is wrong, and not the
    /// surroundings.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Guard(GuardError::Refused(_)) | Self::Address { .. } | Self::Target { .. } => {
                true
            }
            Self::Guard(GuardError::Unknown { .. }) => false,
            Self::Fault { source, .. } => source.is_usage() || source.is_refusal(),
        }
    }

    /// Whether it is only that an address is not known yet.
    fn is_open(&self) -> bool {
        match self {
            Self::Target { .. } => true,
            Self::Fault { source, .. } => matches!(**source, FaultError::Target(_)),
            Self::Guard(_) | Self::Address { .. } => false,
        }
    }
}

/// The guard of a run.
#[must_use]
pub fn guard(allowed: &[String]) -> Guard {
    Guard::new(Ground::Machine, allowed)
}

/// Judges every host that the load is sent to or that a fault is aimed at.
///
/// # Errors
/// Every refusal at once; else the first address that cannot be judged.
pub fn before(
    plan: &Plan,
    targets: &BTreeMap<String, String>,
    guard: &Guard,
) -> Result<(), GuardsError> {
    let wanted = wanted(plan, targets).into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(guard.check(wanted.into_iter().flatten())?)
}

/// [`before`] for what the scenario file itself names; addresses that are given
/// only for a run are passed over.
///
/// # Errors
/// As [`before`].
pub fn written_down(plan: &Plan, guard: &Guard) -> Result<(), GuardsError> {
    let is_open = |found: &Result<_, GuardsError>| matches!(found, Err(error) if error.is_open());
    let known = wanted(plan, &BTreeMap::new()).into_iter().filter(|found| !is_open(found));
    let known = known.collect::<Result<Vec<_>, _>>()?;
    Ok(guard.check(known.into_iter().flatten())?)
}

/// Judges what only the targets can tell: what stands behind a proxy, and
/// whether a cluster's namespace looks like production.
///
/// # Errors
/// As [`before`], and when a proxy cannot be asked.
pub async fn behind(
    plan: &Plan,
    targets: &BTreeMap<String, String>,
    guard: &Guard,
) -> Result<(), GuardsError> {
    let limits = Limits::default().within(Vec::new(), guard.allowed().to_vec());
    let mut wanted = Vec::new();
    for fault in &plan.faults {
        let failed = |source| GuardsError::fault(&fault.name, source);
        let http = chaos::http_client().map_err(failed)?;
        let aims = chaos::aims_behind(&fault.kind, targets, &http, &limits).await;
        for aim in aims.map_err(failed)? {
            wanted.extend(named(&format!("fault {} ({})", fault.name, aim.what), &aim.hosts));
        }
    }
    Ok(guard.check(wanted)?)
}

/// What a host is wanted for, and its name.
type Wanted = Vec<(String, String)>;

fn wanted(plan: &Plan, targets: &BTreeMap<String, String>) -> Vec<Result<Wanted, GuardsError>> {
    let loads = plan.workloads.iter().map(|workload| loaded(workload, targets));
    let faults = plan.faults.iter().map(|fault| {
        let aims = chaos::aims(&fault.kind, targets)
            .map_err(|source| GuardsError::fault(&fault.name, source))?;
        let of =
            |aim: &chaos::Aim| named(&format!("fault {} ({})", fault.name, aim.what), &aim.hosts);
        Ok(aims.iter().flat_map(of).collect())
    });
    loads.chain(faults).collect()
}

/// The hosts that the load of a workload is sent to. A program is taken to send
/// it to every target that it is given.
fn loaded(workload: &Workload, targets: &BTreeMap<String, String>) -> Result<Wanted, GuardsError> {
    let address = |source| GuardsError::Address { workload: workload.name.clone(), source };
    let filled = |template: &Template| {
        let open = |source| GuardsError::Target { workload: workload.name.clone(), source };
        template.fill(targets).map_err(open)
    };
    let hosts = match &workload.transport {
        // What follows the host is a payload template, and no part of an address.
        Transport::Http(http) => Service::Http.hosts(authority(&filled(&http.url)?)),
        Transport::Amqp(amqp) => Service::Amqp.hosts(&filled(&amqp.url)?),
        Transport::Redis(redis) => Service::Redis.hosts(&filled(&redis.url)?),
        Transport::Kafka(kafka) => {
            let others = ["bootstrap.servers", "metadata.broker.list"];
            let set = others.iter().filter_map(|name| kafka.settings.get(*name).cloned());
            let lists = std::iter::once(filled(&kafka.brokers)?).chain(set);
            lists
                .map(|list| Service::Kafka.hosts(&list))
                .collect::<Result<Vec<_>, _>>()
                .map(|l| l.concat())
        }
        Transport::Command(command) => {
            filled(&command.run)?;
            let given = chaos::aims_of_programs(&[&command.run], targets);
            given.map(|aims| aims.into_iter().flat_map(|aim| aim.hosts).collect())
        }
    };
    Ok(named(&format!("workload {}", workload.name), &hosts.map_err(address)?))
}

/// The part of a web address that names the host.
fn authority(url: &str) -> &str {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..].find(['/', '?', '#', '\\']).map_or(url.len(), |at| start + at);
    // A backslash is for some programs a slash; it stays in, and is refused.
    if url[end..].starts_with('\\') { url } else { &url[..end] }
}

fn named(what: &str, hosts: &[Host]) -> Wanted {
    hosts.iter().map(|host| (what.to_owned(), host.name.clone())).collect()
}

#[cfg(test)]
mod tests;
