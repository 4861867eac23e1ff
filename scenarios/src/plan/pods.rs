//! Roles that pods play. What a fault does to processes of such a role it does to
//! pods, and what a probe watches of them it watches of pods; what has no meaning
//! there is refused when the run is planned.

use std::collections::BTreeMap;

use super::fault::Pods;
use super::{FaultKind, Plan, ProbeKind, Role};
use crate::selector::Selector;

/// The roles that pods play, by name: a namespace and a label selector.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PodRoles(BTreeMap<String, (String, String)>);

impl PodRoles {
    /// Takes them out of the roles, of which processes play the others.
    ///
    /// # Errors
    /// Every role that pods cannot play as it is given.
    pub fn take(roles: &mut BTreeMap<String, Role>) -> Result<Self, Vec<String>> {
        let (mut taken, mut wrong) = (BTreeMap::new(), Vec::new());
        roles.retain(|name, role| match of(name, role) {
            Ok(None) => true,
            Ok(Some(pods)) => {
                taken.insert(name.clone(), pods);
                false
            }
            Err(why) => {
                wrong.push(why);
                true
            }
        });
        if wrong.is_empty() { Ok(Self(taken)) } else { Err(wrong) }
    }

    /// Turns a fault on one of the roles into one on its pods.
    ///
    /// # Errors
    /// When nothing like it can be done to pods.
    pub fn turn(&self, name: &str, kind: &mut FaultKind) -> Result<(), String> {
        let Some((role, (namespace, labels))) =
            kind.role_mut().and_then(|role| self.0.get_key_value(role.as_str()))
        else {
            return Ok(());
        };
        let pods = |pick| Pods {
            context: String::new(),
            namespace: namespace.clone(),
            labels: labels.clone(),
            pick,
        };
        let instead = match kind {
            FaultKind::KillProcess(victims) => {
                *kind = FaultKind::KillPods(pods(victims.pick));
                return Ok(());
            }
            FaultKind::TerminateProcess(victims) => {
                *kind = FaultKind::TerminatePods(pods(victims.pick));
                return Ok(());
            }
            FaultKind::StopProcess(_) => "scale keeps pods away for a time",
            FaultKind::PauseProcess(_) => {
                "no request of the API pauses a pod; give kill_process or terminate_process, or \
                 run_command with kubectl exec"
            }
            _ => "give run_command with kubectl exec",
        };
        let word = kind.word();
        Err(format!("fault {name}: pods play the role {role}, and have no {word}: {instead}"))
    }
}

impl Plan {
    /// Gives what is done to and seen of roles to the pods that play them.
    ///
    /// # Errors
    /// Everything that cannot be done to pods, or seen of them.
    pub fn give_to_pods(&mut self) -> Result<(), Vec<String>> {
        let roles = PodRoles::take(&mut self.system.roles)?;
        let turned =
            self.faults.iter_mut().map(|fault| roles.turn(&fault.name, &mut fault.kind)).collect();
        let mut wrong: Vec<String> =
            Vec::<Result<(), String>>::into_iter(turned).filter_map(Result::err).collect();
        for probe in &mut self.probes {
            let ProbeKind::Process { role } = &probe.kind else { continue };
            let Some((namespace, labels)) = roles.0.get(role) else { continue };
            let (context, role) = (String::new(), role.clone());
            let (namespace, labels) = (namespace.clone(), labels.clone());
            probe.kind = ProbeKind::Pods { context, namespace, labels };
            let given = probe.kind.series();
            let is_given = |series: &str| given.iter().any(|info| info.name == series);
            for check in &self.checks {
                let mut kind = check.kind.clone();
                let states = kind.statement();
                let missing = states.series().find_map(|series| {
                    let (of, series) = series.rsplit_once('.')?;
                    (of == probe.name && !is_given(series)).then(|| series.to_owned())
                });
                if let Some(missing) = missing {
                    let known: Vec<&str> = given.iter().map(|info| &*info.name).collect();
                    wrong.push(format!(
                        "check {}: pods play the role {role}, and of them {}.{missing} is not \
                         known; there are {}",
                        check.name,
                        probe.name,
                        known.join(", ")
                    ));
                }
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    }
}

/// The pods that play a role, if pods do.
fn of(name: &str, role: &Role) -> Result<Option<(String, String)>, String> {
    let pods = role.processes.iter().find_map(|selector| match selector {
        Selector::Pods { namespace, labels } => Some((namespace.clone(), labels.clone())),
        _ => None,
    });
    let Some(pods) = pods else { return Ok(None) };
    if role.processes.len() > 1 {
        return Err(format!(
            "role {name}: pods and others, or pods of two selectors, cannot play one role \
             together; one selector may name several: 'app in (a, b)'"
        ));
    }
    if !role.start.is_empty() {
        return Err(format!(
            "role {name}: a pod's owner makes a new one; leave the start command out"
        ));
    }
    Ok(Some(pods))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;
    use crate::Settings;

    const SCENARIO: &str = r#"
name = "pods"
title = "workers"
[system]
[system.roles.worker]
help = "does the work"
[[phase]]
name = "load"
for = "10s"
[[workload]]
name = "tick"
rate = "5/s"
phases = ["load"]
command = { run = "true" }
[[probe]]
name = "workers"
process = { role = "worker" }
[[fault]]
name = "kill"
phase = "load"
terminate_process = { role = "worker", pick = 2 }
[[check]]
name = "calm"
title = "nobody is started again"
absence = { series = "workers.restarts", phases = ["load"], excused_by = ["kill"] }
"#;

    fn plan(text: &str, selectors: &[&str]) -> Result<Plan, String> {
        let selectors = selectors.iter().map(|text| text.parse().unwrap()).collect();
        let settings = Settings {
            targets: Some(BTreeSet::new()),
            roles: BTreeMap::from([("worker".to_owned(), selectors)]),
            ..Settings::default()
        };
        crate::plan("pods.toml", text, &settings).map_err(|problems| problems.render(false))
    }

    #[test]
    fn faults_and_probes_of_the_role_become_those_of_its_pods() {
        let plan = plan(SCENARIO, &["k8s:shop/app=worker"]).unwrap();
        let FaultKind::TerminatePods(pods) = &plan.faults[0].kind else {
            panic!("{:?}", plan.faults)
        };
        assert_eq!((&*pods.namespace, &*pods.labels), ("shop", "app=worker"));
        let ProbeKind::Pods { namespace, .. } = &plan.probes[0].kind else {
            panic!("{:?}", plan.probes)
        };
        assert_eq!(namespace, "shop");
        assert!(plan.system.roles.is_empty(), "nobody looks for processes of it");
        // Processes that play it leave everything as it is.
        let of_processes = self::plan(SCENARIO, &["name:worker"]).unwrap();
        assert_eq!(of_processes.faults[0].kind.word(), "terminate_process");
    }

    #[test]
    fn what_cannot_be_seen_of_pods_is_told_when_the_run_is_planned() {
        let text = SCENARIO.replace("workers.restarts", "workers.cpu");
        let told = plan(&text, &["k8s:shop/app=worker"]).unwrap_err();
        assert!(told.contains("workers.cpu is not known; there are pods, ready"), "{told}");
        let started = "help = \"does the work\"\nstart = \"./worker\"";
        let text = SCENARIO.replace("help = \"does the work\"", started);
        let told = plan(&text, &["k8s:shop/app=worker"]).unwrap_err();
        assert!(told.contains("leave the start command out"), "{told}");
    }
}
