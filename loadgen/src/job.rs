//! What is to be offered, and the beginning of a run.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime};

use scenarios::plan::data::Order;

use crate::clock::Clock;
use crate::collector::Collector;
use crate::descriptors;
use crate::error::LoadError;
use crate::feed::Supply;
use crate::horizon::Horizon;
use crate::identity;
use crate::instance::Instance;
use crate::pace::Pace;
use crate::payload::Calendar;
use crate::reach::Unready;
use crate::reader::Readers;
use crate::running::Running;
use crate::shape::Shape;
use crate::tally::Second;
use crate::transport::{Target, Transport};
use crate::worker;

/// One workload of a run.
#[derive(Debug, Clone)]
pub struct Job {
    /// The run, the first part of each operation's identity.
    pub run: String,
    /// The workload's name, the second part.
    pub workload: String,
    /// What makes each operation due.
    pub pace: Pace,
    /// How an operation reaches the target.
    pub transport: Transport,
    /// What the operations look like.
    pub shape: Shape,
    /// Connections that are held open; also the most operations under way at
    /// once where the protocol carries one a connection.
    pub connections: u32,
    /// Consumers that read the operations' effects from the broker meanwhile.
    pub consumers: u32,
    /// When an operation without an answer is indeterminate. It counts from
    /// the operation's start.
    pub timeout: Duration,
    /// Threads among which the connections are shared out.
    pub workers: u32,
    /// The most operations under way at once; `None` leaves it to the
    /// connections.
    pub max_in_flight: Option<u64>,
    /// What happens to operations that cannot be started in time.
    pub late: Late,
    /// Operations that are due before this time after T0 are offered and
    /// accounted for, and left out of the latencies. Whole seconds count.
    pub warm_up: Duration,
    /// The part of the run's operations that is offered here.
    pub instance: Instance,
    /// Hosts, by name or address, that the target may lead the load on to,
    /// beside this machine and the hosts of the transport's address.
    pub allowed: Vec<String>,
    /// How long, after the last operation was due, operations that are late
    /// may still be started. Those that are not are dropped, and counted.
    pub grace: Duration,
}

/// What happens to operations that cannot be started in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Late {
    /// They wait, and are started as soon as they can be; those that start
    /// late are counted.
    #[default]
    Queue,
    /// They are dropped when they have waited for [`crate::tally::LATE`], and
    /// counted as that.
    Drop,
}

impl Job {
    /// A job with the usual settings: 16 connections, no consumers, 10 s for
    /// an answer and for late operations, one worker, a plain shape, nothing
    /// allowed.
    #[must_use]
    pub fn new(run: &str, workload: &str, pace: impl Into<Pace>, transport: Transport) -> Self {
        Self {
            run: run.to_owned(),
            workload: workload.to_owned(),
            pace: pace.into(),
            transport,
            shape: Shape::default(),
            connections: 16,
            consumers: 0,
            timeout: Duration::from_secs(10),
            workers: 1,
            max_in_flight: None,
            late: Late::Queue,
            warm_up: Duration::ZERO,
            instance: Instance::ONLY,
            allowed: Vec::new(),
            grace: Duration::from_secs(10),
        }
    }
}

/// A job whose settings are checked and whose target has what it needs, such
/// as queues.
#[derive(Debug)]
pub struct Ready {
    job: Job,
    target: Target,
}

impl Job {
    /// Checks the settings and makes what has to be there before the first
    /// operation, such as queues. That may take as long as an operation may;
    /// the time that operations count from should be chosen after it.
    ///
    /// # Errors
    /// When a setting cannot be used, the target's host is unknown, it leads on
    /// to hosts that nobody allowed, answers that it does not let us in, or what
    /// has to be there cannot be made.
    pub fn ready(self) -> Result<Ready, LoadError> {
        check(&self)?;
        // The setup needs some, too, and tells how many a connection takes.
        descriptors::make_room(u64::from(self.connections) + u64::from(self.consumers))?;
        let target = self.transport.prepare(&self.shape, &self.allowed)?;
        setup(&target, self.timeout)?;
        let ready = Ready { job: self, target };
        room_for([&ready])?;
        Ok(ready)
    }
}

/// Sees that the connections of all these jobs fit below the limit of open files,
/// which is raised as far as it goes.
///
/// # Errors
/// When they do not fit, with what to do about it.
pub fn room_for<'a>(jobs: impl IntoIterator<Item = &'a Ready>) -> Result<(), LoadError> {
    descriptors::make_room(jobs.into_iter().map(Ready::files).sum())
}

/// [`Job::ready`] and [`Ready::start`] in one.
///
/// # Errors
/// Those of both.
pub fn start(job: Job, t0: Instant, unix_t0: SystemTime) -> Result<Running, LoadError> {
    job.ready()?.start(t0, unix_t0, None)
}

fn check(job: &Job) -> Result<(), LoadError> {
    let setting = |what, value: &str, problem: &str| LoadError::Setting {
        what,
        value: value.to_owned(),
        problem: problem.to_owned(),
    };
    let words = "use letters, digits, \".\", \"_\" and \"-\"";
    for (what, word) in [("run", &job.run), ("workload", &job.workload)] {
        if !identity::is_word(word) {
            return Err(setting(what, word, words));
        }
    }
    if job.connections == 0 {
        return Err(setting("number of connections", "0", "use at least 1"));
    }
    if job.workers == 0 {
        return Err(setting("number of workers", "0", "use at least 1"));
    }
    if job.timeout.is_zero() {
        return Err(setting("timeout", "0s", "use a time such as 5s"));
    }
    let once = job.shape.data.as_ref().filter(|data| data.order() == Order::Once);
    if let Some(data) = once
        && job.pace.total().is_none_or(|total| total > data.rows())
    {
        let problem = match job.pace.total() {
            Some(total) => format!(
                "there are {total} operations, and each is to have a row of its own; offer fewer, \
                 give more rows, or use them in turn or at random"
            ),
            None => "each operation is to have a row of its own; say how many there are".to_owned(),
        };
        let rows = format!("{} with {} rows", data.shown(), data.rows());
        return Err(setting("data file", &rows, &problem));
    }
    if job.max_in_flight == Some(0) {
        return Err(setting("number in flight", "0", "use at least 1"));
    }
    let Instance { number, of } = job.instance;
    if !(1..=of).contains(&number) {
        let value = format!("{number}/{of}");
        return Err(setting("instance", &value, "write 1/4 for the first of four"));
    }
    Ok(())
}

impl Ready {
    /// The job.
    #[must_use]
    pub fn job(&self) -> &Job {
        &self.job
    }

    /// How many files its connections have open, about.
    fn files(&self) -> u64 {
        let both = u64::from(self.job.connections) + u64::from(self.job.consumers);
        both * self.target.files()
    }

    /// Starts the job, whose operations count their due times from `t0`, which
    /// was or will be at `unix_t0` on the wall clock. Connections are made at
    /// once and in the background; `t0` should leave them a moment. With a
    /// `listener`, the seconds are sent to it instead of [`Running::sealed`].
    ///
    /// # Errors
    /// When no thread can be started. A target that cannot be reached is not an
    /// error here: its operations fail.
    pub fn start(
        self,
        t0: Instant,
        unix_t0: SystemTime,
        listener: Option<mpsc::Sender<Second>>,
    ) -> Result<Running, LoadError> {
        let Self { job, target } = self;
        let most = u32::try_from(job.max_in_flight.unwrap_or(u64::MAX)).unwrap_or(u32::MAX);
        let workers = job.workers.clamp(1, job.connections.min(most));
        let (sealed, seconds) = match listener {
            Some(listener) => (listener, None),
            None => {
                let (sealed, seconds) = mpsc::channel();
                (sealed, Some(seconds))
            }
        };
        let order = worker::Order {
            target,
            supply: Arc::new(Supply {
                pace: job.pace,
                shape: job.shape,
                clock: Clock::new(t0),
                max_in_flight: job.max_in_flight,
            }),
            late: job.late,
            workers: workers.into(),
            run: job.run,
            workload: job.workload,
            timeout: job.timeout,
            grace: job.grace,
            clock: Clock::new(t0),
            calendar: Calendar::new(unix_t0),
            horizon: Horizon::default(),
            abort: AtomicBool::new(false),
            denied: Mutex::default(),
            collector: Collector::start(workers as usize, job.warm_up, sealed)
                .map_err(|source| LoadError::Thread { source })?,
        };
        let order = Arc::new(order);
        let readers = match job.consumers {
            0 => None,
            consumers => Some(Readers::start(&order, consumers)?),
        };
        Running::start(&order, job.instance, job.connections, seconds, readers)
    }
}

/// How long a target of which nothing is needed before the load is looked at.
const GLANCE: Duration = Duration::from_secs(2);

/// Makes what has to be there before the first operation, within the time that
/// an operation may take. On a thread of its own, because the caller may be
/// driving a runtime, and within one no other can be started.
fn setup(target: &Target, timeout: Duration) -> Result<(), LoadError> {
    let work = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|source| LoadError::Thread { source })?;
        let must = target.must_answer();
        let within = if must { timeout } else { timeout.min(GLANCE) };
        let made = async { tokio::time::timeout(within, target.setup()).await };
        let problem = match runtime.block_on(made) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(Unready::Problem(problem))) => problem,
            Ok(Err(Unready::Limit(limit))) => return Err(LoadError::Limit(limit)),
            Ok(Err(Unready::Denied(trouble))) => return Err(LoadError::Denied(trouble)),
            Ok(Err(Unready::Guard(error))) => return Err(LoadError::Guard(error)),
            // What hangs is under load, too.
            Err(_) if !must => return Ok(()),
            Err(_) => "no answer within the timeout".to_owned(),
        };
        Err(LoadError::Setup { problem })
    };
    std::thread::scope(|scope| {
        let started = std::thread::Builder::new().spawn_scoped(scope, work);
        let thread = started.map_err(|source| LoadError::Thread { source })?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}
