//! An event as it comes in a message, and the contract that it follows.

use serde::Deserialize;

/// An update of a user's vector.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Event {
    /// Which event it is, however often it comes.
    pub(crate) message_id: String,
    pub(crate) user_id: String,
    /// Milliseconds since the epoch. Events come in any order.
    pub(crate) occurred_at: i64,
    kind: String,
    /// 1 to 5.
    pub(crate) weight: u8,
}

impl Event {
    /// The error says how it departs from the contract.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, String> {
        let event: Self = serde_json::from_slice(body)
            .map_err(|error| format!("the body does not follow the contract: {error}"))?;
        let texts =
            [("message_id", &event.message_id), ("user_id", &event.user_id), ("kind", &event.kind)];
        if let Some((name, _)) = texts.into_iter().find(|(_, text)| text.is_empty()) {
            return Err(format!("{name} is empty"));
        }
        if !(1..=5).contains(&event.weight) {
            return Err(format!("weight is {}, and should be 1 to 5", event.weight));
        }
        if event.occurred_at < 0 {
            return Err("occurred_at is before 1970".to_owned());
        }
        Ok(event)
    }
}

/// The message_id of a body that may be no event.
pub(crate) fn message_id(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(body.get("message_id")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"message_id":"r/w/1","user_id":"user-17","occurred_at":1764201600000,"kind":"view","weight":3}"#;

    #[test]
    fn what_departs_from_the_contract_is_told() {
        let event = Event::parse(EVENT.as_bytes()).unwrap();
        assert_eq!((event.message_id.as_str(), event.weight), ("r/w/1", 3));
        for (from, to, why) in [
            ("1764201600000", "\"never\"", "contract"),
            ("1764201600000", "-1", "1970"),
            ("1764201600000", "1.5", "contract"),
            (":3", ":0", "weight"),
            (":3", ":6", "weight"),
            (":3", ":300", "contract"),
            (",\"weight\":3", "", "weight"),
            ("\"user-17\"", "\"\"", "user_id"),
            ("\"view\"", "\"\"", "kind"),
            ("{", "", "contract"),
        ] {
            let error = Event::parse(EVENT.replacen(from, to, 1).as_bytes()).unwrap_err();
            assert!(error.contains(why), "{from} → {to}: {error}");
        }
    }

    #[test]
    fn poison_may_say_who_it_is() {
        assert_eq!(message_id(br#"{"message_id":"a","weight":0}"#).as_deref(), Some("a"));
        assert_eq!(message_id(b"poison"), None);
        assert_eq!(message_id(br#"{"message_id":7}"#), None);
    }
}
