//! An HTTP proxy on the way to a target.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::peers::Peers;
use super::{refused, unmade};
use crate::error::LoadError;
use crate::reach::Unready;

/// The longest answer to `CONNECT`, in bytes.
const LONGEST: usize = 16 * 1024;

/// A proxy that requests go through.
#[derive(Debug)]
pub(super) struct Proxy {
    given: services::Address,
    pub(super) peers: Peers,
    /// The value of its `proxy-authorization`, where a user is named.
    pub(super) authorization: Option<String>,
    /// The host behind it that connections are made to, with the request for that;
    /// `None` where the proxy is asked for everything itself.
    tunnel: Option<(String, Vec<u8>)>,
}

impl Proxy {
    /// A proxy by its address; with a tunnel to a target that is given.
    ///
    /// # Errors
    /// When it is not the address of a proxy that is spoken to.
    pub(super) fn new(
        address: &str,
        tunnel_to: Option<&services::Host>,
    ) -> Result<Self, LoadError> {
        let (given, path) = services::http::split(address)?;
        if given.scheme.tls {
            let why = "a proxy is spoken to without TLS: write http://HOST:PORT";
            return Err(refused(&given, why).into());
        }
        if !matches!(path, "" | "/") {
            return Err(refused(&given, "nothing follows the port of a proxy").into());
        }
        let authorization = basic(&given)?;
        let tunnel = tunnel_to.map(|host| {
            let more = authorization
                .as_ref()
                .map_or_else(String::new, |value| format!("proxy-authorization: {value}\r\n"));
            let request = format!("CONNECT {host} HTTP/1.1\r\nhost: {host}\r\n{more}\r\n");
            (host.to_string(), request.into_bytes())
        });
        let services::Host { name, port } = given.host();
        Ok(Self { peers: Peers::new(name, *port, None), given, authorization, tunnel })
    }

    pub(super) fn unknown(&self, source: std::io::Error) -> LoadError {
        LoadError::Host { url: self.given.shown(), source }
    }

    /// Connects to it, and through it where there is a tunnel.
    pub(super) async fn connect(&self) -> Result<TcpStream, Unready> {
        let at = |error: &std::io::Error| match unmade(error) {
            Unready::Problem(problem) => Unready::Problem(format!("the proxy: {problem}")),
            other => other,
        };
        let mut stream = self.peers.connect().await.map_err(|error| at(&error))?;
        let Some((target, request)) = &self.tunnel else { return Ok(stream) };
        stream.write_all(request).await.map_err(|error| at(&error))?;
        let mut answer = Vec::new();
        let (status, reason) = loop {
            if let Some(told) = told(&answer)? {
                break told;
            }
            if stream.read_buf(&mut answer).await.map_err(|error| at(&error))? == 0 {
                return Err("the proxy closed the connection without an answer to CONNECT".into());
            }
        };
        match status {
            200..=299 => Ok(stream),
            407 => {
                let request = format!("CONNECT {target}");
                Err(Unready::Denied(self.given.locked(&request, "407")))
            }
            _ => Err(format!("the proxy answered CONNECT with {status} {reason}").into()),
        }
    }
}

/// The status and reason that a proxy's answer tells once its head is whole. What
/// follows a tunnel's beginning comes from the target, which does not speak first.
fn told(answer: &[u8]) -> Result<Option<(u16, String)>, Unready> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(answer) {
        Ok(httparse::Status::Complete(_)) => {
            let reason = response.reason.unwrap_or_default().to_owned();
            Ok(Some((response.code.unwrap_or_default(), reason)))
        }
        Ok(httparse::Status::Partial) if answer.len() < LONGEST => Ok(None),
        Ok(httparse::Status::Partial) => Err("the proxy's answer to CONNECT has no end".into()),
        Err(error) => Err(format!("the proxy does not speak HTTP: {error}").into()),
    }
}

/// The value of an authorization header for the user of an address, if it names
/// one (RFC 7617).
///
/// # Errors
/// When the user has a colon, which would be the begin of the password.
pub(in crate::transport) fn basic(given: &services::Address) -> Result<Option<String>, LoadError> {
    if given.user.is_none() && given.password.is_none() {
        return Ok(None);
    }
    let user = given.user.as_deref().unwrap_or_default();
    let password = given.password.as_deref().unwrap_or_default();
    if user.contains(':') {
        let why = "the name of a user must not have a colon (%3A)";
        return Err(refused(given, why).into());
    }
    let both = BASE64_STANDARD.encode(format!("{user}:{password}"));
    Ok(Some(format!("Basic {both}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_of_addresses_are_authorized() {
        let basic = |url: &str| basic(&services::http::split(url).unwrap().0);
        for (url, value) in [
            ("http://h/", None),
            ("http://joe@h/", Some("Basic am9lOg==")),
            ("http://joe:s%40cret@h/", Some("Basic am9lOnNAY3JldA==")),
            ("http://:pw@h/", Some("Basic OnB3")),
        ] {
            assert_eq!(basic(url).unwrap().as_deref(), value, "{url}");
        }
        let error = basic("http://a%3Ab:secret@h/").unwrap_err().to_string();
        assert!(error.contains("colon") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn what_is_no_proxy_is_refused() {
        for (address, why) in [
            ("https://h:3128", "without TLS"),
            ("socks5://h:1080", "http or https"),
            ("h:3128", "no scheme"),
            ("http://h:3128/path", "nothing follows"),
        ] {
            let error = Proxy::new(address, None).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }

    #[test]
    fn answers_are_read_whole() {
        assert!(told(b"HTTP/1.1 200 Conn").unwrap().is_none());
        let (status, reason) =
            told(b"HTTP/1.1 502 Bad Gateway\r\na: b\r\n\r\nrest").unwrap().unwrap();
        assert_eq!((status, reason.as_str()), (502, "Bad Gateway"));
        assert!(told(b"\x15\x03\x01").is_err());
        assert!(
            told(&[b"HTTP/1.1 200 X\r\n", "a: b\r\n".repeat(LONGEST).as_bytes()].concat()).is_err()
        );
    }
}
