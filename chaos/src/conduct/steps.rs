//! How far the steps of deployments are, for the faults that wait for one.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// How far each step is, by its deployment and its name.
pub type Steps = watch::Receiver<BTreeMap<(String, String), StepSeen>>;

/// How far a step of a deployment is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StepSeen {
    /// Whether the orchestrator has seen what was asked for.
    pub confirmed: bool,
    /// How many pods are of the new template; `None` where nobody says.
    pub updated: Option<u32>,
    /// Whether it is done.
    pub done: bool,
    /// What became of it if it will not be done, in words: `failed`, `was skipped`.
    pub over: Option<String>,
}

impl StepSeen {
    /// What it says to a fault that waits until it is done, or until so many pods are new
    /// while it is under way: that the moment has come, or why it never will; nothing as
    /// long as it may still come.
    #[must_use]
    pub fn decides(&self, updated: Option<u32>) -> Option<Result<(), String>> {
        let has_come = match updated {
            None => self.done,
            Some(pods) => self.confirmed && self.updated.is_some_and(|new| new >= pods),
        };
        if has_come {
            return Some(Ok(()));
        }
        if let Some(over) = &self.over {
            return Some(Err(over.clone()));
        }
        self.done.then(|| match self.updated {
            Some(new) => Err(format!("was done with {new} new pods")),
            None => Err("was done, and nobody says how many pods were new".to_owned()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_waited_for_until_it_is_done_or_as_many_pods_are_new() {
        let mut seen = StepSeen { updated: Some(3), ..StepSeen::default() };
        // What is new from before is not this step's doing.
        assert_eq!((seen.decides(None), seen.decides(Some(2))), (None, None));
        seen.confirmed = true;
        assert_eq!((seen.decides(None), seen.decides(Some(3))), (None, Some(Ok(()))));
        assert_eq!(seen.decides(Some(4)), None);
        seen.done = true;
        assert_eq!(seen.decides(None), Some(Ok(())));
        assert_eq!(seen.decides(Some(4)), Some(Err("was done with 3 new pods".to_owned())));
    }

    #[test]
    fn a_step_that_will_not_be_done_is_not_waited_for() {
        let over = Some("was skipped".to_owned());
        let seen = StepSeen { over, confirmed: true, updated: Some(1), done: false };
        assert_eq!(seen.decides(None), Some(Err("was skipped".to_owned())));
        assert_eq!(seen.decides(Some(1)), Some(Ok(())));
    }
}
