//! What an error of librdkafka says about a record.

use rdkafka::error::RDKafkaErrorCode as Code;
use services::{Address, Trouble};

use crate::limit::Limit;
use crate::outcome::{Answer, Reason};

/// What became of a record that librdkafka had taken in and gave back with
/// this error. `trouble` is what it last said about its connections.
pub(super) fn given_back(code: Code, trouble: Option<&str>) -> Answer {
    match code {
        Code::MessageTimedOut | Code::RequestTimedOut => Answer::Indeterminate(match trouble {
            Some(text) => {
                Limit::told(text).map_or_else(|| Reason::Lost(text.to_owned()), Reason::Here)
            }
            None => Reason::Timeout,
        }),
        code if is_final(code) => Answer::Failed(Reason::Refused(code.to_string())),
        code => Answer::Indeterminate(Reason::Lost(code.to_string())),
    }
}

/// Whether no attempt can have ended otherwise: the error is in the record or
/// in who sent it, not in the broker's state at one moment.
fn is_final(code: Code) -> bool {
    matches!(
        code,
        Code::MessageSizeTooLarge
            | Code::InvalidMessageSize
            | Code::InvalidTopic
            | Code::InvalidRecord
            | Code::InvalidRequiredAcks
            | Code::InvalidTimestamp
            | Code::PolicyViolation
            | Code::TopicAuthorizationFailed
            | Code::ClusterAuthorizationFailed
            | Code::UnknownTopic
            | Code::UnknownPartition
    )
}

/// What no waiting mends: the brokers do not let us in, or not do `request`.
/// `said` is what librdkafka has told of it.
pub(super) fn denied(given: &Address, code: Code, request: &str, said: &str) -> Option<Trouble> {
    match code {
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => Some(given.locked("a login", said)),
        Code::SSL => Some(given.answered("a TLS handshake", said)),
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => {
            Some(given.denied(request, said))
        }
        Code::UnknownTopic | Code::InvalidTopic => Some(given.answered(request, said)),
        _ => None,
    }
}

/// Whether a producer that has said this is of no further use.
pub(super) fn is_fatal(code: Code) -> bool {
    matches!(
        code,
        Code::Fatal
            | Code::InvalidProducerEpoch
            | Code::ProducerFenced
            | Code::OutOfOrderSequenceNumber
            | Code::UnknownProducerId
    )
}

/// A trouble in words that stay the same from one time to the next.
pub(super) fn steady(reason: &str) -> String {
    // "… failed: Connection refused (after 3ms in state CONNECT)"
    let text = reason.split(" (after ").next().unwrap_or(reason);
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    #[test]
    fn only_what_no_attempt_can_have_written_has_failed() {
        for (code, outcome) in [
            (Code::MessageSizeTooLarge, Outcome::Failed),
            (Code::TopicAuthorizationFailed, Outcome::Failed),
            (Code::UnknownTopic, Outcome::Failed),
            // An attempt before may have been written.
            (Code::NotEnoughReplicas, Outcome::Indeterminate),
            (Code::NotEnoughReplicasAfterAppend, Outcome::Indeterminate),
            (Code::NotLeaderForPartition, Outcome::Indeterminate),
            (Code::MessageTimedOut, Outcome::Indeterminate),
            (Code::PurgeInflight, Outcome::Indeterminate),
            (Code::BrokerTransportFailure, Outcome::Indeterminate),
        ] {
            assert_eq!(given_back(code, None).outcome(), outcome, "{code:?}");
        }
    }

    #[test]
    fn a_limit_of_this_machine_is_no_trouble_of_the_broker() {
        let trouble = Some("h:9092/1: Failed to create socket: Too many open files");
        let answer = given_back(Code::MessageTimedOut, trouble);
        // An attempt before may have been written.
        assert_eq!(answer, Answer::Indeterminate(Reason::Here(Limit::Files)));
    }

    #[test]
    fn troubles_count_together() {
        let said = "h:9092/1: Connect to ipv4#127.0.0.1:9092 failed: Connection refused \
                    (after 3ms in state CONNECT, 4 identical error(s) suppressed)";
        let steady = steady(said);
        assert!(steady.ends_with("Connection refused"), "{steady}");
    }
}
