//! One HTTP/1.1 connection, driven by the task that uses it.
//!
//! The connection's own future is polled together with whatever the task
//! waits for, so no second task and no hand-over between tasks is needed.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::lane::{Lane, Standing};

type Driver = http1::Connection<TokioIo<TcpStream>, Full<Bytes>>;

/// A connection that stands, or did.
pub(super) struct Wire {
    sender: SendRequest<Full<Bytes>>,
    line: Line,
}

/// The connection's future; `None` when it has ended.
struct Line(Option<(Pin<Box<Driver>>, Standing)>);

/// Why a request has no answer.
pub(super) enum Trouble {
    /// No byte of it was written.
    Unsent,
    /// Some of it may have been written.
    Lost(String),
}

impl Wire {
    /// Connects to a server.
    pub(super) async fn connect(host: &str, port: u16, lane: &Lane) -> Result<Self, String> {
        let stream = TcpStream::connect((host, port)).await.map_err(|error| text(&error))?;
        stream.set_nodelay(true).map_err(|error| text(&error))?;
        let (sender, driver) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| text(&error))?;
        Ok(Self { sender, line: Line(Some((Box::pin(driver), lane.standing()))) })
    }

    /// Whether the connection is known to have ended.
    pub(super) fn is_dead(&self) -> bool {
        self.line.0.is_none() || self.sender.is_closed()
    }

    /// Waits for something else while the connection is idle.
    pub(super) async fn watch<F: Future>(&mut self, work: F) -> F::Output {
        self.line.drive(work).await
    }

    /// Sends a request, reads the whole response and gives its status.
    pub(super) async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<u16, Trouble> {
        let sender = &mut self.sender;
        self.line
            .drive(async {
                sender.ready().await.map_err(|_| Trouble::Unsent)?;
                let sent = sender.try_send_request(request).await;
                let mut response = sent.map_err(|mut error| match error.take_message() {
                    Some(_) => Trouble::Unsent,
                    None => Trouble::Lost(text(error.error())),
                })?;
                let body = response.body_mut();
                while let Some(frame) = body.frame().await {
                    frame.map_err(|error| Trouble::Lost(text(&error)))?;
                }
                Ok(response.status().as_u16())
            })
            .await
    }
}

impl Line {
    /// Polls the connection along with `work`, until `work` is done.
    async fn drive<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            // First the work, which may give the connection something to
            // write; then again, for what the connection may have read.
            if let Poll::Ready(output) = work.as_mut().poll(cx) {
                return Poll::Ready(output);
            }
            let Some((driver, _)) = &mut self.0 else { return Poll::Pending };
            if driver.as_mut().poll(cx).is_ready() {
                self.0 = None;
            }
            work.as_mut().poll(cx)
        })
        .await
    }
}

/// The innermost cause, which is the one that tells something.
fn text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
