//! HTTP/2: many requests at a time on a connection, each on a stream.
//!
//! For each stream that may be under way there is a *strand*, which does what
//! an HTTP/1.1 connection does: it takes an operation, sends its request, waits
//! for the answer and settles it. All strands of a connection share one
//! [`Link`] and run in one task, in which the connection is driven, too. A
//! strand takes an operation only when there is a stream for it or, while
//! there is no connection, when no other strand has taken one.
//!
//! An operation that is overdue resets its stream. If nothing at all was heard
//! from the server while it waited, the connection takes no more requests, and
//! the next operation makes another: a half-open connection costs one timeout.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, Method, Request, Uri};

use super::follow::{Elsewhere, Hop, Hops, OF_BODY, answered};
use super::head::sample;
use super::{Attempts, CLOSES, Ear, RESENDS, Target, persist, setting};
use crate::backoff::Backoff;
use crate::error::LoadError;
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::payload::Payload;
use crate::shape::Shape;
use crate::transport::template;
use link::{Claim, Link, Scout, Seat, Trouble, Wire};

mod link;

/// The most streams of a connection.
const MOST_STREAMS: u32 = 10_000;

/// The head of a request, ready to be filled in.
#[derive(Debug)]
pub(super) struct Form {
    method: Method,
    scheme: Scheme,
    authority: Payload,
    same: HeaderMap,
    varying: Vec<(HeaderName, Payload)>,
    streams: u32,
}

impl Form {
    pub(super) fn new(
        method: Method,
        secure: bool,
        authority: &Authority,
        headers: Vec<(HeaderName, Payload)>,
        streams: u32,
    ) -> Result<Self, LoadError> {
        if !(1..=MOST_STREAMS).contains(&streams) {
            let problem = format!("use 1 to {MOST_STREAMS}");
            return Err(setting("number of streams", &streams.to_string(), problem));
        }
        let mut form = Self {
            method,
            scheme: if secure { Scheme::HTTPS } else { Scheme::HTTP },
            authority: template("URL", authority.as_str(), &Shape::default())?,
            same: HeaderMap::new(),
            varying: Vec::new(),
            streams,
        };
        for (name, payload) in headers {
            let own = matches!(name.as_str(), "keep-alive" | "proxy-connection" | "te" | "upgrade");
            if own {
                let problem = "it is not in HTTP/2; leave it out".to_owned();
                return Err(setting("header", name.as_str(), problem));
            }
            let value = HeaderValue::from_bytes(&sample(&payload));
            match value {
                _ if name == HOST => form.authority = payload,
                Ok(value) if payload.is_constant() => {
                    form.same.append(name, value);
                }
                _ => form.varying.push((name, payload)),
            }
        }
        Ok(form)
    }

    /// The request of one operation, and its body.
    ///
    /// # Errors
    /// When what was filled in cannot stand where it does.
    fn request(
        &self,
        target: &Target,
        lane: &Lane,
        op: &Op,
        now: Duration,
    ) -> Result<(Request<()>, Bytes), http::Error> {
        let rendered = |payload: &Payload| {
            let mut out = BytesMut::new();
            lane.render(payload, op, now, &mut out);
            out.freeze()
        };
        let mut body = BytesMut::new();
        lane.render_body(&target.body, op, now, &mut body);
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(Authority::from_maybe_shared(rendered(&self.authority))?)
            .path_and_query(PathAndQuery::from_maybe_shared(rendered(&target.path))?)
            .build()?;
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.version_mut() = http::Version::HTTP_2;
        *request.headers_mut() = self.same.clone();
        let headers = request.headers_mut();
        for (name, payload) in &self.varying {
            headers.append(name, HeaderValue::from_maybe_shared(rendered(payload))?);
        }
        if target.has_length || !body.is_empty() {
            headers.insert(CONTENT_LENGTH, body.len().into());
        }
        Ok((request, body.freeze()))
    }

    /// The request of a redirect that stays with the target, and its body.
    fn hop(
        &self,
        target: &Target,
        lane: &Lane,
        op: &Op,
        hop: &Hop,
    ) -> Result<(Request<()>, Bytes), http::Error> {
        let (mut request, body) = self.request(target, lane, op, lane.now())?;
        let mut uri = request.uri().clone().into_parts();
        uri.path_and_query = Some(hop.path().parse()?);
        *request.uri_mut() = Uri::from_parts(uri)?;
        *request.method_mut() = hop.method.clone();
        if hop.has_body {
            return Ok((request, body));
        }
        let headers = request.headers_mut();
        for name in OF_BODY {
            headers.remove(name);
        }
        headers.remove(CONTENT_LENGTH);
        Ok((request, Bytes::new()))
    }
}

/// Drives one connection until there are no more operations.
pub(super) async fn drive(target: &Target, form: &Form, lane: &Lane) {
    let link = Link::new(target, form.streams, lane);
    // Before the first operation is due; if it fails, that operation will see.
    let _ = link.open(lane, lane.now() + lane.timeout()).await;
    let lanes: Vec<_> = (0..form.streams).map(|_| lane.another()).collect();
    let strand = |lane| Strand::new(target, form, lane, &link).run();
    let mut strands: FuturesUnordered<_> = lanes.iter().map(strand).collect();
    let mut wires = FuturesUnordered::new();
    poll_fn(|cx| {
        loop {
            // Strands come first, so that all that they send is written at once.
            let ended = strands.poll_next_unpin(cx);
            wires.extend(link.fresh().map(|(wire, connection)| link.run(wire, connection)));
            while let Poll::Ready(Some(())) = wires.poll_next_unpin(cx) {}
            match ended {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await;
}

/// One operation at a time, on a stream of the connection.
struct Strand<'a> {
    target: &'a Target,
    form: &'a Form,
    lane: &'a Lane,
    link: &'a Link<'a>,
    seat: Option<Seat<'a>>,
    claim: Option<Claim<'a>>,
    scout: Option<Scout<'a>>,
    backoff: Backoff,
    elsewhere: Elsewhere,
}

impl<'a> Strand<'a> {
    fn new(target: &'a Target, form: &'a Form, lane: &'a Lane, link: &'a Link<'a>) -> Self {
        Self {
            target,
            form,
            lane,
            link,
            seat: None,
            claim: None,
            scout: None,
            backoff: Backoff::default(),
            elsewhere: Elsewhere::default(),
        }
    }

    async fn run(mut self) {
        while let Some(op) = self.next().await {
            self.perform(op).await;
        }
    }

    async fn next(&mut self) -> Option<Op> {
        loop {
            let changed = self.link.changed();
            if let Some(seat) = self.link.idle_seat() {
                let op = tokio::select! {
                    biased;
                    op = self.lane.next() => op,
                    () = seat.wire().lost() => continue,
                };
                self.seat = Some(seat);
                return op;
            }
            if let Some(scout) = self.link.scout() {
                self.lane.give_up_stale();
                let op = tokio::select! {
                    biased;
                    op = self.lane.next() => op,
                    () = changed => continue,
                };
                self.scout = Some(scout);
                return op;
            }
            changed.await;
        }
    }

    async fn perform(&mut self, op: Op) {
        let started = self.lane.now();
        let (target, lane) = (self.target, self.lane);
        let (answer, said, part) = persist(target, lane, self, &op, started).await;
        self.lane.settle_said(op, started, &answer, said, part);
        match &answer {
            Answer::Failed(reason @ (Reason::Unreachable(_) | Reason::Here(_))) => {
                self.lane.refused(reason);
                // Nobody else connects meanwhile.
                self.lane.pause(self.link.pause()).await;
            }
            Answer::Failed(reason) if reason.is_unreachable() => {}
            _ => {
                self.backoff.reset();
                self.link.answered();
            }
        }
        (self.seat, self.claim, self.scout) = (None, None, None);
    }

    /// The connection, made again if need be.
    async fn wire(&mut self, until: Duration) -> Result<Rc<Wire>, Reason> {
        loop {
            if let Some(seat) = self.seat.as_ref().filter(|seat| !seat.wire().is_retired()) {
                return Ok(Rc::clone(seat.wire()));
            }
            self.seat = None;
            if self.claim.is_some() {
                // Should it be in vain, the claim is kept over the pause.
                self.seat = Some(self.link.open(self.lane, until).await?);
                self.claim = None;
            } else {
                let lane = self.lane;
                lane.limit(until, self.enter()).await.ok_or_else(|| lane.unsent())?;
            }
        }
    }

    /// Waits for room on the connection, or for the right to make it.
    async fn enter(&mut self) {
        let _wanting = self.link.wanting();
        loop {
            let changed = self.link.changed();
            self.seat = self.link.seat();
            if self.seat.is_none() {
                self.claim = self.link.claim();
            }
            if self.seat.is_some() || self.claim.is_some() {
                return;
            }
            changed.await;
        }
    }
}

impl Strand<'_> {
    /// Sends a request, again where the server has certainly not touched it; gives the
    /// status.
    async fn send(
        &mut self,
        (request, body): (Request<()>, Bytes),
        until: Duration,
        mut ear: Option<&mut Ear<'_>>,
    ) -> Result<u16, Unanswered> {
        let began = self.lane.now();
        let mut why = Reason::Unreachable(CLOSES.to_owned());
        for _ in 0..=RESENDS {
            let wire = self.wire(until).await.map_err(Unanswered::Unsent)?;
            let sent = Cell::new(false);
            let asked = (request.clone(), body.clone());
            let exchange = wire.exchange(self.lane, asked, &sent, ear.as_deref_mut());
            match self.lane.limit(until, exchange).await {
                Some(Ok(status)) => return Ok(status),
                Some(Err(Trouble::Unsent)) => self.link.retire(&wire),
                Some(Err(Trouble::Untouched)) => {
                    why = Reason::Refused("the server refuses streams".to_owned());
                }
                Some(Err(Trouble::Lost(error))) => {
                    return Err(Unanswered::Unknown(Reason::Lost(error)));
                }
                None => {
                    if !wire.was_heard_since(began) {
                        self.link.retire(&wire);
                    }
                    return Err(match sent.get() {
                        true => Unanswered::Unknown(Reason::Timeout),
                        false => Unanswered::Unsent(Reason::Unsent),
                    });
                }
            }
        }
        Err(Unanswered::Unsent(why))
    }
}

/// Why a request has no answer.
enum Unanswered {
    /// It was certainly not carried out.
    Unsent(Reason),
    /// It may have been.
    Unknown(Reason),
}

impl Attempts for Strand<'_> {
    async fn attempt(&mut self, op: &Op, now: Duration, mut ear: Option<&mut Ear<'_>>) -> Answer {
        let until = now + self.lane.timeout();
        let request = match self.form.request(self.target, self.lane, op, now) {
            Ok(request) => request,
            Err(error) => return Answer::Failed(Reason::Unsendable(error.to_string())),
        };
        match self.send(request, until, ear.as_deref_mut()).await {
            Ok(status) => {
                let (target, lane) = (self.target, self.lane);
                answered(target, lane, self, op, status, until, ear).await
            }
            Err(Unanswered::Unsent(reason)) => Answer::Failed(reason),
            Err(Unanswered::Unknown(reason)) => Answer::Indeterminate(reason),
        }
    }

    fn pause(&mut self) -> Duration {
        self.backoff.pause()
    }
}

impl Hops for Strand<'_> {
    async fn hop(
        &mut self,
        op: &Op,
        hop: &Hop,
        until: Duration,
        ear: &mut Ear<'_>,
    ) -> Result<u16, Reason> {
        let (target, lane) = (self.target, self.lane);
        if !target.follow.as_ref().is_some_and(|follow| follow.is_home(hop)) {
            return self.elsewhere.hop(target, lane, op, hop, until, ear).await;
        }
        let request = self.form.hop(target, lane, op, hop);
        let request = request.map_err(|error| Reason::Unsendable(error.to_string()))?;
        let sent = self.send(request, until, Some(ear)).await;
        sent.map_err(|(Unanswered::Unsent(reason) | Unanswered::Unknown(reason))| reason)
    }
}
