//! The HTTP API, which is Toxiproxy's with some more paths:
//! `/proxies/NAME/connections` and `/proxies/NAME/effects`.

use std::convert::Infallible;
use std::time::Duration;

use bytes::Bytes;
use exposition::Page;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, USER_AGENT};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::stage::Ending;
use super::{ProxyError, ProxyRequest, Server, ToxicRequest, metrics};

/// The version of Toxiproxy whose API this is; clients compare it.
const VERSION: &str = "2.12.0";
/// No request is longer.
const LONGEST: usize = 16 * 1024 * 1024;
/// So many effects are in an answer if no `limit` is given.
const EFFECTS: usize = 10_000;
/// The pause after an error of `accept`, such as too many open files.
const BREATHE: Duration = Duration::from_millis(50);

/// Answers requests until it is dropped; then their connections end, too.
pub async fn serve(server: Server, listener: TcpListener) -> Infallible {
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let server = server.clone();
                    clients.spawn(async move {
                        let answer = service_fn(|request| answer(&server, request));
                        let mut http = hyper::server::conn::http1::Builder::new();
                        // A client that breaks off is none of ours to mend.
                        let _ = http.timer(TokioTimer::new())
                            .serve_connection(TokioIo::new(stream), answer)
                            .await;
                    });
                }
                Err(_) => tokio::time::sleep(BREATHE).await,
            },
            Some(_) = clients.join_next() => {}
        }
    }
}

/// What is answered.
enum Answer {
    Json(StatusCode, Value),
    Metrics(Page),
    Empty,
}

async fn answer(
    server: &Server,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let agent = request.headers().get(USER_AGENT).and_then(|agent| agent.to_str().ok());
    if agent.is_some_and(|agent| agent.starts_with("Mozilla/")) {
        // Otherwise any page that somebody visits could break connections.
        let why = json!({"error": "browsers are not answered", "status": 403});
        return Ok(respond(Answer::Json(StatusCode::FORBIDDEN, why)));
    }
    let answered = route(server, request).await.unwrap_or_else(|error| {
        let status = StatusCode::from_u16(error.status());
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Answer::Json(status, json!({"error": error.to_string(), "status": error.status()}))
    });
    Ok(respond(answered))
}

fn respond(answer: Answer) -> Response<Full<Bytes>> {
    let (status, kind, body) = match answer {
        Answer::Json(status, value) => (status, "application/json", value.to_string()),
        Answer::Metrics(page) => (StatusCode::OK, exposition::CONTENT_TYPE, page.render()),
        Answer::Empty => (StatusCode::NO_CONTENT, "application/json", String::new()),
    };
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

async fn route(server: &Server, request: Request<Incoming>) -> Result<Answer, ProxyError> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let segments = path.split('/').skip(1).map(decoded).collect::<Option<Vec<_>>>();
    let segments = segments.unwrap_or_default();
    let mut segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    // A slash at the end changes nothing.
    let _ = segments.pop_if(|last| last.is_empty());
    let change = method == Method::POST || method == Method::PATCH;
    match (method.as_str(), &segments[..]) {
        ("GET", ["version"]) => ok(&json!({"version": VERSION})),
        ("GET", ["metrics"]) => Ok(Answer::Metrics(metrics::page(&server.totals().await))),
        ("POST", ["reset"]) => server.reset().await.map(|()| Answer::Empty),
        ("POST", ["populate"]) => {
            let asked: Vec<ProxyRequest> = body(request).await?;
            created(&json!({"proxies": server.populate(&asked).await?}))
        }
        ("GET", ["proxies"]) => ok(&server.proxies().await),
        ("POST", ["proxies"]) => created(&server.create(&body(request).await?).await?),
        ("GET", ["proxies", name]) => ok(&server.proxy(name).await?),
        ("DELETE", ["proxies", name]) => server.remove(name).await.map(|()| Answer::Empty),
        (_, ["proxies", name]) if change => {
            // Whether there is one is said before what is wrong with the body.
            server.proxy(name).await?;
            ok(&server.update(name, &body(request).await?).await?)
        }
        (_, ["proxies", name, "toxics", rest @ ..]) => toxics(server, name, rest, request).await,
        (_, ["proxies", name, rest @ ..]) => links(server, name, rest, &request).await,
        _ => Err(ProxyError::NoRoute { method: method.to_string(), path }),
    }
}

/// `/proxies/NAME/toxics` and below.
async fn toxics(
    server: &Server,
    proxy: &str,
    rest: &[&str],
    request: Request<Incoming>,
) -> Result<Answer, ProxyError> {
    let method = request.method().clone();
    match (method.as_str(), rest) {
        ("GET", []) => ok(&server.proxy(proxy).await?.toxics),
        ("POST", []) => {
            server.proxy(proxy).await?;
            let asked: ToxicRequest = body(request).await?;
            ok(&server.add_toxic(proxy, &asked).await?)
        }
        ("GET", [name]) => ok(&server.toxic(proxy, name).await?),
        ("POST" | "PATCH", [name]) => {
            server.toxic(proxy, name).await?;
            let asked: ToxicRequest = body(request).await?;
            ok(&server.update_toxic(proxy, name, &asked).await?)
        }
        ("DELETE", [name]) => server.remove_toxic(proxy, name).await.map(|()| Answer::Empty),
        _ => Err(no_route(&request)),
    }
}

/// `/proxies/NAME/connections` and `/proxies/NAME/effects`.
async fn links(
    server: &Server,
    proxy: &str,
    rest: &[&str],
    request: &Request<Incoming>,
) -> Result<Answer, ProxyError> {
    let ending = || match query(request, "how").unwrap_or("close") {
        "close" => Ok(Ending::Closed),
        "reset" => Ok(Ending::Reset),
        how => Err(ProxyError::Bad { why: format!("how={how} is neither close nor reset") }),
    };
    match (request.method().as_str(), rest) {
        ("GET", ["connections"]) => ok(&server.connections(proxy).await?),
        ("DELETE", ["connections"]) => {
            let count = server.cut(proxy, None, ending()?).await?;
            ok(&json!({"closed": count}))
        }
        ("DELETE", ["connections", id]) => {
            let id = number(id)?;
            server.cut(proxy, Some(id), ending()?).await.map(|_| Answer::Empty)
        }
        ("GET", ["effects"]) => {
            let after = query(request, "after").map_or(Ok(0), number)?;
            let limit = query(request, "limit").map_or(Ok(EFFECTS as u64), number)?;
            let limit = usize::try_from(limit).unwrap_or(usize::MAX);
            ok(&server.effects(proxy, after, limit).await?)
        }
        _ => Err(no_route(request)),
    }
}

fn ok(value: &impl Serialize) -> Result<Answer, ProxyError> {
    Ok(Answer::Json(StatusCode::OK, json!(value)))
}

fn created(value: &impl Serialize) -> Result<Answer, ProxyError> {
    Ok(Answer::Json(StatusCode::CREATED, json!(value)))
}

fn no_route(request: &Request<Incoming>) -> ProxyError {
    let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
    ProxyError::NoRoute { method, path }
}

fn number(text: &str) -> Result<u64, ProxyError> {
    text.parse().map_err(|_| ProxyError::Bad { why: format!("{text:?} is not a number") })
}

fn query<'a>(request: &'a Request<Incoming>, key: &str) -> Option<&'a str> {
    let pairs = request.uri().query()?.split('&');
    pairs.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == key).map(|(_, v)| v)
}

/// Reads the body whatever its `Content-Type` is: clients differ there.
async fn body<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, ProxyError> {
    let bad = |why: String| ProxyError::Bad { why };
    let body = Limited::new(request.into_body(), LONGEST).collect().await;
    let body = body.map_err(|error| bad(error.to_string()))?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| bad(error.to_string()))
}

/// `%40` is `@`.
fn decoded(segment: &str) -> Option<String> {
    let mut bytes = segment.bytes();
    let mut text = Vec::new();
    while let Some(byte) = bytes.next() {
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        text.push(if byte == b'%' { u8::try_from(digit()? * 16 + digit()?).ok()? } else { byte });
    }
    String::from_utf8(text).ok()
}
