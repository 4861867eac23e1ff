//! HTTP/1.1 requests over connections that are kept open, one request at a
//! time on each, plain or encrypted.
//!
//! A status decides by the sets of accepted and refused statuses; any other
//! leaves the operation indeterminate. The whole body is read and thrown away;
//! a body that breaks off leaves the operation indeterminate, too. A request
//! of which no byte was written, because the server had closed the connection
//! meanwhile, is sent again on a new one; it is the same operation, still due
//! at the same time.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Method;
use http::header::{HeaderName, HeaderValue};
use http::uri::{Authority, PathAndQuery};
use scenarios::plan::workload::Statuses;

use super::stream::Address;
use super::{body, template, without_password};
use crate::backoff::Backoff;
use crate::error::LoadError;
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::payload::{Fields, Payload};
use crate::shape::Shape;
use crate::tls::Tls;
use wire::{Trouble, Wire};

mod response;
mod wire;

/// How often a request of which no byte was written is sent again at once.
const RESENDS: u32 = 2;

/// HTTP requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where the requests go; a payload template behind the host.
    pub url: String,
    /// The request method.
    pub method: String,
    /// Headers beside the usual ones; their values are payload templates.
    pub headers: BTreeMap<String, String>,
    /// The payload template of the body.
    pub body: String,
    /// Statuses that mean *accepted*.
    pub accepted: Statuses,
    /// Statuses that mean *definitely not done*.
    pub refused: Statuses,
    /// How often a request whose outcome is unknown is sent again, with the
    /// same identity.
    pub retries: u32,
    /// Certificates of `https` addresses.
    pub tls: Tls,
}

/// Requests that are ready to be filled in.
#[derive(Debug)]
pub(crate) struct Target {
    address: Address,
    /// The response has no body, whatever its head says.
    head_only: bool,
    /// The method and the space behind it.
    method: Vec<u8>,
    path: Payload,
    /// Headers that are the same in every request, in full, with the version
    /// in front.
    same: Vec<u8>,
    varying: Vec<(String, Payload)>,
    body: Payload,
    /// Requests with this method say how long their body is, even if it is
    /// empty.
    has_length: bool,
    accepted: Statuses,
    refused: Statuses,
    retries: u32,
}

impl Target {
    pub(super) fn new(http: &Http, shape: &Shape) -> Result<Self, LoadError> {
        let Parts { secure, authority, path } = split(&http.url)?;
        let setting = |what, value: &str, problem: String| LoadError::Setting {
            what,
            value: value.to_owned(),
            problem,
        };
        let method = Method::from_bytes(http.method.as_bytes()).map_err(|_| {
            setting("method", &http.method, "write one such as GET or POST".to_owned())
        })?;
        let port = authority.port_u16().unwrap_or(if secure { 443 } else { 80 });
        let tls: Option<(&Tls, &[&[u8]])> = secure.then_some((&http.tls, &[b"http/1.1"]));
        let mut target = Self {
            address: Address::new(&http.url, authority.host(), port, tls)?,
            head_only: method == Method::HEAD,
            method: format!("{method} ").into_bytes(),
            path: self::path(&http.url, &path)?,
            same: format!(" HTTP/1.1\r\nhost: {authority}\r\n").into_bytes(),
            varying: Vec::new(),
            body: body(&http.body, shape)?,
            has_length: !matches!(method, Method::GET | Method::HEAD | Method::DELETE),
            accepted: http.accepted.clone(),
            refused: http.refused.clone(),
            retries: http.retries,
        };
        if !http.headers.keys().any(|name| name.eq_ignore_ascii_case("user-agent")) {
            let agent = concat!("user-agent: shakedown-loadgen/", env!("CARGO_PKG_VERSION"));
            target.same.extend_from_slice(agent.as_bytes());
            target.same.extend_from_slice(b"\r\n");
        }
        for (name, value) in &http.headers {
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| setting("header", name, error.to_string()))?;
            if matches!(key.as_str(), "content-length" | "transfer-encoding" | "connection") {
                let problem = "it follows from the request; leave it out".to_owned();
                return Err(setting("header", name, problem));
            }
            let payload = template(&format!("header {name}"), value)?;
            HeaderValue::from_bytes(&sample(&payload))
                .map_err(|error| setting("header value", value, error.to_string()))?;
            if payload.is_constant() {
                target.same.extend_from_slice(format!("{key}: ").as_bytes());
                target.same.extend_from_slice(&sample(&payload));
                target.same.extend_from_slice(b"\r\n");
            } else {
                target.varying.push((format!("{key}: "), payload));
            }
        }
        Ok(target)
    }

    /// Writes the request of one operation, in place of what is there.
    fn write(&self, lane: &Lane, op: &Op, now: Duration, request: &mut Request) {
        let Request { bytes, body } = request;
        bytes.clear();
        body.clear();
        lane.render_body(&self.body, op, now, body);
        bytes.extend_from_slice(&self.method);
        lane.render(&self.path, op, now, bytes);
        bytes.extend_from_slice(&self.same);
        for (name, payload) in &self.varying {
            bytes.extend_from_slice(name.as_bytes());
            lane.render(payload, op, now, bytes);
            bytes.extend_from_slice(b"\r\n");
        }
        if self.has_length || !body.is_empty() {
            bytes.extend_from_slice(b"content-length: ");
            crate::payload::write_number(body.len() as u64, bytes);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
    }

    fn answer(&self, status: u16) -> Answer {
        if self.accepted.contains(status) {
            Answer::Acked
        } else if self.refused.contains(status) {
            Answer::Failed(Reason::Status(status))
        } else {
            Answer::Indeterminate(Reason::Status(status))
        }
    }
}

/// A request; its memory is used again for the next one.
#[derive(Debug, Default)]
struct Request {
    bytes: Vec<u8>,
    body: Vec<u8>,
}

fn address(url: &str, problem: impl Into<String>) -> LoadError {
    LoadError::Address { url: without_password(url), problem: problem.into() }
}

/// The parts of an address.
struct Parts {
    secure: bool,
    /// The host with its port.
    authority: Authority,
    /// The template of the path with its query.
    path: String,
}

/// Splits `http://host:port/path?query#fragment`.
fn split(url: &str) -> Result<Parts, LoadError> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| address(url, "write the whole address, such as http://127.0.0.1:8080/"))?;
    let secure = match scheme.to_ascii_lowercase().as_str() {
        "http" => false,
        "https" => true,
        _ => {
            return Err(address(url, format!("{scheme} is not HTTP; write http://HOST:PORT/PATH")));
        }
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(address(
            url,
            "user and password do not belong here; use an Authorization header",
        ));
    }
    let authority: Authority = authority
        .parse()
        .map_err(|_| address(url, "there is no valid host; write http://HOST:PORT/PATH"))?;
    let path = path.split('#').next().unwrap_or_default();
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok(Parts { secure, authority, path })
}

fn path(url: &str, text: &str) -> Result<Payload, LoadError> {
    let payload = template("URL", text)?;
    PathAndQuery::try_from(sample(&payload).as_slice())
        .map_err(|error| address(url, format!("its path has an illegal character ({error})")))?;
    Ok(payload)
}

/// The text of a template for some operation. What differs for others are
/// letters, digits and the like, which may stand anywhere.
fn sample(payload: &Payload) -> Vec<u8> {
    let mut out = Vec::new();
    let identity = crate::identity::IdentityRef { run: "r", workload: "w", sequence: 0 };
    let shape = Shape::default();
    payload.render(&Fields { identity, time: 0, shape: &shape }, &mut out);
    out
}

/// Drives one connection until there are no more operations.
pub(super) async fn drive(target: &Target, lane: &Lane) {
    let mut connection = Connection {
        target,
        lane,
        wire: None,
        backoff: Backoff::default(),
        request: Request::default(),
    };
    // Before the first operation is due; if it fails, that operation will see.
    let _ = connection.connect(lane.now() + lane.timeout()).await;
    while let Some(op) = connection.next().await {
        connection.perform(op).await;
    }
}

struct Connection<'a> {
    target: &'a Target,
    lane: &'a Lane,
    wire: Option<Wire>,
    backoff: Backoff,
    request: Request,
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
                self.wire = Some(Wire::new(stream, self.lane.standing()));
                Ok(())
            }
            Some(Err(error)) => Err(Reason::Unreachable(text(&error))),
            None => Err(Reason::Unreachable("no answer within the timeout".to_owned())),
        }
    }

    async fn perform(&mut self, op: Op) {
        let started = self.lane.now();
        let answer = self.persist(&op, started).await;
        let unreachable = matches!(&answer, Answer::Failed(Reason::Unreachable(_)));
        self.lane.settle(op, started, &answer);
        if unreachable {
            self.lane.refused();
            self.lane.pause(self.backoff.pause()).await;
        } else {
            self.backoff.reset();
        }
    }

    /// Sends a request and, as often as is allowed, again while its outcome is
    /// unknown.
    async fn persist(&mut self, op: &Op, started: Duration) -> Answer {
        let mut answer = self.attempt(op, started).await;
        for _ in 0..self.target.retries {
            let Answer::Indeterminate(reason) = &answer else { break };
            if self.lane.is_closing() {
                break;
            }
            let unknown = reason.clone();
            self.lane.pause(self.backoff.pause()).await;
            answer = match self.attempt(op, self.lane.now()).await {
                // An earlier attempt may have been carried out all the same.
                Answer::Failed(_) => Answer::Indeterminate(unknown),
                other => other,
            };
        }
        answer
    }

    async fn attempt(&mut self, op: &Op, now: Duration) -> Answer {
        let until = now + self.lane.timeout();
        self.target.write(self.lane, op, now, &mut self.request);
        for _ in 0..=RESENDS {
            if self.wire.as_ref().is_none_or(Wire::is_dead) {
                self.wire = None;
                if let Err(reason) = self.connect(until).await {
                    return Answer::Failed(reason);
                }
            }
            let Some(wire) = self.wire.as_mut() else { continue };
            let exchange = wire.exchange(&self.request.bytes, self.target.head_only);
            match self.lane.limit(until, exchange).await {
                Some(Ok(status)) => return self.target.answer(status),
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
        let closed = "the server closes each connection before a request can be written";
        Answer::Failed(Reason::Unreachable(closed.to_owned()))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn http(url: &str) -> Http {
        Http {
            url: url.to_owned(),
            method: "POST".to_owned(),
            headers: BTreeMap::new(),
            body: "@{id}".to_owned(),
            accepted: "200-299".parse().unwrap(),
            refused: "400-499".parse().unwrap(),
            retries: 0,
            tls: Tls::default(),
        }
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (url, host, port, path) in [
            ("http://127.0.0.1:81/a?b=@@{c}#d", "127.0.0.1", 81, "/a?b=@{c}"),
            ("HTTP://127.0.0.1", "127.0.0.1", 80, "/"),
            ("http://[::1]:9?x", "::1", 9, "/?x"),
        ] {
            let target = Target::new(&http(url), &Shape::default()).unwrap();
            assert_eq!((target.address.host.as_str(), target.address.port), (host, port));
            assert_eq!(sample(&target.path), path.as_bytes());
        }
        let varying = Target::new(&http("http://127.0.0.1/x/@{seq}"), &Shape::default()).unwrap();
        assert!(!varying.path.is_constant());
    }

    #[test]
    fn unusable_settings_say_what_to_do() {
        for (url, hint) in [
            ("127.0.0.1:80", "whole address"),
            ("redis://127.0.0.1/", "not HTTP"),
            ("http:///x", "no valid host"),
            ("http://u:p@127.0.0.1/", "Authorization"),
            ("http://127.0.0.1/a b", "illegal character"),
            ("http://127.0.0.1/@{nope}", "@{id}"),
            ("http://no-such-host.invalid/", "is unknown"),
        ] {
            let error = Target::new(&http(url), &Shape::default()).unwrap_err().to_string();
            assert!(error.contains(hint), "{url}: {error}");
            assert!(!error.contains("u:p"), "{error}");
        }
        let bad = Http { method: "G T".to_owned(), ..http("http://127.0.0.1/") };
        assert!(Target::new(&bad, &Shape::default()).unwrap_err().to_string().contains("method"));
    }

    #[test]
    fn a_status_decides() {
        let target = Target::new(&http("http://127.0.0.1/"), &Shape::default()).unwrap();
        assert_eq!(target.answer(204), Answer::Acked);
        assert_eq!(target.answer(422), Answer::Failed(Reason::Status(422)));
        assert_eq!(target.answer(503), Answer::Indeterminate(Reason::Status(503)));
    }
}
