//! The few facts that the keeper reads from `/proc`.

use std::fs;
use std::path::Path;

/// A process is its id and its start time: ids are used again.
pub(crate) struct Stat {
    pub(crate) parent: u32,
    /// Clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub(crate) start_time: u64,
    /// `Z` is a process that ended and was not yet collected.
    pub(crate) state: char,
}

/// The facts of one process, if it exists.
pub(crate) fn stat(pid: u32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The command's name stands in parentheses and may itself hold parentheses
/// and spaces, so the fields are counted from the last one.
fn parse_stat(line: &str) -> Option<Stat> {
    let (_, rest) = line.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let start_time = fields.nth(17)?.parse().ok()?;
    Some(Stat { parent, start_time, state })
}

/// Every process id that exists now, in ascending order.
pub(crate) fn pids() -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids
}

/// The processes whose parent is `parent`, those that have ended included.
pub(crate) fn children(parent: u32) -> Vec<u32> {
    pids().into_iter().filter(|&pid| stat(pid).is_some_and(|s| s.parent == parent)).collect()
}

/// Whether the process that started at `start_time` still runs.
pub(crate) fn is_alive(pid: u32, start_time: u64) -> bool {
    stat(pid).is_some_and(|s| s.start_time == start_time && s.state != 'Z')
}

/// Whether a process belongs to `scratch`: its environment says so, or it works
/// in a folder there. Servers that write a title for themselves write it over
/// their environment.
pub(crate) fn is_marked(pid: u32, scratch: &Path) -> bool {
    let wanted = [super::MARKER.as_bytes(), b"=", scratch.as_os_str().as_encoded_bytes()].concat();
    let is_told = fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environ| environ.split(|&byte| byte == 0).any(|entry| entry == wanted));
    is_told
        || fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|folder| folder.starts_with(scratch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_command_name_does_not_shift_the_fields() {
        let line = "12 (a) b (c) S 7 12 12 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 1 2 3";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.parent, stat.start_time, stat.state), (7, 98765, 'S'));
    }

    #[test]
    fn this_process_is_alive_under_its_own_start_time_only() {
        let me = std::process::id();
        let start = stat(me).unwrap().start_time;
        assert!(is_alive(me, start));
        assert!(!is_alive(me, start + 1));
    }
}
