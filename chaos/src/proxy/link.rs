//! The two sockets of a connection and what is between them, driven by one task.
//!
//! Without stages in a direction, what one read brings goes out with one write
//! from the same buffer: no channel, allocation, lock or timer for each chunk.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::pipeline::{Item, Pipeline};
use super::shared::Entry;
use super::stage::{Ending, Place, Side, Way};

/// Large reads cost less for each byte. A connection has two of these.
const BUFFER: usize = 32 * 1024;

/// Closes a socket with RST instead of FIN.
pub(super) fn reset(socket: TcpStream) {
    // If the system refuses, the socket is closed in the usual way.
    let _ = socket.set_zero_linger();
    drop(socket);
}

/// A connection at work. It is ready when both sockets are closed.
pub(super) struct Link {
    sockets: [Option<TcpStream>; 2],
    lanes: [Lane; 2],
    pipeline: Pipeline,
    entry: Entry,
    timer: Option<Pin<Box<Sleep>>>,
}

/// One direction.
struct Lane {
    buffer: Box<[u8]>,
    /// What of the buffer is still to be written.
    start: usize,
    end: usize,
    /// The source has said its end.
    is_read: bool,
    /// The sink has been told.
    is_written: bool,
}

impl Link {
    pub(super) fn new(client: TcpStream, server: TcpStream, entry: Entry) -> Self {
        let place = Place {
            proxy: entry.shared.name.clone(),
            connection: entry.control.id,
            effects: entry.shared.effects.clone(),
        };
        let lane = || Lane {
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
            is_read: false,
            is_written: false,
        };
        Self {
            sockets: [Some(client), Some(server)],
            lanes: [lane(), lane()],
            pipeline: Pipeline::new(entry.shared.seed, place),
            entry,
            timer: None,
        }
    }

    /// Moves what can be moved in one direction; whether anything was.
    fn pump(&mut self, way: Way, context: &mut Context<'_>) -> Result<bool, Ending> {
        let mut moved = false;
        loop {
            if !self.flush(way, context)? {
                return Ok(moved);
            }
            if !self.fill(way, context) {
                return Ok(moved);
            }
            moved = true;
            if !self.pipeline.is_direct(way) {
                // The stages come first.
                return Ok(true);
            }
        }
    }

    /// Writes what is ready. True if it is all written, or none of it has to be
    /// before more is read; an error ends the connection.
    fn flush(&mut self, way: Way, context: &mut Context<'_>) -> Result<bool, Ending> {
        let lane = &mut self.lanes[way as usize];
        let Some(sink) = &mut self.sockets[way.sink() as usize] else {
            (lane.start, lane.end) = (0, 0);
            self.pipeline.discard(way);
            return Ok(true);
        };
        let traffic = &self.entry.control.traffic;
        let mut write = |bytes: &[u8]| match Pin::new(&mut *sink).poll_write(context, bytes) {
            Poll::Ready(Ok(count)) => {
                traffic.add_sent(way, count);
                Ok(Some(count))
            }
            Poll::Ready(Err(_)) => Err(Ending::Reset),
            Poll::Pending => Ok(None),
        };
        while lane.start < lane.end {
            match write(&lane.buffer[lane.start..lane.end])? {
                Some(count) => lane.start += count,
                None => return Ok(false),
            }
        }
        let mut ends = false;
        while let Some(item) = self.pipeline.front(way) {
            match item {
                Item::Bytes(bytes) => match write(bytes)? {
                    Some(count) => self.pipeline.written(way, count),
                    None => return Ok(true),
                },
                Item::End(Ending::Finished) => {
                    self.pipeline.written(way, 0);
                    ends = true;
                }
                Item::End(ending) => return Err(*ending),
            }
        }
        if ends {
            lane.is_written = true;
            // The system closes this direction at once, or it is closed already.
            let _ = Pin::new(sink).poll_shutdown(context);
        }
        Ok(true)
    }

    /// Reads once if more is wanted; whether anything came.
    fn fill(&mut self, way: Way, context: &mut Context<'_>) -> bool {
        let lane = &mut self.lanes[way as usize];
        if lane.is_read || !self.pipeline.wants(way) {
            return false;
        }
        let Some(source) = &mut self.sockets[way.source() as usize] else { return false };
        let mut buffer = ReadBuf::new(&mut lane.buffer);
        let item = match Pin::new(source).poll_read(context, &mut buffer) {
            Poll::Pending => return false,
            Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                let count = buffer.filled().len();
                self.entry.control.traffic.add_received(way, count);
                if self.pipeline.is_direct(way) {
                    (lane.start, lane.end) = (0, count);
                    return true;
                }
                Item::Bytes(Bytes::copy_from_slice(&lane.buffer[..count]))
            }
            Poll::Ready(Ok(())) => Item::End(Ending::Finished),
            Poll::Ready(Err(_)) => Item::End(Ending::Reset),
        };
        lane.is_read |= matches!(item, Item::End(_));
        self.pipeline.push(way, item);
        true
    }

    /// Lets the stages work and does what they want done to the sockets;
    /// whether there is something to write, or they want another turn at once.
    fn run(&mut self, context: &mut Context<'_>) -> Result<bool, Ending> {
        let moved = self.pipeline.run(Instant::now());
        self.obey()?;
        let Some(due) = self.pipeline.due() else {
            self.timer = None;
            return Ok(moved);
        };
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if timer.deadline() != due {
            timer.as_mut().reset(due);
        }
        Ok(timer.as_mut().poll(context).is_ready() || moved)
    }

    /// Closes what the stages want closed.
    fn obey(&mut self) -> Result<(), Ending> {
        let tail = &mut self.pipeline.tail;
        for (side, ending) in tail.closes.drain(..) {
            match self.sockets[side as usize].take() {
                Some(socket) if ending == Ending::Reset => reset(socket),
                socket => drop(socket),
            }
        }
        tail.cut.map_or(Ok(()), Err)
    }

    /// Takes the toxics as they are now.
    fn refit(&mut self) -> Result<(), Ending> {
        let names = self.pipeline.refit(&self.entry.shared.toxics(), Instant::now());
        self.entry.control.set_toxics(names);
        self.obey()
    }

    /// Goes on until nothing moves; an error is how the connection ends.
    fn step(&mut self, context: &mut Context<'_>) -> Result<(), Ending> {
        self.entry.control.was_cut().map_or(Ok(()), Err)?;
        if self.entry.control.take_changed() {
            self.refit()?;
        }
        loop {
            let mut moved = self.pump(Way::Upstream, context)?;
            moved |= self.pump(Way::Downstream, context)?;
            if !self.pipeline.is_empty() {
                moved |= self.run(context)?;
            }
            if self.lanes.iter().all(|lane| lane.is_written) {
                return Err(Ending::Closed);
            }
            if !moved {
                return Ok(());
            }
        }
    }

    fn end(&mut self, ending: Ending) {
        for side in [Side::Client, Side::Server] {
            match self.sockets[side as usize].take() {
                Some(socket) if ending == Ending::Reset => reset(socket),
                socket => drop(socket),
            }
        }
    }
}

impl Future for Link {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.entry.control.register(context);
        match self.step(context) {
            Ok(()) => Poll::Pending,
            Err(ending) => {
                self.end(ending);
                Poll::Ready(())
            }
        }
    }
}
