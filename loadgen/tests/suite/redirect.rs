//! Redirects: an answer like any other, or followed to the last one.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loadgen::{Http, Job, Report, Schedule, Transport};
use scenarios::units::Rate;

use crate::server::{Server, Talk};
use crate::support::{PATIENCE, SECOND, complete, start};

type Seen = Arc<Mutex<Vec<(String, String)>>>;

fn http(url: &str, follow: u32) -> Http {
    Http {
        method: "POST".to_owned(),
        headers: vec![
            ("authorization".to_owned(), "Bearer hunter22".to_owned()),
            ("x-id".to_owned(), "@{id}".to_owned()),
            ("x-session".to_owned(), "hunter22".to_owned()),
        ],
        body: "@{seq}".into(),
        follow,
        ..Http::new(url)
    }
}

fn run(http: Http) -> Report {
    let schedule = Schedule::constant(Rate(50.0), SECOND).unwrap();
    let job = Job {
        connections: 2,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "post", schedule, Transport::Http(http))
    };
    complete(start(job).wait().unwrap())
}

fn redirect(talk: &mut Talk, status: u16, location: &str) {
    talk.write(&format!(
        "HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 4\r\n\r\ngone"
    ));
}

/// A server that redirects as the path says, `/STATUS/…`, to what is behind it,
/// and accepts everything else.
fn server(elsewhere: &str) -> (Server, Seen) {
    let seen = Seen::default();
    let elsewhere = elsewhere.to_owned();
    let server = Server::start({
        let seen = Arc::clone(&seen);
        move |talk| {
            while let Some((head, body)) = talk.request() {
                let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                seen.lock().unwrap().push((head, body));
                match path.as_str() {
                    "/loop" => redirect(talk, 302, "loop"),
                    "/away" => redirect(talk, 307, &elsewhere),
                    "/away-after" => redirect(talk, 303, &elsewhere),
                    "/bare" => {
                        talk.answer(302);
                    }
                    path => match path.strip_prefix("/s").and_then(|rest| rest.split_once('/')) {
                        Some((status, rest)) => {
                            redirect(talk, status.parse().unwrap(), &format!("/{rest}"));
                        }
                        None => {
                            talk.answer(200);
                        }
                    },
                }
            }
        }
    });
    (server, seen)
}

/// The different requests that were seen, without their headers.
fn lines(seen: &Seen) -> Vec<String> {
    let line = |head: &str| head.split(" HTTP/").next().unwrap_or_default().to_owned();
    let seen = seen.lock().unwrap();
    let different: BTreeSet<_> = seen.iter().map(|(head, _)| line(head)).collect();
    different.into_iter().collect()
}

#[test]
fn a_redirect_is_an_answer_unless_it_is_followed() {
    let (server, seen) = server("");
    let report = run(http(&format!("{}s302/b", server.url()), 0));
    assert_eq!(report.totals.indeterminate, 50, "{:?}", report.errors);
    assert_eq!(report.errors, [("status 302".to_owned(), 50)]);
    assert_eq!(lines(&seen), ["POST /s302/b"]);
}

#[test]
fn followed_answers_are_one_operation() {
    let (server, seen) = server("");
    let before = server.connections();
    let report = run(http(&format!("{}s307/s302/b", server.url()), 2));
    assert_eq!((report.totals.due, report.totals.acked), (50, 50), "{:?}", report.errors);
    assert_eq!(report.latency.response.len(), 50);
    assert_eq!(lines(&seen), ["GET /b", "POST /s302/b", "POST /s307/s302/b"]);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 150);
    assert_eq!(server.connections() - before, 2, "the connection that the answer came on");
    for (head, body) in seen.iter() {
        assert_eq!(body.is_empty(), head.starts_with("GET "), "{head}");
        assert!(head.contains("authorization: Bearer hunter22\r\n"), "{head}");
        assert!(head.contains("x-id: test/post/"), "{head}");
    }
}

#[test]
fn what_leads_nowhere_is_indeterminate() {
    let (server, seen) = server("ftp://127.0.0.1/");
    let said = |path: &str, follow| {
        let report = run(http(&format!("{}{path}", server.url()), follow));
        assert_eq!(report.totals.indeterminate, 50, "{:?}", report.errors);
        report.errors[0].0.clone()
    };
    assert_eq!(
        said("loop", 3),
        "a redirect that could not be followed: it is not the answer after 3 of them"
    );
    assert_eq!(seen.lock().unwrap().len(), 200);
    assert_eq!(said("bare", 3), "status 302");
    assert!(said("away", 3).contains("it is not HTTP but ftp"));
}

#[test]
fn another_origin_is_followed_without_credentials() {
    let (other, there) = server("");
    let (server, here) = server(&format!("{}there", other.url()));
    for (path, line, has_body) in
        [("away", "POST /there", true), ("away-after", "GET /there", false)]
    {
        there.lock().unwrap().clear();
        let before = other.connections();
        let report = run(http(&format!("{}{path}", server.url()), 1));
        assert_eq!(report.totals.acked, 50, "{:?}", report.errors);
        assert_eq!(lines(&there), [line]);
        let there = there.lock().unwrap();
        assert_eq!(there.len(), 50);
        assert!(other.connections() - before <= 2, "connections are kept");
        for (head, body) in there.iter() {
            assert_eq!(!body.is_empty(), has_body, "{head}");
            assert!(!head.contains("hunter22") && head.contains("x-id: test/post/"), "{head}");
            assert!(head.contains(&format!("host: {}\r\n", other.address)), "{head}");
        }
    }
    assert!(here.lock().unwrap().iter().all(|(head, _)| head.contains("hunter22")));
}

#[test]
fn a_path_of_two_slashes_is_no_other_host() {
    let server = Server::start(|talk| {
        while let Some((head, _)) = talk.request() {
            let stays = match head.split(' ').nth(1) {
                Some("//192.0.2.1/x") => {
                    talk.write("HTTP/1.1 307 X\r\nlocation: /landed\r\ncontent-length: 0\r\n\r\n")
                }
                path => talk.answer(if path == Some("/landed") { 200 } else { 500 }),
            };
            if !stays {
                return;
            }
        }
    });
    let report = run(http(&format!("{}/192.0.2.1/x", server.url()), 1));
    assert_eq!((report.totals.acked, report.forbidden), (50, 0), "{:?}", report.errors);
}

#[test]
fn a_host_that_nobody_allowed_is_never_asked() {
    // An address for documentation (RFC 5737): nobody is there.
    let (server, _) = server("http://192.0.2.1:9/there");
    for (path, failed) in [("away", 50), ("away-after", 0)] {
        let report = run(http(&format!("{}{path}", server.url()), 5));
        // What was sent on without being done has failed; behind a 303 nobody knows.
        assert_eq!(report.totals.failed, failed, "{:?}", report.errors);
        assert_eq!(report.totals.indeterminate, 50 - failed);
        assert_eq!(report.forbidden, 50);
        let said = &report.errors[0].0;
        assert!(said.contains("not allowed: 192.0.2.1 is not on this machine"), "{said}");
        assert!(said.contains("--allow 192.0.2.1"), "{said}");
    }
}

#[test]
fn a_place_that_is_not_there_is_no_failure_of_the_operation() {
    // A port that is taken, and at which nobody listens.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = taken.local_addr().unwrap();
    let (server, _) = server(&format!("http://{address}/"));
    let report = run(http(&format!("{}away", server.url()), 1));
    assert_eq!(report.totals.indeterminate, 50, "{:?}", report.errors);
    let said = &report.errors[0].0;
    assert!(said.contains("could not be followed: no connection"), "{said}");
}

#[test]
fn too_many_are_refused_before_the_run() {
    let job = Job::new(
        "test",
        "post",
        Schedule::constant(Rate(1.0), Duration::from_secs(1)).unwrap(),
        Transport::Http(http("http://127.0.0.1:9/", 101)),
    );
    assert!(job.ready().unwrap_err().to_string().contains("use at most 100"));
}
