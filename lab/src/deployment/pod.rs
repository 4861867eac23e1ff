//! One pod: a process that is started, becomes ready, crashes, is started again, and is
//! asked to end.

use std::time::Duration;

use super::crash_loop::CrashLoop;

/// What a pod's process is doing. Times are since the controller began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Somebody was asked to start it.
    Starting,
    /// It runs.
    Running { since: Duration },
    /// It ended or could not be started, and is started again then.
    Waiting { until: Duration },
    /// It was asked to end, and is killed then.
    Terminating { kill_at: Duration, killed: bool },
    /// There is no process, and there will be none.
    Gone,
}

/// A pod of a replica set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) name: String,
    /// Counts the pods of a deployment: a higher one is younger.
    pub(crate) number: u64,
    /// The replica set.
    pub(crate) set: u32,
    pub(crate) phase: Phase,
    /// Since when it is ready without a break.
    pub(crate) ready_since: Option<Duration>,
    pub(crate) restarts: u32,
    /// How its process last ended, or why it could not be started.
    pub(crate) last_end: Option<String>,
    crashes: CrashLoop,
}

impl Pod {
    pub(crate) fn new(name: String, number: u64, set: u32, crashes: CrashLoop) -> Self {
        let (phase, ready_since) = (Phase::Starting, None);
        Self { name, number, set, phase, ready_since, restarts: 0, last_end: None, crashes }
    }

    pub(crate) fn is_terminating(&self) -> bool {
        matches!(self.phase, Phase::Terminating { .. })
    }

    /// Whether it counts as ready: one that was asked to end does not.
    pub(crate) fn is_ready(&self) -> bool {
        self.ready_since.is_some() && !self.is_terminating()
    }

    /// Whether it has been ready for long enough.
    pub(crate) fn is_available(&self, now: Duration, min_ready: Duration) -> bool {
        let since = self.ready_since.filter(|_| !self.is_terminating());
        since.is_some_and(|since| now >= since + min_ready)
    }

    /// Its process runs. Whoever waited for its start is not waited for any more.
    pub(crate) fn started(&mut self, now: Duration) {
        if !self.is_terminating() {
            self.phase = Phase::Running { since: now };
        }
    }

    /// Its process says whether it is ready.
    pub(crate) fn answered(&mut self, now: Duration, ready: bool) {
        match (self.phase, ready) {
            (Phase::Running { .. }, true) => {
                self.ready_since.get_or_insert(now);
            }
            _ => self.ready_since = None,
        }
    }

    /// Its process ended, or was never there; it is to be started again after a pause.
    pub(crate) fn ended(&mut self, now: Duration, how: &str) {
        let up = match self.phase {
            Phase::Running { since } => now.saturating_sub(since),
            _ => Duration::ZERO,
        };
        self.ready_since = None;
        self.last_end = Some(how.to_owned());
        self.phase = Phase::Waiting { until: now + self.crashes.after(up) };
    }

    /// Whether its process is to be started again now; then it counts as restarted.
    pub(crate) fn takes_restart(&mut self, now: Duration) -> bool {
        let is_due = matches!(self.phase, Phase::Waiting { until } if until <= now);
        if is_due {
            self.phase = Phase::Starting;
            self.restarts += 1;
        }
        is_due
    }

    /// It is to end; whether its process is to be asked to.
    pub(crate) fn end(&mut self, kill_at: Duration) -> bool {
        let has_process = !matches!(self.phase, Phase::Waiting { .. });
        self.phase = match has_process {
            true => Phase::Terminating { kill_at, killed: false },
            false => Phase::Gone,
        };
        has_process
    }

    /// Whether its process is to be killed now, which is said once.
    pub(crate) fn takes_kill(&mut self, now: Duration) -> bool {
        let Phase::Terminating { kill_at, killed } = &mut self.phase else { return false };
        *kill_at <= now && !std::mem::replace(killed, true)
    }

    /// When something is to be done about it, if nothing happens before; the past is at
    /// once.
    pub(crate) fn wakes_at(&self, now: Duration, min_ready: Duration) -> Option<Duration> {
        match self.phase {
            Phase::Waiting { until } => Some(until),
            Phase::Terminating { kill_at, killed: false } => Some(kill_at),
            _ => {
                let available = self.ready_since.map(|since| since + min_ready);
                available.filter(|at| *at > now && !self.is_terminating())
            }
        }
    }

    /// The phase as people read it, as `kubectl get pods` shows it.
    pub(crate) fn word(&self) -> &'static str {
        match self.phase {
            Phase::Starting => "ContainerCreating",
            Phase::Running { .. } => "Running",
            Phase::Waiting { .. } => "CrashLoopBackOff",
            Phase::Terminating { .. } | Phase::Gone => "Terminating",
        }
    }

    /// Who ends first where one has to: whoever does not run, is not ready, has been
    /// ready for the shortest time, was restarted most, is the youngest.
    pub(crate) fn worth(&self) -> impl Ord + use<> {
        use std::cmp::Reverse;
        let runs = matches!(self.phase, Phase::Running { .. });
        // Reversed twice: one that is ready since earlier is worth more.
        let ready = self.ready_since.map(Reverse);
        (runs, ready, Reverse(self.restarts), Reverse(self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::crash_loop::Pace;

    const fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn pod(number: u64) -> Pod {
        Pod::new(format!("pod-{number}"), number, 1, CrashLoop::new(Pace::default()))
    }

    #[test]
    fn a_pod_is_available_when_it_was_ready_for_long_enough_without_a_break() {
        let mut pod = pod(1);
        pod.answered(secs(1), true);
        assert!(!pod.is_ready(), "it does not run yet");
        pod.started(secs(2));
        pod.answered(secs(3), true);
        pod.answered(secs(5), true);
        assert!(pod.is_ready() && !pod.is_available(secs(7), secs(5)));
        assert!(pod.is_available(secs(8), secs(5)), "since the first answer");
        pod.answered(secs(9), false);
        pod.answered(secs(10), true);
        assert!(!pod.is_available(secs(14), secs(5)), "from the beginning");
    }

    #[test]
    fn a_crash_waits_and_a_kill_is_said_once() {
        let mut pod = pod(1);
        pod.started(secs(0));
        pod.ended(secs(1), "exit code 1");
        assert!(pod.takes_restart(secs(1)), "the first restart is at once");
        pod.ended(secs(2), "exit code 1");
        assert!(!pod.takes_restart(secs(2)) && pod.takes_restart(secs(3)));
        assert_eq!(pod.restarts, 2);
        assert!(pod.end(secs(9)), "it has a process");
        pod.started(secs(4));
        assert!(pod.is_terminating(), "its start was on its way");
        assert!(!pod.takes_kill(secs(8)) && pod.takes_kill(secs(9)) && !pod.takes_kill(secs(10)));
    }

    #[test]
    fn the_least_useful_pod_ends_first() {
        let ready = |number, since| {
            let mut pod = pod(number);
            pod.started(secs(0));
            pod.answered(secs(since), true);
            pod
        };
        let running = |number| {
            let mut pod = pod(number);
            pod.started(secs(0));
            pod
        };
        let restarted = Pod { restarts: 3, ..ready(2, 1) };
        let mut pods = [ready(1, 1), restarted, ready(4, 1), ready(3, 5), running(5), pod(6)];
        pods.sort_by_key(Pod::worth);
        let order: Vec<u64> = pods.iter().map(|pod| pod.number).collect();
        assert_eq!(order, [6, 5, 3, 2, 4, 1]);
    }
}
