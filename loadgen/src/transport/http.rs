//! HTTP/1.1 requests over connections that are kept open, one request at a
//! time on each.
//!
//! A status decides by the sets of accepted and refused statuses; any other
//! leaves the operation indeterminate. The whole body is read and thrown away;
//! a body that breaks off leaves the operation indeterminate, too. A request
//! of which no byte was written, because the server had closed the connection
//! meanwhile, is sent again on a new one; it is the same operation, still due
//! at the same time.

use std::collections::BTreeMap;
use std::net::ToSocketAddrs as _;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use hyper::http::uri::{Authority, PathAndQuery};
use hyper::{Method, Request, Uri};
use scenarios::plan::workload::Statuses;

use super::{body, template, without_password};
use crate::backoff::Backoff;
use crate::error::LoadError;
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::payload::{Fields, Payload};
use crate::shape::Shape;
use wire::{Trouble, Wire};

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
}

/// Requests that are ready to be filled in.
#[derive(Debug)]
pub(crate) struct Target {
    host: String,
    port: u16,
    method: Method,
    path: Path,
    /// The headers that are the same in every request.
    headers: HeaderMap,
    varying: Vec<(HeaderName, Payload)>,
    body: Payload,
    accepted: Statuses,
    refused: Statuses,
}

#[derive(Debug)]
enum Path {
    Same(Uri),
    Varying(Payload),
}

impl Target {
    pub(super) fn new(http: &Http, shape: &Shape) -> Result<Self, LoadError> {
        let (authority, path) = split(&http.url)?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = authority.port_u16().unwrap_or(80);
        (host.as_str(), port)
            .to_socket_addrs()
            .map_err(|source| LoadError::Host { url: without_password(&http.url), source })?;
        let setting = |what, value: &str, problem: String| LoadError::Setting {
            what,
            value: value.to_owned(),
            problem,
        };
        let method = Method::from_bytes(http.method.as_bytes()).map_err(|_| {
            setting("method", &http.method, "write one such as GET or POST".to_owned())
        })?;
        let mut target = Self {
            path: self::path(&http.url, &path)?,
            host,
            port,
            method,
            headers: HeaderMap::new(),
            varying: Vec::new(),
            body: body(&http.body, shape)?,
            accepted: http.accepted.clone(),
            refused: http.refused.clone(),
        };
        let host = HeaderValue::from_str(authority.as_str())
            .map_err(|error| address(&http.url, error.to_string()))?;
        target.headers.insert(HOST, host);
        let agent = concat!("shakedown-loadgen/", env!("CARGO_PKG_VERSION"));
        target.headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        for (name, value) in &http.headers {
            let key = HeaderName::from_bytes(name.as_bytes())
                .map_err(|error| setting("header", name, error.to_string()))?;
            let payload = template(&format!("header {name}"), value)?;
            if payload.is_constant() {
                let value = HeaderValue::from_bytes(&constant(&payload))
                    .map_err(|error| setting("header value", value, error.to_string()))?;
                target.headers.insert(key, value);
            } else {
                target.varying.push((key, payload));
            }
        }
        Ok(target)
    }

    /// The request of one operation; its payload is rendered into `buffer`.
    fn request(
        &self,
        lane: &Lane,
        op: &Op,
        buffer: &mut BytesMut,
    ) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
        let now = lane.now();
        lane.render_body(&self.body, op, now, buffer);
        let body = buffer.split().freeze();
        let mut render = |payload: &Payload| {
            lane.render(payload, op, now, buffer);
            buffer.split().freeze()
        };
        let uri = match &self.path {
            Path::Same(uri) => uri.clone(),
            Path::Varying(payload) => {
                PathAndQuery::from_maybe_shared(render(payload)).map(Uri::from)?
            }
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        for (name, payload) in &self.varying {
            let value = HeaderValue::from_maybe_shared(render(payload))?;
            request.headers_mut().insert(name, value);
        }
        Ok(request)
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

fn address(url: &str, problem: impl Into<String>) -> LoadError {
    LoadError::Address { url: without_password(url), problem: problem.into() }
}

/// Splits `http://host:port/path?query#fragment` into its host with port and
/// the template of its path with query.
fn split(url: &str) -> Result<(Authority, String), LoadError> {
    let (scheme, rest) = url
        .split_once("://")
        .ok_or_else(|| address(url, "write the whole address, such as http://127.0.0.1:8080/"))?;
    match scheme.to_ascii_lowercase().as_str() {
        "http" => {}
        "https" => {
            return Err(address(
                url,
                "https is not supported yet; give the address behind the TLS proxy as http://",
            ));
        }
        _ => {
            return Err(address(url, format!("{scheme} is not HTTP; write http://HOST:PORT/PATH")));
        }
    }
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
    Ok((authority, if path.starts_with('/') { path.to_owned() } else { format!("/{path}") }))
}

fn path(url: &str, text: &str) -> Result<Path, LoadError> {
    let payload = template("URL", text)?;
    if !payload.is_constant() {
        return Ok(Path::Varying(payload));
    }
    let path = PathAndQuery::from_maybe_shared(Bytes::from(constant(&payload)))
        .map_err(|error| address(url, format!("its path has an illegal character ({error})")))?;
    Ok(Path::Same(Uri::from(path)))
}

/// The text of a template that is the same for every operation.
fn constant(payload: &Payload) -> Vec<u8> {
    let mut out = Vec::new();
    let nobody = crate::identity::IdentityRef { run: "", workload: "", sequence: 0 };
    let shape = Shape::default();
    payload.render(&Fields { identity: nobody, time: 0, shape: &shape }, &mut out);
    out
}

/// Drives one connection until there are no more operations.
pub(super) async fn drive(target: &Target, lane: &Lane) {
    let mut connection = Connection {
        target,
        lane,
        wire: None,
        backoff: Backoff::default(),
        buffer: BytesMut::new(),
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
    /// The requests' payloads are cut from this; its memory is used again when
    /// a request is done.
    buffer: BytesMut,
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

    async fn connect(&mut self, until: std::time::Duration) -> Result<(), Reason> {
        let (host, port) = (self.target.host.as_str(), self.target.port);
        match self.lane.limit(until, Wire::connect(host, port, self.lane)).await {
            Some(Ok(wire)) => {
                self.wire = Some(wire);
                Ok(())
            }
            Some(Err(error)) => Err(Reason::Unreachable(error)),
            None => Err(Reason::Unreachable("no answer within the timeout".to_owned())),
        }
    }

    async fn perform(&mut self, op: Op) {
        let started = self.lane.now();
        let answer = self.attempt(&op, started + self.lane.timeout()).await;
        let unreachable = matches!(&answer, Answer::Failed(Reason::Unreachable(_)));
        self.lane.settle(op, started, &answer);
        if unreachable {
            self.lane.refused();
            self.lane.pause(self.backoff.pause()).await;
        } else {
            self.backoff.reset();
        }
    }

    async fn attempt(&mut self, op: &Op, until: std::time::Duration) -> Answer {
        for _ in 0..=RESENDS {
            if self.wire.as_ref().is_none_or(Wire::is_dead) {
                self.wire = None;
                if let Err(reason) = self.connect(until).await {
                    return Answer::Failed(reason);
                }
            }
            let request = match self.target.request(self.lane, op, &mut self.buffer) {
                Ok(request) => request,
                Err(error) => return Answer::Failed(Reason::Unsendable(error.to_string())),
            };
            let Some(wire) = self.wire.as_mut() else { continue };
            match self.lane.limit(until, wire.exchange(request)).await {
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
            assert_eq!((target.host.as_str(), target.port), (host, port));
            assert!(matches!(target.path, Path::Same(uri) if uri == path), "{url}");
        }
        let varying = Target::new(&http("http://127.0.0.1/x/@{seq}"), &Shape::default()).unwrap();
        assert!(matches!(varying.path, Path::Varying(_)));
    }

    #[test]
    fn unusable_settings_say_what_to_do() {
        for (url, hint) in [
            ("127.0.0.1:80", "whole address"),
            ("https://127.0.0.1/", "not supported yet"),
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
