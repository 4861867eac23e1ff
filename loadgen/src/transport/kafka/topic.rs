//! A topic of a producer, by its handle.
//!
//! The safe wrapper looks the topic up by its name for every record, which
//! costs as much as everything else that we do for one.

use std::ffi::CString;
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use rdkafka_sys as sys;

use super::batch::Batch;
use super::client::Producer;

/// `RD_KAFKA_PARTITION_UA`, which the bindings leave out.
const ANY_PARTITION: i32 = -1;

/// A topic, for as long as its producer lives.
pub(super) struct Topic<'a> {
    handle: NonNull<sys::RDKafkaTopic>,
    producer: PhantomData<&'a Producer>,
}

impl<'a> Topic<'a> {
    /// The topic of this name.
    ///
    /// # Errors
    /// When the name cannot be one, or librdkafka refuses it.
    pub(super) fn new(producer: &'a Producer, name: &str) -> Result<Self, String> {
        let text = CString::new(name).map_err(|error| error.to_string())?;
        let client = producer.client().native_ptr();
        // SAFETY: the client lives for as long as the producer; the name is
        // copied; without settings of its own the topic has the client's.
        #[expect(unsafe_code, reason = "the wrapper has no handles of topics")]
        let handle = unsafe { sys::rd_kafka_topic_new(client, text.as_ptr(), ptr::null_mut()) };
        let handle = NonNull::new(handle).ok_or_else(|| last_error().to_string())?;
        Ok(Self { handle, producer: PhantomData })
    }

    /// Hands records over to librdkafka, which copies them and gives the
    /// numbers from `first` back with their deliveries. Without a partition
    /// the key's hash tells it. What was not taken has an error and is not
    /// given back; once its queue is full, librdkafka takes none of the rest.
    pub(super) fn send(&self, partition: Option<i32>, batch: &mut Batch, first: usize) {
        let messages = batch.messages(first);
        // SAFETY: the handle is valid until it is dropped. The list is as long
        // as is said. Values and keys are copied within the call (`F_COPY`),
        // which does not write to them. The numbers are never followed as
        // pointers: whoever takes deliveries reads them as numbers again.
        #[expect(unsafe_code, reason = "the wrapper has no handles of topics")]
        unsafe {
            sys::rd_kafka_produce_batch(
                self.handle.as_ptr(),
                partition.unwrap_or(ANY_PARTITION),
                sys::RD_KAFKA_MSG_F_COPY,
                messages.as_mut_ptr(),
                messages.len() as i32,
            );
        }
    }
}

fn last_error() -> RDKafkaErrorCode {
    // SAFETY: it reads a variable of this thread.
    #[expect(unsafe_code, reason = "the wrapper has no handles of topics")]
    let code = unsafe { sys::rd_kafka_last_error() };
    code.into()
}

impl Drop for Topic<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is ours, and is given up only here. Records that
        // are under way hold the topic by themselves.
        #[expect(unsafe_code, reason = "the wrapper has no handles of topics")]
        unsafe {
            sys::rd_kafka_topic_destroy(self.handle.as_ptr());
        }
    }
}
