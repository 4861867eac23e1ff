//! Advice: what to do about the system's size, by how it was used. It is no promise: no
//! verdict goes by it.

use serde::{Deserialize, Serialize};

use crate::units::{Quantity, Share, Span};

/// Something to do, and when to do it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Advice {
    /// What the report calls it.
    pub name: String,
    /// What to do, in words.
    pub say: String,
    /// When it is given.
    pub when: When,
}

/// How conditions come together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// One of them at least is met.
    Any(Vec<Condition>),
    /// All of them are met.
    All(Vec<Condition>),
}

/// A figure that lies beyond a limit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// What is looked at.
    pub figure: Figure,
    /// The phases in which it is.
    pub phases: Vec<String>,
    /// The limit.
    pub limit: Limit,
    /// For how long without a break a series must lie beyond it; without, its median over
    /// the phases counts.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub lasting: Option<Span>,
}

/// What a condition looks at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// A series; of several labels their average.
    Series(String),
    /// A quantile of a workload's response time.
    Latency {
        /// The workload.
        workload: String,
        /// The quantile: `95%`.
        quantile: Share,
    },
    /// A quantile of the time from when the operations were due until their effect.
    EndToEnd {
        /// The source of effects, which tells when each came to be.
        source: String,
        /// The quantile.
        quantile: Share,
    },
}

/// On which side of a value a figure must lie. On the value itself it does not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// Above it.
    Above(Quantity),
    /// Below it.
    Below(Quantity),
}

impl Limit {
    /// The value.
    #[must_use]
    pub const fn value(self) -> Quantity {
        match self {
            Self::Above(value) | Self::Below(value) => value,
        }
    }

    /// Whether a figure lies on the side that is asked for.
    #[must_use]
    pub fn is_passed_by(self, figure: f64) -> bool {
        match self {
            Self::Above(limit) => figure > limit.value,
            Self::Below(limit) => figure < limit.value,
        }
    }

    /// What a figure nearest to it is of all of them, in words.
    #[must_use]
    pub const fn least_word(self) -> &'static str {
        match self {
            Self::Above(_) => "at least",
            Self::Below(_) => "at most",
        }
    }

    /// `above` or `below`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Above(_) => "above",
            Self::Below(_) => "below",
        }
    }
}

impl When {
    /// The conditions.
    #[must_use]
    pub fn conditions(&self) -> &[Condition] {
        match self {
            Self::Any(conditions) | Self::All(conditions) => conditions,
        }
    }
}
