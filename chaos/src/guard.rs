//! What is refused whatever the order: processes and hosts that nobody meant.

use std::net::{IpAddr, ToSocketAddrs};

use reqwest::Url;

use crate::FaultError;
use crate::management::redacted;
use crate::process::{Process, owner, stat};
use crate::service::Service;

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

/// Refuses the host of an address unless it is a loopback or private one, by
/// every address that its name has, or `allowed` names it.
///
/// # Errors
/// [`FaultError::Blocked`] with the reason; [`FaultError::Unreachable`] if the
/// name has no address; [`FaultError::Address`] if there is no host.
pub fn host(
    service: &'static Service,
    address: &str,
    allowed: &[String],
) -> Result<(), FaultError> {
    let shown = redacted(address);
    let no_host = |reason: String| FaultError::Address { service, address: shown.clone(), reason };
    let url = Url::parse(address).map_err(|error| no_host(error.to_string()))?;
    let name = url.host_str().ok_or_else(|| no_host("it has no host".to_owned()))?;
    let bare = name.trim_start_matches('[').trim_end_matches(']');
    if allowed.iter().any(|host| host.eq_ignore_ascii_case(bare)) {
        return Ok(());
    }
    let port = url.port_or_known_default().unwrap_or(0);
    let resolved = (bare, port).to_socket_addrs().map_err(|error| FaultError::Unreachable {
        service,
        address: shown.clone(),
        reason: error.to_string(),
    })?;
    let far: Vec<IpAddr> = resolved.map(|at| at.ip()).filter(|&ip| !is_near(ip)).collect();
    let Some(ip) = far.first() else { return Ok(()) };
    let why = format!("{ip} is neither loopback nor private; name it with --allow {bare}");
    Err(FaultError::Blocked { what: format!("a fault at {shown}"), why })
}

fn is_near(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

/// This process, its parent, and so on up to the first one.
fn lineage() -> Vec<u32> {
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
    use super::*;
    use crate::service::MANAGEMENT;

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

    #[test]
    fn near_hosts_pass_and_far_ones_must_be_named() {
        for near in ["http://127.0.0.1:1", "http://[::1]:1", "http://10.1.2.3", "http://[fd00::1]"]
        {
            host(&MANAGEMENT, near, &[]).unwrap();
        }
        let far = "http://joe:secret@192.0.2.7:15672";
        let error = host(&MANAGEMENT, far, &[]).unwrap_err();
        assert!(error.is_refusal());
        assert!(error.to_string().contains("--allow 192.0.2.7"), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        host(&MANAGEMENT, far, &["192.0.2.7".to_owned()]).unwrap();
        assert!(host(&MANAGEMENT, "http://[::ffff:192.0.2.7]:1", &[]).unwrap_err().is_refusal());
    }

    #[test]
    fn a_text_without_a_host_is_a_wrong_address() {
        assert!(matches!(host(&MANAGEMENT, "15672", &[]), Err(FaultError::Address { .. })));
    }
}
