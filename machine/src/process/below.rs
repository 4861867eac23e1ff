//! The end of every process below this one.

use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

use super::descendants;

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Kills every process below this one, again and again, until there is none, and
/// collects them. A subreaper sees those too that have detached themselves: when
/// their parent dies they become its children.
///
/// Gives whether none is left. One that the kernel holds in a system call dies
/// only when the call ends.
pub fn end_everything_below(within: Duration) -> bool {
    let begun = Instant::now();
    loop {
        let mut below = descendants(&[std::process::id()]).unwrap_or_default();
        below.remove(&std::process::id());
        // The youngest first: one that saw its elder die might say so in its log.
        for pid in below.into_iter().rev() {
            if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
        if !collect_the_dead() {
            return true;
        }
        if begun.elapsed() > within {
            return false;
        }
        thread::park_timeout(LOOK_EVERY);
    }
}

/// Whether there are children left after all that have ended were collected.
fn collect_the_dead() -> bool {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
