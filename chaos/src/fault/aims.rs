//! The hosts at which a fault is aimed, for those who say which may be reached.
//! They come from what each fault states of itself ([`Harm`]); every match here
//! is exhaustive, so that none is forgotten.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs;

use reqwest::Client;
use scenarios::plan::FaultKind;
use scenarios::plan::fault::{Harm, Service as Stated};
use scenarios::program::Program;
use scenarios::redact::redact;
use scenarios::template::Template;
use services::{AddressError, Host, Service};

use crate::toxiproxy::Admin;
use crate::{FaultError, Limits};

/// Hosts that a fault would harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aim {
    /// What is there, for people: `Redis at redis://h`.
    pub what: String,
    /// Every host, with its port; 0 where nobody says which.
    pub hosts: Vec<Host>,
}

/// What a fault's settings aim at. Faults of processes and of this machine aim
/// at no host, and those of a cluster have the guard of [`Limits::within`].
///
/// # Errors
/// When a target has no address, or one that cannot be read.
pub fn aims(kind: &FaultKind, targets: &BTreeMap<String, String>) -> Result<Vec<Aim>, FaultError> {
    let filled = |address: &Template| address.fill(targets).map_err(FaultError::Target);
    match kind.harms() {
        Harm::Service { service, address } => {
            let address = filled(address)?;
            Ok(vec![at(named(service, &address), &address)?])
        }
        Harm::Proxy { admin, .. } => Ok(vec![at(Service::Proxy, &filled(admin)?)?]),
        Harm::Programs(programs) => aims_of_programs(&programs, targets).map_err(address),
        Harm::Role(_) | Harm::Machine | Harm::Cluster { .. } => Ok(Vec::new()),
    }
}

/// What a fault leads to beyond what its settings name: whatever stands behind a
/// proxy, which the proxy is asked for. For a fault in a cluster it asks the
/// guard of the limits instead; nothing is sent to the cluster.
///
/// # Errors
/// When the proxy cannot be asked, or the guard refuses the cluster.
pub async fn aims_behind(
    kind: &FaultKind,
    targets: &BTreeMap<String, String>,
    http: &Client,
    limits: &Limits,
) -> Result<Vec<Aim>, FaultError> {
    match kind.harms() {
        Harm::Proxy { admin, proxy } => {
            let admin = admin.fill(targets).map_err(FaultError::Target)?;
            Ok(vec![proxied(&Admin::new(&admin, http.clone())?, proxy).await?])
        }
        Harm::Cluster { context, namespace } => {
            see_cluster(context, namespace, limits).await?;
            Ok(Vec::new())
        }
        Harm::Service { .. } | Harm::Role(_) | Harm::Machine | Harm::Programs(_) => Ok(Vec::new()),
    }
}

/// What stands behind a proxy.
pub(super) async fn proxied(admin: &Admin, proxy: &str) -> Result<Aim, FaultError> {
    behind(&admin.upstream(proxy).await?, proxy)
}

fn behind(upstream: &str, proxy: &str) -> Result<Aim, FaultError> {
    let hosts = plain(upstream).map_err(address)?;
    Ok(Aim { what: format!("{upstream} behind the proxy {proxy}"), hosts })
}

/// A proxy that a fault's settings lead to, and what stands behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Front {
    /// Where it listens.
    pub listen: Host,
    /// What it passes on to.
    pub upstream: Aim,
}

/// All proxies of the server that a fault is aimed at; none for a fault that is
/// aimed at no proxy.
///
/// # Errors
/// When the server cannot be asked.
pub async fn fronts(
    kind: &FaultKind,
    targets: &BTreeMap<String, String>,
    http: &Client,
) -> Result<Vec<Front>, FaultError> {
    let admin = match kind.harms() {
        Harm::Proxy { admin, .. } => admin.fill(targets).map_err(FaultError::Target)?,
        Harm::Service { .. }
        | Harm::Role(_)
        | Harm::Machine
        | Harm::Programs(_)
        | Harm::Cluster { .. } => return Ok(Vec::new()),
    };
    let mut found = Vec::new();
    for (name, listen, upstream) in Admin::new(&admin, http.clone())?.proxies().await? {
        let upstream = behind(&upstream, &name)?;
        let listens = plain(&listen).map_err(address)?;
        found
            .extend(listens.into_iter().map(|listen| Front { listen, upstream: upstream.clone() }));
    }
    Ok(found)
}

/// What hosts that are aimed at lead to, because one of the proxies listens
/// there, each with what it is wanted for. Ports alone are compared: a machine
/// has many names.
#[must_use]
pub fn through(fronts: &[Front], aimed: &[(String, Host)]) -> Vec<(String, Host)> {
    let mut found = Vec::new();
    for (what, at) in aimed {
        for Front { listen, upstream } in fronts.iter().filter(|front| front.listen.port == at.port)
        {
            let what = format!("{what}, which leads by {listen} to {}", upstream.what);
            found.extend(upstream.hosts.iter().map(|host| (what.clone(), host.clone())));
        }
    }
    found
}

fn named(service: Stated, address: &str) -> Service {
    match service {
        Stated::Management => Service::Management,
        Stated::Broker if address.starts_with("redis") => Service::Redis,
        Stated::Broker => Service::Amqp,
        Stated::Redis => Service::Redis,
        Stated::Postgres => Service::Postgres,
        Stated::Balancer => Service::Http,
    }
}

pub(crate) fn at(service: Service, text: &str) -> Result<Aim, FaultError> {
    let hosts = service.hosts(text).map_err(address)?;
    Ok(Aim { what: format!("{} at {}", service.about().name, redact(text)), hosts })
}

/// The targets that programs are given. A word that is no address and no host,
/// such as the name of a container, is nobody's.
///
/// # Errors
/// When an address cannot be read.
pub fn aims_of_programs(
    programs: &[&Program],
    targets: &BTreeMap<String, String>,
) -> Result<Vec<Aim>, AddressError> {
    let mut keys: Vec<String> = programs.iter().flat_map(|program| program.targets()).collect();
    keys.sort_unstable();
    keys.dedup();
    let mut aims = Vec::new();
    for text in keys.iter().filter_map(|key| targets.get(key)) {
        let is_host = !text.contains('/') && (text.as_str(), 0).to_socket_addrs().is_ok();
        if text.contains(':') || is_host {
            aims.push(Aim { what: redact(text), hosts: hosts_of(text)? });
        }
    }
    Ok(aims)
}

/// The hosts of an address, whatever its scheme is.
///
/// # Errors
/// When it cannot be read.
pub fn hosts_of(text: &str) -> Result<Vec<Host>, AddressError> {
    Service::of_address(text).map_or_else(|| plain(text), |service| service.hosts(text))
}

/// The host of `HOST:PORT` or of an address with a scheme that nobody knows.
fn plain(text: &str) -> Result<Vec<Host>, AddressError> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    Service::Http.hosts(&format!("http://{rest}"))
}

fn address(error: AddressError) -> FaultError {
    let AddressError { service, shown, reason } = error;
    // The service of an error lives as long as the program.
    let service = Service::ALL.iter().find(|known| **known == service).unwrap_or(&Service::ALL[0]);
    FaultError::Address { service, address: shown, reason }
}

#[cfg(feature = "kubernetes")]
async fn see_cluster(context: &str, namespace: &str, limits: &Limits) -> Result<(), FaultError> {
    super::pods::cluster(context, namespace, limits).await.map(drop)
}

#[cfg(not(feature = "kubernetes"))]
async fn see_cluster(_: &str, _: &str, _: &Limits) -> Result<(), FaultError> {
    // Such a fault is refused when it is prepared.
    Ok(())
}
