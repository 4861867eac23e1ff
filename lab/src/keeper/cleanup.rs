//! The end of a lab: no descendant of the keeper is left.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use machine::process;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions};

use super::child;
use super::inputs::Input;

/// A process that the kernel holds in a system call dies when the call ends.
/// Longer than this nobody waits for it: its parent-death signal is pending.
const LONGEST: Duration = Duration::from_secs(30);

/// Kills every child with its group, again and again: when a child dies, its
/// own children become the keeper's, however they had detached themselves.
/// Returns when the kernel says that there is no child left.
pub(crate) fn kill_everything(inputs: &Receiver<Input>) {
    let me = std::process::id();
    let begun = Instant::now();
    while begun.elapsed() < LONGEST {
        // The youngest first: a service that saw its broker die would complain
        // of it in its log.
        for pid in process::children(me).unwrap_or_default().into_iter().rev() {
            if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
                child::kill_group(pid);
            }
        }
        if !collect_the_dead() {
            return;
        }
        // SIGCHLD ends the wait; what else may come no longer matters.
        let _ = inputs.recv_timeout(Duration::from_millis(20));
    }
}

/// Whether there are children left after all that have ended were collected.
fn collect_the_dead() -> bool {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return true,
            Err(_) => return false,
        }
    }
}
