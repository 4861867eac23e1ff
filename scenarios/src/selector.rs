//! Which processes play a role, as a text: `name:worker`, `pid-file:/run/w.pid`,
//! `unit:worker.service`, `pid:4711`; or which pods, `k8s:shop/app=worker`. Who that is
//! on a machine or in a cluster, others find out.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::locator::Pattern;

/// How processes are found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Selector {
    /// The one that wrote its id into this file.
    PidFile(PathBuf),
    /// Those whose name is exactly the text of the expression, or on whose command
    /// line, its words with a space between them, the expression matches.
    Name(Pattern),
    /// The main process of a unit of systemd.
    Unit(String),
    /// The one with this id; with a start time, in clock ticks since boot, never
    /// another one that has the id later.
    Pid {
        /// The process id.
        pid: u32,
        /// When it began.
        start_time: Option<u64>,
    },
    /// Pods of the current cluster.
    Pods {
        /// Their namespace.
        namespace: String,
        /// A label selector: `app=worker`.
        labels: String,
    },
}

/// Why a text names no processes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectorError {
    /// It has none of the forms.
    #[error(
        "{text:?} names no processes; write pid-file:FILE, name:EXPRESSION, unit:NAME, pid:PID or, for pods, k8s:NAMESPACE/LABELS"
    )]
    Form {
        /// What was given.
        text: String,
    },
    /// The expression of a name is none.
    #[error("{text:?} is no regular expression: {reason}")]
    Expression {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a process id.
    #[error("{text:?} is not a process id, nor PID@START as a dry run shows it")]
    Id {
        /// What was given.
        text: String,
    },
    /// Not a namespace with labels.
    #[error("{text:?} names no pods; write k8s:NAMESPACE/LABELS, such as k8s:shop/app=worker")]
    Pods {
        /// What was given.
        text: String,
    },
}

impl FromStr for Selector {
    type Err = SelectorError;

    fn from_str(text: &str) -> Result<Self, SelectorError> {
        let form = || SelectorError::Form { text: text.to_owned() };
        let (how, what) = text.split_once(':').ok_or_else(form)?;
        if what.is_empty() {
            return Err(form());
        }
        match how {
            "pid-file" => Ok(Self::PidFile(PathBuf::from(what))),
            "name" => what.parse().map(Self::Name).map_err(|error| SelectorError::Expression {
                text: what.to_owned(),
                reason: reason(&error),
            }),
            // It would be read as an option.
            "unit" if what.starts_with('-') => Err(form()),
            "unit" => Ok(Self::Unit(what.to_owned())),
            "pid" => id(what).ok_or_else(|| SelectorError::Id { text: what.to_owned() }),
            "k8s" => pods(what).ok_or_else(|| SelectorError::Pods { text: text.to_owned() }),
            _ => Err(form()),
        }
    }
}

/// No labels would be every pod of the namespace.
fn pods(text: &str) -> Option<Selector> {
    let (namespace, labels) = text.split_once('/')?;
    let labels = labels.trim();
    if namespace.is_empty() || labels.is_empty() {
        return None;
    }
    Some(Selector::Pods { namespace: namespace.to_owned(), labels: labels.to_owned() })
}

fn id(text: &str) -> Option<Selector> {
    let (pid, start_time) = match text.split_once('@') {
        Some((pid, start_time)) => (pid, Some(start_time.parse().ok()?)),
        None => (text, None),
    };
    Some(Selector::Pid { pid: pid.parse().ok()?, start_time })
}

fn reason(error: &crate::locator::LocatorError) -> String {
    match error {
        crate::locator::LocatorError::Pattern { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PidFile(path) => write!(f, "pid-file:{}", path.display()),
            Self::Name(pattern) => write!(f, "name:{pattern}"),
            Self::Unit(name) => write!(f, "unit:{name}"),
            Self::Pid { pid, start_time: None } => write!(f, "pid:{pid}"),
            Self::Pid { pid, start_time: Some(at) } => write!(f, "pid:{pid}@{at}"),
            Self::Pods { namespace, labels } => write!(f, "k8s:{namespace}/{labels}"),
        }
    }
}

impl TryFrom<String> for Selector {
    type Error = SelectorError;

    fn try_from(text: String) -> Result<Self, SelectorError> {
        text.parse()
    }
}

impl From<Selector> for String {
    fn from(selector: Selector) -> Self {
        selector.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_reads_back_as_it_was_written() {
        for text in [
            "pid-file:/run/a:b=c.pid",
            "name:worker",
            "name:^python3? .*worker\\.py( |$)",
            "unit:worker@2.service",
            "pid:4711",
            "pid:4711@98765",
            "k8s:shop/app=worker,tier!=cache",
            "k8s:shop/app in (a,b)",
            "k8s:shop/example.com/role=x",
        ] {
            let selector: Selector = text.parse().unwrap();
            assert_eq!(selector.to_string(), text);
            let written = serde_json::to_string(&selector).unwrap();
            assert_eq!(serde_json::from_str::<Selector>(&written).unwrap(), selector);
        }
    }

    #[test]
    fn what_names_nobody_says_what_would() {
        let told = |text: &str| text.parse::<Selector>().unwrap_err().to_string();
        for bad in ["worker", "name:", "port:80", "unit:--all", ""] {
            assert!(told(bad).contains("pid-file:FILE, name:EXPRESSION"), "{bad}");
        }
        assert!(told("name:a(").contains("\"a(\" is no regular expression"));
        assert!(told("pid:x").contains("is not a process id"));
        assert!(told("pid:1@x").contains("PID@START"));
        for bad in ["k8s:shop", "k8s:shop/", "k8s:/app=worker", "k8s:shop/ "] {
            assert!(told(bad).contains("k8s:NAMESPACE/LABELS"), "{bad}");
        }
    }
}
