//! Where Java and Kafka's jars are on this machine.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::LabError;
use crate::need::{self, Need, Package, Registry, Way};

/// Kafka's brokers run on no older one.
const OLDEST_JAVA: u32 = 17;

/// A Java that is new enough for a broker.
pub const JAVA: Need = Need {
    program: "Java 17 or newer",
    ways: &[
        Way::Here { variable: "JAVA_HOME", find: java },
        Way::Apt { package: "default-jre-headless" },
        // Where the default is older.
        Way::Apt { package: "openjdk-17-jre-headless" },
    ],
};

/// The folder of Kafka's jars.
pub const NEED: Need = Need {
    program: "Apache Kafka",
    ways: &[Way::Here { variable: "KAFKA_HOME", find: jars }, Way::Registry(&KAFKA)],
};

const KAFKA: Package = Package {
    registry: Registry::Maven {
        pom: include_str!("pom.xml"),
        by_hand: "curl -fL https://archive.apache.org/dist/kafka/4.4.0/kafka_2.13-4.4.0.tgz \
                  | tar xz -C ~ && export KAFKA_HOME=~/kafka_2.13-4.4.0",
    },
    name: "kafka",
    version: "4.4.0",
    lock: include_str!("jars.txt"),
    program: ".",
};

/// What a broker needs.
#[derive(Debug)]
pub(super) struct Installation {
    pub(super) java: PathBuf,
    pub(super) jars: PathBuf,
    /// As the broker's own jar has it in its name: `4.4.0`.
    pub(super) version: String,
}

impl Installation {
    pub(super) fn find() -> Result<Self, LabError> {
        let java = JAVA.find().ok_or_else(|| JAVA.missing())?;
        let jars = NEED.find().ok_or_else(|| NEED.missing())?;
        let version = version(&jars).ok_or_else(|| NEED.missing())?;
        Ok(Self { java, jars, version })
    }
}

fn java(home: Option<&OsStr>) -> Option<PathBuf> {
    let folder = home.map(|home| Path::new(home).join("bin"));
    let java = need::program("java", folder.as_deref().map(Path::as_os_str))?;
    let mut look = Command::new(&java);
    let said = look.arg("-version").stdin(Stdio::null()).output().ok()?;
    let release = release(&String::from_utf8_lossy(&said.stderr))?;
    (release >= OLDEST_JAVA).then_some(java)
}

/// The release of a Java, of what it says of itself: `openjdk version "17.0.15"`.
/// Those up to the eighth began with `1.`, and are too old in any case.
fn release(said: &str) -> Option<u32> {
    let version = said.lines().find_map(|line| line.split_once("version \"").map(|(_, v)| v))?;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// The jars of a distribution as Apache packs them, in `libs`.
fn jars(home: Option<&OsStr>) -> Option<PathBuf> {
    let home = home.map_or_else(|| PathBuf::from("/opt/kafka"), PathBuf::from);
    [home.join("libs"), home].into_iter().find(|folder| version(folder).is_some())
}

/// The version of the broker whose jar is in a folder.
fn version(folder: &Path) -> Option<String> {
    let names = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.file_name());
    names.filter_map(|name| of_broker(name.to_str()?)).next()
}

fn of_broker(name: &str) -> Option<String> {
    let (scala, version) = name.strip_prefix("kafka_")?.strip_suffix(".jar")?.split_once('-')?;
    let is_plain = |text: &str| text.chars().all(|c| c.is_ascii_digit() || c == '.');
    (is_plain(scala) && is_plain(version)).then(|| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_of_a_java_is_the_first_number() {
        let debian = "openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment\n";
        assert_eq!(release(debian), Some(17));
        assert_eq!(release("Picked up X\nopenjdk version \"25-ea\" 2025\n"), Some(25));
        assert_eq!(release("java version \"1.8.0_412\"\n"), Some(1));
        assert_eq!(release("bash: java: not found\n"), None);
    }

    #[test]
    fn the_brokers_version_is_in_the_name_of_its_jar_and_in_no_other() {
        assert_eq!(of_broker("kafka_2.13-4.4.0.jar").as_deref(), Some("4.4.0"));
        for other in ["kafka-clients-4.4.0.jar", "kafka_2.13-4.4.0-sources.jar", "kafka_2.13.jar"] {
            assert_eq!(of_broker(other), None, "{other}");
        }
    }

    #[test]
    fn a_folder_without_a_broker_is_none() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(jars(Some(folder.path().as_os_str())), None);
        fs::create_dir(folder.path().join("libs")).unwrap();
        fs::write(folder.path().join("libs/kafka_2.13-4.4.0.jar"), "").unwrap();
        assert_eq!(jars(Some(folder.path().as_os_str())), Some(folder.path().join("libs")));
    }

    /// What the lock pins is what the pom asks for.
    #[test]
    fn pom_lock_and_package_are_of_one_version() {
        let Registry::Maven { pom, by_hand } = KAFKA.registry else { panic!("of Maven") };
        assert_eq!(pom.matches("<version>4.4.0</version>").count(), 3);
        assert!(by_hand.contains("/4.4.0/kafka_2.13-4.4.0.tgz"));
        let kafka = KAFKA.lock.lines().filter(|line| line.contains("  kafka"));
        assert!(kafka.clone().count() > 10 && kafka.clone().all(|line| line.contains("-4.4.0.")));
    }
}
