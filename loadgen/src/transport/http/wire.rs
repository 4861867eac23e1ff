//! One HTTP/1.1 connection, one request at a time on it.
//!
//! A request is one write and its response is usually one read: nothing is
//! tried of which the system has said that it must wait. The response's head
//! is parsed strictly and its body thrown away, unless somebody listens; memory
//! is bounded by the size of a head and of what is listened to.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::ear::Ear;
use super::response::{self, Body, Head, Skip};
use crate::lane::Standing;
use crate::transport::stream::Stream;

/// The longest head of a response, in bytes.
const LONGEST_HEAD: usize = 64 * 1024;

/// What is read at once, in bytes.
const READ: usize = 16 * 1024;

/// A connection that stands, or did.
pub(super) struct Wire {
    stream: Stream,
    /// What was read and not used yet: `read[from..to]`.
    read: Vec<u8>,
    from: usize,
    to: usize,
    dead: bool,
    /// It has carried a whole exchange.
    served: bool,
    /// No byte has come of what is awaited.
    unheard: bool,
    _standing: Option<Standing>,
}

/// Why a request has no answer.
pub(super) enum Trouble {
    /// No byte of it was written.
    Unsent,
    /// The other side ended a connection that had served before, and nothing of an
    /// answer came: most likely it had stood idle for too long.
    IdledOut(String),
    /// Some of it may have been written.
    Lost(String),
}

impl Wire {
    /// A connection; one to another place than the target has no standing.
    pub(super) fn new(stream: Stream, standing: Option<Standing>) -> Self {
        Self {
            stream,
            read: vec![0; READ],
            from: 0,
            to: 0,
            dead: false,
            served: false,
            unheard: true,
            _standing: standing,
        }
    }

    /// Whether the connection is known to have ended.
    pub(super) fn is_dead(&self) -> bool {
        self.dead
    }

    /// Waits for something else while the connection is idle, and notices its
    /// end meanwhile.
    pub(super) async fn watch<F: Future>(&mut self, work: F) -> F::Output {
        let mut work = pin!(work);
        poll_fn(|cx| {
            let output = work.as_mut().poll(cx);
            // An end, an error, or something that nobody has asked for. It is looked
            // at in any case: both may have come at once.
            if !self.dead && self.poll_fill(cx).is_ready() {
                self.dead = true;
            }
            output
        })
        .await
    }

    /// Sends a request, reads the whole response and gives its status; the
    /// ear, if there is one, hears it.
    pub(super) async fn exchange(
        &mut self,
        request: &[u8],
        without_body: bool,
        mut ear: Option<&mut Ear<'_>>,
    ) -> Result<u16, Trouble> {
        // Until the whole answer is here the connection is of no further use.
        self.dead = true;
        // An end that was not seen yet, or an answer that nobody has asked for.
        if poll_fn(|cx| Poll::Ready(self.poll_fill(cx).is_ready())).await {
            return Err(Trouble::Unsent);
        }
        self.unheard = true;
        self.send(request).await?;
        let head = self.head(ear.as_deref_mut()).await?;
        match head.body(without_body) {
            Body::None => {}
            Body::Skip(mut skip) => self.skip(&mut skip, ear.filter(|ear| ear.keeps())).await?,
        }
        // Bytes beyond the response belong to no request.
        self.dead = head.closes || self.from != self.to;
        self.served = true;
        Ok(head.status)
    }

    async fn send(&mut self, request: &[u8]) -> Result<(), Trouble> {
        let mut sent = 0;
        while sent < request.len() {
            let rest = &request[sent..];
            match poll_fn(|cx| Pin::new(&mut self.stream).poll_write(cx, rest)).await {
                Ok(0) if sent == 0 => return Err(Trouble::Unsent),
                Ok(0) => return Err(lost("closed while the request was sent")),
                Ok(written) => sent += written,
                // The encryption layer may have kept some of it.
                Err(_) if sent == 0 && !self.stream.buffers() => return Err(Trouble::Unsent),
                Err(error) => return Err(self.ended(&error)),
            }
        }
        if self.stream.buffers() {
            let flushed = poll_fn(|cx| Pin::new(&mut self.stream).poll_flush(cx)).await;
            flushed.map_err(|error| self.ended(&error))?;
        }
        Ok(())
    }

    /// Reads the head of the final response.
    async fn head(&mut self, mut ear: Option<&mut Ear<'_>>) -> Result<Head, Trouble> {
        loop {
            self.fill().await?;
            loop {
                let read = &self.read[self.from..self.to];
                match Head::parse(read).map_err(lost)? {
                    Some((head, length)) => {
                        if let Some(ear) = ear.as_deref_mut() {
                            ear.begin(head.status, |name| response::header(&read[..length], name));
                        }
                        self.from += length;
                        // 100 Continue and its like come before the answer.
                        if head.is_final() {
                            return Ok(head);
                        }
                        if self.from == self.to {
                            break;
                        }
                    }
                    None if self.to - self.from >= LONGEST_HEAD => {
                        return Err(lost("the response's head has more than 64 KiB"));
                    }
                    None => break,
                }
            }
        }
    }

    async fn skip(
        &mut self,
        skip: &mut Skip,
        mut ear: Option<&mut Ear<'_>>,
    ) -> Result<(), Trouble> {
        loop {
            let read = &self.read[self.from..self.to];
            let used = match ear.as_deref_mut() {
                Some(ear) => skip.take(read, |part| ear.hear(part)),
                None => skip.take(read, |_| {}),
            };
            let used = used.map_err(lost)?;
            self.from += used;
            if skip.is_done() {
                return Ok(());
            }
            match self.fill().await {
                Ok(()) => {}
                Err(_) if skip.ends_with_connection() => return Ok(()),
                Err(trouble) => return Err(trouble),
            }
        }
    }

    /// Reads more; what was not used yet stays.
    async fn fill(&mut self) -> Result<(), Trouble> {
        poll_fn(|cx| self.poll_fill(cx)).await
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Trouble>> {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        } else if self.to == self.read.len() {
            self.read.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            if self.to == self.read.len() {
                self.read.resize(self.read.len() * 2, 0);
            }
        }
        let mut buffer = ReadBuf::new(&mut self.read[self.to..]);
        match Pin::new(&mut self.stream).poll_read(cx, &mut buffer) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                let early = "closed before the whole response came";
                Poll::Ready(Err(self.ended(&io::Error::new(ErrorKind::UnexpectedEof, early))))
            }
            Poll::Ready(Ok(())) => {
                self.to += buffer.filled().len();
                self.unheard = false;
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(self.ended(&error))),
        }
    }

    /// Why there is no answer on a connection that has this trouble.
    fn ended(&self, error: &io::Error) -> Trouble {
        let by_the_other_side = matches!(
            error.kind(),
            ErrorKind::UnexpectedEof
                | ErrorKind::ConnectionReset
                | ErrorKind::ConnectionAborted
                | ErrorKind::BrokenPipe
        );
        match self.served && self.unheard && by_the_other_side {
            true => Trouble::IdledOut(error.to_string()),
            false => Trouble::Lost(error.to_string()),
        }
    }
}

fn lost(error: impl ToString) -> Trouble {
    Trouble::Lost(error.to_string())
}
