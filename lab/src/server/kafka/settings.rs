//! A broker's files.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{KafkaOptions, Secure};
use crate::server::{choose_port, make_folder};
use crate::{LabError, port};

/// Any 22 digits of base64: a lab has one cluster.
const CLUSTER: &str = "shakedown-lab-clusterA";

/// What a node that is broker and controller has in common with every other. A killed
/// broker is one that still holds its session when it comes back, so that sessions are
/// short.
const COMMON: &str = "\
process.roles=broker,controller
node.id=1
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
auto.create.topics.enable=false
num.recovery.threads.per.data.dir=2
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.min.heartbeat.interval.ms=200
";

/// The ports of a broker, all on 127.0.0.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) plain: u16,
    pub(super) tls: u16,
    pub(super) sasl: u16,
    pub(super) sasl_tls: u16,
    controller: u16,
}

impl Ports {
    /// The one that was asked for, and free ones.
    pub(super) fn choose(plain: Option<u16>) -> Result<Self, LabError> {
        Ok(Self {
            plain: choose_port(plain)?,
            tls: port::free()?,
            sasl: port::free()?,
            sasl_tls: port::free()?,
            controller: port::free()?,
        })
    }
}

/// Writes every file of a broker afresh into `folder`; data of an earlier attempt
/// goes.
pub(super) fn write(folder: &Path, ports: Ports, options: &KafkaOptions) -> Result<(), LabError> {
    make_folder(folder)?;
    make_folder(&folder.join("tmp"))?;
    let users = options.secure.as_ref().map(users).unwrap_or_default();
    for (name, text) in [
        ("server.properties", properties(folder, ports, options).as_str()),
        ("log4j2.properties", include_str!("log4j2.properties")),
        ("cluster", CLUSTER),
        ("users", &users),
    ] {
        let path: PathBuf = folder.join(name);
        let mut file = fs::OpenOptions::new();
        let written = file.write(true).create_new(true).mode(0o600).open(&path);
        written
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(LabError::file("write", path))?;
    }
    Ok(())
}

fn properties(folder: &Path, ports: Ports, options: &KafkaOptions) -> String {
    let mut listeners = vec![("PLAINTEXT", ports.plain)];
    if options.secure.is_some() {
        let secure = [("SSL", ports.tls), ("SASL_PLAINTEXT", ports.sasl)];
        listeners.extend(secure.into_iter().chain([("SASL_SSL", ports.sasl_tls)]));
    }
    let list = |listeners: &[(&str, u16)]| {
        let each = listeners.iter().map(|(name, port)| format!("{name}://127.0.0.1:{port}"));
        each.collect::<Vec<_>>().join(",")
    };
    let advertised = list(&listeners);
    listeners.push(("CONTROLLER", ports.controller));
    let all = list(&listeners);
    let mut protocols = vec!["CONTROLLER:PLAINTEXT".to_owned()];
    let own = listeners.iter().filter(|(name, _)| *name != "CONTROLLER");
    protocols.extend(own.map(|(name, _)| format!("{name}:{name}")));
    let mut text = format!(
        "{COMMON}listeners={all}\nadvertised.listeners={advertised}\n\
         listener.security.protocol.map={}\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{}\nlog.dirs={}\n",
        protocols.join(","),
        ports.controller,
        folder.join("data").display(),
    );
    if let Some(secure) = &options.secure {
        text += &guards(secure);
    }
    // Of two lines for one setting the later one is in force.
    for (name, value) in &options.settings {
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

/// Who is let in where not everybody is.
fn guards(Secure { identity, user, password }: &Secure) -> String {
    let mut text = format!(
        "ssl.keystore.type=PEM\nssl.keystore.location={}\n\
         sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512\n",
        identity.display(),
    );
    let security = "org.apache.kafka.common.security";
    for listener in ["sasl_plaintext", "sasl_ssl"] {
        for mechanism in ["scram-sha-256", "scram-sha-512"] {
            let _ = writeln!(
                text,
                "listener.name.{listener}.{mechanism}.sasl.jaas.config=\
                 {security}.scram.ScramLoginModule required;"
            );
        }
        let _ = writeln!(
            text,
            "listener.name.{listener}.plain.sasl.jaas.config=\
             {security}.plain.PlainLoginModule required user_{user}=\"{password}\";"
        );
    }
    text
}

/// The arguments that make the user known when the folder is formatted.
fn users(Secure { user, password, .. }: &Secure) -> String {
    let mechanisms = ["SCRAM-SHA-256", "SCRAM-SHA-512"];
    mechanisms.map(|name| format!("--add-scram {name}=[name={user},password={password}]")).join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_on_the_loopback_interface_and_what_is_asked_for_comes_last() {
        let ports = Ports { plain: 1, tls: 2, sasl: 3, sasl_tls: 4, controller: 5 };
        let settings = [("message.max.bytes".to_owned(), "1000".to_owned())];
        let mut options = KafkaOptions { settings: settings.into(), ..KafkaOptions::default() };
        let text = properties(Path::new("/lab/kafka"), ports, &options);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines.contains(&"listeners=PLAINTEXT://127.0.0.1:1,CONTROLLER://127.0.0.1:5"));
        assert!(lines.contains(&"advertised.listeners=PLAINTEXT://127.0.0.1:1"));
        assert!(lines.contains(&"log.dirs=/lab/kafka/data"));
        assert_eq!(lines.last(), Some(&"message.max.bytes=1000"));

        options.secure = Some(Secure {
            identity: "/certificates/broker.pem".into(),
            user: "joe".to_owned(),
            password: "s3cret".to_owned(),
        });
        let text = properties(Path::new("/lab/kafka"), ports, &options);
        let listeners = text.lines().find(|line| line.starts_with("advertised.")).unwrap();
        assert!(
            listeners
                .ends_with("SSL://127.0.0.1:2,SASL_PLAINTEXT://127.0.0.1:3,SASL_SSL://127.0.0.1:4")
        );
        assert!(text.contains("sasl_ssl.plain.sasl.jaas.config=org."), "{text}");
    }
}
