//! Serves a page over HTTP, made anew for each scraper.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// So long a scraper may take. The next one waits.
const WITHIN: Duration = Duration::from_secs(2);
/// The system may have no more sockets for a while.
const PAUSE: Duration = Duration::from_millis(100);

/// A port at which a page is served below `/metrics`.
#[derive(Debug)]
pub struct Server(TcpListener);

impl Server {
    /// Takes a port.
    ///
    /// # Errors
    /// When it is not to be had.
    pub async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        TcpListener::bind(address).await.map(Self)
    }

    /// Takes a port that is bound already.
    ///
    /// # Errors
    /// When the system does not let it be asked without waiting.
    pub fn of(listener: std::net::TcpListener) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener).map(Self)
    }

    /// Serves one scraper after the other, for ever; `page` gives the text for each.
    pub async fn serve(self, page: impl Fn() -> String) {
        loop {
            let Ok((stream, _)) = self.0.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let answer = service_fn(|request| {
                let response = answer(&request, &page);
                async { Ok::<_, Infallible>(response) }
            });
            let connection = http1::Builder::new()
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), answer);
            // A scraper that went away, or says nothing, has no claim.
            let _ = tokio::time::timeout(WITHIN, connection).await;
        }
    }
}

fn answer(request: &Request<Incoming>, page: impl Fn() -> String) -> Response<Full<Bytes>> {
    let (status, text) = match request.uri().path() {
        "/metrics" => (StatusCode::OK, page()),
        _ => (StatusCode::NOT_FOUND, "the figures are at /metrics\n".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    let format = HeaderValue::from_static(crate::CONTENT_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, format);
    response
}
