//! Addresses: as the command line gives them, and as a report may show them.

use std::collections::BTreeMap;

use scenarios::plan::System;
use url::Url;

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not of the form `KEY=URL`.
    #[error("--target {text}: write KEY=URL, for example --target service=http://127.0.0.1:8080")]
    NotAPair {
        /// What was given.
        text: String,
    },
    /// The same key twice.
    #[error("--target {key} is given twice")]
    Twice {
        /// The key.
        key: String,
    },
    /// Not an address.
    #[error("--target {key}: {text:?} is not an address ({why}); write for example {example}")]
    NotAnAddress {
        /// The key.
        key: String,
        /// What was given, without its password.
        text: String,
        /// What is wrong with it.
        why: String,
        /// One that would do.
        example: String,
    },
    /// A file of targets that cannot be used.
    #[error("--targets {path}: {why}")]
    File {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Nobody answers there.
    #[error("{key}: nobody answers at {address} ({why}); is it running, and is the address right?")]
    Unreachable {
        /// The key.
        key: String,
        /// Host and port.
        address: String,
        /// What the system says.
        why: String,
    },
    /// The system there does not let us in.
    #[error(
        "{key}: {address} refuses the user name or password; give them in the address: {example}"
    )]
    Unauthorized {
        /// The key.
        key: String,
        /// The address without its password.
        address: String,
        /// How credentials are given.
        example: String,
    },
}

/// Reads `KEY=URL` pairs, and a file of them (TOML: `service = "http://…"`).
///
/// # Errors
/// When a pair, the file or a key is not usable.
pub fn read(
    pairs: &[String],
    file: Option<&std::path::Path>,
) -> Result<BTreeMap<String, String>, TargetError> {
    let mut targets = BTreeMap::new();
    if let Some(path) = file {
        let error = |why: String| TargetError::File { path: path.display().to_string(), why };
        let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
        targets = toml::from_str(&text).map_err(|e| {
            error(format!("it must hold lines such as service = \"http://…\": {}", e.message()))
        })?;
    }
    let mut given = std::collections::BTreeSet::new();
    for pair in pairs {
        let (key, url) = pair
            .split_once('=')
            .filter(|(key, url)| !key.is_empty() && !url.is_empty())
            .ok_or_else(|| TargetError::NotAPair { text: redact(pair) })?;
        if !given.insert(key) {
            return Err(TargetError::Twice { key: key.to_owned() });
        }
        targets.insert(key.to_owned(), url.to_owned());
    }
    Ok(targets)
}

/// Checks every address against what the system declares for its key, and
/// takes the slash off the end of `http://host/`, so that a path can follow.
///
/// # Errors
/// When an address is not one, or has another scheme.
pub fn check(
    system: &System,
    targets: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, TargetError> {
    let mut checked = BTreeMap::new();
    for (key, text) in targets {
        let schemes = system.targets.get(key).map_or(&[][..], |target| &target.schemes);
        let error = |why: String| TargetError::NotAnAddress {
            key: key.clone(),
            text: redact(text),
            why,
            example: example(schemes.first().map_or("http", String::as_str)),
        };
        let url = Url::parse(text).map_err(|e| error(e.to_string()))?;
        if !schemes.is_empty() && !schemes.iter().any(|scheme| scheme == url.scheme()) {
            return Err(error(format!("its scheme must be {}", schemes.join(" or "))));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(error("it names no host".to_owned()));
        }
        checked.insert(key.clone(), text.trim_end_matches('/').to_owned());
    }
    Ok(checked)
}

fn example(scheme: &str) -> String {
    match scheme {
        "amqp" | "amqps" => format!("{scheme}://user:password@host:5672/%2f"),
        "redis" | "rediss" => format!("{scheme}://user:password@host:6379"),
        "postgres" | "postgresql" => format!("{scheme}://user:password@host:5432/database"),
        other => format!("{other}://host:8080"),
    }
}

/// The addresses as they may be shown.
#[must_use]
pub fn redact_all(targets: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    targets.iter().map(|(key, url)| (key.clone(), redact(url))).collect()
}

/// Takes the password out of an address: `amqp://guest:***@host`. Works on any
/// text, also on one that is not an address.
#[must_use]
pub fn redact(text: &str) -> String {
    let Some(start) = text.find("://").map(|at| at + 3) else { return text.to_owned() };
    let authority_end = text[start..].find(['/', '?', '#']).map_or(text.len(), |at| start + at);
    let Some(at) = text[start..authority_end].rfind('@').map(|at| start + at) else {
        return text.to_owned();
    };
    match text[start..at].find(':') {
        Some(colon) => format!("{}:***{}", &text[..start + colon], &text[at..]),
        None => text.to_owned(),
    }
}

/// User name and password of an address, percent-decoded, and the address
/// without them.
#[must_use]
pub fn credentials(text: &str) -> (String, Option<(String, String)>) {
    let Ok(mut url) = Url::parse(text) else { return (text.to_owned(), None) };
    if url.username().is_empty() {
        return (text.trim_end_matches('/').to_owned(), None);
    }
    let decode = |word: &str| {
        url::form_urlencoded::parse(format!("x={}", word.replace('+', "%2B")).as_bytes())
            .next()
            .map_or_else(String::new, |(_, value)| value.into_owned())
    };
    let user = decode(url.username());
    let password = decode(url.password().unwrap_or_default());
    // A URL with a host takes any user name, so these cannot fail.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    (url.as_str().trim_end_matches('/').to_owned(), Some((user, password)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_do_not_show() {
        assert_eq!(redact("amqp://guest:se:cr@t@h:1/%2f"), "amqp://guest:***@h:1/%2f");
        assert_eq!(redact("http://h/a@b:c"), "http://h/a@b:c");
        assert_eq!(redact("http://user@h"), "http://user@h");
        assert_eq!(redact("service=http://u:p@h"), "service=http://u:***@h");
        assert_eq!(redact("not an address"), "not an address");
    }

    #[test]
    fn credentials_are_taken_out() {
        let (bare, user) = credentials("http://us%2Ber:p%40ss@h:15672/");
        assert_eq!(bare, "http://h:15672");
        assert_eq!(user, Some(("us+er".to_owned(), "p@ss".to_owned())));
        assert_eq!(credentials("http://h:1/x"), ("http://h:1/x".to_owned(), None));
    }

    #[test]
    fn pairs_are_read_strictly() {
        let pairs =
            |list: &[&str]| read(&list.iter().map(ToString::to_string).collect::<Vec<_>>(), None);
        assert_eq!(pairs(&["a=http://x?y=z"]).unwrap()["a"], "http://x?y=z");
        assert!(matches!(pairs(&["a"]), Err(TargetError::NotAPair { .. })));
        assert!(matches!(pairs(&["a=1", "a=2"]), Err(TargetError::Twice { .. })));
    }
}
