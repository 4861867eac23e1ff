//! What the head of every request is made of: its path and its headers.

use http::header::{ACCEPT_ENCODING, AUTHORIZATION, HeaderName, HeaderValue, USER_AGENT};
use http::uri::{Authority, PathAndQuery};

use super::super::stream::{basic, refused};
use super::super::template;
use super::{Http, setting};
use crate::error::LoadError;
use crate::identity::IdentityRef;
use crate::payload::{Fields, Payload};
use crate::route::Route;
use crate::shape::Shape;

/// The headers of every request in lower case, the usual ones first.
pub(super) fn headers(
    http: &Http,
    given: &services::Address,
    shape: &Shape,
) -> Result<Vec<(HeaderName, Payload)>, LoadError> {
    let mut headers = Vec::new();
    if let Some(value) = basic(given)? {
        if http.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
            let why =
                "it names a user, and there is an Authorization header; leave one of them out";
            return Err(refused(given, why).into());
        }
        headers.push((AUTHORIZATION, template("URL", &value, shape)?));
    }
    if !http.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("user-agent")) {
        let agent = concat!("shakedown-loadgen/", env!("CARGO_PKG_VERSION"));
        headers.push((USER_AGENT, template("header user-agent", agent, shape)?));
    }
    for (name, value) in &http.headers {
        let key = HeaderName::from_bytes(name.as_bytes())
            .map_err(|error| setting("header", name, error.to_string()))?;
        if matches!(key.as_str(), "content-length" | "transfer-encoding" | "connection") {
            let problem = "it follows from the request; leave it out".to_owned();
            return Err(setting("header", name, problem));
        }
        let payload = template(&format!("header {name}"), value, shape)?;
        HeaderValue::from_bytes(&sample(&payload))
            .map_err(|error| setting("header value", value, error.to_string()))?;
        if let Some(data) = &shape.data
            && payload.values(data).any(|value| HeaderValue::from_bytes(value).is_err())
        {
            let problem = "a value of its column has a line break or another control character";
            return Err(setting("header value", value, problem.to_owned()));
        }
        headers.push((key, payload));
    }
    let has = |wanted: &HeaderName| headers.iter().any(|(name, _)| name == wanted);
    if http.compressed && !has(&ACCEPT_ENCODING) {
        headers.push((ACCEPT_ENCODING, template("header accept-encoding", "gzip", shape)?));
    }
    Ok(headers)
}

/// What may not be shown of how the users of an address and a proxy log in: the
/// values of their headers without the word in front.
pub(in crate::transport) fn logins(url: &str, route: &Route) -> Vec<String> {
    let of = |text: &str| {
        let (given, _) = services::http::split(text).ok()?;
        let value = basic(&given).ok()??;
        value.split_once(' ').map(|(_, login)| login.to_owned())
    };
    [url].into_iter().chain(route.proxy.as_deref()).filter_map(of).collect()
}

/// The host with its port, unless that is the usual one.
pub(super) fn authority(given: &services::Address) -> Result<Authority, LoadError> {
    let host = given.host();
    let text = match host.port == given.scheme.port {
        true => host.bracketed(),
        false => host.to_string(),
    };
    text.parse().map_err(|error: http::uri::InvalidUri| refused(given, error.to_string()).into())
}

/// The template of the path with its query. A fragment is not for the server.
pub(super) fn path(
    given: &services::Address,
    text: &str,
    shape: &Shape,
) -> Result<Payload, LoadError> {
    let text = text.split('#').next().unwrap_or_default();
    let slash = if text.starts_with('/') { "" } else { "/" };
    let payload = Payload::encoded(&super::url::encoded(&format!("{slash}{text}")), shape)
        .map_err(|source| LoadError::Payload { what: "URL".to_owned(), source })?;
    PathAndQuery::try_from(sample(&payload).as_slice()).map_err(|error| {
        refused(given, format!("the path behind it has an illegal character ({error})"))
    })?;
    Ok(payload)
}

/// The text of a template for some operation. What differs for others are
/// letters, digits and the like, which may stand anywhere.
pub(super) fn sample(payload: &Payload) -> Vec<u8> {
    let mut out = Vec::new();
    let identity = IdentityRef { run: "r", workload: "w", sequence: 0 };
    let shape = Shape::default();
    payload.render(&Fields { identity, time: 0, shape: &shape }, &mut out);
    out
}
