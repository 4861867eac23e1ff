//! A private Apache Kafka: one node that is broker and controller, with its own data
//! and ports, on the loopback interface only.
//!
//! What was acknowledged survives SIGKILL: the kernel has it, as it has what any broker
//! writes. Topics are made by who needs them and never by a name that somebody asked
//! for. A consumer group is balanced at once instead of after three seconds, and may
//! have members with sessions of a second.

mod installation;
mod session;
mod settings;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Class, Kind, Server, wait_while_alive};
use crate::keeper::wire::{ProcessSpec, Restart};
use crate::{Lab, LabError, Patience};
use installation::Installation;
pub use installation::{JAVA, NEED};
use session::serves;
use settings::Ports;

/// Kafka as it is known before it runs.
pub const KIND: Kind = Kind {
    name: SERVER,
    title: "Apache Kafka",
    class: Class::Broker,
    needs: || vec![&JAVA, &NEED],
    targets: &["kafka"],
    start: |lab, patience| Ok(Box::new(Kafka::start(lab, &KafkaOptions::default(), patience)?)),
    tidy: |_| (),
};

/// The broker's name among the lab's processes, and its role.
pub const SERVER: &str = "kafka";

const START: &str = include_str!("kafka/start.sh");
/// Of a partition with records a segment of 1 GiB is written before any is deleted.
const NEEDED_MIB: u64 = 1024;

/// How a broker is to be.
#[derive(Debug, Clone, Default)]
pub struct KafkaOptions {
    /// The port of clients; a free one if absent.
    pub port: Option<u16>,
    /// Settings of the broker by their names, instead of the lab's own:
    /// `message.max.bytes`.
    pub settings: BTreeMap<String, String>,
    /// More ports, for clients that come through TLS or with a password.
    pub secure: Option<Secure>,
}

/// Who a broker is, and whom it knows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secure {
    /// A file in PEM with the broker's private key (PKCS #8) and its certificates.
    pub identity: PathBuf,
    /// The one user, by PLAIN and SCRAM; letters and digits.
    pub user: String,
    /// The user's password; letters and digits.
    pub password: String,
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secure({} as {})", self.identity.display(), self.user)
    }
}

/// A broker that serves.
///
/// It ends with its [`Lab`]. If it is killed it is started again on the same
/// ports and data, as an orchestrator would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kafka {
    /// `127.0.0.1:PORT`.
    pub address: String,
    /// For example `4.4.0`.
    pub version: String,
    /// The same broker, where it is [secure](KafkaOptions::secure).
    pub secure: Option<Doors>,
    port: u16,
}

/// The ports of a broker that do not let everybody in, each `127.0.0.1:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doors {
    /// Through TLS, without a password.
    pub tls: String,
    /// With a password, without TLS.
    pub sasl: String,
    /// With a password, through TLS.
    pub sasl_tls: String,
}

impl Kafka {
    /// Starts a broker with no topics and waits until it serves.
    ///
    /// # Errors
    /// [`LabError::Missing`] if Java or Kafka is not installed;
    /// [`LabError::PortInUse`] if the port that was asked for is taken;
    /// [`LabError::DiskFull`]; [`LabError::Died`] with the end of its log if it ends
    /// while it starts; and those of `patience`.
    pub fn start(
        lab: &Lab,
        options: &KafkaOptions,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let installation = Installation::find()?;
        super::refuse_a_full_disk(lab.scratch(), NEEDED_MIB)?;
        match attempt(lab, &installation, options, patience) {
            // Somebody took a port in between: once more, with other ports.
            Err(LabError::Died { tail, .. }) if tail.contains("Address already in use") => {
                attempt(lab, &installation, options, patience)
            }
            outcome => outcome,
        }
    }

    /// The port of clients.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Server for Kafka {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn version(&self) -> &str {
        &self.version
    }

    fn addresses(&self) -> Vec<String> {
        vec![self.address.clone()]
    }

    fn wait_until_ready(&self, lab: &Lab, patience: Patience<'_>) -> Result<(), LabError> {
        lab.wait_for(patience, "Kafka to serve again", |_| serves(self.port).then_some(()))
    }
}

fn attempt(
    lab: &Lab,
    installation: &Installation,
    options: &KafkaOptions,
    patience: Patience<'_>,
) -> Result<Kafka, LabError> {
    let ports = Ports::choose(options.port)?;
    let folder = lab.scratch().join(SERVER);
    settings::write(&folder, ports, options)?;
    lab.run(spec(installation, &folder), patience)?;
    let ready = wait_while_alive(lab, SERVER, patience, || serves(ports.plain).then_some(()));
    if ready.is_err() {
        // A broker that keeps dying must not keep being restarted.
        let _ = lab.stop_process(SERVER, Patience::new(Duration::from_secs(10)));
    }
    ready?;
    let at = |port: u16| format!("127.0.0.1:{port}");
    let doors = Doors { tls: at(ports.tls), sasl: at(ports.sasl), sasl_tls: at(ports.sasl_tls) };
    Ok(Kafka {
        address: at(ports.plain),
        version: installation.version.clone(),
        secure: options.secure.as_ref().map(|_| doors),
        port: ports.plain,
    })
}

fn spec(installation: &Installation, folder: &Path) -> ProcessSpec {
    let mut argv = ["/bin/sh", "-c", START, "start.sh"].map(str::to_owned).to_vec();
    let paths = [&installation.java, &installation.jars];
    argv.extend(paths.map(|path| path.to_string_lossy().into_owned()));
    ProcessSpec::new(SERVER, SERVER, argv)
        .cwd(folder)
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", folder.to_string_lossy())
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .restart(Restart::Always)
}
