//! A node's files and environment.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::keeper::wire::ProcessSpec;
use crate::server::make_folder;
use crate::{LabError, port};

/// The ports of one node and of its port mapper, all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) amqp: u16,
    pub(crate) management: u16,
    pub(crate) metrics: u16,
    pub(crate) epmd: u16,
    distribution: u16,
    tool: u16,
}

impl Ports {
    pub(crate) fn choose(amqp: Option<u16>) -> Result<Self, LabError> {
        Ok(Self {
            amqp: amqp.map_or_else(port::free, Ok)?,
            management: port::free()?,
            metrics: port::free()?,
            epmd: port::free()?,
            distribution: port::free()?,
            tool: port::free()?,
        })
    }
}

/// Erlang's own distribution, in every Erlang program that the node runs:
/// never start a port mapper (ours runs already), listen on loopback only.
const ERLANG_FLAGS: &str = "-start_epmd false -kernel inet_dist_use_interface {127,0,0,1}";

/// The management API looks at the figures once a second instead of every
/// five. This has no key in the new-style configuration.
const ADVANCED: &str = "[{rabbitmq_management_agent, [{sample_retention_policies,
  [{global, [{605, 1}]}, {basic, [{605, 1}]}, {detailed, [{605, 1}]}]}]}].
";

/// One node: where it stands and which ports it has.
#[derive(Debug)]
pub(crate) struct Settings {
    folder: PathBuf,
    pub(crate) ports: Ports,
}

impl Settings {
    /// A node in `<scratch>/rabbitmq`.
    pub(crate) fn new(scratch: &Path, ports: Ports) -> Self {
        Self { folder: scratch.join("rabbitmq"), ports }
    }

    /// Writes every file afresh; data of an earlier attempt goes.
    pub(crate) fn write(&self) -> Result<(), LabError> {
        make_folder(&self.folder)?;
        self.file("rabbitmq.conf", 0o600, &self.configuration())?;
        self.file("advanced.config", 0o600, ADVANCED)?;
        self.file("enabled_plugins", 0o600, "[rabbitmq_management, rabbitmq_prometheus].\n")?;
        // Empty, or else the machine's own /etc/rabbitmq/rabbitmq-env.conf is read.
        self.file("rabbitmq-env.conf", 0o600, "")?;
        // Not a secret to keep: the port it opens is this node's, on loopback.
        let cookie = format!("SHAKEDOWN{:05}{:05}", self.ports.epmd, self.ports.distribution);
        self.file(".erlang.cookie", 0o400, &cookie)
    }

    /// Gives a process the node's folder and environment, and nothing else.
    pub(crate) fn dress(&self, spec: ProcessSpec) -> ProcessSpec {
        let path = std::env::var("PATH").unwrap_or_default();
        spec.cwd(&self.folder)
            .env("PATH", format!("{path}:/usr/local/bin:/usr/bin:/bin"))
            .env("HOME", self.folder.to_string_lossy())
            .env("LANG", "C.UTF-8")
            .env("ERL_FLAGS", ERLANG_FLAGS)
            .env("ERL_CRASH_DUMP_SECONDS", "0")
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            // The script then replaces itself by the node instead of staying
            // between it and the keeper, whose death signal reaches one level.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("RABBITMQ_NODENAME", "rabbit@localhost")
            .env("RABBITMQ_CONF_ENV_FILE", self.path("rabbitmq-env.conf"))
            .env("RABBITMQ_CONFIG_FILE", self.path("rabbitmq.conf"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", self.path("advanced.config"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.path("enabled_plugins"))
            .env("RABBITMQ_MNESIA_BASE", self.path("data"))
            .env("RABBITMQ_LOG_BASE", self.path("log"))
            .env("RABBITMQ_PID_FILE", self.path("pid"))
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("RABBITMQ_CTL_DIST_PORT_MIN", self.ports.tool.to_string())
            // Two who ask at the same time need a port each.
            .env("RABBITMQ_CTL_DIST_PORT_MAX", self.ports.tool.saturating_add(20).to_string())
    }

    fn configuration(&self) -> String {
        let Ports { amqp, management, metrics, .. } = self.ports;
        // Prometheus' per-connection figures are as old as the interval, hence
        // the 250 ms. The disk limit is RabbitMQ's own default, written down so
        // that no alarm depends on the size of the machine's disk.
        format!(
            "listeners.tcp.1 = 127.0.0.1:{amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = {management}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = {metrics}
log.console = true
log.console.use_colors = off
log.file = false
collect_statistics_interval = 250
disk_free_limit.absolute = 50MB
"
        )
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_string_lossy().into_owned()
    }

    fn file(&self, name: &str, mode: u32, text: &str) -> Result<(), LabError> {
        let path = self.folder.join(name);
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true).mode(mode);
        let written = options.open(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.map_err(LabError::file("write", path))
    }
}
