//! Records that have come back to a producer, a batch at a time.
//!
//! The safe wrapper makes a list of each batch, and a message with a count of
//! its holders of each record, before it tells of it. Here the batch is read
//! where it lies: what is asked of a record is its number and its error.

use std::ffi::CStr;
use std::marker::PhantomData;
use std::ptr::NonNull;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use rdkafka_sys as sys;

use super::client::Producer;

/// A record that came back: its number, and the error if there was one.
pub(super) type Delivery = (usize, Option<RDKafkaErrorCode>);

/// The queue of a producer's events.
pub(super) struct Returns<'a> {
    queue: NonNull<sys::rd_kafka_queue_t>,
    producer: &'a Producer,
}

impl<'a> Returns<'a> {
    /// What comes back to this producer; `None` if it has no queue.
    pub(super) fn new(producer: &'a Producer) -> Option<Self> {
        let client = producer.client().native_ptr();
        // SAFETY: the client lives for as long as the producer; the reference
        // to its queue is ours, and is given back when this is dropped.
        #[expect(unsafe_code, reason = "the wrapper gives nobody its queue")]
        let queue = unsafe { sys::rd_kafka_queue_get_main(client) };
        NonNull::new(queue).map(|queue| Self { queue, producer })
    }

    /// The queue itself, for as long as this lives.
    pub(super) fn queue(&self) -> NonNull<sys::rd_kafka_queue_t> {
        self.queue
    }

    /// Adds the records that have come back to a list; what is said of the
    /// connections goes to the producer's inbox.
    pub(super) fn take(&self, list: &mut Vec<Delivery>) {
        while let Some(event) = self.next() {
            match event.kind() {
                sys::RD_KAFKA_EVENT_DR => event.deliveries(list),
                sys::RD_KAFKA_EVENT_ERROR => {
                    let (code, said) = event.error();
                    self.producer.context().hear(code, &said);
                }
                // Statistics that the settings ask for, and nobody reads.
                _ => {}
            }
        }
    }

    /// The next event, if there is one.
    fn next(&self) -> Option<Event<'_>> {
        // SAFETY: the queue is ours. The event is ours from here on.
        #[expect(unsafe_code, reason = "the wrapper gives nobody its events")]
        let event = unsafe { sys::rd_kafka_queue_poll(self.queue.as_ptr(), 0) };
        NonNull::new(event).map(|event| Event { event, returns: PhantomData })
    }
}

impl Drop for Returns<'_> {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, and is given back only here.
        #[expect(unsafe_code, reason = "the wrapper gives nobody its queue")]
        unsafe {
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// Something that librdkafka tells.
struct Event<'a> {
    event: NonNull<sys::rd_kafka_event_t>,
    returns: PhantomData<&'a Returns<'a>>,
}

impl Event<'_> {
    fn kind(&self) -> i32 {
        // SAFETY: the event is valid until it is dropped.
        #[expect(unsafe_code, reason = "the wrapper gives nobody its events")]
        unsafe {
            sys::rd_kafka_event_type(self.event.as_ptr())
        }
    }

    /// Adds the records of a report of deliveries to a list.
    fn deliveries(&self, list: &mut Vec<Delivery>) {
        loop {
            // SAFETY: the event is valid until it is dropped, and so are its
            // messages, of which it gives each once. The opaque of each is the
            // number that was sent with it, and is not followed.
            #[expect(unsafe_code, reason = "the wrapper gives nobody its events")]
            let message = unsafe { sys::rd_kafka_event_message_next(self.event.as_ptr()).as_ref() };
            let Some(message) = message else { return };
            list.push((message._private.addr(), code(message.err)));
        }
    }

    /// What is wrong, as a code and in words.
    fn error(&self) -> (RDKafkaErrorCode, String) {
        // SAFETY: the event is valid until it is dropped; its text, which ends
        // with a zero, is copied before that.
        #[expect(unsafe_code, reason = "the wrapper gives nobody its events")]
        unsafe {
            let code = sys::rd_kafka_event_error(self.event.as_ptr());
            let said = sys::rd_kafka_event_error_string(self.event.as_ptr());
            let said = if said.is_null() { c"" } else { CStr::from_ptr(said) };
            (code.into(), said.to_string_lossy().trim().to_owned())
        }
    }
}

impl Drop for Event<'_> {
    fn drop(&mut self) {
        // SAFETY: the event is ours, and ends only here.
        #[expect(unsafe_code, reason = "the wrapper gives nobody its events")]
        unsafe {
            sys::rd_kafka_event_destroy(self.event.as_ptr());
        }
    }
}

/// The error of a record, if it has one.
pub(super) fn code(error: sys::rd_kafka_resp_err_t) -> Option<RDKafkaErrorCode> {
    (error != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| error.into())
}
