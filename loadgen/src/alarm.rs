//! A timer as fine as the system's: the runtime's own counts in whole
//! milliseconds and rounds up, and so would delay every operation by about
//! one.

use std::io;
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::counter::Counter;

/// A timer that rings once each time it is set.
#[derive(Debug)]
pub(crate) struct Alarm(Counter);

impl Alarm {
    /// A timer of the present runtime.
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Counter::new(timerfd_create(TimerfdClockId::Monotonic, flags)?).map(Self)
    }

    /// Sets the timer; a time of zero rings at once.
    pub(crate) fn set(&self, pause: Duration) -> io::Result<()> {
        // All zeros would stop the timer.
        let pause = pause.max(Duration::from_nanos(1));
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: i64::try_from(pause.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: pause.subsec_nanos().into(),
            },
        };
        timerfd_settime(self.0.descriptor(), TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Waits until it rings.
    pub(crate) async fn ring(&self) -> io::Result<()> {
        self.0.wait().await
    }
}
