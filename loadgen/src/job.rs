//! What is to be offered, and the beginning of a run.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime};

use crate::clock::Clock;
use crate::collector::Collector;
use crate::error::LoadError;
use crate::horizon::Horizon;
use crate::identity;
use crate::payload::Calendar;
use crate::reader::Readers;
use crate::running::Running;
use crate::schedule::Schedule;
use crate::shape::Shape;
use crate::transport::Transport;
use crate::worker::Order;

/// One workload of a run.
#[derive(Debug, Clone)]
pub struct Job {
    /// The run, the first part of each operation's identity.
    pub run: String,
    /// The workload's name, the second part.
    pub workload: String,
    /// When each operation is due.
    pub schedule: Schedule,
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
    /// How long, after the last operation was due, operations that are late
    /// may still be started. Those that are not are dropped, and counted.
    pub grace: Duration,
}

impl Job {
    /// A job with the usual settings: 16 connections, no consumers, 10 s for
    /// an answer and for late operations, one worker, a plain shape.
    #[must_use]
    pub fn new(run: &str, workload: &str, schedule: Schedule, transport: Transport) -> Self {
        Self {
            run: run.to_owned(),
            workload: workload.to_owned(),
            schedule,
            transport,
            shape: Shape::default(),
            connections: 16,
            consumers: 0,
            timeout: Duration::from_secs(10),
            workers: 1,
            grace: Duration::from_secs(10),
        }
    }
}

/// Starts a job whose operations count their due times from `t0`, which was or
/// will be at `unix_t0` on the wall clock. Connections are made at once and in
/// the background; `t0` should leave them a moment.
///
/// # Errors
/// When a setting cannot be used, the target's host is unknown, or no thread
/// can be started. A target that cannot be reached is not an error here: its
/// operations fail.
pub fn start(job: Job, t0: Instant, unix_t0: SystemTime) -> Result<Running, LoadError> {
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
    if job.timeout.is_zero() {
        return Err(setting("timeout", "0s", "use a time such as 5s"));
    }
    let workers = job.workers.clamp(1, job.connections);
    let (sealed, seconds) = mpsc::channel();
    let order = Order {
        target: job.transport.prepare(&job.shape)?,
        shape: job.shape,
        run: job.run,
        workload: job.workload,
        schedule: Arc::new(job.schedule),
        timeout: job.timeout,
        grace: job.grace,
        clock: Clock::new(t0),
        calendar: Calendar::new(unix_t0),
        horizon: Horizon::default(),
        abort: AtomicBool::new(false),
        collector: Mutex::new(Collector::new(workers as usize, sealed)),
    };
    let order = Arc::new(order);
    let readers = match job.consumers {
        0 => None,
        consumers => Some(Readers::start(&order, consumers)?),
    };
    Running::start(&order, workers, job.connections, seconds, readers)
}
