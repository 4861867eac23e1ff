//! Addresses: as the command line gives them, and as a report may show them.

use std::collections::BTreeMap;

use scenarios::plan::System;
use scenarios::redact::{redact, redact_address};
use services::Service;

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
    /// More than one address cannot be used; one a line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<TargetError>),
    /// The system there does not let us in.
    #[error("{key}: {address} refuses us ({why}); {advice}")]
    Unauthorized {
        /// The key.
        key: String,
        /// The address without its password.
        address: String,
        /// What it said.
        why: String,
        /// How credentials are given.
        advice: &'static str,
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
        let service = service_of(text, schemes);
        let error = |why: String| TargetError::NotAnAddress {
            key: key.clone(),
            text: redact_address(text),
            why,
            example: service.about().example.to_owned(),
        };
        let address = service.address(text).map_err(|wrong| error(wrong.reason))?;
        let has = |scheme: &String| scheme.eq_ignore_ascii_case(address.scheme.name);
        if !schemes.is_empty() && !schemes.iter().any(has) {
            return Err(error(format!("its scheme must be {}", schemes.join(" or "))));
        }
        checked.insert(key.clone(), text.trim_end_matches('/').to_owned());
    }
    Ok(checked)
}

/// The service behind an address: that of its scheme, otherwise of a scheme
/// that it may have.
pub(crate) fn service_of(text: &str, schemes: &[String]) -> Service {
    let allowed = || schemes.iter().find_map(|scheme| Service::of_scheme(scheme));
    Service::of_address(text).or_else(allowed).unwrap_or(Service::Http)
}

/// The addresses as they may be shown.
#[must_use]
pub fn redact_all(targets: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    targets.iter().map(|(key, url)| (key.clone(), redact_address(url))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_read_strictly() {
        let pairs =
            |list: &[&str]| read(&list.iter().map(ToString::to_string).collect::<Vec<_>>(), None);
        assert_eq!(pairs(&["a=http://x?y=z"]).unwrap()["a"], "http://x?y=z");
        assert!(matches!(pairs(&["a"]), Err(TargetError::NotAPair { .. })));
        assert!(matches!(pairs(&["a=1", "a=2"]), Err(TargetError::Twice { .. })));
    }
}
