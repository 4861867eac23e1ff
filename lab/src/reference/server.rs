//! The HTTP side of a process: its private address, the shared one if it has
//! one, and an end that loses no request.

use std::future::{Future, IntoFuture};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::extract::rejection::BytesRejection;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::serve::Listener;
use exposition::Page;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::reference::diary::Diary;

/// Longer than any request can take: an ingress waits 5 s for an answer of Redis,
/// twice, a publisher 2 s for a channel and 5 s for a confirm.
const LAST_REQUESTS: Duration = Duration::from_secs(12);
/// In bytes; a longer one is refused.
const LARGEST_BODY: usize = 1 << 20;

/// The body of a request, unless it is too large or its client broke off.
pub(crate) type Body = Result<Bytes, BytesRejection>;

/// What answers the requests.
pub(crate) trait Service: Send + Sync + Sized + 'static {
    /// What may be asked for, for those who ask for something else.
    const ROUTES: &'static str;

    fn routes() -> Router<Arc<Self>>;

    /// The address that is joined when the service is ready.
    fn shared(&self) -> Option<&str>;

    /// Returns when the shared address may be joined.
    fn ready(&self) -> impl Future<Output = ()> + Send;

    /// The shared address has been joined.
    fn joined(&self) {}
}

/// Serves until SIGTERM, then answers what has begun.
///
/// The private address answers at once. The shared one is joined only when the
/// service is ready, as a pod gets no traffic before.
pub(crate) async fn serve<S: Service>(service: Arc<S>, private: &str) -> io::Result<()> {
    let private = Door::open(private)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (stop, stopping) = watch::channel(false);
    let stranger = async || (StatusCode::NOT_FOUND, S::ROUTES);
    let router = S::routes()
        .fallback(stranger)
        .method_not_allowed_fallback(stranger)
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .with_state(Arc::clone(&service));
    let shared = async {
        let Some(address) = service.shared() else { return Ok(()) };
        tokio::select! {
            () = service.ready() => {}
            () = told(stopping.clone()) => return Ok(()),
        }
        let shared = Door::open(address)?;
        service.joined();
        shared.answer(router.clone(), stopping.clone()).await
    };
    let both = async {
        tokio::try_join!(private.answer(router.clone(), stopping.clone()), shared).map(drop)
    };
    let out_of_time = async {
        terminate.recv().await;
        stop.send_replace(true);
        sleep(LAST_REQUESTS).await;
    };
    tokio::select! {
        answered = both => answered,
        () = out_of_time => Ok(()),
    }
}

/// Returns when the process is to stop.
pub(crate) async fn told(mut stopping: watch::Receiver<bool>) {
    let _ = stopping.wait_for(|stop| *stop).await;
}

/// An address where connections come in.
struct Door(TcpListener);

impl Door {
    fn open(address: &str) -> io::Result<Self> {
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(address)?;
        socket.listen(1024).map(Self)
    }

    /// Answers until told to stop; returns after the last answer.
    async fn answer(self, router: Router, stopping: watch::Receiver<bool>) -> io::Result<()> {
        axum::serve(self, router).with_graceful_shutdown(told(stopping)).into_future().await
    }
}

impl Listener for Door {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        loop {
            match self.0.accept().await {
                Ok((stream, from)) => {
                    let _ = stream.set_nodelay(true);
                    return (stream, from);
                }
                Err(error) => {
                    // Usually no descriptor is left; accepting at once would spin.
                    Diary.error("accept_failed", &error.to_string());
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Response {
    (status, [(CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

pub(crate) fn metrics(page: &Page) -> Response {
    ([(CONTENT_TYPE, exposition::CONTENT_TYPE)], page.render()).into_response()
}

/// The wall clock, as a process looks at it when it starts.
pub(crate) fn since_epoch() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "a start time is a wall-clock time")]
    let now = std::time::SystemTime::now();
    now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}
