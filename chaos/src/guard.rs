//! What is refused whatever the order: processes and hosts that nobody meant.

use hosts::{Guard, GuardError};
use machine::process::{owner, stat};

use crate::process::Process;
use crate::{Aim, FaultError};

/// Refuses the first process of the system, this program and its ancestors, and
/// processes of another user unless `allowed` names their id.
///
/// # Errors
/// [`FaultError::Blocked`] with the reason.
pub fn process(process: &Process, allowed: &[u32]) -> Result<(), FaultError> {
    let refuse = |why: &str| {
        Err(FaultError::Blocked { what: format!("harm to {process}"), why: why.to_owned() })
    };
    if process.pid <= 1 {
        return refuse("it is the first process of the system");
    }
    if lineage().contains(&process.pid) {
        return refuse("it is this program or one of its ancestors");
    }
    let mine = rustix::process::getuid().as_raw();
    // A process whose owner cannot be read is as good as somebody else's.
    if owner(process.pid) != Some(mine) && !allowed.contains(&process.pid) {
        let why = format!("it belongs to another user; name it with --allow {}", process.pid);
        return refuse(&why);
    }
    Ok(())
}

/// Refuses an aim unless every host of it is on this machine, by every address
/// that its name has, or the guard allows it.
///
/// # Errors
/// [`FaultError::Blocked`] with the reason; [`FaultError::System`] if a name has
/// no address.
pub fn hosts(aim: &Aim, guard: &Guard) -> Result<(), FaultError> {
    let what = format!("a fault at {}", aim.what);
    let named = aim.hosts.iter().map(|host| ("a fault".to_owned(), host.name.clone()));
    guard.check(named).map_err(|error| match error {
        GuardError::Refused(refusals) => FaultError::Blocked { what, why: refusals.in_one_line() },
        GuardError::Unknown { host, source, .. } => {
            FaultError::System { what: format!("look up {host} for {what}"), source }
        }
    })
}

/// This process, its parent, and so on up to the first one.
pub(crate) fn lineage() -> Vec<u32> {
    let mut line = vec![std::process::id()];
    while let Some(stat) = line.last().and_then(|&pid| stat(pid)) {
        if stat.parent == 0 || line.contains(&stat.parent) {
            break;
        }
        line.push(stat.parent);
    }
    line
}

#[cfg(test)]
mod tests {
    use hosts::Ground;

    use super::*;

    fn found(pid: u32) -> Process {
        Process::find(pid).unwrap()
    }

    #[test]
    fn the_first_process_this_one_and_its_parent_are_refused_even_if_allowed() {
        let me = std::process::id();
        let parent = rustix::process::getppid().unwrap().as_raw_nonzero().get();
        for pid in [1, me, u32::try_from(parent).unwrap()] {
            let error = process(&found(pid), &[pid]).unwrap_err();
            assert!(error.is_refusal(), "{error}");
        }
    }

    fn guard(allowed: &[&str]) -> Guard {
        let allowed: Vec<String> = allowed.iter().map(|&word| word.to_owned()).collect();
        Guard::new(Ground::Machine, &allowed)
    }

    fn aim(names: &[&str]) -> Aim {
        let host = |&name: &&str| services::Host { name: name.to_owned(), port: 1 };
        Aim { what: "a test".to_owned(), hosts: names.iter().map(host).collect() }
    }

    #[test]
    fn this_machine_passes_and_every_other_must_be_named() {
        for near in ["127.0.0.1", "::1", "127.9.9.9", "localhost"] {
            hosts(&aim(&[near]), &guard(&[])).unwrap();
        }
        for far in ["192.0.2.7", "10.255.255.254", "fd00::dead:1", "::ffff:192.0.2.7"] {
            let error = hosts(&aim(&["127.0.0.1", far]), &guard(&[])).unwrap_err();
            assert!(error.is_refusal());
            assert!(error.to_string().contains(&format!("--allow {far}")), "{error}");
            hosts(&aim(&["127.0.0.1", far]), &guard(&[far])).unwrap();
        }
    }
}
