//! What is deployed: which deployments there are, what their images are, and how a pod
//! says that it is ready.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::spec::Spec;
use crate::ProcessSpec;

/// In a pod's environment: its name.
const NAME: &str = "POD_NAME";
/// In a pod's environment: the port on 127.0.0.1 at which it is to answer. It is held
/// for the pod, so it must be bound with `SO_REUSEPORT`.
const PORT: &str = "POD_PORT";
/// In a pod's environment: what it runs.
const IMAGE: &str = "POD_IMAGE";

/// A deployment with what it takes to run its pods.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// The deployment. Its name is the role of its pods' processes; the canary's are
    /// called `NAME-canary`.
    pub spec: Spec,
    /// What each image is. A pod of any other image is never started, as one whose image
    /// cannot be pulled.
    pub images: BTreeMap<String, Image>,
    /// How pods are asked whether they are ready.
    pub readiness: Readiness,
}

/// What a pod of an image runs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// The program and its arguments.
    pub argv: Vec<String>,
    /// Its environment, beside `POD_NAME`, `POD_PORT` and `POD_IMAGE`.
    pub env: BTreeMap<String, String>,
    /// What it is told in a file of its own, whose path is its last argument; `name` and
    /// `private`, its address, are added. A command line is there for everybody on the
    /// machine, and addresses hold passwords.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Map<String, Value>>,
}

/// How a pod is asked whether it is ready: an answer of status 200 to `GET`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// The first of these that the pod knows (whose answer is not 404).
    pub paths: Vec<String>,
    /// Between two looks.
    pub every: Duration,
    /// So many looks in a row must fail before a pod that was ready is not.
    pub failures: u32,
}

impl Default for Readiness {
    fn default() -> Self {
        Self {
            paths: vec!["/ready".to_owned(), "/health".to_owned()],
            every: Duration::from_millis(100),
            failures: 3,
        }
    }
}

/// A pod that is to be started.
pub(crate) struct Place<'a> {
    pub(crate) pod: &'a str,
    pub(crate) role: &'a str,
    pub(crate) image: &'a str,
    pub(crate) port: u16,
    /// The lab's folder for data.
    pub(crate) folder: &'a Path,
}

impl Place<'_> {
    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The file with what it is told.
    pub(crate) fn file(&self) -> PathBuf {
        self.folder.join(format!("{}.json", self.pod))
    }
}

impl Image {
    /// What a pod is told, if its image has it told anything.
    pub(crate) fn told(&self, place: &Place<'_>) -> Option<Map<String, Value>> {
        let mut told = self.told.clone()?;
        told.insert("name".to_owned(), place.pod.into());
        told.insert("private".to_owned(), place.address().into());
        Some(told)
    }

    /// The process of a pod.
    pub(crate) fn process(&self, place: &Place<'_>) -> ProcessSpec {
        let file = self.told.is_some().then(|| place.file().into_os_string());
        let argv = self.argv.iter().map(Into::into).chain(file);
        let mut spec = ProcessSpec::new(place.pod, place.role, argv).cwd(place.folder);
        spec.env.clone_from(&self.env);
        spec.env(NAME, place.pod).env(PORT, place.port.to_string()).env(IMAGE, place.image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_knows_its_name_and_its_address() {
        let folder = Path::new("/lab");
        let place = Place { pod: "worker-1-1", role: "worker", image: "v1", port: 7, folder };
        let told = Some(Map::from_iter([("database".to_owned(), "postgres".into())]));
        let image =
            Image { argv: vec!["/bin/worker".into(), "-x".into()], told, ..Image::default() };
        let process = image.process(&place);
        assert_eq!(process.argv, ["/bin/worker", "-x", "/lab/worker-1-1.json"]);
        assert_eq!((process.env[NAME].as_str(), process.env[PORT].as_str()), ("worker-1-1", "7"));
        let told = image.told(&place).unwrap();
        assert_eq!(told["private"], "127.0.0.1:7");
        assert_eq!(
            (told["name"].clone(), told["database"].clone()),
            ("worker-1-1".into(), "postgres".into())
        );
        assert_eq!(Image::default().told(&place), None);
    }
}
