//! What speaks MongoDB's protocol: MongoDB's own server, and two that were written
//! independently of it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use mongodb::bson::Document;
use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr};

use crate::LabError;
use crate::need::{self, Need, Package, Registry, Way};

/// The variable of the environment that says which one is used.
const CHOICE: &str = "SHAKEDOWN_MONGODB";

const SECANTUSDB: Package = Package {
    registry: Registry::Pypi,
    name: "secantusdb",
    version: "0.7.0b3",
    lock: include_str!("secantusdb.txt"),
    program: "bin/secantusd-py",
};
const FERRETDB: Package = Package {
    registry: Registry::Go,
    name: "ferretdb",
    version: "1.24.2",
    lock: include_str!("ferretdb.txt"),
    program: "bin/ferretdb",
};

const MONGOD_HERE: Way =
    Way::Here { variable: "SHAKEDOWN_MONGODB_BIN", find: |folder| need::program("mongod", folder) };
const SECANTUSDB_HERE: Way = Way::Here {
    variable: "SHAKEDOWN_SECANTUSDB_BIN",
    find: |folder| need::program("secantusd-py", folder),
};
const FERRETDB_HERE: Way = Way::Here {
    variable: "SHAKEDOWN_FERRETDB_BIN",
    find: |folder| need::program("ferretdb", folder),
};

const NEED_MONGOD: Need = Need { program: "mongod", ways: &[MONGOD_HERE] };
const NEED_SECANTUSDB: Need =
    Need { program: "secantusd-py", ways: &[SECANTUSDB_HERE, Way::Registry(&SECANTUSDB)] };
const NEED_FERRETDB: Need =
    Need { program: "ferretdb", ways: &[FERRETDB_HERE, Way::Registry(&FERRETDB)] };
/// The first that is there, or can be had.
const NEED_ANY: Need = Need {
    program: "a MongoDB-compatible server",
    ways: &[
        MONGOD_HERE,
        SECANTUSDB_HERE,
        FERRETDB_HERE,
        Way::Registry(&SECANTUSDB),
        Way::Registry(&FERRETDB),
    ],
};

/// A server's product, in the order in which they are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Product {
    /// MongoDB's own.
    Mongod,
    /// In Python, on MongoDB's own storage engine.
    Secantusdb,
    /// In Go, on SQLite. An update is not one step: of two at once that ask for the same
    /// version both can be made, so that optimistic locking loses updates.
    Ferretdb,
}

impl Product {
    /// What must be installed for it.
    pub fn need(self) -> &'static Need {
        match self {
            Self::Mongod => &NEED_MONGOD,
            Self::Secantusdb => &NEED_SECANTUSDB,
            Self::Ferretdb => &NEED_FERRETDB,
        }
    }

    /// What must be installed: for the product that the environment names, or for
    /// any.
    pub(super) fn chosen_need() -> &'static Need {
        chosen(std::env::var_os(CHOICE).as_deref()).ok().flatten().map_or(&NEED_ANY, Self::need)
    }

    /// The product that is asked for, here or by the environment, else the first that
    /// is there; with its program.
    pub(super) fn find(asked: Option<Self>) -> Result<(Self, PathBuf), LabError> {
        let asked = match asked {
            Some(product) => Some(product),
            None => chosen(std::env::var_os(CHOICE).as_deref())?,
        };
        let found = |product: Self| Some((product, product.need().find()?));
        match asked {
            Some(product) => found(product).ok_or_else(|| product.need().missing()),
            None => Self::iter().find_map(found).ok_or_else(|| NEED_ANY.missing()),
        }
    }

    /// The command that runs it: on the loopback interface only, and telling nobody.
    pub(super) fn command(self, program: &Path, port: u16, data: &Path) -> Vec<String> {
        let (program, data) = (program.to_string_lossy(), data.to_string_lossy());
        let words: Vec<String> = match self {
            Self::Mongod => {
                let quiet = "diagnosticDataCollectionEnabled=false";
                ["--port", &port.to_string(), "--bind_ip", "127.0.0.1", "--dbpath", &data]
                    .into_iter()
                    .chain(["--nounixsocket", "--setParameter", quiet])
                    .map(str::to_owned)
                    .collect()
            }
            Self::Secantusdb => {
                let port = port.to_string();
                let at = ["--port", &port, "--host", "127.0.0.1", "--storage-path", &data];
                // Without a log for replicas, which there are none of.
                at.into_iter().chain(["--standalone"]).map(str::to_owned).collect()
            }
            Self::Ferretdb => vec![
                "--handler=sqlite".to_owned(),
                format!("--sqlite-url=file:{data}/"),
                format!("--listen-addr=127.0.0.1:{port}"),
                "--debug-addr=-".to_owned(),
                "--state-dir=-".to_owned(),
                "--telemetry=disable".to_owned(),
                "--log-level=warn".to_owned(),
            ],
        };
        [program.into_owned()].into_iter().chain(words).collect()
    }

    /// Its version, as a server says it in `buildInfo`: what others than MongoDB tell
    /// as `version` is the one of MongoDB that they stand for.
    pub(super) fn version(self, told: &Document) -> Option<String> {
        let version = match self {
            Self::Mongod => told.get_str("version"),
            Self::Secantusdb => told.get_str("secantusVersion"),
            Self::Ferretdb => told.get_str("ferretdbVersion"),
        };
        Some(version.ok()?.trim_start_matches('v').to_owned())
    }

    /// What it is, as people write it, and never by the name of another.
    pub(super) fn title(self, version: &str) -> String {
        match self {
            Self::Mongod => format!("MongoDB {version}"),
            Self::Secantusdb => format!("secantusdb {version} (MongoDB-compatible)"),
            Self::Ferretdb => format!("FerretDB {version} with SQLite (MongoDB-compatible)"),
        }
    }
}

/// The product that a word names, if there is one.
fn chosen(word: Option<&OsStr>) -> Result<Option<Product>, LabError> {
    let Some(word) = word.filter(|word| !word.is_empty()) else { return Ok(None) };
    let word = word.to_string_lossy();
    let product = word.parse().map_err(|_| LabError::Unknown {
        kind: format!("MongoDB server (the variable {CHOICE})"),
        given: word.into_owned(),
        known: Product::iter().map(<&str>::from).collect::<Vec<_>>().join(", "),
    })?;
    Ok(Some(product))
}

#[cfg(test)]
mod tests {
    use mongodb::bson::doc;

    use super::*;

    #[test]
    fn the_environment_names_a_product_or_is_told_which_there_are() {
        assert_eq!(chosen(None).unwrap(), None);
        assert_eq!(chosen(Some(OsStr::new(""))).unwrap(), None);
        assert_eq!(chosen(Some(OsStr::new("ferretdb"))).unwrap(), Some(Product::Ferretdb));
        let error = chosen(Some(OsStr::new("mongo"))).unwrap_err().to_string();
        for words in ["SHAKEDOWN_MONGODB", "`mongo`", "mongod, secantusdb, ferretdb"] {
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_server_that_no_package_brings_is_said_to_be_installed_by_hand() {
        let message = NEED_MONGOD.missing().to_string();
        assert!(message.contains("by hand") && message.contains("SHAKEDOWN_MONGODB_BIN"));
        let message = NEED_ANY.missing().to_string();
        assert!(message.contains("secantusdb==0.7.0b3"), "{message}");
        let message = NEED_FERRETDB.missing().to_string();
        let build = "&& echo v1.24.2 > build/version/version.txt && go build -tags";
        assert!(message.contains(build), "{message}");
    }

    #[test]
    fn a_product_is_never_called_by_the_version_that_it_stands_for() {
        let told = doc! { "version": "8.2.11", "secantusVersion": "0.7.0b3" };
        assert_eq!(Product::Secantusdb.version(&told).as_deref(), Some("0.7.0b3"));
        assert_eq!(Product::Mongod.version(&told).as_deref(), Some("8.2.11"));
        assert_eq!(Product::Ferretdb.version(&told), None);
    }
}
