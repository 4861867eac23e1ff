//! Series: what a sampled figure is called and measured in.

use std::borrow::Cow;

use crate::units::Unit;

/// What is known of a series before it has a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeriesInfo {
    /// The last part of the name: `channels` of `broker.channels`. A scenario
    /// may choose it.
    pub name: Cow<'static, str>,
    /// What its values are measured in.
    pub unit: Unit,
    /// Whether it only rises, and starts at 0 again with its process.
    pub counter: bool,
    /// Whether it depends on how fast everything goes: a time, a rate, or what
    /// waits to be done. What of it breaks a bound may be the host's doing.
    pub paced: bool,
    /// What it says, for the list of series.
    pub about: &'static str,
}

impl SeriesInfo {
    /// The same series, said to depend on how fast everything goes.
    #[must_use]
    pub(crate) const fn paced(mut self) -> Self {
        self.paced = true;
        self
    }
}

const fn operations(name: &'static str, about: &'static str) -> SeriesInfo {
    SeriesInfo { name: Cow::Borrowed(name), unit: Unit::Count, counter: true, paced: false, about }
}

/// The name under which every run records its host's pressure. No probe and no
/// workload may have it.
pub const HOST_NAME: &str = "host";

const fn host(name: &'static str, unit: Unit, about: &'static str) -> SeriesInfo {
    SeriesInfo { name: Cow::Borrowed(name), unit, counter: false, paced: false, about }
}

/// The series of the host that `verify` runs on, about once a second in every
/// run. Each sample is of the time since the one before, which is `window` long.
pub const HOST: &[SeriesInfo] = &[
    host("window", Unit::Seconds, "the time that the other samples of the same moment are of"),
    host("cpus", Unit::Count, "processors that are online"),
    host(
        "load",
        Unit::Count,
        "the load average of the last minute: tasks that ran, wanted to run or waited for a disk",
    ),
    host("cpu_busy", Unit::Share, "of all processors, what worked for anybody"),
    host("cpu_own", Unit::Share, "of all processors, what the run and its lab used"),
    host(
        "cpu_foreign",
        Unit::Share,
        "of all processors, what other processes used that do not yield to everybody (SCHED_IDLE)",
    ),
    host("steal", Unit::Share, "of all processors, what the hypervisor gave to other machines"),
    host(
        "cpu_waiting",
        Unit::Share,
        "of the time in which threads of the run and its lab could have run, what they waited for a processor",
    ),
    host("cpu_waited", Unit::Seconds, "for how long they waited in a second, all together"),
    host(
        "cpu_stalled",
        Unit::Share,
        "of the time, in which any task of the host waited for a processor (PSI)",
    ),
    host(
        "io_stalled",
        Unit::Share,
        "of the time, in which any task of the host waited for a disk (PSI)",
    ),
    host(
        "memory_stalled",
        Unit::Share,
        "of the time, in which any task of the host waited for memory (PSI)",
    ),
    host("memory_available", Unit::Share, "of the host's memory, what can be had without swapping"),
    host("disk", Unit::PerSecond, "bytes to and from disks"),
];

const fn pods(name: &'static str, counter: bool, about: &'static str) -> SeriesInfo {
    SeriesInfo { name: Cow::Borrowed(name), unit: Unit::Count, counter, paced: false, about }
}

/// How often the counts of a deployment are taken, in seconds.
pub const DEPLOYMENT_EVERY: f64 = 0.5;

/// The series of every deployment and of its canary, twice a second. Pods that were asked
/// to end are not counted.
pub const DEPLOYMENT: &[SeriesInfo] = &[
    pods("replicas", false, "pods"),
    pods("updated", false, "pods of the present template"),
    pods("ready", false, "pods that are ready"),
    pods("available", false, "pods that have been ready for long enough"),
    pods("unavailable", false, "pods that are missing until all are available"),
    pods(
        "restarts",
        true,
        "restarts of containers since the run began, of all pods that were ever seen",
    ),
];

/// The series of every workload: operations, each counted in the second in
/// which it was *due*, so that a phase owns exactly the operations that came
/// due in it.
pub const WORKLOAD: &[SeriesInfo] = &[
    operations("due", "operations that came due"),
    operations("acked", "operations that were accepted"),
    operations("failed", "operations that were refused"),
    operations("indeterminate", "operations whose outcome is unknown").paced(),
    operations("dropped", "operations that were never attempted").paced(),
    operations("late", "operations that started more than 10 ms after they were due").paced(),
    operations("unsuccessful", "failed, indeterminate and dropped operations together").paced(),
    operations("resent", "operations that were sent for a second time"),
    operations("resent_acked", "operations of which the second sending was accepted"),
    operations("hits", "answers that say that the operation was known, where they are compared"),
    operations(
        "disagreed",
        "operations of which the two answers disagree, where they are compared",
    ),
    operations("poisoned", "operations that were poison"),
];
