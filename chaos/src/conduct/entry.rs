//! A line of the timetable, and whom it must hit when it repeats another run.

use std::collections::BTreeMap;

use crate::FaultError;
use crate::fault::{Order, Prepared};
use crate::timetable::Planned;

/// A fault of the timetable, with everything that it takes to carry it out.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The fault at its time.
    pub planned: Planned,
    /// What is done.
    pub order: Order,
    /// Whom it must hit, when it repeats another run.
    pub expected: Option<Expected>,
}

impl Entry {
    /// A fault with these addresses.
    #[must_use]
    pub fn new(planned: Planned, targets: &BTreeMap<String, String>) -> Self {
        let order = planned.order(targets);
        Self { planned, order, expected: None }
    }
}

/// The victims of a run that is repeated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Who was hit, in words.
    pub victims: Vec<String>,
    /// Whether one of the same name will do that was started again since.
    pub by_name: bool,
}

impl Expected {
    /// Lets a fault through that would hit the same.
    ///
    /// # Errors
    /// [`FaultError::OtherVictims`] with those who differ, or are not there any
    /// more.
    pub fn meets(&self, prepared: Result<Prepared, FaultError>) -> Result<Prepared, FaultError> {
        match prepared {
            Ok(prepared) => self.compare(&prepared.victims()).map(|()| prepared),
            Err(error @ (FaultError::Choice { .. } | FaultError::Victim(_))) => {
                let what = format!("{} was hit then, and now {error}", self.victims.join(", "));
                Err(FaultError::OtherVictims { what })
            }
            Err(error) => Err(error),
        }
    }

    fn compare(&self, now: &[String]) -> Result<(), FaultError> {
        let known = |victim: &str| {
            if self.by_name { name(victim).to_owned() } else { victim.to_owned() }
        };
        let count = |victims: &[String]| {
            let mut counts: BTreeMap<String, usize> = BTreeMap::new();
            for victim in victims {
                *counts.entry(known(victim)).or_default() += 1;
            }
            counts
        };
        let (then, now) = (count(&self.victims), count(now));
        if then == now {
            return Ok(());
        }
        let less = |these: &BTreeMap<String, usize>, those: &BTreeMap<String, usize>| {
            let missing = these.iter().filter(|(who, n)| those.get(*who).unwrap_or(&0) < n);
            missing.map(|(who, _)| who.clone()).collect::<Vec<_>>().join(", ")
        };
        let (gone, new) = (less(&then, &now), less(&now, &then));
        let what = match (gone.is_empty(), new.is_empty()) {
            (false, true) => format!("{gone} was hit then and would not be now"),
            (true, _) => format!("{new} would be hit now and was not then"),
            (false, false) => {
                format!("{gone} was hit then and is not among the victims now, but {new} is")
            }
        };
        Err(FaultError::OtherVictims { what })
    }
}

/// A victim without what changes when it is started again: `worker` of
/// `worker (pid 12@345)`, `"worker` of `"worker" 127.0.0.1:40001`, and
/// `deployment web` of `pod web-1a2b3-4c5d6 of deployment web (uid 6f)`. The pods of a
/// stateful set keep their names.
fn name(victim: &str) -> &str {
    if let Some((pod, _)) = victim.split_once(" (uid ") {
        let keeper = pod.split_once(" of ").map(|(_, keeper)| keeper);
        return keeper.filter(|keeper| !keeper.starts_with("statefulset ")).unwrap_or(pod);
    }
    let process = victim.split_once(" (pid ");
    let connection = || victim.split_once("\" ").filter(|(name, _)| name.starts_with('"'));
    process.or_else(connection).map_or(victim, |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(victims: &[&str], by_name: bool) -> Expected {
        Expected { victims: victims.iter().map(|&v| v.to_owned()).collect(), by_name }
    }

    fn compare(then: &[&str], now: &[&str], by_name: bool) -> Option<String> {
        let now = expected(now, by_name).victims;
        expected(then, by_name).compare(&now).err().map(|error| error.to_string())
    }

    #[test]
    fn the_same_victims_in_any_order_will_do_and_nobody_else() {
        let (one, two, new) = ("worker (pid 1@2)", "worker (pid 3@4)", "worker (pid 5@6)");
        assert_eq!(compare(&[one, two], &[two, one], false), None);
        let other = compare(&[one], &[new], false).unwrap();
        assert!(other.contains("worker (pid 1@2) was hit then"), "{other}");
        assert!(other.contains("nobody else was hit"), "{other}");
        assert!(compare(&[one, two], &[one], false).unwrap().contains("pid 3@4"));
        assert!(compare(&[one], &[one, two], false).unwrap().contains("would be hit now"));
    }

    #[test]
    fn by_name_one_that_was_started_again_will_do() {
        let (one, again, other) = ("web-1 (pid 1@2)", "web-1 (pid 8@9)", "web-2 (pid 3@4)");
        assert_eq!(compare(&[one], &[again], true), None);
        assert!(compare(&[one], &[other], true).is_some());
        assert!(compare(&[one], &[one, again], true).is_some());
    }

    #[test]
    fn by_name_a_pod_is_one_of_its_keeper_and_of_a_stateful_set_the_same() {
        let web = |name: &str| format!("pod web-{name} of deployment web (uid {name})");
        assert_eq!(compare(&[&web("1")], &[&web("2")], true), None);
        assert!(compare(&[&web("1")], &[&web("2"), &web("3")], true).is_some());
        assert!(compare(&[&web("1")], &[&web("2")], false).is_some());
        let store =
            |number: u32, uid: &str| format!("pod store-{number} of statefulset store (uid {uid})");
        assert_eq!(compare(&[&store(0, "a")], &[&store(0, "b")], true), None);
        assert!(compare(&[&store(0, "a")], &[&store(1, "b")], true).is_some());
        assert_eq!(compare(&["pod lone (uid a)"], &["pod lone (uid b)"], true), None);
    }
}
