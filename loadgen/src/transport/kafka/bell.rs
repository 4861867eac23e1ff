//! Rings when records have come back to a producer, so that nobody has to look
//! for them over and over.

use std::io;
use std::marker::PhantomData;
use std::os::fd::AsRawFd as _;
use std::ptr::{self, NonNull};

use rdkafka::producer::Producer as _;
use rdkafka_sys as sys;
use rustix::event::{EventfdFlags, eventfd};

use super::client::Producer;
use crate::counter::Counter;

/// What librdkafka writes to the descriptor.
static ONE: u64 = 1;

/// Rings when the queue of a producer's events is no longer empty.
pub(super) struct Bell<'a> {
    rings: Counter,
    queue: NonNull<sys::rd_kafka_queue_t>,
    producer: PhantomData<&'a Producer>,
}

impl<'a> Bell<'a> {
    /// The bell of a producer.
    pub(super) fn new(producer: &'a Producer) -> io::Result<Self> {
        let rings = Counter::new(eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC)?)?;
        let client = producer.client().native_ptr();
        // SAFETY: the client lives for as long as the producer; the reference
        // to its queue is ours, and is given back when the bell is dropped.
        #[expect(unsafe_code, reason = "the wrapper cannot be told when to poll")]
        let queue = unsafe { sys::rd_kafka_queue_get_main(client) };
        let queue = NonNull::new(queue).ok_or_else(|| io::Error::other("no queue of events"))?;
        let bell = Self { rings, queue, producer: PhantomData };
        bell.tell(bell.rings.descriptor().as_raw_fd());
        Ok(bell)
    }

    /// Has librdkafka write to this descriptor; to none if it is −1.
    fn tell(&self, descriptor: i32) {
        // SAFETY: the queue is ours. librdkafka copies what it is to write.
        // The descriptor is taken away again before it is closed.
        #[expect(unsafe_code, reason = "the wrapper cannot be told when to poll")]
        unsafe {
            sys::rd_kafka_queue_io_event_enable(
                self.queue.as_ptr(),
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
        // SAFETY: the reference is ours, and is given back only here.
        #[expect(unsafe_code, reason = "the wrapper cannot be told when to poll")]
        unsafe {
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}
