//! Addresses: as the command line gives them, and as a report may show them.

use std::collections::BTreeMap;

use scenarios::plan::{Namespace, System, Target};
use scenarios::redact::redact_address;
use scenarios::targets::{self, Given};
use services::Service;

/// Why an address cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// Not of the form `KEY=URL`, or given twice.
    #[error("{0}")]
    Pair(String),
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
    /// No namespace of a cluster.
    #[error("--target {key}={text}: {why}")]
    Namespace {
        /// The key.
        key: String,
        /// What was given, without a password.
        text: String,
        /// What is wrong with it.
        why: String,
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
    /// An address that what reads it cannot read.
    #[error("{what}: {source}")]
    Unreadable {
        /// What reads it.
        what: String,
        /// What is wrong with it.
        source: Box<services::AddressError>,
    },
    /// What is read there cannot be read.
    #[error("{what}: {why}")]
    Unusable {
        /// What reads it.
        what: String,
        /// Why not.
        why: String,
    },
    /// It was asked for by mistake, or nobody allowed it.
    #[error("{what}: {why}")]
    Mistaken {
        /// What asks for it.
        what: String,
        /// What is wrong, and what to write.
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
        advice: String,
    },
}

/// The pairs of the command line, or else those of its variable.
#[must_use]
pub fn pairs(flags: &[String]) -> Vec<String> {
    targets::pairs(flags, std::env::var(targets::VARIABLE).ok().as_deref())
}

/// Reads `KEY=URL` pairs, and a file of them (TOML: `service = "http://…"`), over
/// which the pairs go.
///
/// # Errors
/// When the file is not usable; what is wrong with pairs is in what is given.
pub fn read(pairs: &[String], file: Option<&std::path::Path>) -> Result<Given, TargetError> {
    let mut given = targets::read(pairs);
    if let Some(path) = file {
        let error = |why: String| TargetError::File { path: path.display().to_string(), why };
        let text = std::fs::read_to_string(path).map_err(|e| error(e.to_string()))?;
        let filed: BTreeMap<String, String> = toml::from_str(&text).map_err(|e| {
            error(format!("it must hold lines such as service = \"http://…\": {}", e.message()))
        })?;
        for (key, url) in filed {
            given.targets.entry(key).or_insert(url);
        }
    }
    Ok(given)
}

/// Checks every address against what the system declares for its key, and
/// takes the slash off the end of `http://host/`, so that a path can follow.
///
/// # Errors
/// Every address that is not one, or has another scheme.
pub fn check(
    system: &System,
    targets: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, TargetError> {
    let (mut checked, mut wrong) = (BTreeMap::new(), Vec::new());
    for (key, text) in targets {
        let target = system.targets.get(key);
        if target.is_some_and(Target::is_namespace) {
            match text.parse::<Namespace>() {
                Ok(_) => drop(checked.insert(key.clone(), text.clone())),
                Err(why) => {
                    let text = redact_address(text);
                    wrong.push(TargetError::Namespace { key: key.clone(), text, why });
                }
            }
            continue;
        }
        let schemes = target.map_or(&[][..], |target| &target.schemes);
        let service = service_of(text, schemes);
        let error = |why: String, service: Service| TargetError::NotAnAddress {
            key: key.clone(),
            text: redact_address(text),
            why,
            example: service.about().example.to_owned(),
        };
        let has = |given: &str| schemes.iter().any(|scheme| scheme.eq_ignore_ascii_case(given));
        match service.address(text) {
            Err(unread) => wrong.push(error(unread.reason, service)),
            // One without a scheme, such as host:port of Kafka, is read as what it may be.
            Ok(address)
                if !(schemes.is_empty()
                    || address.scheme.name.is_empty()
                    || has(address.scheme.name)) =>
            {
                let why = format!("its scheme must be {}", schemes.join(" or "));
                let meant = schemes.iter().find_map(|scheme| Service::of_scheme(scheme));
                wrong.push(error(why, meant.unwrap_or(service)));
            }
            Ok(_) => {
                checked.insert(key.clone(), text.trim_end_matches('/').to_owned());
            }
        }
    }
    match TargetError::all(wrong) {
        None => Ok(checked),
        Some(error) => Err(error),
    }
}

impl TargetError {
    /// All of them as one; `None` where there are none.
    #[must_use]
    pub fn all(mut list: Vec<Self>) -> Option<Self> {
        match list.len() {
            0 | 1 => list.pop(),
            _ => Some(Self::Several(list)),
        }
    }

    /// Whether the command line or the scenario has to be changed, whatever becomes of the
    /// surroundings.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        match self {
            Self::Pair(_)
            | Self::NotAnAddress { .. }
            | Self::Namespace { .. }
            | Self::File { .. }
            | Self::Unreadable { .. }
            | Self::Mistaken { .. } => true,
            Self::Unreachable { .. } | Self::Unusable { .. } | Self::Unauthorized { .. } => false,
            Self::Several(list) => list.iter().any(Self::is_usage),
        }
    }
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

    fn system(schemes: &[&str]) -> System {
        let schemes = schemes.iter().map(|&scheme| scheme.to_owned()).collect();
        let target = Target { help: "it".to_owned(), schemes, required: false };
        System { targets: [("it".to_owned(), target)].into(), ..System::default() }
    }

    fn checked(schemes: &[&str], text: &str) -> Result<String, String> {
        let given = [("it".to_owned(), text.to_owned())].into();
        let checked = check(&system(schemes), &given).map_err(|error| error.to_string())?;
        Ok(checked["it"].clone())
    }

    #[test]
    fn a_namespace_of_a_cluster_is_no_address() {
        assert_eq!(checked(&["kubernetes"], "staging/orders").unwrap(), "staging/orders");
        assert_eq!(checked(&["http"], "http://h/").unwrap(), "http://h");
        let told = checked(&["kubernetes"], "https://ann:hunter22@cluster/orders").unwrap_err();
        assert!(told.contains("--target it=") && told.contains("CONTEXT/NAMESPACE"), "{told}");
        assert!(!told.contains("hunter22"), "{told}");
        assert_eq!(checked(&["kafka"], "h:9092,i:9092").unwrap(), "h:9092,i:9092");
        let told = checked(&["kafka"], "http://h").unwrap_err();
        assert!(told.contains("its scheme must be kafka"), "{told}");
        let told = checked(&["http"], "staging/orders").unwrap_err();
        assert!(!told.contains("CONTEXT"), "{told}");
    }
}
