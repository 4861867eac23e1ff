//! The pump: the one loop that makes operations due.
//!
//! Every half a millisecond, while something is due, it asks the schedule how many operations are due
//! by now and releases them; it also ends waits whose time is over, and hands
//! on the seconds that are settled. A tick that comes late releases everything
//! that became due meanwhile, each operation still stamped with its own due
//! time. How late its ticks come is the generator's own honesty: a slow target
//! cannot delay them, a starved generator does.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::alarm::Alarm;
use crate::error::LoadError;
use crate::job::Late;
use crate::pace::Pace;
use crate::worker::{Gauge, Worker};

/// The least pause between two ticks. Half of it is what an operation is
/// delayed in the mean when many are due.
const TICK: Duration = Duration::from_micros(500);

/// The longest pause, when nothing is due for a while.
const IDLE_TICK: Duration = Duration::from_millis(20);

/// The pause in a closed loop, where answers make operations due.
const CLOSED_TICK: Duration = Duration::from_millis(5);

/// A tick that comes later than this after it was planned is late.
pub const LATE_TICK: Duration = Duration::from_millis(50);

/// What is given to connections beyond the timeout, when a run ends, before
/// they are cut off.
const FAREWELL: Duration = Duration::from_secs(1);

/// How well the generator itself kept up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pump {
    /// How often the pump ran.
    pub ticks: u64,
    /// Ticks that came more than 50 ms after they were planned.
    pub late_ticks: u64,
    /// The greatest delay of a tick.
    pub worst: Duration,
    /// The sum of the delays of the late ticks; with several workers, of the
    /// one that lost most.
    pub lost: Duration,
}

impl Pump {
    fn record(&mut self, delay: Duration) {
        self.ticks += 1;
        self.worst = self.worst.max(delay);
        if delay > LATE_TICK {
            self.late_ticks += 1;
            self.lost += delay;
        }
    }

    /// Adds what the pump of another worker or instance saw.
    pub fn merge(&mut self, other: Self) {
        self.ticks += other.ticks;
        self.late_ticks += other.late_ticks;
        self.worst = self.worst.max(other.worst);
        self.lost = self.lost.max(other.lost);
    }
}

/// Runs until every connection has ended.
///
/// # Errors
/// When a connection's task panicked.
pub(crate) async fn run(
    worker: &Worker,
    tasks: &mut JoinSet<()>,
    gauge: &Gauge,
) -> Result<Pump, LoadError> {
    let alarm = Alarm::new().map_err(|source| LoadError::Thread { source })?;
    let mut pump = Pump::default();
    let mut closed_at = None;
    loop {
        let now = worker.now();
        tick(worker, now);
        worker.publish(gauge);
        if worker.feed.is_closed() {
            let last = *closed_at.get_or_insert(now) + worker.order.timeout + FAREWELL;
            if now >= last || worker.order.abort.load(Ordering::Relaxed) {
                return Ok(pump);
            }
        }
        let pause = pause(worker, now);
        alarm.set(pause).map_err(|source| LoadError::Thread { source })?;
        let planned = now + pause;
        if sleep(&alarm, tasks).await? {
            tick(worker, worker.now());
            return Ok(pump);
        }
        pump.record(worker.now().saturating_sub(planned));
    }
}

/// Waits until the alarm rings, or until every connection has ended, which it
/// says.
async fn sleep(alarm: &Alarm, tasks: &mut JoinSet<()>) -> Result<bool, LoadError> {
    let mut ring = std::pin::pin!(alarm.ring());
    loop {
        tokio::select! {
            rung = &mut ring => {
                return rung.map(|()| false).map_err(|source| LoadError::Thread { source });
            }
            joined = tasks.join_next() => match joined {
                None => return Ok(true),
                Some(Ok(())) => {}
                Some(Err(error)) => return Err(LoadError::panicked(error)),
            }
        }
    }
}

fn tick(worker: &Worker, now: Duration) {
    let order = &*worker.order;
    let pace = &order.supply.pace;
    let started = order.clock.until_start().is_none();
    if started && pace.is_over(now) {
        order.horizon.stop();
    }
    let due = if started { pace.released(now) } else { 0 };
    let released = order.horizon.advance(due);
    worker.feed.release(released.below, now);
    if started {
        if order.late == Late::Drop {
            worker.drop_late(now);
        }
        worker.book.pass(now, &worker.feed, released.below, &order.collector);
    }
    if !worker.feed.is_closed() && (released.stopped || is_over(worker, now, released.below)) {
        worker.close_feed();
    }
    worker.deadlines.sweep(now);
}

/// Whether there is nothing more to hand out: everything was taken, or the
/// grace behind the last due operation is over.
fn is_over(worker: &Worker, now: Duration, below: u64) -> bool {
    let order = &*worker.order;
    if order.supply.pace.total().is_none_or(|total| below < total) {
        return false;
    }
    if worker.feed.is_empty() {
        return true;
    }
    match &order.supply.pace {
        Pace::Open(schedule) => {
            now >= schedule.last_due().map_or(Duration::ZERO, |last| last + order.grace)
        }
        Pace::Closed(_) => false,
    }
}

/// How long to wait for the next tick: until something is due, but at least
/// one tick and no longer than an idle one.
fn pause(worker: &Worker, now: Duration) -> Duration {
    let order = &*worker.order;
    let ahead = match (order.clock.until_start(), &order.supply.pace) {
        (Some(left), _) => left,
        (None, Pace::Open(schedule)) => {
            let next = schedule.released(now);
            schedule.due(next).map_or(TICK, |due| due.saturating_sub(now))
        }
        // Nobody waits for the pump but second sendings.
        (None, Pace::Closed(_)) if order.supply.shape.has_twins() => TICK,
        (None, Pace::Closed(_)) => CLOSED_TICK,
    };
    ahead.clamp(TICK, IDLE_TICK)
}
