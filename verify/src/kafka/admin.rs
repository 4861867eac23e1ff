//! What is asked of the coordinators of groups: what they have committed, and what they
//! are doing.
//!
//! The safe wrapper can ask for offsets only as a member of the group would, and its
//! descriptions do not know groups of the newer protocol (KIP-848), which it takes for
//! dead. So these two go through librdkafka's own interface.

use std::ffi::{CStr, CString, c_char};
use std::ptr::NonNull;
use std::slice;
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{IsError as _, RDKafkaErrorCode as Code};
use rdkafka_sys as sys;

use super::{Group, Member, Place, State};

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failed {
    /// None came in time.
    Late,
    /// The cluster said so.
    Answered(Code),
    /// It could not be asked.
    Here(String),
}

impl From<Code> for Failed {
    fn from(code: Code) -> Self {
        match code {
            Code::OperationTimedOut
            | Code::RequestTimedOut
            | Code::BrokerTransportFailure
            | Code::AllBrokersDown => Self::Late,
            code => Self::Answered(code),
        }
    }
}

/// The offsets that a group has committed of these partitions.
///
/// # Errors
/// When there is no answer, or an error for one of them.
#[expect(unsafe_code, reason = "the wrapper asks for offsets only as a member of the group")]
pub(super) fn committed<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    partitions: &TopicPartitionList,
    within: Duration,
) -> Result<Vec<(Place, Option<i64>)>, Failed> {
    let name = named(group)?;
    let kind = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS;
    let (queue, options) = (Queue::new(client)?, Options::new(client, kind, within)?);
    // SAFETY: name and partitions are copied.
    let mut asked =
        unsafe { sys::rd_kafka_ListConsumerGroupOffsets_new(name.as_ptr(), partitions.ptr()) };
    // SAFETY: everything lives until the call returns, which copies what it needs; the
    // request is ours and destroyed once.
    unsafe {
        sys::rd_kafka_ListConsumerGroupOffsets(
            client.native_ptr(),
            &raw mut asked,
            1,
            options.0.as_ptr(),
            queue.0.as_ptr(),
        );
        sys::rd_kafka_ListConsumerGroupOffsets_destroy(asked);
    }
    let answer = queue.answer(within, sys::RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT)?;
    // SAFETY: the event is of this kind; what it points to lives as long as it does, and
    // is copied before that.
    unsafe {
        let result = sys::rd_kafka_event_ListConsumerGroupOffsets_result(answer.0.as_ptr());
        let mut count = 0;
        let groups = sys::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut count);
        if count == 0 {
            return Err(Failed::Here("an answer without the group".to_owned()));
        }
        let told = *groups;
        failure(sys::rd_kafka_group_result_error(told))?;
        let mut offsets = Vec::new();
        for of in elements(sys::rd_kafka_group_result_partitions(told)) {
            if of.err.is_error() {
                return Err(Code::from(of.err).into());
            }
            // What was never committed is a negative number.
            offsets.push((place(of), Some(of.offset).filter(|offset| *offset >= 0)));
        }
        Ok(offsets)
    }
}

/// What a group is doing.
///
/// # Errors
/// When there is no answer, or an error.
#[expect(unsafe_code, reason = "the wrapper does not know groups of the newer protocol")]
pub(super) fn described<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    within: Duration,
) -> Result<Group, Failed> {
    let name = named(group)?;
    let kind = sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS;
    let (queue, options) = (Queue::new(client)?, Options::new(client, kind, within)?);
    let mut names = [name.as_ptr()];
    // SAFETY: everything lives until the call returns, which copies what it needs.
    unsafe {
        sys::rd_kafka_DescribeConsumerGroups(
            client.native_ptr(),
            names.as_mut_ptr(),
            names.len(),
            options.0.as_ptr(),
            queue.0.as_ptr(),
        );
    }
    let answer = queue.answer(within, sys::RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT)?;
    // SAFETY: the event is of this kind; what it points to lives as long as it does, and
    // is copied before that.
    unsafe {
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(answer.0.as_ptr());
        let mut count = 0;
        let groups = sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count);
        if count == 0 {
            return Err(Failed::Here("an answer without the group".to_owned()));
        }
        let told = *groups;
        failure(sys::rd_kafka_ConsumerGroupDescription_error(told))?;
        let count = sys::rd_kafka_ConsumerGroupDescription_member_count(told);
        let members = (0..count).map(|number| {
            let member = sys::rd_kafka_ConsumerGroupDescription_member(told, number);
            let assigned = sys::rd_kafka_MemberDescription_assignment(member);
            let assigned = match assigned.is_null() {
                true => &[],
                false => elements(sys::rd_kafka_MemberAssignment_partitions(assigned)),
            };
            Member {
                id: text(sys::rd_kafka_MemberDescription_consumer_id(member)),
                client: text(sys::rd_kafka_MemberDescription_client_id(member)),
                partitions: assigned.iter().map(place).collect(),
            }
        });
        let members = members.collect();
        let state = state(
            sys::rd_kafka_ConsumerGroupDescription_state(told),
            sys::rd_kafka_ConsumerGroupDescription_type(told),
        );
        Ok(Group { state, members })
    }
}

fn state(
    state: sys::rd_kafka_consumer_group_state_t,
    kind: sys::rd_kafka_consumer_group_type_t,
) -> State {
    use sys::rd_kafka_consumer_group_state_t as Told;
    match state {
        Told::RD_KAFKA_CONSUMER_GROUP_STATE_STABLE => State::Stable,
        Told::RD_KAFKA_CONSUMER_GROUP_STATE_PREPARING_REBALANCE
        | Told::RD_KAFKA_CONSUMER_GROUP_STATE_COMPLETING_REBALANCE => State::Rebalancing,
        Told::RD_KAFKA_CONSUMER_GROUP_STATE_EMPTY => State::Empty,
        Told::RD_KAFKA_CONSUMER_GROUP_STATE_DEAD => State::Dead,
        // Assigning and Reconciling, which librdkafka has no names for.
        _ if kind == sys::rd_kafka_consumer_group_type_t::RD_KAFKA_CONSUMER_GROUP_TYPE_CONSUMER => {
            State::Rebalancing
        }
        _ => State::Unknown,
    }
}

fn named(group: &str) -> Result<CString, Failed> {
    CString::new(group).map_err(|_| Failed::Here("a name with a zero byte".to_owned()))
}

fn place(of: &sys::rd_kafka_topic_partition_t) -> Place {
    (text(of.topic), of.partition)
}

/// A copy of a text of librdkafka's.
fn text(at: *const c_char) -> String {
    if at.is_null() {
        return String::new();
    }
    // SAFETY: librdkafka's texts end with a zero byte; who calls holds what it is in.
    #[expect(unsafe_code, reason = "a text of librdkafka")]
    let text = unsafe { CStr::from_ptr(at) };
    text.to_string_lossy().into_owned()
}

/// The elements of a list that somebody else holds.
///
/// # Safety
/// The list must be one, or null, and live as long as what is given.
#[expect(unsafe_code, reason = "a list of librdkafka")]
unsafe fn elements<'a>(
    list: *const sys::rd_kafka_topic_partition_list_t,
) -> &'a [sys::rd_kafka_topic_partition_t] {
    // SAFETY: the caller says so.
    let Some(list) = (unsafe { list.as_ref() }) else { return &[] };
    match usize::try_from(list.cnt) {
        // SAFETY: so many elements stand there.
        Ok(count) if count > 0 && !list.elems.is_null() => unsafe {
            slice::from_raw_parts(list.elems, count)
        },
        _ => &[],
    }
}

/// # Safety
/// The error must be one, or null.
#[expect(unsafe_code, reason = "an error of librdkafka")]
unsafe fn failure(error: *const sys::rd_kafka_error_t) -> Result<(), Failed> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: the caller says so.
    let code = unsafe { sys::rd_kafka_error_code(error) };
    if code.is_error() { Err(Code::from(code).into()) } else { Ok(()) }
}

fn millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX).max(1)
}

/// A queue of our own that an answer comes to.
struct Queue(NonNull<sys::rd_kafka_queue_t>);

impl Queue {
    #[expect(unsafe_code, reason = "the wrapper has no such request")]
    fn new<C: ClientContext>(client: &Client<C>) -> Result<Self, Failed> {
        // SAFETY: the client lives.
        let queue = unsafe { sys::rd_kafka_queue_new(client.native_ptr()) };
        NonNull::new(queue).map(Self).ok_or_else(|| Failed::Here("no queue".to_owned()))
    }

    /// The answer, once it is of this kind and no error.
    #[expect(unsafe_code, reason = "the wrapper has no such request")]
    fn answer(&self, within: Duration, kind: i32) -> Result<Answer, Failed> {
        // SAFETY: the queue is ours, and so is what it gives.
        let event = unsafe { sys::rd_kafka_queue_poll(self.0.as_ptr(), millis(within)) };
        let answer = Answer(NonNull::new(event).ok_or(Failed::Late)?);
        // SAFETY: the event is ours.
        let (is, error) =
            unsafe { (sys::rd_kafka_event_type(event), sys::rd_kafka_event_error(event)) };
        if error.is_error() {
            return Err(Code::from(error).into());
        }
        if is != kind {
            return Err(Failed::Here("an answer to something else".to_owned()));
        }
        Ok(answer)
    }
}

impl Drop for Queue {
    #[expect(unsafe_code, reason = "the wrapper has no such request")]
    fn drop(&mut self) {
        // SAFETY: it is ours, and given back only here.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

/// An answer, which is ours.
struct Answer(NonNull<sys::rd_kafka_event_t>);

impl Drop for Answer {
    #[expect(unsafe_code, reason = "the wrapper has no such request")]
    fn drop(&mut self) {
        // SAFETY: it is ours, and given back only here.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

/// How long the request may take.
struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Options {
    #[expect(unsafe_code, reason = "the wrapper has no such request")]
    fn new<C: ClientContext>(
        client: &Client<C>,
        kind: sys::rd_kafka_admin_op_t,
        within: Duration,
    ) -> Result<Self, Failed> {
        let mut said = [0; 256];
        // SAFETY: the client lives; the options are ours; what is said fits.
        let (options, code) = unsafe {
            let options = sys::rd_kafka_AdminOptions_new(client.native_ptr(), kind);
            let Some(options) = NonNull::new(options).map(Self) else {
                return Err(Failed::Here("no options".to_owned()));
            };
            let code = sys::rd_kafka_AdminOptions_set_request_timeout(
                options.0.as_ptr(),
                millis(within),
                said.as_mut_ptr(),
                said.len(),
            );
            (options, code)
        };
        if code.is_error() { Err(Failed::Here(text(said.as_ptr()))) } else { Ok(options) }
    }
}

impl Drop for Options {
    #[expect(unsafe_code, reason = "the wrapper has no such request")]
    fn drop(&mut self) {
        // SAFETY: they are ours, and given back only here.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) }
    }
}
