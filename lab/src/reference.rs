//! The systems that the tools are tried on: correct, and with planted bugs.
//!
//! Each is a file behind [`System`] and a line of [`SYSTEMS`]. What is the same
//! for all of them stands here: the servers are started, then a proxy before
//! some of them, then the system's own parts.

mod amqp;
pub mod canary;
pub(crate) mod diary;
pub mod ingest;
pub(crate) mod process;
pub mod publisher;
pub(crate) mod relay;
pub mod rolling_deploy;
pub(crate) mod server;
mod setting;
mod variant;
pub mod worker_queue;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::port::Shared;
use crate::proxy::PROXY;
use crate::server::{Kind, Server};
use crate::{Lab, LabError, Need, Patience, Proxy, ProxyOptions};
pub use setting::SettingInfo;
pub use variant::VariantInfo;

/// Every reference system.
pub const SYSTEMS: &[&dyn System] = &[
    &publisher::Entry,
    &ingest::Entry,
    &canary::Entry,
    &worker_queue::Entry,
    &rolling_deploy::Entry,
];

/// A reference system.
pub trait System: fmt::Debug + Send + Sync {
    /// As a scenario names it.
    fn name(&self) -> &'static str;

    /// What it is, in one line.
    fn about(&self) -> &'static str;

    /// Its variants, the correct one first.
    fn variants(&self) -> Vec<VariantInfo>;

    /// The servers that it stands on, in the order of their start.
    fn servers(&self) -> &'static [&'static Kind];

    /// The targets that its own parts give an address for. They go before a
    /// server's target of the same name.
    fn targets(&self) -> &'static [&'static str];

    /// The roles of its own parts' processes.
    fn roles(&self) -> &'static [&'static str];

    /// What must be installed beside its servers' programs.
    fn needs(&self) -> &'static [&'static Need] {
        &[]
    }

    /// What it can be told.
    fn settings(&self) -> &'static [SettingInfo] {
        &[]
    }

    /// Whether it can be told this.
    ///
    /// # Errors
    /// [`LabError::Unknown`] for a name that it does not have, which lists those
    /// that it has; [`LabError::Setting`] for a value that it cannot read.
    fn check_settings(&self, given: &BTreeMap<String, String>) -> Result<(), LabError> {
        setting::known(self.name(), self.settings(), given)
    }

    /// Starts its parts on its servers and waits until all of them answer.
    ///
    /// # Errors
    /// Those of a process that does not start, and of the ground's patience.
    fn stand(&self, ground: &Ground<'_>) -> Result<Parts, LabError>;

    /// Runs one process of it until SIGTERM, with the arguments that
    /// [`System::stand`] has written to a file; gives its exit code.
    fn run(&self, arguments: &Path) -> u8;
}

/// How a system is to be.
#[derive(Debug, Clone)]
pub struct StartOptions {
    /// The variant of the part under test; `correct` by default.
    pub variant: String,
    /// Processes of each part; of the ingest and the worker-queue, their workers.
    pub replicas: u16,
    /// What the system is told, by name.
    pub settings: BTreeMap<String, String>,
    /// The targets that the scenario names; a part that none of them needs is
    /// not started. `None` starts every part.
    pub targets: Option<BTreeSet<String>>,
    /// What is reached through a proxy.
    pub proxy: ProxyOptions,
}

impl Default for StartOptions {
    fn default() -> Self {
        Self {
            variant: "correct".to_owned(),
            replicas: 2,
            settings: BTreeMap::new(),
            targets: None,
            proxy: ProxyOptions::default(),
        }
    }
}

impl StartOptions {
    fn wants(&self, target: &str) -> bool {
        self.targets.as_ref().is_none_or(|targets| targets.contains(target))
    }
}

/// What a system's parts are started on.
#[derive(Debug)]
pub struct Ground<'a> {
    system: &'a (dyn System + 'static),
    pub(crate) lab: &'a Lab,
    pub(crate) options: &'a StartOptions,
    pub(crate) patience: Patience<'a>,
    addresses: &'a BTreeMap<String, String>,
    proxy: &'a Proxy,
}

impl Ground<'_> {
    /// The variant of the part under test.
    fn variant<V: FromStr>(&self) -> Result<V, LabError> {
        self.options.variant.parse().map_err(|_| self.system.unknown_variant(&self.options.variant))
    }

    /// The address of a server's target.
    fn direct(&self, target: &str) -> Result<&str, LabError> {
        self.addresses.get(target).map(String::as_str).ok_or_else(|| LabError::Unknown {
            kind: "target of the servers".to_owned(),
            given: target.to_owned(),
            known: self.addresses.keys().cloned().collect::<Vec<_>>().join(", "),
        })
    }

    /// The address of a server's target by which a part reaches it: through the
    /// proxy if the scenario asks for that.
    fn proxied(&self, target: &str) -> Result<&str, LabError> {
        Ok(self.proxy.url(target, self.direct(target)?))
    }
}

/// The parts of a system that answer.
#[derive(Debug, Default)]
pub struct Parts {
    /// The address of each of the system's own targets.
    targets: BTreeMap<String, String>,
    replicas: Vec<Replica>,
    /// Servers in front of its own parts, which cannot start before them.
    servers: Vec<Box<dyn Server>>,
    /// What restarted processes come back to.
    ports: Vec<Shared>,
}

/// One process of a running system, as a pod is one of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// Its name among the lab's processes, and of its connections.
    pub name: String,
    /// The part that it belongs to: `service`, `stable`, `ingress`, `worker`.
    pub role: String,
    /// Its private address: the same routes as the shared one, and only it
    /// answers (`/health`, `/metrics`).
    pub url: String,
}

/// A system that answers. Its processes end with their [`Lab`]; keep this value
/// until then, because it holds the ports that restarted replicas come back to.
#[derive(Debug)]
pub struct Running {
    /// The address of each target.
    pub targets: BTreeMap<String, String>,
    /// Every replica of every part.
    pub replicas: Vec<Replica>,
    /// The servers that it stands on and those in front of it, in the order of their start.
    pub servers: Vec<Box<dyn Server>>,
    _ports: Vec<Shared>,
}

impl Running {
    /// What its servers are: `Redis 7.0.15`.
    pub fn versions(&self) -> Vec<String> {
        let told = self.servers.iter();
        told.map(|server| server.product()).collect()
    }
}

/// The system of that name.
///
/// # Errors
/// [`LabError::Unknown`], which lists those that exist.
pub fn system(name: &str) -> Result<&'static dyn System, LabError> {
    SYSTEMS.iter().copied().find(|system| system.name() == name).ok_or_else(|| {
        let known: Vec<&str> = SYSTEMS.iter().map(|system| system.name()).collect();
        LabError::Unknown {
            kind: "reference system".to_owned(),
            given: name.to_owned(),
            known: known.join(", "),
        }
    })
}

impl dyn System {
    /// Everything that must be installed.
    pub fn all_needs(&self) -> impl Iterator<Item = &'static Need> {
        self.servers().iter().flat_map(|kind| (kind.needs)()).chain(self.needs().iter().copied())
    }

    /// The targets that it can give an address for.
    pub fn all_targets(&self) -> Vec<&'static str> {
        let servers = self.servers().iter().flat_map(|kind| kind.targets);
        servers.chain(self.targets()).copied().chain([PROXY]).collect()
    }

    /// The role in a lab of this system that is meant by `asked`: the name of a
    /// class of servers, `broker` or `database`, means the only server of that
    /// class.
    ///
    /// # Errors
    /// [`LabError::ManyServers`] if there are several.
    pub fn role(&self, asked: &str) -> Result<String, LabError> {
        crate::server::role(asked, self.servers())
    }

    /// Every role in a lab of this system.
    pub fn all_roles(&self) -> Vec<&'static str> {
        let servers = self.servers().iter().map(|kind| kind.name);
        self.roles().iter().copied().chain(servers).collect()
    }

    /// Starts its servers and its parts, and waits until all of them answer.
    ///
    /// # Errors
    /// [`LabError::Unknown`] for a variant or a setting that does not exist, and
    /// [`LabError::Setting`] for one that cannot be read, before anything is
    /// started; else what starting a server or a replica may answer.
    pub fn start(
        &self,
        lab: &Lab,
        options: &StartOptions,
        patience: Patience<'_>,
    ) -> Result<Running, LabError> {
        if self.variants().iter().all(|variant| variant.name != options.variant) {
            return Err(self.unknown_variant(&options.variant));
        }
        self.check_settings(&options.settings)?;
        let mut servers = Vec::new();
        let mut targets = BTreeMap::new();
        for kind in self.servers() {
            let server = kind.start(lab, patience)?;
            let names = kind.targets.iter().map(|&target| target.to_owned());
            targets.extend(names.zip(server.addresses()));
            servers.push(server);
        }
        let proxy = Proxy::start(lab, &options.proxy, &targets, patience)?;
        let ground =
            Ground { system: self, lab, options, patience, addresses: &targets, proxy: &proxy };
        let Parts { targets: own, replicas, servers: own_servers, ports } = self.stand(&ground)?;
        servers.extend(own_servers);
        if !proxy.admin.is_empty() {
            targets.insert(PROXY.to_owned(), proxy.admin);
        }
        targets.extend(own);
        Ok(Running { targets, replicas, servers, _ports: ports })
    }

    fn unknown_variant(&self, given: &str) -> LabError {
        let known: Vec<&str> = self.variants().into_iter().map(|variant| variant.name).collect();
        LabError::Unknown {
            kind: format!("variant of the {}", self.name()),
            given: given.to_owned(),
            known: known.join(", "),
        }
    }
}

/// Runs a process of a system if the hidden subcommand asks for one.
pub(crate) fn hidden(subcommand: &str, arguments: &[OsString]) -> Option<u8> {
    let system = system(subcommand.strip_prefix(process::SUBCOMMAND)?).ok()?;
    let [file] = arguments else {
        eprintln!("{subcommand} is started by the lab, not by hand");
        return Some(2);
    };
    Some(system.run(Path::new(file)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_exist_is_answered_with_those_that_do() {
        let error = system("publishr").unwrap_err().to_string();
        assert!(error.contains("publishr") && error.contains("publisher"), "{error}");
    }

    #[test]
    fn every_system_is_found_by_its_name_and_is_correct_first() {
        for listed in SYSTEMS {
            assert_eq!(system(listed.name()).unwrap().about(), listed.about());
            assert_eq!(listed.variants()[0].name, "correct");
            let error = listed.unknown_variant("corect").to_string();
            assert!(error.contains("`corect`") && error.contains(" correct, "), "{error}");
        }
    }

    #[test]
    fn a_process_that_is_not_started_by_the_lab_says_so() {
        assert_eq!(hidden("__system-ingest", &[]), Some(2));
        assert_eq!(hidden("__system-nothing", &[]), None);
        assert_eq!(hidden("run", &[]), None);
    }
}
