//! The toxics, felt by real clients of a real server over loopback. Times are
//! only ever bounded from below.

use std::time::{Duration, Instant};

use chaos::proxy::{Ending, ProxyError, ProxyRequest, ProxyView, Server, Settings, ToxicRequest};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::sleeper::PATIENCE;

/// Something that would come at once if nothing kept it has not come by then.
const SILENCE: Duration = Duration::from_millis(150);

/// A server that sends back what it gets, and closes when its client does.
async fn echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut read, mut write) = stream.split();
                let _ = copy(&mut read, &mut write).await;
                let _ = write.shutdown().await;
            });
        }
    });
    address
}

/// A proxy before an echo server.
struct Bench {
    server: Server,
    proxy: ProxyView,
}

fn request(value: Value) -> ProxyRequest {
    serde_json::from_value(value).unwrap()
}

impl Bench {
    async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With more fields of the proxy.
    async fn with(fields: Value) -> Self {
        let server = Server::new(&Settings { seed: 7, ..Settings::default() }).unwrap();
        let mut asked = request(fields);
        asked.name = Some("echo".to_owned());
        asked.upstream = Some(echo().await);
        let proxy = server.create(&asked).await.unwrap();
        Self { server, proxy }
    }

    async fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.proxy.listen).await.unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    async fn add(&self, toxic: Value) {
        let toxic: ToxicRequest = serde_json::from_value(toxic).unwrap();
        self.server.add_toxic("echo", &toxic).await.unwrap();
    }

    async fn change(&self, name: &str, toxic: Value) {
        let toxic: ToxicRequest = serde_json::from_value(toxic).unwrap();
        self.server.update_toxic("echo", name, &toxic).await.unwrap();
    }

    async fn remove(&self, name: &str) {
        self.server.remove_toxic("echo", name).await.unwrap();
    }

    /// Waits until the list of connections is as wanted.
    async fn until(&self, what: &str, wanted: impl Fn(&[chaos::proxy::ConnectionView]) -> bool) {
        let begun = Instant::now();
        while !wanted(&self.server.connections("echo").await.unwrap()) {
            assert!(begun.elapsed() < PATIENCE, "waited too long for {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

async fn read(stream: &mut TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    timeout(PATIENCE, stream.read_exact(&mut bytes)).await.expect("nothing comes").unwrap();
    bytes
}

/// Sends a word and waits for it; how long that took.
async fn ping(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    stream.write_all(b"ping").await.unwrap();
    assert_eq!(read(stream, 4).await, b"ping");
    begun.elapsed()
}

async fn is_silent(stream: &mut TcpStream) -> bool {
    timeout(SILENCE, stream.read(&mut [0; 64])).await.is_err()
}

/// All that comes until the end, and whether the end was a clean one.
async fn rest(stream: &mut TcpStream) -> (usize, bool) {
    let (mut count, mut buffer) = (0, [0; 4096]);
    loop {
        match timeout(PATIENCE, stream.read(&mut buffer)).await.expect("it does not end") {
            Ok(0) => return (count, true),
            Ok(more) => count += more,
            Err(_) => return (count, false),
        }
    }
}

#[tokio::test]
async fn bytes_go_both_ways_and_half_closed_connections_live() {
    let bench = Bench::new().await;
    let mut stream = bench.connect().await;
    ping(&mut stream).await;
    stream.write_all(b"last words").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, (10, true));
    bench.until("the connection to be forgotten", <[_]>::is_empty).await;
}

#[tokio::test]
async fn latency_is_felt_changed_and_ends_on_the_same_connection() {
    let bench = Bench::new().await;
    let mut stream = bench.connect().await;
    ping(&mut stream).await;
    bench.add(json!({"type": "latency", "attributes": {"latency": 200}})).await;
    assert!(ping(&mut stream).await >= Duration::from_millis(200));
    bench
        .add(json!({"type": "latency", "stream": "upstream", "attributes": {"latency": 100}}))
        .await;
    assert!(ping(&mut stream).await >= Duration::from_millis(300));
    let far = json!({"attributes": {"latency": 10_000_000}});
    bench.change("latency_downstream", far).await;
    stream.write_all(b"held").await.unwrap();
    assert!(is_silent(&mut stream).await);
    // What is held comes when the toxic goes.
    bench.server.reset().await.unwrap();
    assert_eq!(read(&mut stream, 4).await, b"held");
    ping(&mut stream).await;
}

#[tokio::test]
async fn jitter_stays_within_its_bounds_from_below() {
    let bench = Bench::new().await;
    bench.add(json!({"type": "latency", "attributes": {"latency": 60, "jitter": 40}})).await;
    let mut stream = bench.connect().await;
    for _ in 0..10 {
        assert!(ping(&mut stream).await >= Duration::from_millis(20));
    }
}

#[tokio::test]
async fn bandwidth_keeps_its_rate_and_memory_its_bounds() {
    let bench = Bench::new().await;
    // 300 KB at 1,000 KB/s.
    bench
        .add(json!({"type": "bandwidth", "stream": "upstream", "attributes": {"rate": 1000}}))
        .await;
    let mut stream = bench.connect().await;
    let begun = Instant::now();
    stream.write_all(&vec![7; 300_000]).await.unwrap();
    assert_eq!(read(&mut stream, 300_000).await, vec![7; 300_000]);
    assert!(begun.elapsed() >= Duration::from_millis(280));
    // A sender that is much faster than the toxic fills windows, not memory.
    bench.change("bandwidth_upstream", json!({"attributes": {"rate": 1}})).await;
    let flood = timeout(SILENCE * 4, async {
        loop {
            stream.write_all(&[0; 65_536]).await.unwrap();
        }
    });
    assert!(flood.await.is_err());
    let [connection] = &bench.server.connections("echo").await.unwrap()[..] else { panic!() };
    let kept = connection.received_upstream - connection.sent_upstream;
    assert!(kept < 200_000, "{kept} bytes are kept");
}

#[tokio::test]
async fn a_slicer_cuts_with_its_delay_between_pieces() {
    let bench = Bench::new().await;
    let slicer = json!({"average_size": 10, "size_variation": 0, "delay": 20_000});
    bench.add(json!({"type": "slicer", "attributes": slicer})).await;
    let mut stream = bench.connect().await;
    let sent: Vec<u8> = (0..100).collect();
    let begun = Instant::now();
    stream.write_all(&sent).await.unwrap();
    let first = read(&mut stream, 10).await;
    assert_eq!([first, read(&mut stream, 90).await].concat(), sent);
    assert!(begun.elapsed() >= Duration::from_millis(9 * 20 - 1));
}

#[tokio::test]
async fn slow_close_delays_the_end_only() {
    let bench = Bench::new().await;
    bench.add(json!({"type": "slow_close", "attributes": {"delay": 200}})).await;
    let mut stream = bench.connect().await;
    ping(&mut stream).await;
    let begun = Instant::now();
    stream.write_all(b"end").await.unwrap();
    stream.shutdown().await.unwrap();
    assert_eq!(rest(&mut stream).await, (3, true));
    assert!(begun.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn timeout_swallows_and_closes_in_its_time() {
    let bench = Bench::new().await;
    bench.add(json!({"type": "timeout", "attributes": {"timeout": 200}})).await;
    let begun = Instant::now();
    let mut stream = bench.connect().await;
    stream.write_all(b"lost").await.unwrap();
    assert_eq!(rest(&mut stream).await.0, 0);
    assert!(begun.elapsed() >= Duration::from_millis(195));
}

#[tokio::test]
async fn timeout_without_a_time_is_a_hole_until_it_is_removed() {
    let bench = Bench::new().await;
    let mut stream = bench.connect().await;
    ping(&mut stream).await;
    bench.add(json!({"type": "timeout", "stream": "upstream", "attributes": {"timeout": 0}})).await;
    stream.write_all(b"lost").await.unwrap();
    assert!(is_silent(&mut stream).await);
    bench.remove("timeout_upstream").await;
    // Nobody may go on with a connection that has lost bytes.
    assert_eq!(rest(&mut stream).await.0, 0);
    ping(&mut bench.connect().await).await;
}

#[tokio::test]
async fn reset_peer_resets() {
    let bench = Bench::new().await;
    let (mut old, mut other) = (bench.connect().await, bench.connect().await);
    ping(&mut old).await;
    ping(&mut other).await;
    bench.add(json!({"type": "reset_peer", "attributes": {"timeout": 100}})).await;
    let begun = Instant::now();
    old.write_all(b"x").await.unwrap();
    let error = timeout(PATIENCE, old.read(&mut [0])).await.unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    assert!(begun.elapsed() >= Duration::from_millis(100));
    // What it holds flows when it is removed in time.
    bench.change("reset_peer_downstream", json!({"attributes": {"timeout": 1_000_000}})).await;
    other.write_all(b"held").await.unwrap();
    assert!(is_silent(&mut other).await);
    bench.remove("reset_peer_downstream").await;
    assert_eq!(read(&mut other, 4).await, b"held");
}

#[tokio::test]
async fn limit_data_lets_exactly_so_much_through() {
    let bench = Bench::new().await;
    let mut stream = bench.connect().await;
    ping(&mut stream).await;
    bench.add(json!({"type": "limit_data", "attributes": {"bytes": 1000}})).await;
    stream.write_all(&[1; 900]).await.unwrap();
    read(&mut stream, 900).await;
    stream.write_all(&[1; 900]).await.unwrap();
    assert_eq!(rest(&mut stream).await, (100, true));
    ping(&mut bench.connect().await).await;
}

/// A server that tells how its only connection ended: the bytes, and whether
/// cleanly.
async fn witness() -> (String, tokio::task::JoinHandle<(usize, bool)>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"hello").await.unwrap();
        rest(&mut stream).await
    });
    (address, task)
}

async fn before(upstream: String) -> Bench {
    let server = Server::new(&Settings::default()).unwrap();
    let asked = request(json!({"name": "echo", "upstream": upstream}));
    let proxy = server.create(&asked).await.unwrap();
    Bench { server, proxy }
}

#[tokio::test]
async fn half_open_kills_one_side_and_leaves_the_other_in_the_dark() {
    for (stream, graceful) in
        [("upstream", false), ("upstream", true), ("downstream", false), ("downstream", true)]
    {
        let (address, server) = witness().await;
        let bench = before(address).await;
        let mut client = bench.connect().await;
        assert_eq!(read(&mut client, 5).await, b"hello");
        let attributes = json!({"graceful": graceful});
        bench.add(json!({"type": "half_open", "stream": stream, "attributes": attributes})).await;
        if stream == "upstream" {
            assert_eq!(timeout(PATIENCE, server).await.unwrap().unwrap(), (0, graceful));
            client.write_all(b"anybody there?").await.unwrap();
            assert!(is_silent(&mut client).await);
            bench.server.reset().await.unwrap();
            assert_eq!(rest(&mut client).await, (0, false));
        } else {
            assert_eq!(rest(&mut client).await, (0, graceful));
            tokio::time::sleep(SILENCE).await;
            assert!(!server.is_finished());
            bench.server.reset().await.unwrap();
            assert_eq!(timeout(PATIENCE, server).await.unwrap().unwrap(), (0, false));
        }
    }
}

#[tokio::test]
async fn a_partition_holds_one_direction_back_and_loses_nothing() {
    let bench = Bench::new().await;
    let mut stream = bench.connect().await;
    ping(&mut stream).await;
    bench.add(json!({"type": "partition", "stream": "upstream"})).await;
    let sent: Vec<u8> = (0..8_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (mut read_half, mut write_half) = stream.split();
    let expected = sent.clone();
    let send = async {
        write_half.write_all(&sent).await.unwrap();
        write_half.shutdown().await.unwrap();
    };
    let receive = async {
        let mut got = Vec::new();
        assert!(timeout(SILENCE, read_half.read_u8()).await.is_err());
        // Nothing is read, so the sender's window is full and the memory is not.
        let [connection] = &bench.server.connections("echo").await.unwrap()[..] else { panic!() };
        assert_eq!(connection.received_upstream, 4);
        bench.remove("partition_upstream").await;
        timeout(PATIENCE, read_half.read_to_end(&mut got)).await.unwrap().unwrap();
        assert!(got == expected);
    };
    tokio::join!(send, receive);
}

#[tokio::test]
async fn toxics_that_keep_the_data_may_come_and_go_under_a_stream() {
    let bench = Bench::new().await;
    let mut stream = bench.connect().await;
    let sent: Vec<u8> =
        (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (mut read_half, mut write_half) = stream.split();
    let expected = sent.clone();
    let send = async {
        write_half.write_all(&sent).await.unwrap();
        write_half.shutdown().await.unwrap();
    };
    let receive = async {
        let mut got = Vec::new();
        timeout(PATIENCE, read_half.read_to_end(&mut got)).await.unwrap().unwrap();
        assert!(got == expected);
    };
    let meddle = async {
        let kinds = [
            json!({"type": "latency", "attributes": {"latency": 20, "jitter": 20}}),
            json!({"type": "slicer", "attributes": {"average_size": 500, "size_variation": 400}}),
            json!({"type": "bandwidth", "attributes": {"rate": 20_000}}),
            json!({"type": "partition"}),
        ];
        for round in 0..6 {
            for (index, kind) in kinds.iter().enumerate() {
                let mut kind = kind.clone();
                kind["stream"] = json!(["upstream", "downstream"][(round + index) % 2]);
                kind["name"] = json!(format!("{index}"));
                bench.add(kind).await;
                tokio::time::sleep(Duration::from_millis(3)).await;
            }
            for index in [2, 0, 3, 1] {
                bench.remove(&index.to_string()).await;
            }
        }
    };
    tokio::join!(send, receive, meddle);
}

#[tokio::test]
async fn the_share_of_connections_comes_from_the_seed() {
    let shares = async || {
        let toxic = json!({"type": "latency", "name": "late", "toxicity": 0.3});
        let bench = Bench::with(json!({"toxics": [toxic]})).await;
        let mut streams = Vec::new();
        for count in 1..=40 {
            streams.push(bench.connect().await);
            // Numbers are given in the order of arrival.
            ping(streams.last_mut().unwrap()).await;
            bench.until("the connection", |all| all.len() == count).await;
        }
        let connections = bench.server.connections("echo").await.unwrap();
        connections.iter().map(|c| c.toxics == ["late"]).collect::<Vec<_>>()
    };
    let first = shares().await;
    let share = first.iter().filter(|hit| **hit).count();
    assert!((4..=20).contains(&share), "{share} of 40");
    assert_eq!(first, shares().await);
}

#[tokio::test]
async fn a_toxic_may_strike_some_chunks_only() {
    let toxic = json!({
        "type": "latency", "per": "chunk", "toxicity": 0.5, "attributes": {"latency": 50},
    });
    let bench = Bench::with(json!({"toxics": [toxic]})).await;
    let mut stream = bench.connect().await;
    let mut slow = 0;
    for _ in 0..20 {
        slow += u32::from(ping(&mut stream).await >= Duration::from_millis(50));
    }
    assert!(slow >= 3, "{slow} of 20");
    let whole = json!({"type": "partition", "per": "chunk"});
    let whole: ToxicRequest = serde_json::from_value(whole).unwrap();
    assert_eq!(bench.server.add_toxic("echo", &whole).await.unwrap_err().status(), 400);
}

#[tokio::test]
async fn a_time_to_live_ends_toxics_and_proxies() {
    let begun = Instant::now();
    let bench = Bench::with(json!({"toxics": [{"type": "partition", "ttl": 250}]})).await;
    let mut stream = bench.connect().await;
    ping(&mut stream).await;
    assert!(begun.elapsed() >= Duration::from_millis(250));
    let begun = Instant::now();
    let mortal = bench.server.update("echo", &request(json!({"ttl": 200}))).await.unwrap();
    assert!(mortal.ttl_left.unwrap() <= 200);
    // The proxy goes, and the connection with it.
    rest(&mut stream).await;
    assert!(begun.elapsed() >= Duration::from_millis(200));
    let gone = async || bench.server.proxy("echo").await.is_err();
    while !gone().await {
        assert!(begun.elapsed() < PATIENCE, "the proxy is still there");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    TcpStream::connect(&bench.proxy.listen).await.unwrap_err();
}

#[tokio::test]
async fn a_longer_life_replaces_a_shorter_one() {
    let bench = Bench::with(json!({"toxics": [{"type": "partition"}]})).await;
    bench.change("partition_downstream", json!({"ttl": 1000})).await;
    bench.change("partition_downstream", json!({"ttl": 0})).await;
    let mut stream = bench.connect().await;
    stream.write_all(b"held").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert!(is_silent(&mut stream).await);
    bench.change("partition_downstream", json!({"ttl": 50})).await;
    assert_eq!(read(&mut stream, 4).await, b"held");
}

#[tokio::test]
async fn a_disabled_proxy_refuses_and_comes_back_on_its_port() {
    let bench = Bench::new().await;
    let mut stream = bench.connect().await;
    ping(&mut stream).await;
    let off = request(json!({"enabled": false}));
    assert!(!bench.server.update("echo", &off).await.unwrap().enabled);
    rest(&mut stream).await;
    TcpStream::connect(&bench.proxy.listen).await.unwrap_err();
    let on = request(json!({"enabled": true}));
    let again = bench.server.update("echo", &on).await.unwrap();
    assert_eq!((again.listen, again.enabled), (bench.proxy.listen.clone(), true));
    ping(&mut bench.connect().await).await;
}

#[tokio::test]
async fn connections_are_listed_and_cut() {
    let bench = Bench::new().await;
    let (mut first, mut second) = (bench.connect().await, bench.connect().await);
    ping(&mut first).await;
    ping(&mut second).await;
    let listed = bench.server.connections("echo").await.unwrap();
    let client = first.local_addr().unwrap();
    let found = listed.iter().find(|connection| connection.client == client).unwrap();
    assert_eq!((found.received_upstream, found.sent_downstream), (4, 4));
    assert_eq!(found.upstream.unwrap().to_string(), bench.proxy.upstream);
    bench.server.cut("echo", Some(found.id), Ending::Reset).await.unwrap();
    assert_eq!(rest(&mut first).await, (0, false));
    ping(&mut second).await;
    assert_eq!(bench.server.cut("echo", None, Ending::Closed).await.unwrap(), 1);
    assert_eq!(rest(&mut second).await, (0, true));
    let gone = bench.server.cut("echo", Some(found.id), Ending::Reset).await.unwrap_err();
    assert_eq!(gone.status(), 404);
}

#[tokio::test]
async fn a_dead_server_is_a_reset_and_a_reset_goes_through() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let bench = before(free.to_string()).await;
    assert_eq!(rest(&mut bench.connect().await).await, (0, false));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bench = before(listener.local_addr().unwrap().to_string()).await;
    let mut client = bench.connect().await;
    let (server, _) = listener.accept().await.unwrap();
    server.set_zero_linger().unwrap();
    drop(server);
    assert_eq!(rest(&mut client).await, (0, false));
}

/// What reaches this server is said by the connections that it sees.
#[tokio::test]
async fn an_upstream_elsewhere_must_be_allowed_when_it_is_made_changed_or_connected_to() {
    let bench = Bench::new().await;
    let refused = |result: Result<ProxyView, ProxyError>| {
        let error = result.unwrap_err();
        assert_eq!(error.status(), 403, "{error}");
        assert!(error.to_string().contains("--allow 198.51.100.7"), "{error}");
    };
    let far = request(json!({"name": "far", "upstream": "198.51.100.7:5672"}));
    refused(bench.server.create(&far).await);
    let both = [request(json!({"name": "near", "upstream": "127.0.0.1:1"})), far.clone()];
    let error = bench.server.populate(&both).await.unwrap_err();
    assert_eq!(error.status(), 403, "{error}");
    // Nothing was made, and the proxy that was to be changed is as it was, also
    // under a toxic.
    assert_eq!(bench.server.proxies().await.into_keys().collect::<Vec<_>>(), ["echo"]);
    bench.add(json!({"type": "latency", "attributes": {"latency": 1}})).await;
    refused(bench.server.update("echo", &far).await);
    assert_eq!(bench.server.proxy("echo").await.unwrap(), {
        let toxics = bench.server.proxy("echo").await.unwrap().toxics;
        ProxyView { toxics, ..bench.proxy.clone() }
    });
    ping(&mut bench.connect().await).await;
    // Allowed, it is taken; nobody connects here.
    let allowed = vec!["198.51.100.7".to_owned()];
    let server = Server::new(&Settings { allowed, ..Settings::default() }).unwrap();
    server.create(&far).await.unwrap();
}

#[tokio::test]
async fn an_upstream_is_a_host_and_a_port_or_is_refused() {
    let server = Server::new(&Settings::default()).unwrap();
    for (bad, hint) in [
        ("127.0.0.1:8O80", "from 1 to 65535"),
        ("127.0.0.1:99999", "from 1 to 65535"),
        ("127.0.0.1", "the port of 127.0.0.1 is missing"),
        ("http://127.0.0.1:80", "HOST:PORT"),
        (":5672", "a host is missing"),
        ("::1:5672", "brackets"),
    ] {
        let error = server.create(&request(json!({"name": "p", "upstream": bad}))).await;
        let error = error.unwrap_err();
        assert!(error.status() == 400 && error.to_string().contains(hint), "{bad}: {error}");
    }
    // A name may come to mean something later.
    let later = request(json!({"name": "p", "upstream": "no-such-host.invalid:1"}));
    let proxy = server.create(&later).await.unwrap();
    let mut stream = TcpStream::connect(&proxy.listen).await.unwrap();
    assert_eq!(rest(&mut stream).await, (0, false));
}
