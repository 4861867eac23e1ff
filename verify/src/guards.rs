//! What a run may reach. Load, faults, and whatever makes something where it
//! looks go to this machine without asking; every other host must be allowed, by
//! `--allow` or `SHAKEDOWN_ALLOW`, before anything starts. Probes and sources of
//! effects that only read need no permission; which those are, each kind states
//! ([`Access`]).
//!
//! It is asked twice: before the run for all that the scenario and the targets
//! name ([`before`]), and, once the targets answer and before the load, for what
//! only they can tell: what stands behind a proxy ([`behind`]), and where the
//! target of a load leads on to, which the generator asks for by the same guard
//! when it makes itself ready.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chaos::{FaultError, Limits};
use hosts::{Ground, Guard, GuardError};
use scenarios::Plan;
use scenarios::plan::{Access, Orchestrator, Route, Transport, Workload};
use scenarios::template::{Template, TemplateError};
use services::{AddressError, Host, Service};

/// Why a run may not begin.
#[derive(Debug, thiserror::Error)]
pub enum GuardsError {
    /// Nobody allowed it, or a name means nothing.
    #[error(transparent)]
    Guard(#[from] GuardError),
    /// An address of a workload or of a source cannot be read.
    #[error("{what}: {source}")]
    Address {
        /// Whose it is: `workload load`.
        what: String,
        /// What is wrong with the address.
        source: AddressError,
    },
    /// A workload or a source uses a target that has no address.
    #[error("{what}: {source}")]
    Target {
        /// Whose it is: `workload load`.
        what: String,
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
            // A server that does not let us in is one of the surroundings.
            Self::Fault { source, .. } => {
                source.is_usage() || (source.is_refusal() && !source.is_environment())
            }
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

/// Judges every host that the load is sent to, that a fault is aimed at, or where
/// a probe or a source of effects makes something.
///
/// # Errors
/// Every refusal at once; else the first address that cannot be judged.
pub fn before(
    plan: &Plan,
    targets: &BTreeMap<String, String>,
    guard: &Guard,
) -> Result<(), GuardsError> {
    let wanted = wanted(plan, targets).into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(guard.check(names(wanted.concat()))?)
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
    Ok(guard.check(names(known.concat()))?)
}

/// Judges what only the targets can tell: what stands behind a proxy that a fault
/// or, by way of the same server of proxies, anything else goes through; and
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
    let (mut found, mut fronts) = (Vec::new(), Vec::new());
    for fault in &plan.faults {
        let failed = |source| GuardsError::fault(&fault.name, source);
        let http = chaos::http_client().map_err(failed)?;
        let aims = chaos::aims_behind(&fault.kind, targets, &http, &limits).await;
        for aim in aims.map_err(failed)? {
            found.extend(named(&format!("fault {} ({})", fault.name, aim.what), &aim.hosts));
        }
        fronts.extend(chaos::fronts(&fault.kind, targets, &http).await.map_err(failed)?);
    }
    let direct = wanted(plan, targets).into_iter().collect::<Result<Vec<_>, _>>()?;
    found.extend(chaos::through(&fronts, &direct.concat()));
    Ok(guard.check(names(found))?)
}

/// Hosts, each with what it is wanted for.
type Wanted = Vec<(String, Host)>;

/// The guard asks for names: a permission is for all ports of a host.
fn names(wanted: Wanted) -> impl Iterator<Item = (String, String)> {
    wanted.into_iter().map(|(what, host)| (what, host.name))
}

fn wanted(plan: &Plan, targets: &BTreeMap<String, String>) -> Vec<Result<Wanted, GuardsError>> {
    let loads = plan.workloads.iter().map(|workload| loaded(workload, targets));
    let faults = plan.faults.iter().map(|fault| {
        let aims = chaos::aims(&fault.kind, targets)
            .map_err(|source| GuardsError::fault(&fault.name, source))?;
        let of =
            |aim: &chaos::Aim| named(&format!("fault {} ({})", fault.name, aim.what), &aim.hosts);
        Ok(aims.iter().flat_map(of).collect())
    });
    let deployments = plan.deployments.iter().flat_map(|deployment| {
        let what = format!("deployment {}", deployment.name);
        let address = match &deployment.at {
            Orchestrator::Control(address) => Some(Access::Writes(address)),
            // A cluster has a guard of its own, which asks it.
            Orchestrator::Kubernetes(_) | Orchestrator::Commands { .. } => None,
        };
        let accesses = address.into_iter().chain(deployment.at.programs().map(Access::Runs));
        accesses.map(move |access| written(&what, access, targets)).collect::<Vec<_>>()
    });
    let probes = plan
        .probes
        .iter()
        .map(|probe| written(&format!("probe {}", probe.name), probe.kind.access(), targets));
    let effects = plan.effects.iter().flat_map(|effects| {
        let what = format!("effects {}", effects.name);
        effects.accesses().map(move |access| written(&what, access, targets))
    });
    let abort = plan.safety.on_abort.iter();
    let abort = abort.map(|run| written("on_abort", Access::Runs(run), targets));
    loads.chain(faults).chain(deployments).chain(probes).chain(effects).chain(abort).collect()
}

/// The hosts where a probe or a source of effects makes something or may do so.
fn written(
    what: &str,
    access: Access<'_>,
    targets: &BTreeMap<String, String>,
) -> Result<Wanted, GuardsError> {
    let open = |source| GuardsError::Target { what: what.to_owned(), source };
    let wrong = |source| GuardsError::Address { what: what.to_owned(), source };
    let hosts = match access {
        Access::Reads => Ok(Vec::new()),
        Access::Writes(address) => chaos::hosts_of(&address.fill(targets).map_err(open)?),
        Access::Runs(program) => {
            program.words(targets).map_err(open)?;
            let given = chaos::aims_of_programs(&[program], targets);
            given.map(|aims| aims.into_iter().flat_map(|aim| aim.hosts).collect())
        }
    };
    Ok(named(what, &hosts.map_err(wrong)?))
}

/// The hosts that the load of a workload is sent to. A program is taken to send
/// it to every target that it is given.
fn loaded(workload: &Workload, targets: &BTreeMap<String, String>) -> Result<Wanted, GuardsError> {
    let what = format!("workload {}", workload.name);
    let address = |source| GuardsError::Address { what: what.clone(), source };
    let filled = |template: &Template| {
        let open = |source| GuardsError::Target { what: what.clone(), source };
        template.fill(targets).map_err(open)
    };
    let hosts = match &workload.transport {
        Transport::Http(http) => {
            let url = filled(&http.url)?;
            let proxy = http.route.proxy.as_ref().map(&filled).transpose()?;
            routed(&http.route, &url, proxy.as_deref())
        }
        Transport::Amqp(amqp) => Service::Amqp.hosts(&filled(&amqp.url)?),
        Transport::Redis(redis) => Service::Redis.hosts(&filled(&redis.url)?),
        Transport::Kafka(kafka) => {
            let others = services::kafka::SETTINGS;
            let set = others.iter().filter_map(|name| kafka.settings.get(*name).cloned());
            let lists = std::iter::once(filled(&kafka.brokers)?).chain(set);
            lists
                .map(|list| Service::Kafka.hosts(&list))
                .collect::<Result<Vec<_>, _>>()
                .map(|l| l.concat())
        }
        Transport::Command(command) => {
            let open = |source| GuardsError::Target { what: what.clone(), source };
            command.run.words(targets).map_err(open)?;
            let given = chaos::aims_of_programs(&[&command.run], targets);
            given.map(|aims| aims.into_iter().flat_map(|aim| aim.hosts).collect())
        }
    };
    Ok(named(&what, &hosts.map_err(address)?))
}

/// The hosts that requests to a URL are really sent to. A socket of this machine is
/// none; a proxy sends them on to the host of the URL.
fn routed(route: &Route, url: &str, proxy: Option<&str>) -> Result<Vec<Host>, AddressError> {
    let Route { resolve, connect_to, unix_socket, proxy: _ } = route;
    let (address, _) = services::http::split(url)?;
    if unix_socket.is_some() {
        return Ok(Vec::new());
    }
    if let Some(proxy) = proxy {
        let (through, _) = services::http::split(proxy)?;
        return Ok([through.hosts, address.hosts].concat());
    }
    let Host { name, port } = address.host();
    let led = connect_to.as_ref().and_then(|to| to.of(name, *port));
    let (name, port) = led.unwrap_or_else(|| (name.clone(), *port));
    let given = resolve.iter().find_map(|resolve| resolve.of(&name, port));
    Ok(match given {
        Some(addresses) => {
            let host = |ip: &IpAddr| Host { name: ip.to_string(), port };
            addresses.iter().map(host).collect()
        }
        None => vec![Host { name, port }],
    })
}

fn named(what: &str, hosts: &[Host]) -> Wanted {
    hosts.iter().map(|host| (what.to_owned(), host.clone())).collect()
}

#[cfg(test)]
mod tests;
