//! What may be shown of a text: the one rule by which everything that people
//! read, every file of a run and every report is freed of secrets.
//!
//! A secret is the password of an address (`amqp://guest:***@host`), whatever
//! the address looks like; the value of what is named like one (`password=***`,
//! `"token": "***"`, `--secret ***`); and what follows `Bearer` and its like.
//! User names, hosts and everything else stay readable.
//!
//! Where a text is ambiguous, more is masked rather than less.

use std::ops::Range;

mod address;
mod named;
mod secrets;

pub use secrets::Secrets;

/// What stands in place of a secret.
pub const MASK: &str = "***";

/// The text without its secrets. Works on any text; what is masked already
/// stays as it is.
#[must_use]
pub fn redact(text: &str) -> String {
    masked(text, spans(text))
}

/// The text with a mask in place of each span.
fn masked(text: &str, spans: Vec<Range<usize>>) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for span in spans {
        out.push_str(&text[done..span.start]);
        out.push_str(MASK);
        done = span.end;
    }
    out.push_str(&text[done..]);
    out
}

/// [`redact`] for a text that is given as one address, right or wrong: all up to
/// its end is taken for a part of it.
#[must_use]
pub fn redact_address(text: &str) -> String {
    let mut found = spans(text);
    address::whole(text, &mut found);
    masked(text, merged(found))
}

/// Whether the value of what is called so is a secret: of a setting, a field or
/// a parameter.
#[must_use]
pub fn is_secret(name: &str) -> bool {
    named::is_secret(name)
}

/// Where the secrets of a text stand: in order, apart from each other, none
/// empty.
fn spans(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    address::spans(text, &mut found);
    named::spans(text, &mut found);
    named::bearers(text, &mut found);
    merged(found)
}

/// The spans in order, those that meet made one.
fn merged(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.retain(|span| !span.is_empty());
    spans.sort_by_key(|span| (span.start, span.end));
    let mut out: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match out.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => out.push(span),
        }
    }
    out
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_addresses_do_not_show() {
        for (given, shown) in [
            ("amqp://guest:s3cret@h:5672/v", "amqp://guest:***@h:5672/v"),
            ("amqp://guest:se:cr@t@h:1/%2f", "amqp://guest:***@h:1/%2f"),
            ("a http://u:p@h and redis://:pw@h2/0.", "a http://u:***@h and redis://:***@h2/0."),
            ("http://u:p@ss@h/", "http://u:***@h/"),
            ("x=redis://u:a@h,redis://u:b@h", "x=redis://u:***@h,redis://u:***@h"),
            ("mongodb://u:p@a:1,b:2/db?x=y", "mongodb://u:***@a:1,b:2/db?x=y"),
            ("redis://u:p/w@h/0", "redis://u:***@h/0"),
            ("redis://u:p?w#x@h/0", "redis://u:***@h/0"),
            ("amqp://u:12/w@h/v", "amqp://u:***@h/v"),
            ("postgres://u:p@ss/w@h/db", "postgres://u:***@h/db"),
            ("service=http://u:p@h", "service=http://u:***@h"),
            ("joe:s@cret@host:1", "joe:***@host:1"),
            ("amqp:/u:secret@h:x/", "amqp:/u:***@h:x/"),
            ("amqp://u:a://b@h/v", "amqp://u:***@h/v"),
            ("http://a:80,redis://u:p@h", "http://a:80,redis://u:***@h"),
            ("http://[::1]:80,redis://u:p@h", "http://[::1]:80,redis://u:***@h"),
            ("'amqp://u:it's@h' (x)", "'amqp://u:***@h' (x)"),
        ] {
            assert_eq!(redact(given), shown);
            assert_eq!(redact(shown), shown, "what is masked stays");
        }
    }

    #[test]
    fn an_address_with_or_without_a_scheme_shows_no_password() {
        for (given, shown) in [
            ("guest:a://b@h:5672/v", "guest:***@h:5672/v"),
            ("key=redis://:a://b@h", "key=redis://:***@h"),
            ("amqp://u:a,b://c@h/v", "amqp://u:***@h/v"),
        ] {
            assert_eq!(redact_address(given), shown);
        }
    }

    #[test]
    fn values_that_are_named_like_secrets_do_not_show() {
        for (given, shown) in [
            ("--set db_password=hunter2 --set n=5", "--set db_password=*** --set n=5"),
            ("PASSWORD='a b' x", "PASSWORD='***' x"),
            ("?token=abc&n=1", "?token=***&n=1"),
            ("postgres://h/d?sslpassword=a%26b&x=y", "postgres://h/d?sslpassword=***&x=y"),
            (
                "mongodb://h/?authMechanismProperties=a:b,c:d&w=1",
                "mongodb://h/?authMechanismProperties=***&w=1",
            ),
            ("sasl.password=a,b;c d", "sasl.password=*** d"),
            ("host=h password=a&b=c user=u", "host=h password=*** user=u"),
            ("password='it\\'s' host=h", "password='***' host=h"),
            ("{\"password\": \"x\\\"y\", \"n\": 1}", "{\"password\": \"***\", \"n\": 1}"),
            ("{\\\"token\\\":\\\"x\\\",\\\"n\\\":1}", "{\\\"token\\\":\\\"***\\\",\\\"n\\\":1}"),
            ("--password hunter2 --user joe", "--password *** --user joe"),
            ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
            ("authorization: Basic dTpwdw==\nhost: h", "authorization: Basic ***\nhost: h"),
            ("a Basic dTpwdw== and bearer x, y", "a Basic *** and bearer ***, y"),
            ("secret = \"s\"", "secret = \"***\""),
            ("--password 'it'\\''s' x", "--password '***' x"),
            ("\"--password 'it'\\\\''s' x\"", "\"--password '***' x\""),
            ("'token=***' 'n=1'", "'token=***' 'n=1'"),
            ("token=***more x", "token=*** x"),
            ("password=", "password="),
            ("= = 5", "= = 5"),
        ] {
            assert_eq!(redact(given), shown);
            assert_eq!(redact(shown), shown, "what is masked stays");
        }
    }

    #[test]
    fn names_tell_secrets() {
        for name in
            ["password", "DB_PASSWORD", "sslpassword", "api-key", "redis.pass", "PGPASSWORD"]
        {
            assert!(is_secret(name), "{name}");
        }
        for name in ["user", "tokens", "bypass", "key", "passes", "author"] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        for text in [
            "http://h/a@b:c",
            "http://user@h",
            "amqp://guest@h and user@example.org",
            "amqp://host:1",
            "give it as amqp://USER:PASSWORD@HOST:PORT/VHOST",
            "the database, as postgres://user:password@host/name",
            "not an address",
            "http://127.0.0.1:8O80/",
            "http://h:80/@{id}",
            "http://h/@{id}?k=@{key}",
            "key:@{id}",
            "127.0.0.1:8080/a@b",
            "http://[::1]:80/x@y",
            "nginx:1.2@sha256:0123",
            "rabbit@host:5672",
            "{\"id\":\"@{id}\",\"to\":\"a@b\"}",
            "at 12:30:45 x@y",
            "Basic checks of the bearer",
            "max_tokens=5 bypass=1",
        ] {
            assert_eq!(redact(text), text);
        }
    }
}
