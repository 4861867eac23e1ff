//! A topic of a producer, by its handle.
//!
//! The safe wrapper looks the topic up by its name for every record, which
//! costs as much as everything else that we do for one.

use std::ffi::{CString, c_void};
use std::marker::PhantomData;
use std::ptr::{self, NonNull};

use rdkafka::error::RDKafkaErrorCode;
use rdkafka::producer::Producer as _;
use rdkafka_sys as sys;

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

    /// Hands a record over to librdkafka, which copies it and gives `number`
    /// back with its delivery. Without a partition the key's hash tells it.
    ///
    /// # Errors
    /// When the record was not taken; then it is not given back.
    pub(super) fn send(
        &self,
        partition: Option<i32>,
        key: Option<&[u8]>,
        value: &[u8],
        number: usize,
    ) -> Result<(), RDKafkaErrorCode> {
        let key = key.unwrap_or_default();
        // No key is told from an empty one by the pointer.
        let key_at = if key.is_empty() { ptr::null() } else { key.as_ptr() };
        // SAFETY: the handle is valid until it is dropped. Both texts are
        // copied within the call (`F_COPY`), which does not write to them. The
        // number is never followed as a pointer: whoever takes deliveries
        // reads it as a number again.
        #[expect(unsafe_code, reason = "the wrapper has no handles of topics")]
        let taken = unsafe {
            sys::rd_kafka_produce(
                self.handle.as_ptr(),
                partition.unwrap_or(ANY_PARTITION),
                sys::RD_KAFKA_MSG_F_COPY,
                value.as_ptr().cast_mut().cast::<c_void>(),
                value.len(),
                key_at.cast::<c_void>(),
                key.len(),
                ptr::without_provenance_mut::<c_void>(number),
            )
        };
        if taken == 0 { Ok(()) } else { Err(last_error()) }
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
