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
/// `worker (pid 12@345)`, and `"worker` of `"worker" 127.0.0.1:40001`.
fn name(victim: &str) -> &str {
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
}
