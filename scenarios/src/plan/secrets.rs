//! What of a plan may not be written down: the secrets that stand in it, and
//! the plan without them.

use std::collections::BTreeMap;

use super::Plan;
use crate::redact::Secrets;

impl Plan {
    /// Every secret that a run of the plan knows: of its own texts, where
    /// somebody has written an address or a parameter out, and of the addresses
    /// of its targets. What is a name in the plan as well is none: files are
    /// read by their names.
    #[must_use]
    pub fn secrets(&self, targets: &BTreeMap<String, String>) -> Secrets {
        let plan = serde_json::to_value(self).map(|plan| Secrets::of_value(&plan));
        let mut known = plan.unwrap_or_default();
        for (key, address) in targets {
            known.add_setting(key, address);
        }
        known.not_in(&self.names().join("\n"))
    }

    /// The plan as it may be written down: with a mask in place of every secret.
    /// It can be judged by, and carried out where nothing of it was masked.
    #[must_use]
    pub fn without(&self, secrets: &Secrets) -> Option<Self> {
        // Where a secret is a word of the language, the plan would be none any
        // more: addresses and what is named like a secret are masked all the same.
        let mut plan = secrets.hidden(self).or_else(|| Secrets::default().hidden(self))?;
        plan.param_help = self.param_help.clone();
        for help in plan.param_help.values_mut() {
            *help = secrets.hide(help);
        }
        Some(plan)
    }

    /// What its items and their parts are called.
    fn names(&self) -> Vec<&str> {
        let mut names = vec![self.name.as_str(), &self.variant];
        names.extend(self.system.reference.as_deref());
        names.extend(self.phases.iter().map(|phase| phase.name.as_str()));
        names.extend(self.workloads.iter().map(|workload| workload.name.as_str()));
        for fault in &self.faults {
            names.extend([fault.name.as_str(), fault.kind.word()]);
            names.extend(fault.kind.role());
        }
        for deployment in &self.deployments {
            names.extend(deployment.names());
            names.extend(deployment.images.keys().map(String::as_str));
            names.extend(deployment.steps.iter().map(|step| step.name.as_str()));
        }
        names.extend(self.probes.iter().map(|probe| probe.name.as_str()));
        names.extend(self.effects.iter().map(|effects| effects.name.as_str()));
        names.extend(self.checks.iter().map(|check| check.name.as_str()));
        names.extend(self.system.targets.keys().map(String::as_str));
        names.extend(self.system.roles.keys().map(String::as_str));
        names.extend(self.params.keys().map(String::as_str));
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Settings, plan_from_toml, suite};

    #[test]
    fn a_plan_without_secrets_is_the_same_plan() {
        for shipped in suite::ALL {
            let plan = crate::plan(shipped.name, shipped.source, &Settings::default()).unwrap();
            let known = plan.secrets(&BTreeMap::new());
            let mut written = plan.without(&known).unwrap();
            // They show what an address looks like.
            for (key, target) in &plan.system.targets {
                written.system.targets.get_mut(key).unwrap().help.clone_from(&target.help);
            }
            assert!(written == plan, "{}", shipped.name);
        }
    }

    #[test]
    fn what_is_written_out_is_masked_and_the_plan_reads_back() {
        let source = suite::find("channel-leak").unwrap().source;
        let written_out = "amqp://joe:hunter2x@127.0.0.1/%2f";
        let source = source.replacen("${target.rabbitmq}", written_out, 1);
        let plan = crate::plan("mine.toml", &source, &Settings::default()).unwrap();
        let target = "http://joe:s%20cret@h".to_owned();
        let known = plan.secrets(&BTreeMap::from([("service".to_owned(), target)]));
        let text = toml::to_string(&plan.without(&known).unwrap()).unwrap();
        assert!(text.contains("amqp://joe:***@127.0.0.1/%2f"), "{text}");
        assert!(text.contains("${target."), "what is open stays open");
        assert!(!text.contains("hunter2x"), "{text}");
        assert_eq!(plan_from_toml(&text).unwrap().checks, plan.checks);
        assert_eq!(known.hide("hunter2x, s cret and channel-leak"), "***, *** and channel-leak");
    }

    /// Such a secret hides itself: what is left is the rule for addresses.
    #[test]
    fn a_word_of_the_plan_does_not_garble_it() {
        let source = suite::find("channel-leak").unwrap().source;
        let plan = crate::plan("mine.toml", source, &Settings::default()).unwrap();
        for word in ["channel-leak", "baseline", "uniform", "http"] {
            let target = format!("amqp://joe:{word}@h");
            let known = plan.secrets(&BTreeMap::from([("rabbitmq".to_owned(), target)]));
            assert_eq!(plan.without(&known).as_ref().map(|p| &p.checks), Some(&plan.checks));
        }
    }
}
