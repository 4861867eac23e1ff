//! Aggregates: records that many operations came to together, such as a balance
//! or a document for each user.

use serde::{Deserialize, Serialize};

use crate::locator::Locator;
use crate::pointer::Pointer;
use crate::units::{Share, Span};

/// How a record tells which operations are in it, and how many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aggregate {
    /// Where the key stands in a record.
    pub key: Locator,
    /// What a key is called there: a text with `@{key}`, and with `@{run}` where
    /// the records of other runs are there as well.
    pub keys: String,
    /// Where it stands how many operations are in the record.
    #[serde(default)]
    pub count: Option<Locator>,
    /// What the operations come to together.
    #[serde(default)]
    pub value: Option<Value>,
}

/// A value that is a function of the operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Value {
    /// Where it stands in a record that is JSON.
    pub at: Pointer,
    /// By what share of the greatest number of the right value it may be off.
    pub tolerance: Share,
    /// The function.
    pub is: Function,
}

/// A function of the bodies of the operations of one key, which are JSON. None
/// depends on the order of the operations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Function {
    /// The sum of a number of each body.
    Sum(Pointer),
    /// The least of a number of each body.
    Min(Pointer),
    /// The greatest of a number of each body.
    Max(Pointer),
    /// A sum of vectors that fade.
    Embedding(Embedding),
}

impl Function {
    /// Its key in the file.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Sum(_) => "sum",
            Self::Min(_) => "min",
            Self::Max(_) => "max",
            Self::Embedding(_) => "embedding",
        }
    }
}

/// A sum of vectors, each drawn from a text of its body, that fade with their
/// age: with T the latest time, *Σ weight · e(text) · exp(−decay · (T − time))*.
///
/// Number *j* of *e(text)*, counted from 0, is 2*u* − 1, where *u* is the
/// upper 53 bits of *x* as a fraction of 2⁵³, and *x* is the finalizer of
/// SplitMix64 (Steele, Lea and Flood, 2014) of *h* + (*j* + 1) ·
/// 0x9E3779B97F4A7C15 modulo 2⁶⁴, with *h* the 64-bit FNV-1a hash of the text
/// (Fowler, Noll and Vo).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Embedding {
    /// How many numbers a vector has.
    pub length: u32,
    /// Where the text stands.
    pub of: Pointer,
    /// Where the weight stands.
    pub weight: Pointer,
    /// Where the time stands, a Unix time in milliseconds.
    pub time: Pointer,
    /// How fast a vector fades: so much of its logarithm …
    pub decay: f64,
    /// … in each such time.
    pub per: Span,
}
