//! The stage of the toxics of HTTP: one request after the other, and what
//! becomes of the response to one that is struck.

use bytes::Bytes;

use super::super::super::stage::{Ending, Ground, Stage, Turn, Way};
use super::super::super::toxic::Kind;
use super::super::{Pick, Picker, TOO_LATE, step_aside};
use super::{Head, Messages, Read, identity_of, method_of};

/// A longer request is left alone.
const MOST_BYTES: usize = 1024 * 1024;

/// What is done to a request that is struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// It is sent once more after its response, and the second one is swallowed.
    Duplicate,
    /// Its response is dropped if the server did it, and the connection ends.
    DropResponse,
}

/// The toxic's attributes, as the stage needs them.
pub(crate) struct Wishes {
    pub(crate) pick: Pick,
    /// Only requests with one of these methods, or all.
    pub(crate) methods: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It was open before, and nobody was told yet.
    Late,
    /// The connection is left alone.
    Aside,
    /// A request comes, or none.
    Asking,
    /// The server owes a response.
    Answering,
    /// The server owes the response to a duplicate.
    Again,
    /// The connection ends.
    Over,
}

/// The stage.
pub(crate) struct Exchanges {
    deed: Deed,
    read_wishes: fn(&Kind) -> Option<Wishes>,
    methods: Vec<String>,
    picker: Picker,
    requests: Messages,
    responses: Messages,
    state: State,
    /// The request, as far as it is not too long.
    request: Vec<u8>,
    /// Its number if it is struck.
    struck: Option<u64>,
    /// The beginning of a response that may be dropped.
    held: Vec<u8>,
    is_resting: bool,
}

impl Exchanges {
    /// `read_wishes` gives what an attribute's change asks for.
    pub(crate) fn new(
        deed: Deed,
        wishes: Wishes,
        ground: &Ground,
        read_wishes: fn(&Kind) -> Option<Wishes>,
    ) -> Self {
        Self {
            deed,
            read_wishes,
            methods: wishes.methods,
            picker: Picker::new(ground, &wishes.pick),
            requests: Messages::of_requests(),
            responses: Messages::default(),
            state: if ground.from_start { State::Asking } else { State::Late },
            request: Vec::new(),
            struck: None,
            held: Vec::new(),
            is_resting: false,
        }
    }

    fn head_of_request(&self) -> Head {
        self.requests.head().unwrap_or_default()
    }

    /// Takes bytes of a request; why the connection must be left alone. They
    /// have gone on.
    fn take_request(&mut self, bytes: &[u8], turn: &mut Turn<'_>) -> Result<(), &'static str> {
        if self.state != State::Asking {
            return Err("requests do not wait for responses");
        }
        let mut used = 0;
        while used < bytes.len() {
            let (count, whole) = match self.requests.read(&bytes[used..], false)? {
                Read::Part => (bytes.len() - used, false),
                Read::Head(count) => (count, false),
                Read::Whole(count) => (count, true),
            };
            // One byte too much is kept to know that it is too long.
            let room = (MOST_BYTES + 1).saturating_sub(self.request.len());
            self.request.extend_from_slice(&bytes[used..used + count.min(room)]);
            used += count;
            if self.head_of_request().is_upgrade {
                return Err("another protocol is asked for");
            }
            if whole {
                self.state = State::Answering;
                self.choose(turn);
                if used < bytes.len() {
                    self.struck = None;
                    return Err("requests do not wait for responses");
                }
            }
        }
        Ok(())
    }

    /// A request is whole: whether it is struck.
    fn choose(&mut self, turn: &mut Turn<'_>) {
        let method = method_of(&self.request);
        let is_asked = |name: &String| method.eq_ignore_ascii_case(name.as_bytes());
        if !self.methods.is_empty() && !self.methods.iter().any(is_asked) {
            return;
        }
        let (picked, number) = self.picker.pick(turn);
        let is_short = self.request.len() <= MOST_BYTES;
        let head = self.head_of_request();
        let may = self.deed == Deed::DropResponse || !(head.closes || head.expects);
        self.struck = (picked && is_short && may && !self.is_resting).then_some(number);
    }

    /// Takes bytes of a response; those that go on are in `out` afterwards.
    fn take_response(
        &mut self,
        bytes: &[u8],
        out: &mut Vec<u8>,
        turn: &mut Turn<'_>,
    ) -> Result<(), &'static str> {
        let mut used = 0;
        while used < bytes.len() {
            let is_bodiless = self.head_of_request().is_bodiless;
            let awaits = matches!(self.state, State::Answering | State::Again);
            let read = if awaits {
                self.responses.read(&bytes[used..], is_bodiless)
            } else {
                Err("the server speaks unasked")
            };
            let (count, has_head, whole) = match read {
                Ok(Read::Part) => (bytes.len() - used, false, false),
                Ok(Read::Head(count)) => (count, true, false),
                Ok(Read::Whole(count)) => (count, true, true),
                Err(why) => {
                    out.append(&mut self.held);
                    out.extend_from_slice(&bytes[used..]);
                    return Err(why);
                }
            };
            let part = &bytes[used..used + count];
            used += count;
            let head = self.responses.head().unwrap_or_default();
            if self.state == State::Again {
                // The client has nothing of this one.
                if whole && !head.is_interim() {
                    self.state = State::Asking;
                }
                continue;
            }
            if self.deed == Deed::DropResponse && self.struck.is_some() {
                self.held.extend_from_slice(part);
                if !has_head {
                    continue;
                }
                if (200..300).contains(&head.status) && self.record("response_dropped", turn) {
                    self.held.clear();
                    self.state = State::Over;
                    return Ok(());
                }
                out.append(&mut self.held);
                self.struck = self.struck.filter(|_| head.is_interim());
            } else {
                out.extend_from_slice(part);
            }
            if head.is_upgrade {
                out.extend_from_slice(&bytes[used..]);
                return Err("another protocol is spoken");
            }
            if whole && !head.is_interim() {
                self.answered(head, turn);
            }
        }
        Ok(())
    }

    /// A response is whole.
    fn answered(&mut self, head: Head, turn: &mut Turn<'_>) {
        self.state = State::Asking;
        let may = self.deed == Deed::Duplicate && self.struck.is_some() && !head.closes;
        if may && self.record("duplicated", turn) {
            turn.forward(Way::Upstream, std::mem::take(&mut self.request).into());
            self.state = State::Again;
        }
        self.struck = None;
        self.request.clear();
    }

    fn record(&self, what: &'static str, turn: &mut Turn<'_>) -> bool {
        let number = self.struck.unwrap_or_default();
        let identity = identity_of(&self.request, number, &self.picker.pick.identity);
        let way = if self.deed == Deed::Duplicate { Way::Upstream } else { Way::Downstream };
        self.picker.record(turn, way, what, identity)
    }

    /// Leaves the connection alone; not where the client would get a response
    /// that is none of its own.
    fn give_up(&mut self, why: &'static str, turn: &mut Turn<'_>) {
        step_aside(turn, why);
        let is_safe = self.state != State::Again;
        (self.state, self.struck) = (State::Aside, None);
        turn.forward(Way::Downstream, std::mem::take(&mut self.held).into());
        if !is_safe {
            turn.cut(Ending::Reset);
        }
    }
}

impl Stage for Exchanges {
    fn take(&mut self, way: Way, bytes: Bytes, turn: &mut Turn<'_>) {
        match (self.state, way) {
            (State::Late, _) => {
                step_aside(turn, TOO_LATE);
                self.state = State::Aside;
                turn.forward(way, bytes);
            }
            (State::Aside, _) => turn.forward(way, bytes),
            (State::Over, _) => {}
            (_, Way::Upstream) => {
                let result = self.take_request(&bytes, turn);
                turn.forward(way, bytes);
                if let Err(why) = result {
                    self.give_up(why, turn);
                }
            }
            (_, Way::Downstream) => {
                let mut out = Vec::new();
                let result = self.take_response(&bytes, &mut out, turn);
                match result {
                    // Nobody knows whose bytes these are.
                    Err(_) if self.state == State::Again => {}
                    _ => turn.forward(way, out.into()),
                }
                if let Err(why) = result {
                    self.give_up(why, turn);
                }
                if self.state == State::Over {
                    turn.end(Way::Downstream, Ending::Closed);
                }
            }
        }
    }

    fn end(&mut self, way: Way, ending: Ending, turn: &mut Turn<'_>) {
        if self.state != State::Over {
            turn.forward(Way::Downstream, std::mem::take(&mut self.held).into());
            turn.end(way, ending);
        }
    }

    fn is_open(&self, way: Way) -> bool {
        way == Way::Downstream || self.state != State::Again
    }

    fn leave(&mut self, turn: &mut Turn<'_>) {
        self.is_resting = true;
        self.struck = None;
        turn.forward(Way::Downstream, std::mem::take(&mut self.held).into());
        if !self.lingers() {
            self.state = State::Aside;
        }
    }

    fn lingers(&self) -> bool {
        // The response of a duplicate is still to be swallowed; and nobody goes
        // on with a connection that has lost something.
        matches!(self.state, State::Again | State::Over)
    }

    fn retune(&mut self, kind: &Kind, _turn: &mut Turn<'_>) -> bool {
        let Some(wishes) = (self.read_wishes)(kind) else { return false };
        (self.methods, self.picker.pick) = (wishes.methods, wishes.pick);
        true
    }

    fn both_ways(&self) -> bool {
        true
    }
}
