//! A connection to Redis, and what is said on it first.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};

use super::command::command;
use super::reply::Reply;
use super::{Target, denied};
use crate::reach::Unready;
use crate::transport::stream::{Address, Stream};

/// What is read at once, in bytes.
const READ: usize = 32 * 1024;

/// A connection with what was read and not used, and what is to be written.
#[derive(Debug)]
pub(super) struct Link {
    stream: Stream,
    read: Vec<u8>,
    from: usize,
    to: usize,
    /// To be written, from `written` on.
    pub(super) out: Vec<u8>,
    written: usize,
}

impl Link {
    /// Connects to an address as the target says, tells who it is and which
    /// database it wants.
    ///
    /// # Errors
    /// When the host may not be reached, there is no connection, or Redis
    /// refuses.
    pub(super) async fn open(
        target: &Target,
        address: &Address,
        name: &str,
    ) -> Result<Self, Unready> {
        target.reach.check(&address.host).await?;
        let stream = address.connect().await?;
        let mut link = Self {
            stream,
            read: vec![0; READ],
            from: 0,
            to: 0,
            out: Vec::with_capacity(READ),
            written: 0,
        };
        if let Some((user, password)) = &target.login {
            let mut words: Vec<&[u8]> = vec![b"AUTH"];
            words.extend(user.as_deref().map(str::as_bytes));
            words.push(password.as_bytes());
            let asked = link.demand(&words).await;
            asked.map_err(|said| denied(target, "AUTH", said))?;
        }
        if target.database > 0 {
            let number = target.database.to_string();
            let asked = link.demand(&[b"SELECT", number.as_bytes()]).await;
            asked.map_err(|said| denied(target, &format!("SELECT {number}"), said))?;
        }
        // A name is a comfort; a user may be forbidden to give one. It also
        // shows at once whether anybody answers.
        link.call(&[b"CLIENT", b"SETNAME", name.as_bytes()], |_| ()).await?;
        Ok(link)
    }

    /// Sends a command and waits for its answer, which must not be an error.
    pub(super) async fn demand(&mut self, words: &[&[u8]]) -> Result<(), String> {
        self.call(words, |reply| match reply {
            Reply::Error(text) => Err(String::from_utf8_lossy(text).into_owned()),
            _ => Ok(()),
        })
        .await?
    }

    /// Sends a command and hands its answer on.
    pub(super) async fn call<T>(
        &mut self,
        words: &[&[u8]],
        take: impl FnOnce(&Reply<'_>) -> T,
    ) -> Result<T, String> {
        let text = |error: io::Error| error.to_string();
        self.stream.write_all(&command(words)).await.map_err(text)?;
        self.stream.flush().await.map_err(text)?;
        self.answer(take).await
    }

    /// Waits for the next answer and hands it on.
    pub(super) async fn answer<T>(
        &mut self,
        take: impl FnOnce(&Reply<'_>) -> T,
    ) -> Result<T, String> {
        loop {
            if let Some((reply, length)) = Reply::parse(&self.read[self.from..self.to])? {
                let taken = take(&reply);
                self.from += length;
                return Ok(taken);
            }
            self.make_room();
            let read = self.stream.read(&mut self.read[self.to..]).await;
            match read.map_err(|error| error.to_string())? {
                0 => return Err("closed by the server".to_owned()),
                read => self.to += read,
            }
        }
    }

    /// Hands on every answer that was read completely.
    pub(super) fn answers(&mut self, mut take: impl FnMut(&Reply<'_>)) -> Result<(), String> {
        while let Some((reply, length)) = Reply::parse(&self.read[self.from..self.to])? {
            take(&reply);
            self.from += length;
        }
        Ok(())
    }

    /// Reads what there is.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.make_room();
        let mut buffer = ReadBuf::new(&mut self.read[self.to..]);
        let filled = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer));
        Poll::Ready(match filled {
            Ok(()) if buffer.filled().is_empty() => Err("closed by the server".to_owned()),
            Ok(()) => {
                self.to += buffer.filled().len();
                Ok(())
            }
            Err(error) => Err(error.to_string()),
        })
    }

    /// Writes as much as can be written; ready when nothing is left.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        while self.written < self.out.len() {
            let rest = &self.out[self.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err("closed by the server".to_owned())),
                Ok(written) => self.written += written,
                Err(error) => return Poll::Ready(Err(error.to_string())),
            }
        }
        self.out.clear();
        self.written = 0;
        if self.stream.buffers() {
            let flushed = ready!(Pin::new(&mut self.stream).poll_flush(cx));
            return Poll::Ready(flushed.map_err(|error| error.to_string()));
        }
        Poll::Ready(Ok(()))
    }

    /// How many bytes are to be written.
    pub(super) fn unsent(&self) -> usize {
        self.out.len() - self.written
    }

    fn make_room(&mut self) {
        if self.from == self.to {
            (self.from, self.to) = (0, 0);
        } else if self.to == self.read.len() {
            self.read.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
            if self.to == self.read.len() {
                self.read.resize(self.read.len() * 2, 0);
            }
        }
    }
}
