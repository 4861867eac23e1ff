//! The processes of a role as places that are filled: when one ends and another
//! comes, that one takes the place, and its name.

use machine::process::Pinned;

/// A place in a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What it is called: `worker-2`, or the name of its pid file or unit.
    pub name: String,
    /// Who has the place now.
    pub now: Option<Pinned>,
    /// How often another one was seen in the place of the one before.
    pub restarts: u64,
    /// Who had it last.
    last: Option<Pinned>,
}

/// A process that was found, with the name of its place where it has one of its
/// own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) pinned: Pinned,
    pub(super) name: Option<String>,
}

/// Something that was seen of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The place.
    pub name: String,
    /// What was seen: `ended`.
    pub what: String,
}

/// The places of one role.
#[derive(Debug)]
pub(super) struct Members {
    role: String,
    places: Vec<Member>,
}

impl Members {
    pub(super) fn new(role: &str) -> Self {
        Self { role: role.to_owned(), places: Vec::new() }
    }

    pub(super) fn places(&self) -> &[Member] {
        &self.places
    }

    /// Takes down who is there now, and says what has changed. Whoever is new
    /// takes the first place that is empty, or makes a new one; the earlier it
    /// began the sooner.
    pub(super) fn see(&mut self, found: &[Found]) -> Vec<Change> {
        let mut changes = Vec::new();
        let is_there = |pinned: Pinned| found.iter().any(|found| found.pinned == pinned);
        for place in &mut self.places {
            if let Some(gone) = place.now.filter(|&now| !is_there(now)) {
                place.now = None;
                changes.push(change(place, format!("process {} ended", gone.pid)));
            }
        }
        let is_new = |found: &&Found| !self.places.iter().any(|p| p.now == Some(found.pinned));
        let mut new: Vec<&Found> = found.iter().filter(is_new).collect();
        new.sort_by_key(|found| {
            let Pinned { pid, start_time } = found.pinned;
            (start_time, pid, found.name.is_none())
        });
        new.dedup_by_key(|found| found.pinned);
        for found in new {
            let index = self.place_of(found);
            let place = &mut self.places[index];
            let what = if place.last.is_some() {
                place.restarts += 1;
                format!("process {} in its place, restart {}", found.pinned.pid, place.restarts)
            } else {
                format!("is process {}", found.pinned.pid)
            };
            (place.now, place.last) = (Some(found.pinned), Some(found.pinned));
            changes.push(change(place, what));
        }
        changes
    }

    /// The place for a new one, made where there is none.
    fn place_of(&mut self, found: &Found) -> usize {
        let fits = |place: &Member| match &found.name {
            Some(name) => place.name == *name,
            // Places with a name of their own are not for others.
            None => place.now.is_none() && self.is_numbered(&place.name),
        };
        if let Some(index) = self.places.iter().position(fits) {
            return index;
        }
        let numbered = self.places.iter().filter(|place| self.is_numbered(&place.name)).count();
        let name = found.name.clone().unwrap_or_else(|| format!("{}-{}", self.role, numbered + 1));
        self.places.push(Member { name, now: None, restarts: 0, last: None });
        self.places.len() - 1
    }

    fn is_numbered(&self, name: &str) -> bool {
        let number = name.strip_prefix(&self.role).and_then(|rest| rest.strip_prefix('-'));
        number.is_some_and(|number| number.parse::<usize>().is_ok())
    }
}

fn change(place: &Member, what: String) -> Change {
    Change { name: place.name.clone(), what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pids: &[u32]) -> Vec<Found> {
        // The id tells the time, too: the higher the later.
        let one = |&pid| Found { pinned: Pinned { pid, start_time: u64::from(pid) }, name: None };
        pids.iter().map(one).collect()
    }

    fn state(members: &Members) -> Vec<(String, Option<u32>, u64)> {
        let state = |m: &Member| (m.name.clone(), m.now.map(|now| now.pid), m.restarts);
        members.places().iter().map(state).collect()
    }

    #[test]
    fn whoever_comes_takes_the_place_of_the_one_that_went() {
        let mut members = Members::new("worker");
        members.see(&found(&[30, 10, 20]));
        let of = |name: &str, pid, restarts| (format!("worker-{name}"), pid, restarts);
        assert_eq!(
            state(&members),
            [of("1", Some(10), 0), of("2", Some(20), 0), of("3", Some(30), 0)]
        );
        assert!(members.see(&found(&[10, 20, 30])).is_empty());
        let changes = members.see(&found(&[10, 30]));
        assert_eq!(changes, [Change { name: "worker-2".into(), what: "process 20 ended".into() }]);
        assert_eq!(state(&members)[1], of("2", None, 0));
        let changes = members.see(&found(&[10, 30, 40]));
        assert_eq!(changes[0].what, "process 40 in its place, restart 1");
        assert_eq!(state(&members)[1], of("2", Some(40), 1));
        // Ended and replaced between two looks.
        members.see(&found(&[10, 30, 50]));
        assert_eq!(state(&members)[1], of("2", Some(50), 2));
        // One more than ever.
        members.see(&found(&[10, 30, 50, 60]));
        assert_eq!(state(&members)[3], of("4", Some(60), 0));
        members.see(&[]);
        assert!(state(&members).iter().all(|(_, pid, _)| pid.is_none()));
    }

    #[test]
    fn a_place_with_a_name_of_its_own_is_for_nobody_else() {
        let named = |pid: u32, name: &str| Found {
            name: Some(name.to_owned()),
            ..found(&[pid])[0].clone()
        };
        let mut members = Members::new("worker");
        members.see(&[named(10, "a"), named(20, "b")]);
        members.see(&[named(20, "b"), found(&[30])[0].clone()]);
        assert_eq!(
            state(&members),
            [("a".into(), None, 0), ("b".into(), Some(20), 0), ("worker-1".into(), Some(30), 0)]
        );
        members.see(&[named(40, "a"), named(20, "b")]);
        assert_eq!(state(&members)[0], ("a".into(), Some(40), 1));
    }
}
