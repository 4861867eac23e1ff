//! The HTTP side of a process: its private address, the shared one if it has
//! one, and an end that loses no request.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::reference::diary::Diary;

/// Longer than any request can take: an ingress waits 5 s for an answer of Redis,
/// twice, a publisher 2 s for a channel and 5 s for a confirm.
const LAST_REQUESTS: Duration = Duration::from_secs(12);

pub(crate) type Answer = Response<Full<Bytes>>;

/// What answers the requests.
pub(crate) trait Service: Send + Sync + 'static {
    /// The address that is joined when the service is ready.
    fn shared(&self) -> Option<&str>;

    /// Returns when the shared address may be joined.
    fn ready(&self) -> impl Future<Output = ()> + Send;

    /// The shared address has been joined.
    fn joined(&self) {}

    fn respond(&self, request: Request<Incoming>) -> impl Future<Output = Answer> + Send;
}

/// Serves until SIGTERM, then answers what has begun.
///
/// The private address answers at once. The shared one is joined only when the
/// service is ready, as a pod gets no traffic before.
pub(crate) async fn serve<S: Service>(service: Arc<S>, private: &str) -> io::Result<()> {
    let private = listen(private)?;
    let mut shared = None;
    let mut terminate = signal(SignalKind::terminate())?;
    let (stop, stopping) = watch::channel(false);
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            _ = terminate.recv() => break,
            () = service.ready(), if shared.is_none() && service.shared().is_some() => {
                shared = service.shared().map(listen).transpose()?;
                service.joined();
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
async fn answer<S: Service>(
    stream: TcpStream,
    service: Arc<S>,
    mut stopping: watch::Receiver<bool>,
) {
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

pub(crate) fn text(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, "text/plain", body)
}

pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Answer {
    typed(status, "application/json", body.to_string())
}

/// The text exposition format of Prometheus.
pub(crate) fn metrics(body: String) -> Answer {
    typed(StatusCode::OK, "text/plain; version=0.0.4", body)
}

fn typed(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
