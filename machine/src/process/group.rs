//! Among whom a process yields: the scheduler first shares processors among groups, and
//! only then within each by niceness and policy.
//!
//! Groups are control groups and, where autogroup is on and a process is in the root
//! control group, sessions (sched(7), "The autogroup feature"; cgroups(7)).

use std::collections::BTreeSet;
use std::fs;

use super::{Stat, below};

const AUTOGROUP: &str = "/proc/sys/kernel/sched_autogroup_enabled";

/// Of the others, lets only those be said to yield that share their group with all own
/// processes: beside another group they have their full share, whatever their policy.
pub(crate) fn only_within_groups(processes: &mut [Stat], roots: &[u32]) {
    if !processes.iter().any(|process| process.yields && !process.is_kernel) {
        return;
    }
    let by_session = fs::read_to_string(AUTOGROUP).is_ok_and(|text| text.trim() != "0");
    let group = |pid: u32| {
        let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).ok();
        named(&read("cgroup")?, by_session.then(|| read("autogroup")).flatten().as_deref())
    };
    let own: BTreeSet<_> = below(processes, roots).into_iter().filter_map(group).collect();
    for process in processes.iter_mut().filter(|process| process.yields) {
        process.yields = group(process.pid).is_some_and(|group| own.iter().all(|of| *of == group));
    }
}

/// The name of the group of the scheduler, from the text of `/proc/PID/cgroup` and, where
/// sessions count, of `/proc/PID/autogroup`.
fn named(cgroups: &str, autogroup: Option<&str>) -> Option<String> {
    let fields = |line: &str| {
        let mut fields = line.splitn(3, ':').map(str::to_owned);
        Some((fields.next()?, fields.next()?, fields.next()?))
    };
    let of_cpu = |(id, controllers, _): &(String, String, String)| {
        controllers.split(',').any(|name| name == "cpu") || id == "0" && controllers.is_empty()
    };
    // Where the first version has the controller, the second one does not.
    let (_, _, path) =
        cgroups.lines().filter_map(fields).filter(of_cpu).max_by_key(|(id, ..)| id != "0")?;
    match autogroup.filter(|_| path == "/").and_then(|text| text.split_whitespace().next()) {
        Some(session) => Some(session.to_owned()),
        None => Some(path),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_a_group_of_its_own_in_the_root_control_group_only() {
        let (first, second) =
            ("9:name=systemd:/\n2:cpuacct:/\n1:cpu:/\n0::/\n", "0::/user.slice\n");
        let session = Some("/autogroup-12 nice 0\n");
        assert_eq!(named(first, session), Some("/autogroup-12".to_owned()));
        assert_eq!(named(first, None), Some("/".to_owned()));
        assert_eq!(named(second, session), Some("/user.slice".to_owned()));
        let both = "3:cpu,cpuacct:/docker/a:b\n0::/other\n";
        assert_eq!(named(both, session), Some("/docker/a:b".to_owned()));
        assert_eq!(named("", session), None);
    }

    #[test]
    fn who_is_in_another_group_yields_to_nobody() {
        let me = std::process::id();
        let mut processes = crate::process::all().unwrap();
        for process in &mut processes {
            process.yields = process.pid == me;
        }
        let mut same = processes.clone();
        only_within_groups(&mut same, &[me]);
        assert!(same.iter().any(|process| process.yields), "it shares its group with itself");
        // No process has this id: it is in no group that is known.
        for process in processes.iter_mut().filter(|process| process.pid == me) {
            process.pid = u32::MAX;
        }
        only_within_groups(&mut processes, &[std::os::unix::process::parent_id()]);
        assert!(processes.iter().all(|process| !process.yields));
    }
}
