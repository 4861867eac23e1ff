//! Records that are handed over to librdkafka together.
//!
//! One call for many takes the topic's lock and the time once, which is more
//! than half of what handing over a record costs.

use std::ptr;

use rdkafka::error::RDKafkaErrorCode;
use rdkafka_sys as sys;

use super::returns::code;
use crate::feed::Op;

/// The most records of a batch: as few as hide what a call costs, so that the
/// time that is written down for all of them is that of each.
pub(super) const RECORDS: usize = 128;

/// The bytes after which a batch takes no further record.
const BYTES: usize = 64 * 1024;

/// Records with their operations, in order.
#[derive(Default)]
pub(super) struct Batch {
    ops: Vec<Op>,
    /// The value of each record and, behind it, its key.
    bytes: Vec<u8>,
    messages: Vec<sys::rd_kafka_message_t>,
}

impl Batch {
    /// Whether it takes a further record.
    pub(super) fn has_room(&self) -> bool {
        self.ops.len() < RECORDS && self.bytes.len() < BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.ops.len()
    }

    /// Adds a record; `value` and `key` append their texts. An empty key is
    /// none.
    pub(super) fn add(
        &mut self,
        op: Op,
        value: impl FnOnce(&Op, &mut Vec<u8>),
        key: impl FnOnce(&Op, &mut Vec<u8>),
    ) {
        let from = self.bytes.len();
        value(&op, &mut self.bytes);
        let len = self.bytes.len() - from;
        key(&op, &mut self.bytes);
        let key_len = self.bytes.len() - from - len;
        self.ops.push(op);
        self.messages.push(sys::rd_kafka_message_t {
            err: sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR,
            rkt: ptr::null_mut(),
            partition: 0,
            payload: ptr::null_mut(),
            len,
            key: ptr::null_mut(),
            key_len,
            offset: 0,
            _private: ptr::null_mut(),
        });
    }

    /// The records as librdkafka takes them, numbered from `first`. Their
    /// pointers lead into this batch and hold until it is changed.
    pub(super) fn messages(&mut self, first: usize) -> &mut [sys::rd_kafka_message_t] {
        // The bytes may have moved while records were added.
        let mut rest = self.bytes.as_slice();
        for (number, message) in (first..).zip(&mut self.messages) {
            let (value, behind) = rest.split_at(message.len);
            let (key, behind) = behind.split_at(message.key_len);
            rest = behind;
            message.payload = value.as_ptr().cast_mut().cast();
            message.key =
                if key.is_empty() { ptr::null_mut() } else { key.as_ptr().cast_mut().cast() };
            message._private = ptr::without_provenance_mut(number);
        }
        &mut self.messages
    }

    /// Empties it: each operation with the error for which its record was not
    /// taken.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (Op, Option<RDKafkaErrorCode>)> {
        self.bytes.clear();
        self.ops.drain(..).zip(self.messages.drain(..).map(|message| code(message.err)))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::feed::Sending;

    #[test]
    fn each_record_has_its_own_text_and_number() {
        let mut batch = Batch::default();
        for round in 0..2 {
            let mut count = 0;
            while batch.has_room() {
                let op = Op { seq: count, due: Duration::ZERO, sending: Sending::Only };
                let value = |op: &Op, out: &mut Vec<u8>| out.extend(vec![b'v'; op.seq as usize]);
                let key = |op: &Op, out: &mut Vec<u8>| out.extend(vec![b'k'; op.seq as usize % 2]);
                batch.add(op, value, key);
                count += 1;
            }
            assert_eq!((batch.len(), count), (RECORDS, RECORDS as u64));
            for (index, message) in batch.messages(7).iter().enumerate() {
                assert_eq!(message._private.addr(), index + 7);
                assert_eq!((message.len, message.key_len), (index, index % 2));
                assert_eq!(message.key.is_null(), index % 2 == 0);
            }
            let apart = batch.messages(7).windows(2).all(|pair| {
                pair[0].payload.addr() + pair[0].len + pair[0].key_len == pair[1].payload.addr()
            });
            assert!(apart, "round {round}");
            let seqs: Vec<u64> = batch.drain().map(|(op, _)| op.seq).collect();
            assert_eq!(seqs, (0..count).collect::<Vec<_>>());
            assert!(batch.is_empty());
        }
    }
}
