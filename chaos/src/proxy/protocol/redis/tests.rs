//! Replies are swallowed that are those of struck commands, however the bytes
//! are cut; all else goes through as it is.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::super::stage::Way;
use super::super::link::Link;
use super::*;

const KIND: &str = "redis_swallow_reply";

fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}

fn xadd(id: &str) -> Vec<u8> {
    command(&["XADD", "stream", "*", "id", id, "text", "two\r\nlines"])
}

/// Every kind of reply, and what belongs to none.
const REPLIES: &[&str] = &[
    "+OK\r\n",
    ":7\r\n",
    "$-1\r\n",
    "$4\r\n\r\n$1\r\n",
    "*3\r\n:1\r\n*2\r\n$1\r\nx\r\n*0\r\n_\r\n",
    "%2\r\n+a\r\n:1\r\n+b\r\n~1\r\n#t\r\n",
    "=7\r\ntxt:abc\r\n",
    "*-1\r\n",
    ",1.5\r\n",
    "(12345678901234567890\r\n",
    "!5\r\nERR x\r\n",
];
const BETWEEN: &[&str] = &["", ">2\r\n+message\r\n+hello\r\n", "|1\r\n+ttl\r\n:5\r\n"];

#[test]
fn replies_before_go_through_and_the_struck_one_does_not() {
    let requests = [command(&["GET", "a"]), xadd("x1"), xadd("x2"), b"PING\r\n".to_vec()].concat();
    let replies = "$1\r\nv\r\n$3\r\n1-0\r\n";
    for size in 1..requests.len() {
        let mut link = Link::new(KIND, json!({"count": 1}), 1);
        requests.chunks(size).for_each(|part| link.push(Way::Upstream, part));
        let sent = [command(&["GET", "a"]), xadd("x1")].concat();
        assert_eq!(link.written(Way::Upstream), sent, "in pieces of {size}");
        replies.as_bytes().chunks(size).for_each(|part| link.push(Way::Downstream, part));
        assert_eq!(link.written(Way::Downstream), b"$1\r\nv\r\n");
        assert!(link.has_ended(Way::Downstream));
        assert_eq!(link.told(), [("reply_swallowed", json!("x1"))]);
        let identity = &link.effects()[0].identity;
        assert_eq!((&identity["command"], &identity["key"]), (&json!("XADD"), &json!("stream")));
    }
}

#[test]
fn what_was_not_written_is_told() {
    for refusal in ["-ERR no\r\n", "$-1\r\n", "_\r\n"] {
        let mut link = Link::new(KIND, json!({"count": 1}), 1);
        link.push(Way::Upstream, &[xadd("x1"), xadd("x2")].concat());
        assert_eq!(link.written(Way::Upstream), xadd("x1"));
        link.push(Way::Downstream, refusal.as_bytes());
        assert_eq!(link.written(Way::Downstream), refusal.as_bytes());
        // What waited behind it is struck in its place.
        assert_eq!(link.written(Way::Upstream), xadd("x2"));
        link.push(Way::Downstream, b"$3\r\n1-0\r\n");
        assert!(link.has_ended(Way::Downstream));
        assert_eq!(link.told(), [("reply_swallowed", json!("x2"))]);
    }
}

#[test]
fn transactions_and_subscribers_are_left_alone() {
    let mut link = Link::new(KIND, json!({}), 1);
    let atomic = [command(&["multi"]), xadd("x1"), command(&["EXEC"])].concat();
    link.push(Way::Upstream, &atomic);
    assert_eq!(link.written(Way::Upstream), atomic);
    let replies = b"+OK\r\n+QUEUED\r\n*1\r\n$3\r\n1-0\r\n";
    link.push(Way::Downstream, replies);
    assert_eq!(link.written(Way::Downstream), replies);
    let rest = [command(&["SUBSCRIBE", "news"]), xadd("x2")].concat();
    link.push(Way::Upstream, &rest);
    assert_eq!(link.written(Way::Upstream), rest);
    assert_eq!(link.told(), [("stepped_aside", Value::Null)]);
}

#[test]
fn a_command_is_known_by_what_is_asked_for() {
    let bytes = command(&["XADD", "s", "MAXLEN", "~", "9", "*", "n", "7", "b", r#"{"id":"j"}"#]);
    let words = words(&bytes);
    for (asked, found) in [
        ("", json!("j")),
        ("field:n", json!("7")),
        ("/id", json!("j")),
        ("/none", json!(null)),
        ("field:none", json!(null)),
    ] {
        let identity = Identity::try_from(asked.to_owned()).unwrap();
        assert_eq!(id(&words, &identity), found, "{asked}");
    }
}

proptest! {
    /// Replies of all kinds are counted right, wherever the bytes are cut.
    #[test]
    fn replies_are_counted(
        before in proptest::collection::vec((0..REPLIES.len(), 0..BETWEEN.len()), 0..12),
        cuts in proptest::collection::vec(1_usize..9, 1..12),
    ) {
        let mut link = Link::new(KIND, json!({}), 1);
        for _ in &before {
            link.push(Way::Upstream, &command(&["PING"]));
        }
        link.push(Way::Upstream, &xadd("x"));
        let passed: String =
            before.iter().flat_map(|(reply, push)| [BETWEEN[*push], REPLIES[*reply]]).collect();
        let all = [passed.as_bytes(), b"$3\r\n1-0\r\n"].concat();
        let mut rest = &all[..];
        for cut in cuts.iter().cycle() {
            let (part, later) = rest.split_at((*cut).min(rest.len()));
            link.push(Way::Downstream, part);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        prop_assert_eq!(String::from_utf8(link.written(Way::Downstream)).unwrap(), passed);
        prop_assert!(link.has_ended(Way::Downstream));
    }

    /// Whatever it is, it goes through.
    #[test]
    fn what_is_not_understood_goes_through(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..9),
    ) {
        let mut link = Link::new(KIND, json!({"share": 0.0}), 1);
        for way in Way::BOTH {
            parts.iter().for_each(|part| link.push(way, part));
        }
        link.refit(&[]);
        for way in Way::BOTH {
            prop_assert_eq!(link.written(way), parts.concat());
        }
    }
}
