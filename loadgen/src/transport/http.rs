//! HTTP requests over connections that are kept open, plain or encrypted:
//! HTTP/1.1 with one request at a time on each, or HTTP/2 with many.
//!
//! A status decides by the sets of accepted and refused statuses; any other
//! leaves the operation indeterminate. The whole body is read and thrown away;
//! a body that breaks off leaves the operation indeterminate, too. A request
//! of which no byte was written, because the server had closed the connection
//! meanwhile, or which an HTTP/2 server says that it has not touched, is sent
//! again; it is the same operation, still due at the same time. So is one of a
//! safe method (RFC 9110, 9.2.1) that met the end of a connection which had
//! served before and now answered nothing: the server had let it idle long
//! enough, or has died. One that is idempotent only is not: a system that is told
//! twice may count twice, which would be our doing. If that comes to nothing, the
//! operation is indeterminate, because it may have been carried out the first
//! time; such requests are counted ([`crate::Report::idled_out`]).
//!
//! Where answers are compared, those to an operation that is sent twice, or
//! that is tried again, are listened to.

use std::time::Duration;

use http::Method;
use scenarios::plan::workload::Statuses;

use super::body;
use super::stream::Address;
use crate::answers::Said;
use crate::content::Content;
use crate::error::LoadError;
use crate::feed::{Op, Sending};
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::payload::Payload;
use crate::reach::Unready;
use crate::route::Route;
use crate::shape::Shape;
use crate::split::Split;
use crate::tls::Tls;

pub use ear::Compare;
use ear::Ear;
use follow::{Follow, MOST_ELSEWHERE};
pub(super) use head::logins;

mod ear;
mod follow;
mod h1;
mod h2;
mod head;
mod response;
mod url;
mod wire;

/// How often a request that was certainly not carried out is sent again at
/// once.
const RESENDS: u32 = 2;

/// What is said of a server that leaves no time for a request.
const CLOSES: &str = "the server closes each connection before a request can be written";

/// HTTP requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Http {
    /// Where the requests go; a payload template behind the host. A user and a
    /// password in it are sent as `Authorization: Basic`.
    pub url: String,
    /// The request method.
    pub method: String,
    /// Headers beside the usual ones, in order, those of one name all; their values
    /// are payload templates.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Content,
    /// Statuses that mean *accepted*.
    pub accepted: Statuses,
    /// Statuses that mean *definitely not done*.
    pub refused: Statuses,
    /// How often a request whose outcome is unknown is sent again, with the
    /// same identity.
    pub retries: u32,
    /// What is compared of the answers to an operation that is sent twice.
    pub compare: Compare,
    /// Certificates of `https` addresses.
    pub tls: Tls,
    /// The version of the protocol. There is no other to fall back to.
    pub version: HttpVersion,
    /// Whether a connection of HTTP/1.1 is used for more than one request. Where
    /// it is not, none is made before its request is due, and opening it is part
    /// of the operation's time.
    pub keepalive: bool,
    /// How the host of the URL is reached.
    pub route: Route,
    /// How many redirects are followed for each operation, at most 100; with 0
    /// a redirect is an answer.
    pub follow: u32,
    /// Ask for answers that are compressed, and read them where they are
    /// compared.
    pub compressed: bool,
    /// By which header of the answers the figures are split.
    pub split: Option<Split>,
}

impl Http {
    /// Requests without a body to a URL, by GET over HTTP/1.1, everything else as
    /// where nothing is said.
    #[must_use]
    pub fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            method: Method::GET.to_string(),
            headers: Vec::new(),
            body: Content::default(),
            accepted: Statuses::accepted(),
            refused: Statuses::refused(),
            retries: 0,
            compare: Compare::default(),
            tls: Tls::default(),
            version: HttpVersion::Http1,
            keepalive: true,
            route: Route::default(),
            follow: 0,
            compressed: false,
            split: None,
        }
    }
}

/// A version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HttpVersion {
    /// HTTP/1.1.
    #[default]
    Http1,
    /// HTTP/2, known to be spoken at `http` addresses and agreed on at `https`
    /// ones.
    Http2 {
        /// The most requests under way at once on a connection, from 1 to
        /// 10,000; fewer where the server allows fewer.
        streams: u32,
    },
}

/// Requests that are ready to be filled in.
#[derive(Debug)]
pub(crate) struct Target {
    address: Address,
    path: Payload,
    body: Payload,
    /// Requests with this method say how long their body is, even if it is
    /// empty.
    has_length: bool,
    accepted: Statuses,
    refused: Statuses,
    retries: u32,
    compare: Compare,
    keepalive: bool,
    /// Whether a request changes nothing, so that one more does no harm.
    safe: bool,
    /// `None` where a redirect is an answer.
    follow: Option<Box<Follow>>,
    compressed: bool,
    split: Option<Split>,
    form: Form,
}

/// What is particular to a version.
#[derive(Debug)]
enum Form {
    One(h1::Form),
    Two(h2::Form),
}

impl Target {
    pub(super) fn new(http: &Http, shape: &Shape, allowed: &[String]) -> Result<Self, LoadError> {
        let (given, path) = services::http::split(&http.url)?;
        let authority = head::authority(&given)?;
        let method = Method::from_bytes(http.method.as_bytes()).map_err(|_| {
            setting("method", &http.method, "write one such as GET or POST".to_owned())
        })?;
        let headers = head::headers(http, &given, shape)?;
        let follow = Follow::new(http, &method, &headers, &authority, given.scheme.tls, allowed)?;
        http.compare.check()?;
        let protocols: &[&[u8]] = match http.version {
            HttpVersion::Http1 => &[b"http/1.1"],
            HttpVersion::Http2 { .. } => &[b"h2"],
        };
        let address = Address::by(&http.route, &given, &http.tls, protocols)?;
        check(http, &address)?;
        Ok(Self {
            path: head::path(&given, path, shape)?,
            body: body(&http.body, shape)?,
            has_length: !matches!(method, Method::GET | Method::HEAD | Method::DELETE),
            accepted: http.accepted.clone(),
            refused: http.refused.clone(),
            retries: http.retries,
            compare: http.compare.clone(),
            keepalive: http.keepalive,
            safe: method.is_safe(),
            follow,
            compressed: http.compressed,
            split: http.split.clone(),
            form: match http.version {
                HttpVersion::Http1 => {
                    let proxy = address.asks_proxy();
                    Form::One(h1::Form::new(&method, &authority, headers, http.keepalive, proxy))
                }
                HttpVersion::Http2 { streams } => Form::Two(h2::Form::new(
                    method,
                    given.scheme.tls,
                    &authority,
                    headers,
                    streams,
                )?),
            },
            address,
        })
    }

    /// Whether connections are made once and kept.
    pub(super) fn keeps_connections(&self) -> bool {
        self.keepalive
    }

    /// Whether answers are compared.
    pub(super) fn compares(&self) -> bool {
        self.compare.is_asked()
    }

    /// By which header of the answers the figures are split, if they are.
    pub(super) fn split(&self) -> Option<&Split> {
        self.split.as_ref()
    }

    /// Whatever listens to an answer: to what is compared where `compares` and
    /// that is asked for, to redirects where they are followed, and to who answers
    /// where figures are split.
    fn ear(&self, compares: bool) -> Option<Ear<'_>> {
        let compares = compares && self.compares();
        let listens = compares || self.follow.is_some() || self.split.is_some();
        listens.then(|| Ear::new(self, compares))
    }

    /// How many files a connection has open.
    pub(super) fn files(&self) -> u64 {
        if self.follow.is_some() { 1 + MOST_ELSEWHERE } else { 1 }
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

/// Refuses what does not go together.
fn check(http: &Http, address: &Address) -> Result<(), LoadError> {
    if http.follow > 0 && http.route != Route::default() {
        let problem = "redirects are followed to where their names say, by no other way; leave \
                       out what leads there, or --follow-redirects (follow_redirects)";
        return Err(setting("way", http.route.to_string().trim_start(), problem.to_owned()));
    }
    if http.version == HttpVersion::Http1 {
        return Ok(());
    }
    if !http.keepalive {
        let problem = "HTTP/2 carries many requests on a connection; leave it or HTTP/2 out";
        return Err(setting("keepalive", "false", problem.to_owned()));
    }
    if address.asks_proxy().is_some() {
        let problem = "HTTP/2 without TLS does not go through a proxy; use https, or HTTP/1.1";
        return Err(setting("proxy", http.route.to_string().trim_start(), problem.to_owned()));
    }
    Ok(())
}

fn setting(what: &'static str, value: &str, problem: String) -> LoadError {
    LoadError::Setting { what, value: value.to_owned(), problem }
}

/// Sees that TLS is spoken where it must be, with a certificate that is trusted. A
/// server that does not answer may do so later.
pub(super) async fn setup(target: &Target) -> Result<(), Unready> {
    if !target.address.is_secure() {
        return Ok(());
    }
    match target.address.connect().await {
        Err(denied @ Unready::Denied(_)) => Err(denied),
        _ => Ok(()),
    }
}

/// Drives one connection until there are no more operations.
pub(super) async fn drive(target: &Target, lane: &Lane) {
    match &target.form {
        Form::One(form) => h1::drive(target, form, lane).await,
        Form::Two(form) => h2::drive(target, form, lane).await,
    }
}

/// Whatever can carry an operation out, and be asked again.
trait Attempts {
    /// Carries an operation out, beginning at `now` after T0, and lets the
    /// ear hear the answer.
    async fn attempt(&mut self, op: &Op, now: Duration, ear: Option<&mut Ear<'_>>) -> Answer;

    /// The pause before another attempt.
    fn pause(&mut self) -> Duration;
}

/// Sends a request and, as often as is allowed, again while its outcome is
/// unknown. Gives what the answer said where that is compared.
async fn persist(
    target: &Target,
    lane: &Lane,
    attempts: &mut impl Attempts,
    op: &Op,
    started: Duration,
) -> (Answer, Option<Said>, Option<usize>) {
    let mut ear = target.ear(op.sending != Sending::Only);
    let mut retries = 0;
    let mut answer = attempts.attempt(op, started, ear.as_mut()).await;
    for _ in 0..target.retries {
        let Answer::Indeterminate(reason) = &answer else { break };
        let unknown = reason.clone();
        // The last operations have their tries, too, as far as the grace reaches.
        tokio::time::sleep(attempts.pause()).await;
        retries += 1;
        ear = ear.filter(Ear::compares).or_else(|| target.ear(true));
        answer = match attempts.attempt(op, lane.now(), ear.as_mut()).await {
            // An earlier attempt may have been carried out all the same.
            Answer::Failed(_) => Answer::Indeterminate(unknown),
            other => other,
        };
    }
    if retries > 0 {
        lane.retried(retries, &answer);
    }
    let part = ear.as_ref().and_then(Ear::part);
    let said = ear.filter(|_| answer == Answer::Acked).and_then(|ear| ear.said(retries > 0));
    (answer, said, part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn http(url: &str) -> Http {
        Http { method: "POST".to_owned(), body: "@{id}".into(), ..Http::new(url) }
    }

    fn target(http: &Http) -> Result<Target, LoadError> {
        Target::new(http, &Shape::default(), &[])
    }

    #[test]
    fn addresses_are_taken_apart() {
        for (url, host, port, path) in [
            ("http://127.0.0.1:81/a?b=@@{c}#d", "127.0.0.1", 81, "/a?b=@{c}"),
            ("HTTP://127.0.0.1", "127.0.0.1", 80, "/"),
            ("http://[::1]:9?x", "::1", 9, "/?x"),
            ("http://127.0.0.1/ä b?c d", "127.0.0.1", 80, "/%C3%A4%20b?c%20d"),
        ] {
            let target = target(&http(url)).unwrap();
            assert_eq!((target.address.host.as_str(), target.address.port), (host, port));
            assert_eq!(head::sample(&target.path), path.as_bytes());
        }
        let varying = target(&http("http://127.0.0.1/x/@{seq}")).unwrap();
        assert!(!varying.path.is_constant());
    }

    #[test]
    fn unusable_settings_say_what_to_do() {
        for (url, hint) in [
            ("127.0.0.1:80", "no scheme"),
            ("redis://127.0.0.1/", "http or https"),
            ("http:///x", "a host is missing"),
            ("http://127.0.0.1:8O80/", "\"8O80\" is not a number from 1 to 65535"),
            ("http://127.0.0.1:99999/", "from 1 to 65535"),
            ("http://a,b/", "one host"),
            ("http://::1/", "brackets"),
            ("http://u%3Av:p@127.0.0.1/", "colon"),
            ("http://127.0.0.1/a\tb", "illegal character"),
            ("http://127.0.0.1/@{nope}", "@{id}"),
            ("http://no-such-host.invalid/", "is unknown"),
        ] {
            let error = target(&http(url)).unwrap_err().to_string();
            assert!(error.contains(hint), "{url}: {error}");
            assert!(!error.contains(":p@"), "{error}");
        }
        let bad = Http { method: "G T".to_owned(), ..http("http://127.0.0.1/") };
        assert!(target(&bad).unwrap_err().to_string().contains("method"));
        let two = HttpVersion::Http2 { streams: 8 };
        let upgrade = vec![("Upgrade".to_owned(), "x".to_owned())];
        for (bad, hint) in [
            (HttpVersion::Http2 { streams: 0 }, Vec::new(), "1 to 10000"),
            (two, upgrade, "not in HTTP/2"),
        ]
        .map(|(version, headers, hint)| {
            (Http { version, headers, ..http("http://127.0.0.1/") }, hint)
        }) {
            let error = target(&bad).unwrap_err().to_string();
            assert!(error.contains(hint), "{error}");
        }
    }

    #[test]
    fn a_status_decides() {
        let target = target(&http("http://127.0.0.1/")).unwrap();
        assert_eq!(target.answer(204), Answer::Acked);
        assert_eq!(target.answer(422), Answer::Failed(Reason::Status(422)));
        assert_eq!(target.answer(503), Answer::Indeterminate(Reason::Status(503)));
    }
}
