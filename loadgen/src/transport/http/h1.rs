//! HTTP/1.1: one request at a time on a connection, or one alone.

use std::time::Duration;

use http::Method;
use http::header::{HOST, HeaderName};
use http::uri::Authority;

use super::follow::{Elsewhere, Hop, Hops, answered};
use super::head::sample;
use super::wire::{Trouble, Wire};
use super::{Attempts, CLOSES, Ear, RESENDS, Target, persist};
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
    /// The method and the space behind it, with the host where a proxy is to know.
    method: Vec<u8>,
    /// Headers that are the same in every request, in full, with the version
    /// in front.
    same: Vec<u8>,
    varying: Vec<(String, Payload)>,
}

impl Form {
    /// `proxy` is there where a proxy is asked, with its authorization.
    pub(super) fn new(
        method: &Method,
        authority: &Authority,
        headers: Vec<(HeaderName, Payload)>,
        keepalive: bool,
        proxy: Option<Option<&str>>,
    ) -> Self {
        let mut same = b" HTTP/1.1\r\n".to_vec();
        let mut varying = Vec::new();
        if !keepalive {
            same.extend_from_slice(b"connection: close\r\n");
        }
        if let Some(Some(authorization)) = proxy {
            let header = format!("proxy-authorization: {authorization}\r\n");
            same.extend_from_slice(header.as_bytes());
        }
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
        let host = proxy.map_or_else(String::new, |_| format!("http://{authority}"));
        Self {
            head_only: method == Method::HEAD,
            method: format!("{method} {host}").into_bytes(),
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
    if target.keepalive {
        // Before the first operation is due; if it fails, that operation will see.
        let _ = connection.connect(lane.now() + lane.timeout()).await;
    }
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
        let (answer, said, part) = persist(target, lane, self, &op, started).await;
        self.lane.settle_said(op, started, &answer, said, part);
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
        let head_only = self.form.head_only;
        match self.send(until, head_only, ear.as_deref_mut()).await {
            Err(Unanswered::IdledOut(why)) if self.target.safe => {
                let sent = self.send(until, head_only, ear.as_deref_mut()).await;
                let answer = match self.outcome(op, sent, until, ear).await {
                    // The first may have been answered all the same.
                    Answer::Failed(_) => Answer::Indeterminate(Reason::Lost(why)),
                    answer => answer,
                };
                self.lane.idled_out(&answer);
                answer
            }
            sent => self.outcome(op, sent, until, ear).await,
        }
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
        let sent = self.send(until, hop.method == Method::HEAD, Some(ear)).await;
        sent.map_err(|unanswered| match unanswered {
            Unanswered::IdledOut(why) => Reason::Lost(why),
            Unanswered::Unsent(reason) | Unanswered::Unknown(reason) => reason,
        })
    }
}

/// Why a request has no answer.
enum Unanswered {
    /// Nothing of it was written.
    Unsent(Reason),
    /// Its connection had served before, and ended without a byte of an answer.
    IdledOut(String),
    /// Some of it may have been written.
    Unknown(Reason),
}

impl Connection<'_> {
    /// Sends the request, again where nothing of it was written; gives the status.
    async fn send(
        &mut self,
        until: Duration,
        without_body: bool,
        mut ear: Option<&mut Ear<'_>>,
    ) -> Result<u16, Unanswered> {
        for _ in 0..=RESENDS {
            if self.wire.as_ref().is_none_or(Wire::is_dead) {
                self.wire = None;
                self.connect(until).await.map_err(Unanswered::Unsent)?;
            }
            let Some(wire) = self.wire.as_mut() else { continue };
            let exchange = wire.exchange(&self.request.bytes, without_body, ear.as_deref_mut());
            let ended = self.lane.limit(until, exchange).await;
            if !self.target.keepalive || !matches!(ended, Some(Ok(_))) {
                self.wire = None;
            }
            return Err(match ended {
                Some(Ok(status)) => return Ok(status),
                Some(Err(Trouble::Unsent)) => continue,
                Some(Err(Trouble::IdledOut(why))) => Unanswered::IdledOut(why),
                Some(Err(Trouble::Lost(why))) => Unanswered::Unknown(Reason::Lost(why)),
                None => Unanswered::Unknown(Reason::Timeout),
            });
        }
        Err(Unanswered::Unsent(Reason::Unreachable(CLOSES.to_owned())))
    }

    /// What a request has come to.
    async fn outcome(
        &mut self,
        op: &Op,
        sent: Result<u16, Unanswered>,
        until: Duration,
        ear: Option<&mut Ear<'_>>,
    ) -> Answer {
        let (target, lane) = (self.target, self.lane);
        match sent {
            Ok(status) => answered(target, lane, self, op, status, until, ear).await,
            Err(Unanswered::Unsent(reason)) => Answer::Failed(reason),
            Err(Unanswered::IdledOut(why)) => Answer::Indeterminate(Reason::Lost(why)),
            Err(Unanswered::Unknown(reason)) => Answer::Indeterminate(reason),
        }
    }
}
