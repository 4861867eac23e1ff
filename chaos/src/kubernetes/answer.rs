//! What the API's answers mean.

use std::time::Duration;

use serde_json::Value;

use super::call::{Call, EVICT_POD};
use super::{Blocked, KubernetesError};

/// How much of a message is shown.
const SHOWN: usize = 300;

/// An answer as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The header Retry-After, if it is a number of seconds.
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It was done; this is the object.
    Done(Value),
    /// There is no such object (404).
    Gone,
    /// There is, but it is another one or was changed (409).
    Conflict,
    /// The list is too old to be read on (410).
    Expired,
}

/// Reads an answer. A refusal is an error that says who refused.
pub(super) fn verdict(call: &Call, answer: &Answer) -> Result<Verdict, KubernetesError> {
    let object: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let message = message(object.as_ref(), &answer.body);
    let wrong = |message: String| {
        let request = call.to_string();
        Err(KubernetesError::Answer { request, status: answer.status, message })
    };
    let blocked = match answer.status {
        200..=299 => {
            return object.map_or_else(
                || wrong("the body is not JSON".to_owned()),
                |object| Ok(Verdict::Done(object)),
            );
        }
        // Webhooks deny with 403 or any status of theirs, policies with 422.
        400..=499 if denied(&message) => Blocked::Admission { message },
        401 => Blocked::Credentials { message },
        403 => Blocked::Role { access: call.access, message },
        404 => return Ok(Verdict::Gone),
        409 => return Ok(Verdict::Conflict),
        410 => return Ok(Verdict::Expired),
        429 => {
            let retry_after = answer.retry_after.or_else(|| in_details(object.as_ref()));
            if is_budget(object.as_ref()) {
                Blocked::Budget { retry_after, message }
            } else {
                Blocked::Busy { retry_after, message }
            }
        }
        // The API has no status for a pod that two budgets match.
        500 if call.access == EVICT_POD
            && message.contains("more than one PodDisruptionBudget") =>
        {
            Blocked::Budget { retry_after: None, message }
        }
        _ => return wrong(message),
    };
    Err(KubernetesError::Blocked { what: call.to_string(), blocked })
}

/// Both words are the API server's own, in front of whatever the webhook says.
fn denied(message: &str) -> bool {
    message.contains("denied the request") || message.contains("denied request:")
}

/// Whether a 429 comes from a budget rather than from a busy server.
fn is_budget(status: Option<&Value>) -> bool {
    let causes = status.and_then(|status| status["details"]["causes"].as_array());
    causes.is_some_and(|causes| causes.iter().any(|cause| cause["reason"] == "DisruptionBudget"))
}

fn in_details(status: Option<&Value>) -> Option<Duration> {
    let seconds = status?["details"]["retryAfterSeconds"].as_u64()?;
    (seconds > 0).then(|| Duration::from_secs(seconds))
}

/// The message of a Status with its causes, or the beginning of any other text.
fn message(status: Option<&Value>, body: &[u8]) -> String {
    let said = status.and_then(|status| status["message"].as_str()).map(str::to_owned);
    let causes = status.and_then(|status| status["details"]["causes"].as_array());
    let causes = causes.into_iter().flatten().filter_map(|cause| cause["message"].as_str());
    let text = said.unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let new = causes.filter(|cause| !text.contains(cause)).map(|cause| format!("; {cause}"));
    let whole = text.clone() + &new.collect::<String>();
    whole.trim().chars().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::call::{DELETE_POD, LIST_PODS};
    use super::*;

    fn read(call: &Call, status: u16, body: &str) -> Result<Verdict, KubernetesError> {
        let retry_after = None;
        verdict(call, &Answer { status, retry_after, body: body.as_bytes().to_vec() })
    }

    fn evict() -> Call {
        Call::one(EVICT_POD, "shop", "web-1").unwrap()
    }

    fn status(code: u16, message: &str, details: &Value) -> String {
        json!({"kind": "Status", "message": message, "details": details, "code": code}).to_string()
    }

    fn blocked(code: u16, body: &str) -> Blocked {
        match read(&evict(), code, body).unwrap_err() {
            KubernetesError::Blocked { blocked, .. } => blocked,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_missing_right_is_named() {
        let delete = Call::one(DELETE_POD, "shop", "web-1").unwrap();
        let error = read(&delete, 403, &status(403, "pods is forbidden", &json!({}))).unwrap_err();
        assert!(error.is_refusal());
        assert!(error.to_string().contains("must grant delete on pods"), "{error}");
        let body = status(401, "Unauthorized", &json!({}));
        assert!(matches!(blocked(401, &body), Blocked::Credentials { .. }));
    }

    #[test]
    fn absent_replaced_and_expired_are_no_errors() {
        assert!(matches!(read(&evict(), 404, "{}"), Ok(Verdict::Gone)));
        assert!(matches!(read(&evict(), 409, "{}"), Ok(Verdict::Conflict)));
        let list = Call::all(LIST_PODS, "shop");
        assert!(matches!(read(&list, 410, "{}"), Ok(Verdict::Expired)));
    }

    #[test]
    fn a_budget_and_a_busy_server_are_told_apart() {
        let cause = json!({"reason": "DisruptionBudget", "message": "needs 2 healthy pods"});
        let body = status(429, "Cannot evict pod", &json!({"causes": [cause]}));
        let Blocked::Budget { retry_after: None, message } = blocked(429, &body) else { panic!() };
        assert_eq!(message, "Cannot evict pod; needs 2 healthy pods");
        let stale = json!({"causes": [cause], "retryAfterSeconds": 10});
        let refusal = blocked(429, &status(429, "Cannot evict pod", &stale));
        assert!(refusal.to_string().contains("(Retry-After 10 s)"), "{refusal}");
        assert!(matches!(blocked(429, "Too many requests"), Blocked::Busy { .. }));
        let header =
            Answer { status: 429, retry_after: Some(Duration::from_secs(1)), body: vec![] };
        let error = verdict(&evict(), &header).unwrap_err().to_string();
        assert!(error.contains("too busy (Retry-After 1 s)"), "{error}");
    }

    #[test]
    fn two_budgets_block_and_another_500_is_an_error() {
        let two = "This pod has more than one PodDisruptionBudget, which the eviction subresource \
                   does not support.";
        assert!(matches!(blocked(500, &status(500, two, &json!({}))), Blocked::Budget { .. }));
        let error = read(&evict(), 500, &status(500, "etcd is away", &json!({}))).unwrap_err();
        assert!(matches!(error, KubernetesError::Answer { status: 500, .. }), "{error}");
    }

    #[test]
    fn admission_is_told_from_a_missing_right_and_from_an_invalid_object() {
        let webhook = "admission webhook \"a.b\" denied the request: not on Friday";
        let policy = "deployments.apps \"web\" is forbidden: ValidatingAdmissionPolicy 'p' with \
                      binding 'b' denied request: failed expression";
        for (code, text) in [(403, webhook), (400, webhook), (422, policy)] {
            let body = status(code, text, &json!({}));
            assert!(matches!(blocked(code, &body), Blocked::Admission { .. }), "{code}");
        }
        let error = read(&evict(), 422, &status(422, "spec is invalid", &json!({}))).unwrap_err();
        assert!(error.to_string().contains("422") && error.to_string().contains("spec is invalid"));
    }

    #[test]
    fn a_proxy_that_answers_something_else_is_an_error() {
        let error = read(&evict(), 200, "<html>hello").unwrap_err();
        assert!(error.to_string().contains("not JSON"), "{error}");
        let error = read(&evict(), 302, &"x".repeat(1000)).unwrap_err();
        assert!(error.to_string().len() < 500, "{error}");
    }
}
