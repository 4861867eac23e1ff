//! HTTP/1.1: one request at a time on a connection.

use std::time::Duration;

use http::Method;
use http::header::{HOST, HeaderName};
use http::uri::Authority;

use super::follow::{Elsewhere, Hop, Hops, answered};
use super::wire::{Trouble, Wire};
use super::{Attempts, CLOSES, Ear, RESENDS, Target, persist, sample};
use crate::backoff::Backoff;
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::payload::Payload;

/// The head of a request, ready to be filled in.
#[derive(Debug)]
pub(super) struct Form {
    /// The response has no body, whatever its head says.
    head_only: bool,
    /// The method and the space behind it.
    method: Vec<u8>,
    /// Headers that are the same in every request, in full, with the version
    /// in front.
    same: Vec<u8>,
    varying: Vec<(String, Payload)>,
}

impl Form {
    pub(super) fn new(
        method: &Method,
        authority: &Authority,
        headers: Vec<(HeaderName, Payload)>,
    ) -> Self {
        let mut same = b" HTTP/1.1\r\n".to_vec();
        let mut varying = Vec::new();
        if !headers.iter().any(|(name, _)| name == HOST) {
            same.extend_from_slice(format!("host: {authority}\r\n").as_bytes());
        }
        for (name, payload) in headers {
            if payload.is_constant() {
                same.extend_from_slice(format!("{name}: ").as_bytes());
                same.extend_from_slice(&sample(&payload));
                same.extend_from_slice(b"\r\n");
            } else {
                varying.push((format!("{name}: "), payload));
            }
        }
        Self {
            head_only: method == Method::HEAD,
            method: format!("{method} ").into_bytes(),
            same,
            varying,
        }
    }

    /// Writes the request of one operation, in place of what is there.
    fn write(&self, target: &Target, lane: &Lane, op: &Op, now: Duration, request: &mut Request) {
        let Request { bytes, body } = request;
        bytes.clear();
        body.clear();
        lane.render_body(&target.body, op, now, body);
        bytes.extend_from_slice(&self.method);
        lane.render(&target.path, op, now, bytes);
        bytes.extend_from_slice(&self.same);
        for (name, payload) in &self.varying {
            bytes.extend_from_slice(name.as_bytes());
            lane.render(payload, op, now, bytes);
            bytes.extend_from_slice(b"\r\n");
        }
        if target.has_length || !body.is_empty() {
            bytes.extend_from_slice(b"content-length: ");
            crate::payload::write_number(body.len() as u64, bytes);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
    }
}

/// A request; its memory is used again for the next one.
#[derive(Debug, Default)]
struct Request {
    bytes: Vec<u8>,
    body: Vec<u8>,
}

/// Drives one connection until there are no more operations.
pub(super) async fn drive(target: &Target, form: &Form, lane: &Lane) {
    let mut connection = Connection {
        target,
        form,
        lane,
        wire: None,
        backoff: Backoff::default(),
        request: Request::default(),
        elsewhere: Elsewhere::default(),
    };
    // Before the first operation is due; if it fails, that operation will see.
    let _ = connection.connect(lane.now() + lane.timeout()).await;
    while let Some(op) = connection.next().await {
        connection.perform(op).await;
    }
}

struct Connection<'a> {
    target: &'a Target,
    form: &'a Form,
    lane: &'a Lane,
    wire: Option<Wire>,
    backoff: Backoff,
    request: Request,
    elsewhere: Elsewhere,
}

impl Connection<'_> {
    async fn next(&mut self) -> Option<Op> {
        if let Some(wire) = self.wire.as_mut() {
            if let Some(op) = self.lane.try_next() {
                return Some(op);
            }
            // The wire is watched meanwhile, so that its end is noticed.
            return wire.watch(self.lane.next()).await;
        }
        self.lane.give_up_stale();
        self.lane.next().await
    }

    async fn connect(&mut self, until: Duration) -> Result<(), Reason> {
        match self.lane.limit(until, self.target.address.connect()).await {
            Some(Ok(stream)) => {
                self.wire = Some(Wire::new(stream, Some(self.lane.standing())));
                Ok(())
            }
            Some(Err(error)) => Err(self.lane.unmade(&error)),
            None => Err(Reason::Unreachable("no answer within the timeout".to_owned())),
        }
    }

    async fn perform(&mut self, op: Op) {
        let started = self.lane.now();
        let (target, lane) = (self.target, self.lane);
        let (answer, said) = persist(target, lane, self, &op, started).await;
        self.lane.settle_said(op, started, &answer, said);
        if let Answer::Failed(reason @ (Reason::Unreachable(_) | Reason::Here(_))) = &answer {
            self.lane.refused(reason);
            self.lane.pause(self.backoff.pause()).await;
        } else {
            self.backoff.reset();
        }
    }
}

impl Attempts for Connection<'_> {
    async fn attempt(&mut self, op: &Op, now: Duration, mut ear: Option<&mut Ear<'_>>) -> Answer {
        let until = now + self.lane.timeout();
        self.form.write(self.target, self.lane, op, now, &mut self.request);
        for _ in 0..=RESENDS {
            if self.wire.as_ref().is_none_or(Wire::is_dead) {
                self.wire = None;
                if let Err(reason) = self.connect(until).await {
                    return Answer::Failed(reason);
                }
            }
            let Some(wire) = self.wire.as_mut() else { continue };
            let exchange =
                wire.exchange(&self.request.bytes, self.form.head_only, ear.as_deref_mut());
            match self.lane.limit(until, exchange).await {
                Some(Ok(status)) => {
                    let (target, lane) = (self.target, self.lane);
                    return answered(target, lane, self, op, status, until, ear).await;
                }
                Some(Err(Trouble::Unsent)) => self.wire = None,
                Some(Err(Trouble::Lost(error))) => {
                    self.wire = None;
                    return Answer::Indeterminate(Reason::Lost(error));
                }
                None => {
                    self.wire = None;
                    return Answer::Indeterminate(Reason::Timeout);
                }
            }
        }
        Answer::Failed(Reason::Unreachable(CLOSES.to_owned()))
    }

    fn pause(&mut self) -> Duration {
        self.backoff.pause()
    }
}

impl Hops for Connection<'_> {
    async fn hop(
        &mut self,
        op: &Op,
        hop: &Hop,
        until: Duration,
        ear: &mut Ear<'_>,
    ) -> Result<u16, Reason> {
        let (target, lane) = (self.target, self.lane);
        let Some(follow) = target.follow.as_deref().filter(|follow| follow.is_home(hop)) else {
            return self.elsewhere.hop(target, lane, op, hop, until, ear).await;
        };
        follow.write(target, lane, op, hop, &mut self.request.bytes);
        for _ in 0..=RESENDS {
            if self.wire.as_ref().is_none_or(Wire::is_dead) {
                self.wire = None;
                self.connect(until).await?;
            }
            let Some(wire) = self.wire.as_mut() else { continue };
            let without_body = hop.method == Method::HEAD;
            let exchange = wire.exchange(&self.request.bytes, without_body, Some(ear));
            let trouble = match lane.limit(until, exchange).await {
                Some(Ok(status)) => return Ok(status),
                Some(Err(Trouble::Unsent)) => None,
                Some(Err(Trouble::Lost(error))) => Some(Reason::Lost(error)),
                None => Some(Reason::Timeout),
            };
            self.wire = None;
            if let Some(reason) = trouble {
                return Err(reason);
            }
        }
        Err(Reason::Unreachable(CLOSES.to_owned()))
    }
}
