//! The toxics that strike single messages, on a real Redis and on a real HTTP
//! server: exactly what the record says happens, and nothing else.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use chaos::proxy::{Effect, ProxyRequest, Server, Settings};
use futures_util::stream;
use http_body_util::{BodyExt, StreamBody, combinators::BoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use crate::sleeper::PATIENCE;

struct Proxy {
    server: Server,
    listen: String,
}

impl Proxy {
    async fn before(upstream: &str, toxics: Value) -> Self {
        let server = Server::new(&Settings { seed: 7, ..Settings::default() }).unwrap();
        let asked = json!({"name": "p", "upstream": upstream, "toxics": toxics});
        let asked: ProxyRequest = serde_json::from_value(asked).unwrap();
        let listen = server.create(&asked).await.unwrap().listen;
        Self { server, listen }
    }

    /// All that was done, which is always the same.
    async fn struck(&self, what: &str) -> Vec<String> {
        let page = self.server.effects("p", 0, usize::MAX).await.unwrap();
        assert!(page.effects.iter().all(|effect| effect.what == what), "{:?}", page.effects);
        let id = |effect: &Effect| effect.identity["id"].as_str().unwrap().to_owned();
        page.effects.iter().map(id).collect()
    }
}

/// Each of these once, and once more for each time it is among the others.
fn once_and(ids: &[String], more: &[String]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    ids.iter().chain(more).for_each(|id| *counts.entry(id.clone()).or_default() += 1);
    counts
}

/// A Redis of the test's own.
struct Redis {
    child: Child,
    address: String,
    _folder: TempDir,
}

impl Redis {
    async fn start() -> Self {
        let begun = Instant::now();
        loop {
            // Somebody may take the port in between: then once more.
            let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            let port = free.local_addr().unwrap().port();
            drop(free);
            let folder = TempDir::new().unwrap();
            let mut command = Command::new("redis-server");
            command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
            command.arg("--dir").arg(folder.path()).stdin(Stdio::null()).stdout(Stdio::null());
            let child = command.spawn().expect("redis-server is installed by scripts/test");
            let address = format!("127.0.0.1:{port}");
            let mut redis = Self { child, address, _folder: folder };
            while redis.child.try_wait().unwrap().is_none() {
                if TcpStream::connect(&redis.address).await.is_ok() {
                    return redis;
                }
                assert!(begun.elapsed() < PATIENCE, "redis-server does not answer");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n{word}\r\n", word.len()).into_bytes());
    }
    bytes
}

/// A reply that is a line or a text; nothing if the connection ends.
async fn reply(stream: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    let read = timeout(PATIENCE, stream.read_line(&mut line)).await.expect("nothing comes");
    if read.ok()? == 0 {
        return None;
    }
    if let Some(length) = line.strip_prefix('$') {
        let mut text = vec![0; length.trim().parse::<usize>().unwrap() + 2];
        stream.read_exact(&mut text).await.ok()?;
        return Some(String::from_utf8(text).unwrap().trim_end().to_owned());
    }
    Some(line.trim_end().to_owned())
}

#[tokio::test]
async fn a_redis_client_that_retries_makes_the_duplicates_that_the_record_lists() {
    let redis = Redis::start().await;
    for version in ["2", "3"] {
        let toxic = json!({"type": "redis_swallow_reply", "attributes": {"share": 0.05}});
        let proxy = Proxy::before(&redis.address, json!([toxic])).await;
        let ids: Vec<String> = (0..500).map(|number| format!("r{number}")).collect();
        let mut done = 0;
        while done < ids.len() {
            let mut stream = BufReader::new(TcpStream::connect(&proxy.listen).await.unwrap());
            if version == "3" {
                stream.write_all(&command(&["HELLO", "3"])).await.unwrap();
            }
            stream.write_all(&command(&["PING"])).await.unwrap();
            // What HELLO says is a map of many lines.
            while reply(&mut stream).await.unwrap() != "+PONG" {}
            'pipelines: while done < ids.len() {
                let some = &ids[done..ids.len().min(done + 10)];
                let stream_name = format!("s{version}");
                let adds = some.iter().map(|id| command(&["XADD", &stream_name, "*", "id", id]));
                let adds: Vec<u8> = adds.flatten().collect();
                // When it has ended, its replies say so.
                let _ = stream.write_all(&adds).await;
                for _ in some {
                    if reply(&mut stream).await.is_none() {
                        break 'pipelines;
                    }
                    done += 1;
                }
            }
        }
        let swallowed = proxy.struck("reply_swallowed").await;
        assert!((10..60).contains(&swallowed.len()), "{}", swallowed.len());
        let mut direct = BufReader::new(TcpStream::connect(&redis.address).await.unwrap());
        let range = command(&["XRANGE", &format!("s{version}"), "-", "+"]);
        direct.write_all(&range).await.unwrap();
        let head = reply(&mut direct).await.unwrap();
        assert_eq!(head, format!("*{}", ids.len() + swallowed.len()));
        let mut found = BTreeMap::new();
        for _ in 0..ids.len() + swallowed.len() {
            // Two things, the first of which is a text; two texts in the second.
            let mut words = Vec::new();
            for _ in 0..5 {
                words.push(reply(&mut direct).await.unwrap());
            }
            *found.entry(words.pop().unwrap()).or_default() += 1;
        }
        assert_eq!(found, once_and(&ids, &swallowed));
    }
}

type Seen = Arc<Mutex<BTreeMap<String, usize>>>;

/// Counts what it gets by its key, and answers with that.
async fn count(
    seen: Seen,
    request: Request<Incoming>,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let key = request.headers()["idempotency-key"].to_str().unwrap().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    assert!(body.iter().all(|byte| *byte == b'x'));
    *seen.lock().unwrap().entry(key.clone()).or_default() += 1;
    // Without a length it goes in chunks.
    let parts = [key.into_bytes(), b", done".to_vec()];
    let parts = parts.into_iter().map(|part| Ok(Frame::data(Bytes::from(part))));
    Ok(Response::new(BodyExt::boxed(StreamBody::new(stream::iter(parts)))))
}

async fn counter() -> (String, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen = Seen::default();
    let shared = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = shared.clone();
            tokio::spawn(async move {
                let answer = service_fn(move |request| count(seen.clone(), request));
                let http = hyper::server::conn::http1::Builder::new();
                let _ = http.serve_connection(TokioIo::new(stream), answer).await;
            });
        }
    });
    (address, seen)
}

/// Posts each until it is answered.
async fn post_all(proxy: &Proxy, ids: &[String]) {
    let client = chaos::http_client().unwrap();
    for (number, id) in ids.iter().enumerate() {
        let body = vec![b'x'; number % 7 * 1000];
        loop {
            let url = format!("http://{}/orders", proxy.listen);
            let request = client.post(url).header("idempotency-key", id).body(body.clone());
            let Ok(response) = request.send().await else { continue };
            assert_eq!(response.text().await.unwrap(), format!("{id}, done"));
            break;
        }
    }
}

#[tokio::test]
async fn an_http_server_gets_the_duplicates_that_the_record_lists() {
    let (address, seen) = counter().await;
    let toxic = json!({"type": "http_duplicate", "attributes": {"share": 0.2}});
    let proxy = Proxy::before(&address, json!([toxic])).await;
    let ids: Vec<String> = (0..300).map(|number| format!("h{number}")).collect();
    post_all(&proxy, &ids).await;
    let struck = proxy.struck("duplicated").await;
    assert!((30..90).contains(&struck.len()), "{}", struck.len());
    let expected = once_and(&ids, &struck);
    let begun = Instant::now();
    // The last duplicate may still be on its way.
    while *seen.lock().unwrap() != expected {
        assert!(begun.elapsed() < PATIENCE, "the server has seen something else");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let connections = proxy.server.connections("p").await.unwrap();
    assert_eq!(connections.len(), 1, "the connection is kept");
}

#[tokio::test]
async fn an_http_client_that_retries_makes_the_duplicates_that_the_record_lists() {
    let (address, seen) = counter().await;
    let toxic = json!({"type": "http_drop_response", "attributes": {"share": 0.1}});
    let proxy = Proxy::before(&address, json!([toxic])).await;
    let ids: Vec<String> = (0..200).map(|number| format!("h{number}")).collect();
    post_all(&proxy, &ids).await;
    let struck = proxy.struck("response_dropped").await;
    assert!((8..60).contains(&struck.len()), "{}", struck.len());
    assert_eq!(*seen.lock().unwrap(), once_and(&ids, &struck));
}
