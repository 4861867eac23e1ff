//! The bytes of one connection: what waits to be written, and what was read
//! and not understood yet.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};

use super::frame::{CONNECTION_CLOSE, Fields, Frame, Name};
use crate::transport::stream::Stream;

/// What is read at once, at most.
const READ: usize = 64 * 1024;

/// Written bytes are thrown away when there are this many.
const WASTE: usize = 256 * 1024;

/// The bytes of one connection.
#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// What is to be written; its first `sent` bytes are.
    out: Vec<u8>,
    sent: usize,
    /// How many bytes of the stream were thrown away after they were written.
    gone: u64,
    flushed: bool,
    input: Vec<u8>,
    /// What was read and not understood yet.
    from: usize,
    to: usize,
    /// The longest frame, in bytes.
    pub(super) longest: usize,
}

impl Wire {
    pub(super) fn new(stream: Stream) -> Self {
        Self {
            stream,
            out: Vec::new(),
            sent: 0,
            gone: 0,
            flushed: true,
            input: vec![0; READ],
            from: 0,
            to: 0,
            longest: READ,
        }
    }

    /// Where to append what is to be written.
    pub(super) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// How many bytes wait to be written.
    pub(super) fn unsent(&self) -> usize {
        self.out.len() - self.sent
    }

    /// How many bytes of the stream were handed to the system.
    pub(super) fn written(&self) -> u64 {
        self.gone + self.sent as u64
    }

    /// The length of the stream, what waits to be written included.
    pub(super) fn length(&self) -> u64 {
        self.gone + self.out.len() as u64
    }

    /// Writes what can be written; ready when nothing waits any more.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.out.len() {
            let stream = Pin::new(&mut self.stream);
            match stream.poll_write(cx, &self.out[self.sent..]) {
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Poll::Ready(Ok(count)) => {
                    self.sent += count;
                    self.flushed = !self.stream.buffers();
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    if self.sent > WASTE {
                        self.out.drain(..self.sent);
                        self.gone += self.sent as u64;
                        self.sent = 0;
                    }
                    return Poll::Pending;
                }
            }
        }
        self.gone += self.sent as u64;
        self.sent = 0;
        self.out.clear();
        if !self.flushed {
            std::task::ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Reads what is there, at least one byte.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.from > 0 {
            self.input.copy_within(self.from..self.to, 0);
            self.to -= self.from;
            self.from = 0;
        }
        if self.to == self.input.len() {
            // A frame that is longer than this is refused before.
            self.input.resize(self.longest.max(self.to + READ), 0);
        }
        let mut space = ReadBuf::new(&mut self.input[self.to..]);
        std::task::ready!(Pin::new(&mut self.stream).poll_read(cx, &mut space))?;
        let count = space.filled().len();
        if count == 0 {
            let closed = "the broker closed the connection";
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, closed)));
        }
        self.to += count;
        Poll::Ready(Ok(()))
    }

    /// Gives every whole frame that was read to `each`, until it fails.
    ///
    /// # Errors
    /// When the bytes are not AMQP; those of `each`.
    pub(super) fn frames(
        &mut self,
        mut each: impl FnMut(Frame<'_>) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut rest = &self.input[self.from..self.to];
        loop {
            let taken = Frame::take(&mut rest, self.longest);
            self.from = self.to - rest.len();
            match taken? {
                Some(frame) => each(frame)?,
                None => return Ok(()),
            }
        }
    }

    /// Writes everything that waits.
    pub(super) async fn flush(&mut self) -> Result<(), String> {
        poll_fn(|cx| self.poll_write(cx)).await.map_err(|error| error.to_string())
    }

    /// Writes everything that waits, then reads until `expected` comes on
    /// `channel`; gives its arguments.
    ///
    /// # Errors
    /// When the connection is lost or the broker closes it, and why.
    pub(super) async fn call(&mut self, channel: u16, expected: Name) -> Result<Vec<u8>, String> {
        self.flush().await?;
        loop {
            let mut rest = &self.input[self.from..self.to];
            let taken = Frame::take(&mut rest, self.longest)?;
            self.from = self.to - rest.len();
            let Some(frame) = taken else {
                let read = poll_fn(|cx| self.poll_read(cx)).await;
                read.map_err(|error| error.to_string())?;
                continue;
            };
            match frame.method() {
                Some((name, Fields(rest))) if name == expected && frame.channel == channel => {
                    return Ok(rest.to_vec());
                }
                Some((CONNECTION_CLOSE | super::frame::CHANNEL_CLOSE, fields)) => {
                    return Err(fields.reason());
                }
                _ => {}
            }
        }
    }
}
