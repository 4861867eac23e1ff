//! The system under test: a lab of our own, or somebody's addresses.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chaos::Roles;
use lab::reference::{self, Running, StartOptions, System};
use lab::{Lab, LabError, LabOptions, Patience, ProxyOptions};
use scenarios::Plan;
use scenarios::plan::Fault;

use crate::conduct::roles;
use crate::guards::{self, GuardsError};
use crate::preflight::{self, Warning};
use crate::probe::Processes;
use crate::signal::Cancel;
use crate::targets::TargetError;

/// How long brokers and services may take to be ready.
const PATIENCE: Duration = Duration::from_secs(180);

/// Why there is no system to test.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The lab did not come up.
    #[error(transparent)]
    Lab(#[from] LabError),
    /// An address does not answer.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Something may not be reached.
    #[error(transparent)]
    Guards(#[from] GuardsError),
    /// Roles that the lab does not have, or that nobody plays now, one a line.
    #[error("{0}")]
    Roles(String),
    /// Addresses or what is read there, and roles; one problem a line.
    #[error("{target}\n{roles}")]
    Several {
        /// What is wrong with the addresses.
        target: Box<TargetError>,
        /// What is wrong with the roles.
        roles: String,
    },
    /// A signal came first.
    #[error("interrupted during set-up")]
    Interrupted,
    /// A task of this program crashed.
    #[error("the set-up crashed: {0}")]
    Crashed(String),
}

impl SetupError {
    /// Whether it is the command line or the scenario that is wrong, and not the
    /// surroundings.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Target(error) => error.is_usage(),
            Self::Guards(error) => error.is_usage(),
            Self::Several { target, .. } => target.is_usage(),
            Self::Lab(_) | Self::Roles(_) | Self::Interrupted | Self::Crashed(_) => false,
        }
    }

    /// Whether the output of the lab's processes says more than the error.
    #[must_use]
    pub const fn has_logs(&self) -> bool {
        matches!(
            self,
            Self::Crashed(_)
                | Self::Lab(
                    LabError::Died { .. } | LabError::Keeper { .. } | LabError::TimedOut { .. }
                )
        )
    }
}

/// The reference system of a plan that runs in a lab.
///
/// # Errors
/// When there is none of its name.
pub fn system_of(plan: &Plan) -> Result<&'static dyn System, LabError> {
    // Without one the plan is for addresses, and asks for no lab.
    reference::system(plan.system.reference.as_deref().unwrap_or_default())
}

/// Gives every role of the plan the name that it has in the lab: scenarios may
/// say `broker` or `database` for the only server of that class. Looks at the
/// settings of the system, too.
///
/// # Errors
/// Every role that the lab does not have, or of which it has several, with what
/// to write or skip; a setting that the system does not have or cannot read; or
/// that there is no such system.
pub fn name_roles(plan: &mut Plan) -> Result<(), SetupError> {
    let system = system_of(plan)?;
    let known = system.all_roles();
    let settings = system.check_settings(&plan.system.settings);
    let mut problems: Vec<String> = settings.err().iter().map(ToString::to_string).collect();
    let mut name = |role: &mut String, what: &str, without: &str| {
        match system.role(role) {
        Ok(meant) if known.contains(&meant.as_str()) => *role = meant,
        Ok(_) => problems.push(format!(
            "{what}: there is no role {role:?} in a lab of {}; write one of {}, or leave out {without}",
            system.name(),
            known.join(", ")
        )),
        Err(error) => problems.push(format!("{what}: {error}")),
    }
    };
    for fault in &mut plan.faults {
        if let Some(role) = fault.kind.role_mut() {
            let without = format!("the fault with --skip-fault {}", fault.name);
            name(role, &format!("fault {}", fault.name), &without);
        }
    }
    for probe in &mut plan.probes {
        if let Some(role) = probe.kind.role_mut() {
            name(role, &format!("probe {}", probe.name), "the probe and the checks that read it");
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(SetupError::Roles(problems.join("\n"))) }
}

/// A system that stands.
pub struct Standing {
    /// Its addresses, by key.
    pub targets: BTreeMap<String, String>,
    /// The lab that it stands in.
    pub lab: Option<Arc<Lab>>,
    /// The roles that processes of somebody's own play, where there is no lab.
    pub roles: Option<Arc<Roles>>,
    /// What the brokers are.
    pub brokers: Vec<String>,
    /// What may be missing there, for people.
    pub warnings: Vec<Warning>,
    /// Holds the lab's ports until the end.
    running: Option<Running>,
}

impl Standing {
    /// Starts the reference system of the plan in a lab.
    ///
    /// # Errors
    /// When a broker is missing or does not start, or the run is cancelled.
    pub async fn lab(
        plan: &Plan,
        logs: PathBuf,
        keep: bool,
        cancel: &Cancel,
    ) -> Result<Self, SetupError> {
        preflight::programs(plan)?;
        let system = system_of(plan)?;
        let options = StartOptions {
            variant: plan.variant.clone(),
            replicas: plan.system.replicas,
            settings: plan.system.settings.clone(),
            targets: None,
            proxy: ProxyOptions {
                keys: plan.system.proxied.clone(),
                subcommand: chaos::proxy::hidden::SUBCOMMAND.to_owned(),
                seed: plan.seed,
            },
        };
        let flag = cancel.flag();
        let started = tokio::task::spawn_blocking(move || {
            let lab = LabOptions { keep, ..LabOptions::new(logs) }.start()?;
            let patience = Patience::new(PATIENCE).cancelled_by(&flag);
            let running = system.start(&lab, &options, patience)?;
            Ok::<_, LabError>((lab, running))
        });
        let (lab, running) = match started.await {
            Ok(Ok(started)) => started,
            Ok(Err(_)) if cancel.is_cancelled() => return Err(SetupError::Interrupted),
            Ok(Err(error)) => return Err(error.into()),
            Err(error) => return Err(SetupError::Crashed(error.to_string())),
        };
        let brokers = running.versions();
        let standing = Self {
            targets: running.targets.clone(),
            lab: Some(Arc::new(lab)),
            roles: None,
            brokers,
            warnings: doubts(plan, &running.targets),
            running: Some(running),
        };
        // What the scenario names beside the lab.
        let guard = guards::guard(&plan.safety.allowed);
        if let Err(error) = guards::before(plan, &standing.targets, &guard) {
            standing.clear().await?;
            return Err(error.into());
        }
        Ok(standing)
    }

    /// Takes somebody's own system, if all of its addresses answer and let us
    /// in, what is read there can be read, and all of its roles are played.
    ///
    /// # Errors
    /// Every address at which nobody answers, or that refuses us, everything that
    /// cannot be read, and every selector that finds nobody.
    pub async fn targets(
        plan: &Plan,
        targets: BTreeMap<String, String>,
        cancel: &Cancel,
    ) -> Result<Self, SetupError> {
        let guard = guards::guard(&plan.safety.allowed);
        let look = async {
            let warnings = preflight::reach(plan, &targets).await?;
            guards::behind(plan, &targets, &guard).await?;
            Ok::<_, SetupError>(warnings)
        };
        let looked = tokio::select! {
            looked = look => looked,
            () = cancel.cancelled() => return Err(SetupError::Interrupted),
        };
        let (warnings, roles) = match (looked, roles::cast(plan)) {
            (Ok(warnings), Ok(roles)) => ([warnings, doubts(plan, &targets)].concat(), Some(roles)),
            (Ok(_), Err(roles)) => return Err(SetupError::Roles(roles)),
            (Err(SetupError::Target(target)), Err(roles)) => {
                return Err(SetupError::Several { target: Box::new(target), roles });
            }
            (Err(error), _) => return Err(error),
        };
        Ok(Self { targets, lab: None, roles, brokers: Vec::new(), warnings, running: None })
    }

    /// Where the processes of roles are looked up.
    #[must_use]
    pub fn processes(&self) -> Option<Processes> {
        let own = || self.roles.clone().map(Processes::Own);
        self.lab.clone().map(Processes::Lab).or_else(own)
    }

    /// Clears everything away.
    ///
    /// # Errors
    /// When a process or folder of the lab is left.
    pub async fn clear(self) -> Result<(), SetupError> {
        let Some(lab) = self.lab else { return Ok(()) };
        let running = self.running;
        let stopped = tokio::task::spawn_blocking(move || {
            let result = lab.stop();
            drop(running);
            result
        });
        stopped.await.map_err(|error| SetupError::Crashed(error.to_string()))?.map_err(Into::into)
    }
}

/// What is to be known of the faults before they happen.
fn doubts(plan: &Plan, targets: &BTreeMap<String, String>) -> Vec<Warning> {
    let doubt = |fault: &Fault| {
        let text = format!("fault {}: {}", fault.name, chaos::doubt(&fault.kind, targets)?);
        Some(Warning::from(text))
    };
    plan.faults.iter().filter_map(doubt).collect()
}

#[cfg(test)]
mod tests {
    use scenarios::{Settings, suite};

    use super::*;

    fn shipped(change: impl Fn(&str) -> String) -> Plan {
        let source = suite::find("idempotent-ingest").unwrap().source;
        scenarios::plan("ingest.toml", &change(source), &Settings::default()).unwrap()
    }

    /// What stood for a server before each had its own role still does.
    #[test]
    fn a_scenario_may_call_the_only_broker_so_and_the_only_database() {
        let plan = shipped(str::to_owned);
        let mut old = shipped(|text| {
            let text = text.replace("role = \"redis\"", "role = \"broker\"");
            text.replace("role = \"postgres\"", "role = \"database\"")
        });
        assert_ne!(old, plan);
        name_roles(&mut old).unwrap();
        assert_eq!(old, plan);
    }

    /// All at once, with what to write or skip.
    #[test]
    fn roles_that_a_lab_does_not_have_are_told_before_anything_starts() {
        let mut plan = shipped(|text| {
            let text = text.replace("role = \"redis\"", "role = \"redsi\"");
            text.replace("role = \"ingress\"", "role = \"entrance\"")
        });
        let told = name_roles(&mut plan).unwrap_err().to_string();
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(
            lines[0],
            "fault redis-dies: there is no role \"redsi\" in a lab of ingest; write one of ingress, \
             worker, redis, postgres, or leave out the fault with --skip-fault redis-dies"
        );
        assert!(
            lines[1].contains("ingress-dies") && lines[2].starts_with("probe ingress"),
            "{told}"
        );
        assert_eq!(lines.len(), 3);
    }

    #[test]
    fn a_setting_that_a_lab_does_not_have_is_told_before_anything_starts() {
        let mut plan =
            shipped(|text| text.replacen("[system]\n", "[system]\nsettings = { pace = 3 }\n", 1));
        let told = name_roles(&mut plan).unwrap_err().to_string();
        assert_eq!(told, "there is no setting of the ingest called `pace`. Known: none");
    }

    #[test]
    fn the_roles_of_shipped_scenarios_are_those_of_the_lab() {
        for shipped in suite::ALL {
            let plan = scenarios::plan(shipped.name, shipped.source, &Settings::default()).unwrap();
            let mut named = plan.clone();
            name_roles(&mut named).unwrap();
            assert_eq!(named, plan, "{}", shipped.name);
        }
    }
}
