//! What is asked of a MongoDB collection.

use serde::{Deserialize, Serialize};

use crate::documents::{Document, Pipeline};

/// What is asked of a collection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// The documents that a filter lets through.
    Find {
        /// The filter; an empty one lets all of them through.
        #[serde(default)]
        filter: Document,
        /// What of each is wanted; without, all.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        projection: Option<Document>,
        /// By what they are sorted; without, they come in any order.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sort: Option<Document>,
    },
    /// How many documents a filter lets through.
    Count {
        /// The filter.
        filter: Document,
    },
    /// The results of an aggregation.
    Aggregate {
        /// Its stages.
        pipeline: Pipeline,
    },
}

impl Ask {
    /// Whether its answer comes in an order in which things came to be.
    #[must_use]
    pub fn is_ordered(&self) -> bool {
        match self {
            Self::Find { sort, .. } => sort.as_ref().is_some_and(Document::is_order),
            Self::Count { .. } => false,
            Self::Aggregate { pipeline } => pipeline.is_ordered(),
        }
    }
}

impl std::fmt::Display for Ask {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Find { filter, sort: None, .. } => write!(f, "find {filter}"),
            Self::Find { filter, sort: Some(sort), .. } => {
                write!(f, "find {filter}, sorted by {sort}")
            }
            Self::Count { filter } => write!(f, "count {filter}"),
            Self::Aggregate { pipeline } => write!(f, "aggregate {pipeline}"),
        }
    }
}
