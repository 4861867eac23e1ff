//! Faults: what is broken on purpose, when and for how long.

use serde::{Deserialize, Serialize};

use crate::template::Template;
use crate::units::Span;

/// A fault at its place in the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// What the report calls it.
    pub name: String,
    /// The phase in which it is injected.
    pub phase: String,
    /// When, counted from the start of the phase.
    pub at: Span,
    /// How long the system may take to be whole again; a fault that is not
    /// healed by then makes the run inconclusive.
    pub heal_within: Span,
    /// What is done.
    pub kind: FaultKind,
}

/// What a fault does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// SIGKILL to processes of a role; their supervisor starts them again.
    KillProcess {
        /// The role whose processes are candidates.
        role: String,
        /// Which of them are hit.
        pick: Pick,
    },
    /// AMQP connections closed through RabbitMQ's management API.
    CloseConnections {
        /// The management API's address.
        management: Template,
        /// Candidates are connections whose client-provided name, user or peer
        /// address contains this text; empty for all but the tool's own.
        matching: String,
        /// Which of them are hit.
        pick: Pick,
    },
}

impl FaultKind {
    /// The word by which the file names this kind.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::KillProcess { .. } => "kill_process",
            Self::CloseConnections { .. } => "close_connections",
        }
    }
}

/// Which of the candidates are hit; the choice comes from the run's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pick {
    /// Every candidate.
    All,
    /// So many candidates, and an error when there are fewer.
    Count(u32),
}

impl std::str::FromStr for Pick {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim() {
            "all" => Ok(Self::All),
            "one" => Ok(Self::Count(1)),
            number => match number.parse() {
                Ok(count) if count > 0 => Ok(Self::Count(count)),
                _ => Err(format!(
                    "{text:?} is not a choice of victims; write \"one\", \"all\" or a number above 0"
                )),
            },
        }
    }
}

impl std::fmt::Display for Pick {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::All => f.write_str("all"),
            Self::Count(1) => f.write_str("one"),
            Self::Count(count) => write!(f, "{count}"),
        }
    }
}

impl Serialize for Pick {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Pick {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}
