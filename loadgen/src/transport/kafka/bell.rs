//! Rings when records have come back to a producer, so that nobody has to look
//! for them over and over.

use std::io;
use std::os::fd::AsRawFd as _;
use std::ptr;

use rdkafka_sys as sys;
use rustix::event::{EventfdFlags, eventfd};

use super::returns::Returns;
use crate::counter::Counter;

/// What librdkafka writes to the descriptor.
static ONE: u64 = 1;

/// Rings when the queue of a producer's events is no longer empty.
pub(super) struct Bell<'a> {
    rings: Counter,
    returns: &'a Returns<'a>,
}

impl<'a> Bell<'a> {
    /// The bell of what comes back to a producer.
    pub(super) fn new(returns: &'a Returns<'a>) -> io::Result<Self> {
        let rings = Counter::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?)?;
        let bell = Self { rings, returns };
        bell.tell(bell.rings.descriptor().as_raw_fd());
        Ok(bell)
    }

    /// Has librdkafka write to this descriptor; to none if it is −1.
    fn tell(&self, descriptor: i32) {
        // SAFETY: the queue lives for as long as its owner. librdkafka copies what it is to write.
        // The descriptor is taken away again before it is closed.
        #[expect(unsafe_code, reason = "the wrapper cannot be told when to poll")]
        unsafe {
            sys::rd_kafka_queue_io_event_enable(
                self.returns.queue().as_ptr(),
                descriptor,
                ptr::from_ref(&ONE).cast(),
                size_of::<u64>(),
            );
        }
    }

    /// Waits until there is something.
    pub(super) async fn ring(&self) {
        if self.rings.wait().await.is_err() {
            // Whoever waits has a time of its own at which it looks.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Bell<'_> {
    fn drop(&mut self) {
        self.tell(-1);
    }
}
