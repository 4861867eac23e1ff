//! Redirects, where they are followed: all answers to one operation are one
//! operation, whose outcome the last one decides.
//!
//! Within the target's origin an answer is followed on the connection that it
//! came on. To another origin it is followed by HTTP/1.1 on a connection that
//! is made when it is first needed and kept, and only to a host that is of this
//! machine, of the target's address, or allowed. No credentials go there.
//! Nothing of this file is touched where redirects are not followed.

use std::time::Duration;

use http::Method;
use http::header::{
    AUTHORIZATION, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION, CONTENT_TYPE, COOKIE,
    HOST, HeaderName, PROXY_AUTHORIZATION, USER_AGENT,
};
use http::uri::Authority;
use scenarios::redact::is_secret;
use url::{Origin, Url};

use super::{Ear, Http, Target, setting};
use crate::error::LoadError;
use crate::feed::Op;
use crate::lane::Lane;
use crate::outcome::{Answer, Reason};
use crate::payload::Payload;
use crate::reach::Reach;
use crate::tls::Tls;

pub(super) use elsewhere::Elsewhere;

mod elsewhere;

/// The most redirects that an operation can be asked to follow.
const MOST: u32 = 100;

/// The files of the connections to other origins that a connection keeps.
pub(super) const MOST_ELSEWHERE: u64 = elsewhere::KEPT as u64;

/// What says something of a body.
pub(super) const OF_BODY: [HeaderName; 4] =
    [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LOCATION];

/// How redirects are followed.
#[derive(Debug)]
pub(super) struct Follow {
    /// So many for each operation.
    most: u32,
    method: Method,
    headers: Vec<(HeaderName, Payload)>,
    /// Where the target is.
    home: Url,
    reach: Reach,
    /// For other origins: whom to trust, and no certificate of ours.
    tls: Tls,
}

/// A request that an answer leads on to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hop {
    url: Url,
    pub(super) method: Method,
    pub(super) has_body: bool,
}

/// Whatever can send one more request for the same operation.
pub(super) trait Hops {
    /// Sends a request and lets the ear hear the answer; gives its status.
    async fn hop(
        &mut self,
        op: &Op,
        hop: &Hop,
        until: Duration,
        ear: &mut Ear<'_>,
    ) -> Result<u16, Reason>;
}

impl Follow {
    /// How the redirects of these requests are followed; `None` if they are not.
    pub(super) fn new(
        http: &Http,
        method: &Method,
        headers: &[(HeaderName, Payload)],
        authority: &Authority,
        secure: bool,
        allowed: &[String],
    ) -> Result<Option<Box<Self>>, LoadError> {
        if http.follow == 0 {
            return Ok(None);
        }
        if http.follow > MOST {
            let problem = format!("use at most {MOST}");
            return Err(setting("number of redirects", &http.follow.to_string(), problem));
        }
        let scheme = if secure { "https" } else { "http" };
        let home = Url::parse(&format!("{scheme}://{authority}/"))
            .map_err(|error| setting("URL", authority.as_str(), error.to_string()))?;
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Some(Box::new(Self {
            most: http.follow,
            method: method.clone(),
            headers: headers.to_vec(),
            reach: Reach::new("the target of a redirect", [host.as_str()], allowed),
            home,
            tls: Tls { cert: None, key: None, ..http.tls.clone() },
        })))
    }

    /// Whether a hop stays where the target is.
    pub(super) fn is_home(&self, hop: &Hop) -> bool {
        hop.url.origin() == self.home.origin()
    }

    /// The headers of a hop: what says something of a body that is not sent is not
    /// among them. Another origin gets only what says what is sent and accepted, and
    /// what is marks and nothing else, such as the identity: whatever a user has
    /// written out may be a secret.
    pub(super) fn headers(&self, hop: &Hop) -> impl Iterator<Item = &(HeaderName, Payload)> {
        let is_home = self.is_home(hop);
        let has_body = hop.has_body;
        self.headers.iter().filter(move |(name, payload)| {
            let of_home = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST];
            let is_private = of_home.contains(name) || is_secret(name.as_str());
            let is_usual = name.as_str().starts_with("accept")
                || OF_BODY.contains(name)
                || *name == USER_AGENT
                || payload.is_marks_alone();
            (has_body || !OF_BODY.contains(name)) && (is_home || is_usual && !is_private)
        })
    }

    /// The request that an answer leads on to.
    fn next(&self, hop: &Hop, status: u16, location: &[u8]) -> Result<Hop, String> {
        let location = std::str::from_utf8(location).map_err(|error| error.to_string())?;
        let url = hop.url.join(location).map_err(|error| error.to_string())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("it is not HTTP but {}", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("it names a user".to_owned());
        }
        let becomes_get = match status {
            303 => hop.method != Method::HEAD,
            301 | 302 => hop.method == Method::POST,
            _ => false,
        };
        Ok(match becomes_get {
            true => Hop { url, method: Method::GET, has_body: false },
            false => Hop { url, ..hop.clone() },
        })
    }
}

impl Hop {
    pub(super) fn path(&self) -> &str {
        &self.url[url::Position::BeforePath..url::Position::AfterQuery]
    }

    pub(super) fn authority(&self) -> &str {
        &self.url[url::Position::BeforeHost..url::Position::AfterPort]
    }

    fn origin(&self) -> Origin {
        self.url.origin()
    }
}

/// Whether a status says that the answer is elsewhere (RFC 9110, 15.4).
pub(super) fn is_redirect(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// The answer to an operation whose request was answered with a status: that of
/// the last request, where redirects are followed.
pub(super) async fn answered(
    target: &Target,
    lane: &Lane,
    hops: &mut impl Hops,
    op: &Op,
    status: u16,
    until: Duration,
    ear: Option<&mut Ear<'_>>,
) -> Answer {
    match (&target.follow, ear) {
        (Some(follow), Some(ear)) if is_redirect(status) => {
            // Nobody pays for the size of this where there is no redirect.
            Box::pin(follow.chain(target, lane, hops, op, status, until, ear)).await
        }
        _ => target.answer(status),
    }
}

impl Follow {
    #[expect(clippy::too_many_arguments, reason = "it is the end of `answered`")]
    async fn chain(
        &self,
        target: &Target,
        lane: &Lane,
        hops: &mut impl Hops,
        op: &Op,
        mut status: u16,
        until: Duration,
        ear: &mut Ear<'_>,
    ) -> Answer {
        let mut path = Vec::new();
        lane.render(&target.path, op, lane.now(), &mut path);
        let cannot = |why: String| Answer::Indeterminate(Reason::Redirect(why));
        // A path that begins with two slashes is no other host.
        let home = &self.home[..url::Position::BeforePath];
        let mut hop = match Url::parse(&format!("{home}{}", String::from_utf8_lossy(&path))) {
            Ok(url) => Hop { url, method: self.method.clone(), has_body: true },
            Err(error) => return cannot(error.to_string()),
        };
        // As long as only the place changed, nothing was done at any of them.
        let mut is_untouched = true;
        for _ in 0..self.most {
            // Without an address it is an answer like any other.
            let Some(location) = ear.location() else { return target.answer(status) };
            is_untouched &= matches!(status, 307 | 308);
            hop = match self.next(&hop, status, &location) {
                Ok(hop) => hop,
                Err(why) => return cannot(format!("its address cannot be used: {why}")),
            };
            status = match hops.hop(op, &hop, until, ear).await {
                Ok(status) => status,
                Err(reason) if is_untouched && reason.is_forbidden() => {
                    return Answer::Failed(reason);
                }
                Err(reason) => return Answer::Indeterminate(reason),
            };
            if !is_redirect(status) {
                return target.answer(status);
            }
        }
        cannot(format!("it is not the answer after {} of them", self.most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Payload;

    fn follow(headers: &[(&str, &str)]) -> Follow {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), Payload::new(value).unwrap()));
        Follow {
            most: 3,
            method: Method::POST,
            headers: headers.collect(),
            home: Url::parse("http://127.0.0.1:81/").unwrap(),
            reach: Reach::new("a redirect", ["127.0.0.1"], &[]),
            tls: Tls::default(),
        }
    }

    fn hop(method: Method) -> Hop {
        Hop { url: Url::parse("http://127.0.0.1:81/a/b?c").unwrap(), method, has_body: true }
    }

    #[test]
    fn methods_change_as_the_status_says() {
        let follow = follow(&[]);
        for (status, from, to, has_body) in [
            (301, Method::POST, Method::GET, false),
            (302, Method::POST, Method::GET, false),
            (302, Method::PUT, Method::PUT, true),
            (302, Method::HEAD, Method::HEAD, true),
            (303, Method::PUT, Method::GET, false),
            (303, Method::HEAD, Method::HEAD, true),
            (307, Method::POST, Method::POST, true),
            (308, Method::DELETE, Method::DELETE, true),
        ] {
            let next = follow.next(&hop(from), status, b"/x").unwrap();
            assert_eq!((next.method, next.has_body), (to, has_body), "{status}");
        }
    }

    #[test]
    fn addresses_are_resolved_or_refused() {
        let follow = follow(&[]);
        let next = |location: &str| follow.next(&hop(Method::GET), 302, location.as_bytes());
        for (location, authority, path, is_home) in [
            ("d", "127.0.0.1:81", "/a/d", true),
            ("?q=1#part", "127.0.0.1:81", "/a/b?q=1", true),
            ("//127.0.0.1:81/x y", "127.0.0.1:81", "/x%20y", true),
            ("http://127.0.0.1/x", "127.0.0.1", "/x", false),
            ("https://127.0.0.1:81/x", "127.0.0.1:81", "/x", false),
            ("http://[::1]:9", "[::1]:9", "/", false),
        ] {
            let hop = next(location).unwrap();
            assert_eq!((hop.authority(), hop.path()), (authority, path));
            assert_eq!(follow.is_home(&hop), is_home, "{location}");
        }
        for (location, hint) in [
            ("ftp://127.0.0.1/", "not HTTP but ftp"),
            ("http://u:secret@127.0.0.1/", "names a user"),
            ("http://h:x/", "port"),
        ] {
            let why = next(location).unwrap_err();
            assert!(why.contains(hint) && !why.contains("secret"), "{why}");
        }
        assert!(follow.next(&hop(Method::GET), 302, b"/\xff").is_err());
    }

    #[test]
    fn another_origin_gets_no_credentials() {
        let follow = follow(&[
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("x-api-key", "k"),
            ("host", "h"),
            ("content-type", "text/plain"),
            ("x-id", "@{id}"),
        ]);
        let names = |hop: &Hop| {
            follow.headers(hop).map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(" ")
        };
        let next = |status, location: &str| {
            follow.next(&hop(Method::POST), status, location.as_bytes()).unwrap()
        };
        assert_eq!(
            names(&next(307, "/x")),
            "authorization cookie x-api-key host content-type x-id"
        );
        assert_eq!(names(&next(303, "/x")), "authorization cookie x-api-key host x-id");
        assert_eq!(names(&next(307, "http://127.0.0.1:82/")), "content-type x-id");
        assert_eq!(names(&next(303, "https://127.0.0.1:81/")), "x-id");
    }
}
