//! How connections are made: new for each request, by other ways than the URL's
//! name says, through proxies, and again where they have idled out.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use loadgen::{Fate, Http, HttpVersion, Job, LoadError, Report, Route, Schedule, Transport};
use rustix::net::{AddressFamily, SocketType, bind, listen, socket};
use scenarios::units::Rate;

use crate::http_nginx::{HTTP2, Nginx, SHOWS};
use crate::server::{Server, Talk};
use crate::support::{PATIENCE, SECOND, complete, start};

fn http(url: &str) -> Http {
    Http { headers: vec![("x-id".to_owned(), "@{id}".to_owned())], ..Http::new(url) }
}

fn job(http: Http, rate: f64, length: Duration) -> Job {
    let schedule = Schedule::constant(Rate(rate), length).unwrap();
    Job {
        connections: 2,
        timeout: PATIENCE,
        grace: PATIENCE,
        ..Job::new("test", "get", schedule, Transport::Http(http))
    }
}

/// Offers 40 operations.
fn run(http: Http) -> Report {
    complete(start(job(http, 40.0, SECOND)).wait().unwrap())
}

fn all_acked(report: &Report) {
    assert_eq!(report.totals.acked, report.totals.due, "{:?} {:?}", report.totals, report.errors);
}

fn refused(http: Http) -> LoadError {
    job(http, 1.0, SECOND).ready().unwrap_err()
}

/// What a server saw of each request.
#[derive(Default, Clone)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, head: String) {
        self.0.lock().unwrap().push(head);
    }

    fn heads(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// A server that answers everything with 200.
    fn server(&self) -> Server {
        let seen = self.clone();
        Server::start(move |talk| {
            while let Some((head, _)) = talk.request() {
                seen.note(head);
                talk.answer(200);
            }
        })
    }
}

fn port(server: &Server) -> u16 {
    server.address.port()
}

#[test]
fn each_request_has_a_connection_of_its_own() {
    let seen = Seen::default();
    let server = seen.server();
    let report = run(Http { keepalive: false, ..http(&server.url()) });
    all_acked(&report);
    assert_eq!(server.connections(), 40, "none is made beforehand, and none is used twice");
    assert!(seen.heads().iter().all(|head| head.contains("\r\nconnection: close\r\n")));
    assert_eq!(report.connected, None, "none is kept");

    // Tries have one each, too.
    let server = Server::start(|talk| talk.answer_all(503));
    let report = run(Http { keepalive: false, retries: 1, ..http(&server.url()) });
    assert_eq!((report.totals.indeterminate, report.retries.attempts), (40, 40));
    assert_eq!(server.connections(), 80);
}

#[test]
fn each_request_has_a_handshake_of_its_own() {
    let nginx = Nginx::start("ssl", SHOWS);
    let url = format!("https://127.0.0.1:{}/", nginx.port);
    let report = run(Http { keepalive: false, tls: nginx.tls(None), ..http(&url) });
    all_acked(&report);
}

#[test]
fn opening_a_connection_is_part_of_the_time_of_its_request() {
    // One that keeps silent, because its queue is full, and one that is as it should be.
    let silent = full();
    let at = silent.0.local_addr().unwrap();
    let beside = SocketAddr::new("127.0.0.2".parse().unwrap(), at.port());
    let server = Server::start_at(beside, Arc::new(|talk: &mut Talk| talk.answer_all(200)));
    let resolve = format!("shop.test:{}:127.0.0.1,127.0.0.2", at.port()).parse().unwrap();
    let route = Route { resolve: vec![resolve], ..Route::default() };
    let url = format!("http://shop.test:{}/", at.port());
    let report = run(Http { keepalive: false, route, ..http(&url) });
    all_acked(&report);
    assert_eq!(server.connections(), 40);
    // Every other connection begins with the silent one, and waits for a while.
    let long = |histogram: &loadgen::Histogram| histogram.count_between(240_000, u64::MAX);
    assert!(long(&report.latency.service) >= 20, "{}", long(&report.latency.service));
    assert!(long(&report.latency.response) >= 20, "{}", long(&report.latency.response));
}

/// A listener whose queue is full, with those who stand in it.
fn full() -> (TcpListener, Vec<rustix::fd::OwnedFd>) {
    let listening = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&listening, &SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    listen(&listening, 0).unwrap();
    let listener = TcpListener::from(listening);
    let at = listener.local_addr().unwrap();
    // More than fit; those beyond are not waited for.
    let queue = (0..4).map(|_| {
        let client = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
        rustix::io::ioctl_fionbio(&client, true).unwrap();
        let _ = rustix::net::connect(&client, &at);
        client
    });
    let queue = queue.collect();
    (listener, queue)
}

#[test]
fn names_are_resolved_as_they_are_told_to_be() {
    let seen = Seen::default();
    let server = seen.server();
    let url = format!("http://Shop.test:{}/x", port(&server));
    for to in [
        Route {
            resolve: vec![format!("shop.test:{}:127.0.0.1", port(&server)).parse().unwrap()],
            ..Route::default()
        },
        Route {
            resolve: vec![
                "other.test:80:192.0.2.1".parse().unwrap(),
                format!("*:{}:[::1],127.0.0.1", port(&server)).parse().unwrap(),
            ],
            ..Route::default()
        },
        Route {
            connect_to: Some(format!("shop.test::127.0.0.1:{}", port(&server)).parse().unwrap()),
            ..Route::default()
        },
        Route {
            connect_to: Some("::other.test:".parse().unwrap()),
            resolve: vec![format!("other.test:{}:127.0.0.1", port(&server)).parse().unwrap()],
            ..Route::default()
        },
    ] {
        all_acked(&run(Http { route: to, ..http(&url) }));
    }
    let heads = seen.heads();
    assert_eq!(heads.len(), 160);
    let host = format!("\r\nhost: shop.test:{}\r\n", port(&server));
    assert!(heads.iter().all(|head| head.contains(&host)), "{}", heads[0]);
}

#[test]
fn the_name_of_the_url_stands_in_the_certificate() {
    let nginx = Nginx::start("ssl http2", SHOWS);
    let to = format!("::127.0.0.1:{}", nginx.port).parse().unwrap();
    let route = Route { connect_to: Some(to), ..Route::default() };
    for version in [HttpVersion::Http1, HTTP2] {
        let http = |host: &str| Http {
            tls: nginx.tls(None),
            version,
            route: route.clone(),
            ..http(&format!("https://{host}/named?id=@{{id}}"))
        };
        all_acked(&run(http("shop.test")));
        let other = refused(http("other.test")).to_string();
        assert!(other.contains("certificate that is not trusted"), "{other}");
    }
}

#[test]
fn addresses_of_a_name_take_turns() {
    let first = Server::start(|talk| talk.answer_all(200));
    let at = SocketAddr::new("127.0.0.2".parse().unwrap(), port(&first));
    let second = Server::start_at(at, Arc::new(|talk: &mut Talk| talk.answer_all(200)));
    // At the third nobody listens.
    let resolve = format!("*:{}:127.0.0.1,127.0.0.2,127.0.0.3", port(&first)).parse().unwrap();
    let route = Route { resolve: vec![resolve], ..Route::default() };
    let url = format!("http://shop.test:{}/", port(&first));
    let report = complete(
        start(Job { connections: 6, ..job(Http { route, ..http(&url) }, 60.0, SECOND) })
            .wait()
            .unwrap(),
    );
    all_acked(&report);
    // Those that begin with the third go on to the first.
    assert_eq!((first.connections(), second.connections()), (4, 2));
}

#[test]
fn requests_go_to_a_unix_socket() {
    for (listen, scheme, version) in [
        ("", "http", HttpVersion::Http1),
        ("http2", "http", HTTP2),
        ("ssl", "https", HttpVersion::Http1),
        ("ssl http2", "https", HTTP2),
    ] {
        let certificate = if scheme == "https" { SHOWS } else { "" };
        let nginx = Nginx::start(listen, &format!("listen unix:shop.sock {listen}; {certificate}"));
        let route = Route { unix_socket: Some(nginx.file("shop.sock")), ..Route::default() };
        // Nobody knows that name, and nobody is asked for it.
        let url = format!("{scheme}://shop.test/named?id=@{{id}}");
        let tls = nginx.tls(None);
        let report = run(Http { version, tls, route: route.clone(), ..http(&url) });
        all_acked(&report);
        if version == HttpVersion::Http1 {
            let tls = nginx.tls(None);
            let report = run(Http { keepalive: false, tls, route, ..http(&url) });
            all_acked(&report);
        }
    }
}

#[test]
fn a_full_queue_of_a_unix_socket_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listening = socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    bind(&listening, &rustix::net::SocketAddrUnix::new(&path).unwrap()).unwrap();
    listen(&listening, 0).unwrap();
    let listener = UnixListener::from(listening);
    let route = Route { unix_socket: Some(path), ..Route::default() };
    let http = Http { keepalive: false, route, ..http("http://shop.test/") };
    let running = start(Job { connections: 8, ..job(http, 40.0, SECOND) });
    let server = std::thread::spawn(move || {
        for _ in 0..40 {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = std::io::BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while std::io::BufRead::read_line(&mut request, &mut line).unwrap() > 2 {
                line.clear();
            }
            let answer = b"HTTP/1.1 204 X\r\n\r\n";
            std::io::Write::write_all(&mut stream, answer).unwrap();
        }
    });
    let report = complete(running.wait().unwrap());
    all_acked(&report);
    server.join().unwrap();
}

#[test]
fn what_is_no_way_is_refused_before_the_load() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let unix = |path| Route { unix_socket: Some(path), ..Route::default() };
    let proxy = |url: &str| Route { proxy: Some(url.to_owned()), ..Route::default() };
    let connect_to =
        |text: &str| Route { connect_to: Some(text.parse().unwrap()), ..Route::default() };
    let resolve = |text: &str| Route { resolve: vec![text.parse().unwrap()], ..Route::default() };
    for (route, why) in [
        (unix(folder.path().join("none")), "see that the server runs and listens there"),
        (unix(file), "it is not a socket"),
        (unix(folder.path().join("x".repeat(200))), "at most 107 bytes"),
        (connect_to("other.test::127.0.0.1:80"), "it says nothing of 127.0.0.1:9"),
        (connect_to("::no-such-host.invalid:80"), "is unknown"),
        (resolve("other.test:9:127.0.0.1"), "it says nothing of 127.0.0.1:9"),
        (resolve("*:10:127.0.0.1"), "it says nothing of 127.0.0.1:9"),
        (proxy("socks5://127.0.0.1:1080"), "http or https"),
        (proxy("http://joe:hunter22@no-such-host.invalid:1"), "is unknown"),
        (
            Route { unix_socket: Some("/s".into()), ..proxy("http://joe:hunter22@127.0.0.1:1") },
            "connections go one way",
        ),
        (
            Route { resolve: resolve("*:9:::1").resolve, ..proxy("http://joe:hunter22@h:1") },
            "connections go one way",
        ),
    ] {
        let said =
            refused(Http { route: route.clone(), ..http("http://127.0.0.1:9/") }).to_string();
        assert!(said.contains(why) && !said.contains("hunter22"), "{route:?}: {said}");
    }
    for (bad, why) in [
        (Http { keepalive: false, ..http("http://127.0.0.1:9/") }, "leave it or HTTP/2 out"),
        (
            Http { route: proxy("http://127.0.0.1:9"), ..http("http://127.0.0.1:9/") },
            "does not go through a proxy",
        ),
    ] {
        let said = refused(Http { version: HTTP2, ..bad }).to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn the_user_of_the_url_is_authorized() {
    let seen = Seen::default();
    let server = seen.server();
    let url = server.url().replace("http://", "http://joe:s%40cret@");
    all_acked(&run(http(&url)));
    let heads = seen.heads();
    assert!(
        heads.iter().all(|head| head.contains("\r\nauthorization: Basic am9lOnNAY3JldA==\r\n"))
    );
    assert!(heads.iter().all(|head| head.contains(&format!("\r\nhost: {}\r\n", server.address))));
    let twice = Http { headers: vec![("Authorization".into(), "Bearer x".into())], ..http(&url) };
    let said = refused(twice).to_string();
    assert!(said.contains("leave one of them out") && !said.contains("cret"), "{said}");
}

/// The first request on each connection is answered, the second one is not.
fn tired(seen: &Seen) -> Server {
    let seen = seen.clone();
    Server::start(move |talk| {
        if let Some((head, _)) = talk.request() {
            seen.note(head);
            talk.write("HTTP/1.1 200 X\r\ncontent-length: 0\r\n\r\n");
            let _ = talk.request();
        }
    })
}

#[test]
fn what_met_the_end_of_a_kept_connection_is_sent_again_where_that_is_safe() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let seen = Seen::default();
        let server = tired(&seen);
        let http = Http { method: method.to_owned(), ..http(&server.url()) };
        let one = Job { connections: 1, ..job(http, 40.0, SECOND) };
        let report = complete(start(one).wait().unwrap());
        all_acked(&report);
        let again = report.idled_out;
        assert_eq!((again.operations, again.attempts, again.acked), (39, 39, 39), "{method}");
        assert_eq!(report.retries.operations, 0, "nobody has asked for retries");
        let heads = seen.heads();
        let identities: std::collections::BTreeSet<_> =
            heads.iter().filter_map(|head| head.split("x-id: ").nth(1)).collect();
        assert_eq!((heads.len(), identities.len()), (40, 40), "{method}");
    }
}

#[test]
fn what_is_not_safe_to_send_again_is_indeterminate() {
    // A system that is told twice to put or delete something may count it twice.
    for method in ["POST", "PUT", "DELETE"] {
        let server = tired(&Seen::default());
        let http = Http { method: method.to_owned(), ..http(&server.url()) };
        let one = Job { connections: 1, ..job(http, 40.0, SECOND) };
        let report = complete(start(one).wait().unwrap());
        // Of the two requests on each connection the second one.
        assert_eq!((report.totals.acked, report.totals.indeterminate), (20, 20), "{method}");
        assert_eq!(report.idled_out, loadgen::Retries::default());
        assert!(report.errors[0].0.starts_with("connection lost"), "{:?}", report.errors);
    }
}

#[test]
fn a_new_connection_that_ends_unanswered_is_no_idle_one() {
    let server = Server::start(|talk| {
        let _ = talk.request();
    });
    let report = run(http(&server.url()));
    assert_eq!(report.totals.indeterminate, 40, "{:?}", report.errors);
    assert_eq!(report.idled_out, loadgen::Retries::default());
}

#[test]
fn an_answer_that_broke_off_is_not_asked_for_again() {
    let server = Server::start(|talk| {
        if talk.request().is_some() && talk.answer(200) && talk.request().is_some() {
            talk.write("HTTP/1.1 20");
        }
    });
    let report = complete(
        start(Job { connections: 1, ..job(http(&server.url()), 40.0, SECOND) }).wait().unwrap(),
    );
    assert_eq!((report.totals.acked, report.totals.indeterminate), (20, 20));
    assert_eq!(report.idled_out, loadgen::Retries::default());
}

/// That the second request is refused does not say what became of the first one.
#[test]
fn a_refusal_of_what_was_sent_again_is_indeterminate() {
    let connections = Arc::new(AtomicU64::new(0));
    let server = Server::start(move |talk| {
        if connections.fetch_add(1, Ordering::SeqCst) == 0 {
            if talk.request().is_some() && talk.answer(200) {
                let _ = talk.request();
            }
        } else {
            talk.answer_all(404);
        }
    });
    let http = Http { method: "GET".to_owned(), ..http(&server.url()) };
    let report = complete(start(Job { connections: 1, ..job(http, 40.0, SECOND) }).wait().unwrap());
    assert_eq!(report.ledger.fate(0), Some(Fate::Acked));
    assert_eq!(report.ledger.fate(1), Some(Fate::Indeterminate));
    assert_eq!(report.ledger.fate(2), Some(Fate::Failed));
    assert_eq!((report.idled_out.operations, report.idled_out.acked), (1, 0));
    assert_eq!(report.totals.indeterminate, 1);
}

#[test]
fn a_proxy_is_asked_for_what_is_not_encrypted() {
    let seen = Seen::default();
    let server = seen.server();
    let proxy = format!("http://joe:pw@{}", server.address);
    let route = Route { proxy: Some(proxy), ..Route::default() };
    for keepalive in [true, false] {
        // Only the proxy knows what the name means.
        let http = http("http://shop.test:81/x?id=@{seq}");
        all_acked(&run(Http { keepalive, route: route.clone(), ..http }));
    }
    let heads = seen.heads();
    assert_eq!(heads.len(), 80);
    for head in heads {
        assert!(head.starts_with("GET http://shop.test:81/x?id="), "{head}");
        assert!(head.contains("\r\nhost: shop.test:81\r\n"), "{head}");
        assert!(head.contains("\r\nproxy-authorization: Basic am9lOnB3\r\n"), "{head}");
    }
    assert_eq!(server.connections(), 2 + 40);
}

#[test]
fn what_is_encrypted_goes_through_a_tunnel() {
    for version in [HttpVersion::Http1, HTTP2] {
        let nginx = Nginx::start("ssl http2", SHOWS);
        let at = SocketAddr::from(([127, 0, 0, 1], nginx.port));
        let seen = Seen::default();
        let proxy = {
            let seen = seen.clone();
            Server::start(move |talk| {
                let Some((head, _)) = talk.request() else { return };
                seen.note(head);
                talk.write("HTTP/1.1 200 Connection established\r\nvia: test\r\n\r\n");
                talk.tunnel(at);
            })
        };
        let route = |user: &str| Route {
            proxy: Some(format!("http://{user}{}/", proxy.address)),
            ..Route::default()
        };
        let url = format!("https://shop.test:{}/named?id=@{{id}}", nginx.port);
        let with = |route| Http { tls: nginx.tls(None), version, route, ..http(&url) };
        all_acked(&run(with(route("joe:pw@"))));
        let expected = format!(
            "CONNECT shop.test:{port} HTTP/1.1\r\nhost: shop.test:{port}\r\n\
             proxy-authorization: Basic am9lOnB3\r\n",
            port = nginx.port
        );
        // One to see that the certificate is right, and one for each connection.
        let heads = seen.heads();
        assert_eq!(heads.len(), 3, "{heads:?}");
        assert!(heads.iter().all(|head| *head == expected), "{heads:?}");
    }
}

#[test]
fn a_proxy_that_does_not_let_us_through_is_said() {
    let server = |answer: &'static str| {
        Server::start(move |talk| {
            if talk.request().is_some() {
                talk.write(answer);
            }
        })
    };
    let with = |server: &Server| Http {
        route: Route {
            proxy: Some(format!("http://joe:hunter22@{}", server.address)),
            ..Route::default()
        },
        ..http("https://shop.test/")
    };
    let locked = server("HTTP/1.1 407 Authentication Required\r\ncontent-length: 0\r\n\r\n");
    let error = refused(with(&locked));
    let said = error.to_string();
    assert!(matches!(error, LoadError::Denied(_)), "{said}");
    assert!(said.contains("407") && said.contains("CONNECT shop.test:443"), "{said}");
    assert!(!said.contains("hunter22"), "{said}");
    for (answer, why) in [
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", "the proxy answered CONNECT with 502 Bad Gateway"),
        ("SSH-2.0-OpenSSH\r\n", "the proxy does not speak HTTP"),
        ("", "the proxy closed the connection without an answer to CONNECT"),
    ] {
        let server = server(answer);
        let job = Job { timeout: SECOND, grace: SECOND, ..job(with(&server), 20.0, SECOND) };
        let report = complete(start(job).wait().unwrap());
        assert!(report.never_reached(), "{answer}: {:?}", report.totals);
        let reasons: BTreeMap<_, _> = report.errors.iter().cloned().collect();
        assert!(reasons.keys().any(|reason| reason.contains(why)), "{reasons:?}");
    }
}

/// Runs the program with no proxy in its environment but these.
fn program(variables: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    let known = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
    for name in known {
        command.env_remove(name).env_remove(name.to_uppercase());
    }
    for other in ["LOADGEN_HTTP_URL", "LOADGEN_PROXY"] {
        command.env_remove(other);
    }
    let variables = variables.iter().copied();
    command.envs(variables).arg("http").args(args).args(["-r", "20", "-z", "500ms", "--json"]);
    command.stdin(Stdio::null()).output().unwrap()
}

fn acked(output: &Output) -> u64 {
    let result: serde_json::Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    result["operations"]["acked"].as_u64().unwrap()
}

#[test]
fn proxies_of_the_environment_are_used_only_where_they_are_asked_for() {
    let (seen, through) = (Seen::default(), Seen::default());
    let (server, proxy) = (seen.server(), through.server());
    let address = format!("http://joe:hunter22@{}", proxy.address);
    let set = [("http_proxy", address.as_str())];
    let excepted = [set[0], ("no_proxy", "127.0.0.0/8")];
    let asks = ["--proxy-from-env"];
    let url = server.url();
    for (variables, more, is_through, is_told) in [
        (&set[..], &[][..], false, true),
        (&set, &["--quiet"], false, true),
        (&set, &["--disable-keepalive"], false, true),
        (&set, &asks, true, false),
        (&excepted, &[], false, false),
        (&excepted, &asks, false, false),
        (&[], &["--proxy", &address], true, false),
        (&[("LOADGEN_PROXY", address.as_str())], &[], true, false),
        (&excepted, &["--proxy", &address], true, false),
    ] {
        let output = program(variables, &[&[url.as_str()], more].concat());
        assert_eq!(acked(&output), 10, "{variables:?} {more:?}");
        let heads = (seen.heads().len(), through.heads().len());
        assert_eq!(heads, if is_through { (0, 10) } else { (10, 0) }, "{variables:?} {more:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told.contains("--proxy-from-env"), is_told, "{told}");
        let shown = String::from_utf8(output.stdout).unwrap() + &told;
        let hidden = ["hunter22", "am9lOmh1bnRlcjIy"];
        assert!(hidden.iter().all(|secret| !shown.contains(secret)), "{shown}");
        seen.0.lock().unwrap().clear();
        through.0.lock().unwrap().clear();
    }
    let none = program(&[], &[&url, "--proxy-from-env"]);
    assert_eq!(none.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&none.stderr).contains("set http_proxy"), "{none:?}");
}

#[test]
fn flags_that_do_not_go_together_are_refused() {
    let url = "http://127.0.0.1:9/";
    for flags in [
        &["--disable-keepalive", "--http2"][..],
        &["--connection-per-request", "--http2"],
        &["--unix-socket", "/s", "--proxy", "http://127.0.0.1:9"],
        &["--unix-socket", "/s", "--resolve", "*:9:127.0.0.1"],
        &["--unix-socket", "/s", "--connect-to", "::127.0.0.1:9"],
        &["--proxy", "http://127.0.0.1:9", "--connect-to", "::127.0.0.1:9"],
        &["--proxy", "http://127.0.0.1:9", "--proxy-from-env"],
        &["--http2", "--proxy", "http://127.0.0.1:9"],
        &["--resolve", "h:9"],
        &["--connect-to", "h"],
        &["--unix-socket", "/no/such/socket"],
    ] {
        let output = program(&[], &[&[url], flags].concat());
        assert_eq!(output.status.code(), Some(2), "{flags:?}: {output:?}");
    }
}

#[test]
fn users_and_their_passwords_are_not_shown() {
    let server = Server::start(|talk| talk.answer_all(200));
    let url = server.url().replace("http://", "http://joe:hunter22@");
    let output = program(&[], &[&url]);
    assert_eq!(acked(&output), 10);
    let shown = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(shown.contains("http://joe:***@127.0.0.1"), "{shown}");
    assert!(!shown.contains("hunter22") && !shown.contains("am9lOmh1bnRlcjIy"), "{shown}");
}
