//! A private RabbitMQ node: its own data, ports, cookie and port mapper, on the
//! loopback interface only, whatever the machine's own RabbitMQ may be doing.
//!
//! The node runs in one process (the start script replaces itself), so the
//! keeper's parent-death signal holds it. Its port mapper `epmd` would detach
//! itself and outlive it, so the lab runs that in the foreground, first.

mod installation;
mod settings;

use std::time::Duration;

use super::{Class, Kind, Server, accepts, wait_while_alive};
use crate::keeper::wire::{ProcessSpec, Restart};
use crate::need::Way;
use crate::{Lab, LabError, Need, Patience, http, port};
use installation::Installation;
use settings::{Ports, Settings};

/// RabbitMQ as it is known before it runs.
pub const KIND: Kind = Kind {
    name: SERVER,
    title: "RabbitMQ",
    class: Class::Broker,
    needs: || vec![&NEED],
    targets: &["rabbitmq", "management", "metrics"],
    start: |lab, patience| {
        Ok(Box::new(RabbitMq::start(lab, &RabbitMqOptions::default(), patience)?))
    },
    tidy: |_| (),
};

/// The node's name among the lab's processes, and its role.
pub const SERVER: &str = "rabbitmq";

/// The start script `rabbitmq-server`, with Erlang.
pub const NEED: Need = Need {
    program: "rabbitmq-server",
    ways: &[
        Way::Here { variable: "SHAKEDOWN_RABBITMQ_BIN", find: installation::server },
        Way::Apt { package: "rabbitmq-server" },
    ],
};

/// The port mapper's name among the lab's processes.
pub const PORT_MAPPER: &str = "epmd";

/// `guest:guest`, as the Authorization header wants it.
const GUEST: &str = "Z3Vlc3Q6Z3Vlc3Q=";
/// With less than this a node refuses to accept messages or to start at all.
const NEEDED_MIB: u64 = 256;

/// How a node is to be.
#[derive(Debug, Clone, Default)]
pub struct RabbitMqOptions {
    /// The port of AMQP; a free one if absent.
    pub amqp_port: Option<u16>,
}

/// A node that answers on all three of its ports.
///
/// It ends with its [`Lab`]. If it is killed it is started again on the same
/// ports and data, as an orchestrator would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RabbitMq {
    /// `amqp://guest:guest@127.0.0.1:PORT/%2f`.
    pub amqp_url: String,
    /// The management API, `http://guest:guest@127.0.0.1:PORT`.
    pub management_url: String,
    /// Prometheus, `http://127.0.0.1:PORT/metrics`.
    pub metrics_url: String,
    /// For example `3.10.8`.
    pub version: String,
    ports: Ports,
}

impl RabbitMq {
    /// Starts a node and waits until AMQP, management and Prometheus answer.
    ///
    /// # Errors
    /// [`LabError::Missing`] if RabbitMQ is not installed; [`LabError::PortInUse`]
    /// if the port that was asked for is taken; [`LabError::DiskFull`];
    /// [`LabError::Died`] with the end of its log if the node ends while it
    /// starts; and those of `patience`.
    pub fn start(
        lab: &Lab,
        options: &RabbitMqOptions,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let installation = Installation::find()?;
        super::refuse_a_full_disk(lab.scratch(), NEEDED_MIB)?;
        if let Some(port) = options.amqp_port
            && !port::is_free(port)
        {
            return Err(LabError::PortInUse { port });
        }
        match attempt(lab, &installation, options, patience) {
            // Somebody took a port in between: once more, with other ports.
            Err(LabError::Died { tail, .. }) if names_a_taken_port(&tail) => {
                if let Some(port) = options.amqp_port
                    && !port::is_free(port)
                {
                    return Err(LabError::PortInUse { port });
                }
                attempt(lab, &installation, options, patience)
            }
            outcome => outcome,
        }
    }

    /// The port of AMQP.
    pub fn amqp_port(&self) -> u16 {
        self.ports.amqp
    }
}

impl Server for RabbitMq {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn addresses(&self) -> Vec<String> {
        [&self.amqp_url, &self.management_url, &self.metrics_url].map(String::clone).into()
    }

    fn wait_until_ready(&self, lab: &Lab, patience: Patience<'_>) -> Result<(), LabError> {
        lab.wait_for(patience, "RabbitMQ to answer again", |_| version(&self.ports).map(drop))
    }
}

fn attempt(
    lab: &Lab,
    installation: &Installation,
    options: &RabbitMqOptions,
    patience: Patience<'_>,
) -> Result<RabbitMq, LabError> {
    let settings = Settings::new(lab.scratch(), Ports::choose(options.amqp_port)?);
    settings.write()?;
    let started = start_node(lab, installation, &settings, patience);
    if started.is_err() {
        // A node that keeps dying must not keep being restarted.
        let patience = Patience::new(Duration::from_secs(10));
        let _ = lab.stop_process(SERVER, patience);
        let _ = lab.stop_process(PORT_MAPPER, patience);
    }
    let version = started?;
    let ports = settings.ports;
    Ok(RabbitMq {
        amqp_url: format!("amqp://guest:guest@127.0.0.1:{}/%2f", ports.amqp),
        management_url: format!("http://guest:guest@127.0.0.1:{}", ports.management),
        metrics_url: format!("http://127.0.0.1:{}/metrics", ports.metrics),
        version,
        ports,
    })
}

fn start_node(
    lab: &Lab,
    installation: &Installation,
    settings: &Settings,
    patience: Patience<'_>,
) -> Result<String, LabError> {
    let epmd = ProcessSpec::new(PORT_MAPPER, "internal", [&installation.epmd]);
    lab.run(settings.dress(epmd).restart(Restart::Always), patience)?;
    wait_while_alive(lab, PORT_MAPPER, patience, || accepts(settings.ports.epmd).then_some(()))?;

    let node = ProcessSpec::new(SERVER, SERVER, [&installation.server]);
    lab.run(settings.dress(node).restart(Restart::Always), patience)?;
    wait_while_alive(lab, SERVER, patience, || version(&settings.ports))
}

/// The node's version, once every port answers.
///
/// AMQP opens last; a connection without data leaves no trace in its log.
fn version(ports: &Ports) -> Option<String> {
    if !accepts(ports.amqp) || http::get(ports.metrics, "/metrics", None).ok()?.status != 200 {
        return None;
    }
    let path = "/api/overview?columns=rabbitmq_version";
    let overview = http::get(ports.management, path, Some(GUEST)).ok()?;
    let overview: serde_json::Value = serde_json::from_str(&overview.body).ok()?;
    Some(overview.get("rabbitmq_version")?.as_str()?.to_owned())
}

fn names_a_taken_port(log: &str) -> bool {
    log.contains("eaddrinuse") || log.contains("address already in use")
}
