//! Anything that speaks HTTP: `http://host:port/path`.

use scenarios::redact::redact_address;

use crate::address::{Address, AddressError};
use crate::service::{About, Scheme, Service};

pub(crate) const ABOUT: About = About {
    name: "the HTTP service",
    see: "see that it runs",
    credentials: "give a user whom it knows as http://USER:PASSWORD@HOST:PORT",
    login: "http://USER:PASSWORD@HOST:PORT",
    example: "http://127.0.0.1:8080",
    schemes: &SCHEMES,
    read,
};

pub(crate) const SCHEMES: [Scheme; 2] =
    [Scheme::plain("http", 80), Scheme::encrypted("https", 443)];

fn read(address: &mut Address) -> Result<(), String> {
    address.one_host()
}

/// An address, and apart from it the path and query behind its host, which are
/// a payload template and stay as they were written.
///
/// # Errors
/// When what names the host is not as it must be.
pub fn split(text: &str) -> Result<(Address, &str), AddressError> {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    if text[end..].starts_with('\\') {
        // For some programs it is a slash: the whole text is refused for it.
        return Ok((Service::Http.address(text)?, ""));
    }
    let (authority, rest) = text.split_at(end);
    let wrong = |error: AddressError| {
        let shown = redact_address(text);
        // What looks like a port is the begin of a password with a slash.
        let is_password = shown != text && !authority.contains('@');
        let reason = match is_password {
            true => "if that is a password, write its / as %2F and its ? as %3F".to_owned(),
            false => error.reason,
        };
        AddressError { shown, reason, ..error }
    };
    Ok((Service::Http.address(authority).map_err(wrong)?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_follows_the_host_is_no_part_of_the_address() {
        for (text, host, rest) in [
            ("http://h/@{id}?a=b c#d", "h:80", "/@{id}?a=b c#d"),
            ("https://[::1]?x", "[::1]:443", "?x"),
            ("http://u%40x:p%2Fw@h:81", "h:81", ""),
        ] {
            let (address, after) = split(text).unwrap();
            assert_eq!((address.host().to_string().as_str(), after), (host, rest));
        }
        for (text, why) in [
            ("http://127.0.0.1:8O80/@{id}", "\"8O80\" is not a number"),
            ("http://u:sec/ret@h/", "write its / as %2F"),
            ("http://u:secret@h:x/", "\"x\" is not a number"),
            ("http://h\\@evil/", "%5C"),
            ("h:80/a", "no scheme"),
        ] {
            let error = split(text).expect_err(text).to_string();
            assert!(error.contains(why) && !error.contains("sec"), "{text}: {error}");
        }
    }
}
