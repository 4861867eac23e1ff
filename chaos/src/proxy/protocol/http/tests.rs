//! Requests and responses of every shape, cut anywhere.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::super::stage::Way;
use super::super::link::Link;
use super::*;

const REQUESTS: &[&str] = &[
    "GET /a HTTP/1.1\r\nhost: h\r\n\r\n",
    "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n{\"id\":\"b-1\"}",
    "POST /c HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n6\r\n{\"id\":\r\n4;x=y\r\n\"c\"}\r\n0\r\nt: r\r\n\r\n",
    "PUT /d HTTP/1.1\r\nIdempotency-Key: d-1\r\ncontent-length: 0\r\n\r\n",
    "HEAD /e HTTP/1.1\r\n\r\n",
];
const RESPONSES: &[&str] = &[
    "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops",
];
/// What `HEAD` is answered.
const HEADLESS: &str = "HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n";

fn push_in_parts(link: &mut Link, way: Way, text: &str, size: usize) {
    text.as_bytes().chunks(size).for_each(|part| link.push(way, part));
}

fn said(link: &mut Link, way: Way) -> String {
    String::from_utf8(link.written(way)).unwrap()
}

proptest! {
    /// The client sees what it would see without the toxic; the server sees
    /// each request that is recorded twice.
    #[test]
    fn duplicates_are_seen_by_the_server_alone(
        exchanges in proptest::collection::vec((0..REQUESTS.len(), 0..RESPONSES.len()), 1..8),
        size in 1_usize..60,
        share in 0.0..1.0,
        seed: u64,
    ) {
        let mut link = Link::new("http_duplicate", json!({"share": share}), seed);
        let mut doubled = 0;
        for (request, response) in exchanges {
            let response = if request == 4 { HEADLESS } else { RESPONSES[response] };
            let request = REQUESTS[request];
            push_in_parts(&mut link, Way::Upstream, request, size);
            prop_assert_eq!(said(&mut link, Way::Upstream), request);
            push_in_parts(&mut link, Way::Downstream, response, size);
            prop_assert_eq!(said(&mut link, Way::Downstream), response);
            let again = said(&mut link, Way::Upstream);
            if !again.is_empty() {
                prop_assert_eq!(again, request);
                doubled += 1;
                // The next one waits.
                push_in_parts(&mut link, Way::Upstream, REQUESTS[0], 1000);
                prop_assert_eq!(said(&mut link, Way::Upstream), "");
                push_in_parts(&mut link, Way::Downstream, response, size);
                prop_assert_eq!(said(&mut link, Way::Downstream), "");
                prop_assert_eq!(said(&mut link, Way::Upstream), REQUESTS[0]);
                push_in_parts(&mut link, Way::Downstream, "HTTP/1.1 404 None\r\ncontent-length: 1\r\n\r\nx", size);
                said(&mut link, Way::Downstream);
                if !said(&mut link, Way::Upstream).is_empty() {
                    doubled += 1;
                    push_in_parts(&mut link, Way::Downstream, RESPONSES[0], size);
                    prop_assert_eq!(said(&mut link, Way::Downstream), "");
                }
            }
        }
        prop_assert_eq!(link.effects().len(), doubled);
        prop_assert!(link.effects().iter().all(|effect| effect.what == "duplicated"));
    }

    /// Whatever it is, it goes through.
    #[test]
    fn what_is_not_understood_goes_through(
        parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..50), 0..9),
    ) {
        for kind in ["http_duplicate", "http_drop_response"] {
            let mut link = Link::new(kind, json!({}), 1);
            for way in Way::BOTH {
                parts.iter().for_each(|part| link.push(way, part));
            }
            link.refit(&[]);
            for way in Way::BOTH {
                prop_assert_eq!(link.written(way), parts.concat());
            }
        }
    }
}

#[test]
fn a_response_is_dropped_if_the_server_did_it() {
    for size in [1, 7, 1000] {
        let mut link = Link::new("http_drop_response", json!({"methods": ["post"]}), 1);
        push_in_parts(&mut link, Way::Upstream, REQUESTS[0], size);
        push_in_parts(&mut link, Way::Downstream, RESPONSES[0], size);
        assert_eq!(said(&mut link, Way::Downstream), RESPONSES[0]);
        push_in_parts(&mut link, Way::Upstream, REQUESTS[1], size);
        push_in_parts(&mut link, Way::Downstream, RESPONSES[4], size);
        assert_eq!(said(&mut link, Way::Downstream), RESPONSES[4]);
        push_in_parts(&mut link, Way::Upstream, REQUESTS[2], size);
        push_in_parts(&mut link, Way::Downstream, RESPONSES[3], size);
        let interim = RESPONSES[3].find("HTTP/1.1 200").unwrap();
        assert_eq!(said(&mut link, Way::Downstream), RESPONSES[3][..interim]);
        assert!(link.has_ended(Way::Downstream));
        assert_eq!(link.told(), [("response_dropped", json!("c"))]);
    }
}

#[test]
fn pipelines_upgrades_and_connections_that_close_are_left_alone() {
    let pipelined = [REQUESTS[0], REQUESTS[1]].concat();
    let upgrade = "GET /ws HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    let connect = "CONNECT h:443 HTTP/1.1\r\n\r\n";
    let switching = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
    for (request, response, why) in [
        (&pipelined[..], RESPONSES[0], "requests do not wait for responses"),
        (upgrade, switching, "another protocol is spoken"),
        (connect, RESPONSES[0], "another protocol is asked for"),
    ] {
        for kind in ["http_duplicate", "http_drop_response"] {
            let mut link = Link::new(kind, json!({}), 1);
            push_in_parts(&mut link, Way::Upstream, request, 1000);
            let answers = [response, "\x01\x02 anything"].concat();
            push_in_parts(&mut link, Way::Downstream, &answers, 1000);
            assert_eq!(said(&mut link, Way::Upstream), request);
            assert_eq!(said(&mut link, Way::Downstream), answers);
            assert_eq!(link.told(), [("stepped_aside", Value::Null)]);
            assert_eq!(link.effects()[0].identity["why"], why);
        }
    }
    let mut link = Link::new("http_duplicate", json!({}), 1);
    let closing = "GET / HTTP/1.1\r\nconnection: close\r\n\r\n";
    push_in_parts(&mut link, Way::Upstream, closing, 1000);
    push_in_parts(&mut link, Way::Downstream, RESPONSES[0], 1000);
    assert_eq!(said(&mut link, Way::Upstream), closing);
    assert_eq!(link.told(), []);
}

#[test]
fn a_request_is_known_by_what_is_asked_for() {
    for (request, asked, found) in [
        (1, "", json!("b-1")),
        (2, "", json!("c")),
        (3, "", json!("d-1")),
        (1, "header:host", json!("h")),
        (2, "/id", json!("c")),
        (0, "", json!(null)),
    ] {
        let identity = Identity::try_from(asked.to_owned()).unwrap();
        let told = identity_of(REQUESTS[request].as_bytes(), 1, &identity);
        assert_eq!(told["id"], found, "{request} {asked}");
    }
}
