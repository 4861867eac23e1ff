//! The replica's HTTP side: the shared address, its private one, and an end
//! that loses no request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::arguments::Arguments;
use super::counts::Counts;
use super::diary::Diary;
use super::message::{Message, Outcome};
use super::tactics::Tactics;

const LARGEST_BODY: usize = 1 << 20;
/// Longer than any request can take: 2 s for a channel and 5 s for a confirm.
const LAST_REQUESTS: Duration = Duration::from_secs(10);

/// What every request can reach.
struct Service {
    arguments: Arc<Arguments>,
    tactics: Arc<Tactics>,
    counts: Arc<Counts>,
    /// Takes part in the shared address.
    joined: AtomicBool,
}

/// Serves until SIGTERM, then answers what has begun.
///
/// The private address answers at once. The shared one is joined only when the
/// replica is ready, as a pod gets no traffic before.
pub(crate) async fn serve(
    arguments: &Arc<Arguments>,
    tactics: &Arc<Tactics>,
    counts: &Arc<Counts>,
) -> io::Result<()> {
    let service = Arc::new(Service {
        arguments: Arc::clone(arguments),
        tactics: Arc::clone(tactics),
        counts: Arc::clone(counts),
        joined: AtomicBool::new(false),
    });
    let private = listen(&arguments.private)?;
    let mut shared = None;
    let mut terminate = signal(SignalKind::terminate())?;
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = terminate.recv() => break,
            () = tactics.ready(), if shared.is_none() => {
                shared = Some(listen(&arguments.listen)?);
                service.joined.store(true, Ordering::Relaxed);
                continue;
            }
            Some(_) = connections.join_next() => continue,
            accepted = private.accept() => accepted,
            accepted = accept(shared.as_ref()) => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                connections.spawn(answer(stream, Arc::clone(&service), stopping.clone()));
            }
            Err(error) => {
                // Usually no descriptor is left; accepting at once would spin.
                Diary.error("accept_failed", &error.to_string());
                sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop((private, shared));
    let _ = stop.send(true);
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = timeout(LAST_REQUESTS, drained).await;
    Ok(())
}

fn listen(address: &str) -> io::Result<TcpListener> {
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    socket.listen(1024)
}

async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, service: Arc<Service>, mut stopping: watch::Receiver<bool>) {
    let _ = stream.set_nodelay(true);
    let respond = service_fn(move |request| {
        let service = Arc::clone(&service);
        async move { Ok::<_, Infallible>(service.respond(request).await) }
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), respond);
    let mut connection = std::pin::pin!(connection);
    let stop = async move {
        let _ = stopping.wait_for(|stop| *stop).await;
    };
    tokio::select! {
        // A client that breaks off is its own affair.
        _ = connection.as_mut() => {}
        () = stop => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

impl Service {
    async fn respond(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/publish") => self.publish(request).await,
            (&Method::GET, "/health") => {
                if self.joined.load(Ordering::Relaxed) && self.tactics.is_up() {
                    text(StatusCode::OK, "ok")
                } else {
                    text(StatusCode::SERVICE_UNAVAILABLE, "no connection to the broker")
                }
            }
            (&Method::GET, "/metrics") => {
                let mut response = text(StatusCode::OK, self.counts.render());
                let version = HeaderValue::from_static("text/plain; version=0.0.4");
                response.headers_mut().insert(CONTENT_TYPE, version);
                response
            }
            _ => text(StatusCode::NOT_FOUND, "POST /publish, GET /health, GET /metrics"),
        }
    }

    async fn publish(self: Arc<Self>, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let body = match Limited::new(request.into_body(), LARGEST_BODY).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return json(StatusCode::BAD_REQUEST, "error", &error.to_string()),
        };
        let message = match Message::parse(body, &self.arguments) {
            Ok(message) => message,
            Err(reason) => return json(StatusCode::BAD_REQUEST, "error", &reason),
        };
        let id = message.id.clone();
        // A task of its own: a client that goes away must not tear a publish
        // in two and take its channel with it.
        let tactics = Arc::clone(&self.tactics);
        let publish = tokio::spawn(async move { tactics.publish(&message).await });
        let Ok(outcome) = publish.await else {
            return json(StatusCode::INTERNAL_SERVER_ERROR, "error", "the publish panicked");
        };
        self.counts.count(&outcome);
        let (status, problem) = match outcome {
            Outcome::Confirmed => return json(StatusCode::OK, "id", &id),
            Outcome::Refused(problem) => (StatusCode::UNPROCESSABLE_ENTITY, problem),
            Outcome::NotSent(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem),
            Outcome::Unknown(problem) => (StatusCode::GATEWAY_TIMEOUT, problem),
        };
        let line = format!("message {id}: {}", problem.message);
        // A route that leads nowhere is what the client asked for.
        if problem.code == "publish_returned" {
            Diary.info(problem.code, &line);
        } else {
            Diary.error(problem.code, &line);
        }
        json(status, "error", &problem.message)
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    response
}

fn json(status: StatusCode, key: &str, value: &str) -> Response<Full<Bytes>> {
    let mut response = text(status, serde_json::json!({ key: value }).to_string());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
