//! What the strands of one connection share: the connection that stands, its
//! room for streams, and who may make it again.

use std::cell::{Cell, RefCell};
use std::future::{Future as _, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::Reason as Code;
use h2::client::{Builder, Connection, SendRequest};
use http::Request;
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::backoff::Backoff;
use crate::lane::{Lane, Standing};
use crate::outcome::Reason;
use crate::reach::Unready;
use crate::transport::http::{Ear, Target};
use crate::transport::stream::{Address, DISAGREES, Stream, text};

/// What the server may send before it has to wait, on a stream and on the
/// connection. Bodies are thrown away as they come.
const STREAM_WINDOW: u32 = 1 << 20;
const WINDOW: u32 = 1 << 24;

/// The longest head of a response, in bytes.
const LONGEST_HEAD: u32 = 64 * 1024;

/// The connection of several strands.
pub(super) struct Link<'a> {
    target: &'a Target,
    streams: u32,
    /// Of the connection as a whole.
    lane: &'a Lane,
    state: RefCell<State>,
    /// A strand has taken an operation, or waits for one, while there is no
    /// connection.
    scouting: Cell<bool>,
    /// How many strands have an operation and no place.
    wanting: Cell<usize>,
    /// There may be room or something to claim.
    changed: Notify,
    backoff: RefCell<Backoff>,
    fresh: RefCell<Vec<Fresh>>,
}

/// A connection that is not driven yet.
type Fresh = (Rc<Wire>, Connection<Stream, Bytes>);

enum State {
    /// No connection takes requests, and nobody makes one.
    Down,
    /// Somebody makes one, or pauses before anybody may.
    Claimed,
    Up(Rc<Wire>),
}

/// A connection that stands, or did.
pub(super) struct Wire {
    sender: SendRequest<Bytes>,
    /// How many strands have a place on it.
    seats: Cell<usize>,
    /// It takes no more requests.
    retired: Cell<bool>,
    /// When the server last answered, after T0.
    heard: Cell<Duration>,
    standing: Cell<Option<Standing>>,
    /// Told when it is retired, or when an idle strand should give its place
    /// to one with an operation.
    gone: Notify,
    /// Told when it is retired and nobody is left on it.
    empty: Notify,
}

/// Why a request has no answer.
pub(super) enum Trouble {
    /// The connection took no more requests.
    Unsent,
    /// The server says that it has not touched it.
    Untouched,
    /// It may have been carried out.
    Lost(String),
}

/// Room for a stream, until it is dropped.
pub(super) struct Seat<'a> {
    link: &'a Link<'a>,
    wire: Rc<Wire>,
}

/// The right to make the connection, until it is dropped.
pub(super) struct Claim<'a>(&'a Link<'a>);

/// The right to take an operation while there is no connection, until it is
/// dropped: if it cannot be made, one operation has failed and not all that a
/// connection could carry.
pub(super) struct Scout<'a>(&'a Link<'a>);

/// A strand has an operation and no place while this lives.
pub(super) struct Wanting<'a>(&'a Link<'a>);

impl<'a> Link<'a> {
    pub(super) fn new(target: &'a Target, streams: u32, lane: &'a Lane) -> Self {
        Self {
            target,
            streams,
            lane,
            state: RefCell::new(State::Down),
            scouting: Cell::new(false),
            wanting: Cell::new(0),
            changed: Notify::new(),
            backoff: RefCell::default(),
            fresh: RefCell::default(),
        }
    }

    /// Waits until there may be room or something to claim, from now on.
    pub(super) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Room for a stream, if there is any.
    pub(super) fn seat(&'a self) -> Option<Seat<'a>> {
        let state = self.state.borrow();
        let State::Up(wire) = &*state else { return None };
        if !wire.has_room() {
            wire.gone.notify_one();
            return None;
        }
        let seat = Seat::new(self, wire);
        // The server may have made more room than was given back.
        if wire.has_room() {
            self.changed.notify_one();
        }
        Some(seat)
    }

    /// Room for a strand without an operation; those with one come first.
    pub(super) fn idle_seat(&'a self) -> Option<Seat<'a>> {
        let free = matches!(&*self.state.borrow(), State::Up(wire) if wire.has_room());
        if free && self.wanting.get() == 0 { self.seat() } else { None }
    }

    /// The right to make the connection, if there is none and nobody else is
    /// about to.
    pub(super) fn claim(&'a self) -> Option<Claim<'a>> {
        let mut state = self.state.borrow_mut();
        if !matches!(&*state, State::Down) {
            return None;
        }
        *state = State::Claimed;
        self.changed.notify_waiters();
        Some(Claim(self))
    }

    /// The right to take an operation, if there is no connection.
    pub(super) fn scout(&'a self) -> Option<Scout<'a>> {
        let down = matches!(&*self.state.borrow(), State::Down);
        if down && !self.scouting.replace(true) { Some(Scout(self)) } else { None }
    }

    /// Notes that a strand has an operation and no place.
    pub(super) fn wanting(&'a self) -> Wanting<'a> {
        self.wanting.update(|wanting| wanting + 1);
        Wanting(self)
    }

    /// Makes the connection, for whoever has the claim, or before anybody may.
    pub(super) async fn open(&'a self, lane: &Lane, until: Duration) -> Result<Seat<'a>, Reason> {
        let connecting = connect(&self.target.address, self.streams);
        let (sender, connection) = match lane.limit(until, connecting).await {
            Some(connected) => connected.map_err(|error| lane.unmade(&error))?,
            None => return Err(Reason::Unreachable("no answer within the timeout".to_owned())),
        };
        let wire = Rc::new(Wire {
            sender,
            seats: Cell::new(0),
            retired: Cell::new(false),
            heard: Cell::new(lane.now()),
            standing: Cell::new(Some(self.lane.standing())),
            gone: Notify::new(),
            empty: Notify::new(),
        });
        let seat = Seat::new(self, &wire);
        self.fresh.borrow_mut().push((Rc::clone(&wire), connection));
        *self.state.borrow_mut() = State::Up(wire);
        self.changed.notify_waiters();
        Ok(seat)
    }

    /// The connections that are to be driven from now on.
    pub(super) fn fresh(&self) -> std::vec::IntoIter<Fresh> {
        self.fresh.take().into_iter()
    }

    /// Drives a connection until it has ended, or nobody needs it any more.
    pub(super) async fn run(&self, wire: Rc<Wire>, connection: Connection<Stream, Bytes>) {
        tokio::select! {
            // Every stream learns by itself why it has ended.
            _ = connection => {}
            () = wire.empty.notified() => {}
        }
        self.retire(&wire);
    }

    /// The connection takes no more requests; the next operation makes another.
    pub(super) fn retire(&self, wire: &Rc<Wire>) {
        if wire.retired.replace(true) {
            return;
        }
        drop(wire.standing.take());
        wire.gone.notify_waiters();
        if wire.seats.get() == 0 {
            wire.empty.notify_one();
        }
        let mut state = self.state.borrow_mut();
        if matches!(&*state, State::Up(current) if Rc::ptr_eq(current, wire)) {
            *state = State::Down;
            self.changed.notify_waiters();
        }
    }

    /// How long nobody should connect after this was in vain.
    pub(super) fn pause(&self) -> Duration {
        self.backoff.borrow_mut().pause()
    }

    /// The server can be reached.
    pub(super) fn answered(&self) {
        self.backoff.borrow_mut().reset();
    }
}

/// Connects, and waits until the server has told its settings: a server that
/// does not speak HTTP/2 is found out before anything is asked of it.
async fn connect(
    address: &Address,
    streams: u32,
) -> Result<(SendRequest<Bytes>, Connection<Stream, Bytes>), Unready> {
    let stream = address.connect().await?;
    if stream.is_secure() && stream.protocol() != Some(b"h2") {
        return Err(DISAGREES.into());
    }
    let none = |error: h2::Error| match error.get_io() {
        Some(error) => text(error),
        None => format!("the server does not speak HTTP/2: {error}"),
    };
    let (sender, mut connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(WINDOW)
        .max_header_list_size(LONGEST_HEAD)
        .max_concurrent_reset_streams(streams as usize)
        // Answers to what was given up long ago are no reason to hang up.
        .max_local_error_reset_streams(None)
        .initial_max_send_streams(0)
        .handshake(stream)
        .await
        .map_err(none)?;
    let told: Result<(), String> = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        Poll::Ready(Err(error)) => Poll::Ready(Err(none(error))),
        Poll::Ready(Ok(())) => Poll::Ready(Err("the server closed the connection".to_owned())),
        Poll::Pending if sender.current_max_send_streams() > 0 => Poll::Ready(Ok(())),
        Poll::Pending => Poll::Pending,
    })
    .await;
    told?;
    Ok((sender, connection))
}

impl Wire {
    fn has_room(&self) -> bool {
        self.seats.get() < self.sender.current_max_send_streams()
    }

    /// Whether it takes no more requests.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.get()
    }

    /// Whether the server has answered anything since a time after T0.
    pub(super) fn was_heard_since(&self, time: Duration) -> bool {
        self.heard.get() >= time
    }

    /// Waits until whoever has nothing to send should leave.
    pub(super) async fn lost(&self) {
        let gone = self.gone.notified();
        if !self.is_retired() {
            gone.await;
        }
    }

    /// Sends a request, reads the whole response and gives its status. `sent`
    /// says from when on something of it may have been sent.
    pub(super) async fn exchange(
        &self,
        lane: &Lane,
        (request, body): (Request<()>, Bytes),
        sent: &Cell<bool>,
        mut ear: Option<&mut Ear<'_>>,
    ) -> Result<u16, Trouble> {
        let ready = self.sender.clone().ready().await;
        let mut sender = ready.map_err(|_| Trouble::Unsent)?;
        let without_body = body.is_empty();
        let (response, mut stream) =
            sender.send_request(request, without_body).map_err(|_| Trouble::Unsent)?;
        if !without_body {
            stream.send_data(body, true).map_err(lost)?;
        }
        // A stream beyond what the server allows is not opened yet, and the
        // next one is not ready before it is. An error tells less than the
        // stream's own.
        let _ = poll_fn(|cx| sender.poll_ready(cx)).await;
        sent.set(true);
        let response = response.await.map_err(refused_or_lost)?;
        self.heard.set(lane.now());
        let status = response.status().as_u16();
        if let Some(ear) = ear.as_deref_mut() {
            let header = |name: &str| Some(response.headers().get(name)?.as_bytes());
            ear.begin(status, header);
        }
        let mut ear = ear.filter(|ear| ear.keeps());
        let mut body = response.into_body();
        while let Some(part) = body.data().await {
            let part = part.map_err(lost)?;
            if let Some(ear) = ear.as_deref_mut() {
                ear.hear(&part);
            }
            body.flow_control().release_capacity(part.len()).map_err(lost)?;
        }
        body.trailers().await.map_err(lost)?;
        Ok(status)
    }
}

/// The server says of a refused stream, and of one that is newer than the last
/// one that its GOAWAY names, that it was not processed (RFC 9113, 8.7). The
/// library gives the error of a GOAWAY to no other stream.
#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn refused_or_lost(error: h2::Error) -> Trouble {
    if error.is_remote() && error.is_go_away() {
        Trouble::Unsent
    } else if error.is_remote() && error.reason() == Some(Code::REFUSED_STREAM) {
        Trouble::Untouched
    } else {
        Trouble::Lost(error.to_string())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it maps errors")]
fn lost(error: h2::Error) -> Trouble {
    Trouble::Lost(error.to_string())
}

impl<'a> Seat<'a> {
    fn new(link: &'a Link<'a>, wire: &Rc<Wire>) -> Self {
        wire.seats.update(|seats| seats + 1);
        Self { link, wire: Rc::clone(wire) }
    }

    /// The connection on which there is room.
    pub(super) fn wire(&self) -> &Rc<Wire> {
        &self.wire
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.wire.seats.update(|seats| seats - 1);
        if self.wire.is_retired() && self.wire.seats.get() == 0 {
            self.wire.empty.notify_one();
        }
        // Whoever is first in line may have to let one with an operation pass.
        match self.link.wanting.get() {
            0 => self.link.changed.notify_one(),
            _ => self.link.changed.notify_waiters(),
        }
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state.borrow_mut();
        if matches!(&*state, State::Claimed) {
            *state = State::Down;
            self.0.changed.notify_waiters();
        }
    }
}

impl Drop for Scout<'_> {
    fn drop(&mut self) {
        self.0.scouting.set(false);
        self.0.changed.notify_waiters();
    }
}

impl Drop for Wanting<'_> {
    fn drop(&mut self) {
        self.0.wanting.update(|wanting| wanting - 1);
        if self.0.wanting.get() == 0 {
            self.0.changed.notify_waiters();
        }
    }
}
