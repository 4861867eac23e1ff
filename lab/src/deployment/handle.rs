//! The handle on a lab's deployments, and what is asked of their control API.

use super::driver::{Arguments, SUBCOMMAND};
use super::manifest::Workload;
use super::status::Status;
use crate::port::Shared;
use crate::reference::process;
use crate::{Lab, LabError, Patience, ProcessSpec, http};

/// The process that runs deployments, and its role in the lab.
pub const DEPLOYMENTS: &str = "deployments";

/// Deployments that run in a lab. They end with it; keep this value until then, because it
/// holds their port.
#[derive(Debug)]
pub struct Deployments {
    port: Shared,
}

impl Deployments {
    /// Starts deployments and waits until every pod of each is available.
    ///
    /// # Errors
    /// [`LabError::Deployment`] for one that cannot be carried out or whose pods do not
    /// become ready; else what starting a process may answer, and those of `patience`.
    pub fn start(
        lab: &Lab,
        workloads: &[Workload],
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        for Workload { spec, .. } in workloads {
            if let Some(reason) = spec.flaw() {
                return Err(LabError::Deployment { name: spec.name.clone(), reason });
            }
        }
        let this = Self { port: Shared::reserve()? };
        let file = lab.scratch().join(format!("{DEPLOYMENTS}.json"));
        let arguments = Arguments {
            address: this.port.address(),
            folder: lab.scratch().to_owned(),
            workloads: workloads.to_vec(),
        };
        process::write(&file, &arguments).map_err(LabError::file("write", &file))?;
        let argv = [lab.exe().as_os_str(), SUBCOMMAND.as_ref(), file.as_os_str()];
        let spec = ProcessSpec::new(DEPLOYMENTS, DEPLOYMENTS, argv).cwd(lab.scratch()).steering();
        lab.run(spec, patience)?;
        for Workload { spec, .. } in workloads {
            this.wait_until_complete(lab, &spec.name, patience)?;
        }
        Ok(this)
    }

    /// The address of the control API: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.port.address())
    }

    /// The port, for those who hold several.
    pub(crate) fn into_port(self) -> Shared {
        self.port
    }

    /// What a deployment is now, if the controller answers and knows it.
    pub fn status(&self, name: &str) -> Option<Status> {
        let answer = http::get(self.port.port(), &format!("/deployments/{name}"), None).ok()?;
        serde_json::from_str(&answer.body).ok().filter(|_| answer.status == 200)
    }

    /// Waits until every pod of a deployment is new and available.
    ///
    /// # Errors
    /// [`LabError::Deployment`] if its rollout exceeds its deadline or the controller has
    /// ended, and those of `patience`.
    pub fn wait_until_complete(
        &self,
        lab: &Lab,
        name: &str,
        patience: Patience<'_>,
    ) -> Result<(), LabError> {
        let log = lab.log(DEPLOYMENTS);
        let what = format!("the rollout of {name} (its log is {})", log.display());
        let failed = |reason: String| LabError::Deployment { name: name.to_owned(), reason };
        lab.wait_for(patience, &what, |lab| {
            let ended = lab.process(DEPLOYMENTS).is_some_and(|process| process.pid.is_none());
            if ended && lab.is_kept() {
                return Some(Err(failed(format!(
                    "the controller has ended; its log is {}",
                    log.display()
                ))));
            }
            let status = self.status(name)?;
            match status.is_complete() {
                true => Some(Ok(())),
                false => status.is_stuck().then(|| Err(failed(stuck(&status)))),
            }
        })?
    }
}

/// What keeps a rollout, in words.
fn stuck(status: &Status) -> String {
    let Status { available, desired, pods, .. } = status;
    let mut ends = pods.iter().filter_map(|pod| Some((&pod.name, pod.last_end.as_ref()?)));
    let last = ends.next_back().map(|(name, how)| format!("; {name}: {how}")).unwrap_or_default();
    format!("only {available} of {desired} pods are available in time{last}")
}
