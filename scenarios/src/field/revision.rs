//! A revision to go back to: the one before, or that of a number.

use serde_json::{Value as Json, json};

use super::{Field, Scalar};
use crate::plan::deployment::Revision;

impl Field for Revision {
    const NAME: &'static str = "revision";

    fn read(scalar: &Scalar) -> Result<Self, String> {
        let wrong = || "expected \"previous\" or the number of a revision, from 1 on".to_owned();
        let number = match scalar {
            Scalar::Text(text) if text.trim() == "previous" => return Ok(Self::Previous),
            Scalar::Text(text) => text.trim().parse().map_err(|_| wrong())?,
            Scalar::Number(number) => *number,
            Scalar::Switch(_) => return Err(wrong()),
        };
        // TOML's integers are signed.
        match number.fract() == 0.0 && (1.0..9e15).contains(&number) {
            true => Ok(Self::Number(number as u64)),
            false => Err(wrong()),
        }
    }

    fn write(&self) -> Json {
        match self {
            Self::Previous => json!("previous"),
            Self::Number(number) => json!(number),
        }
    }

    fn definition() -> Json {
        json!({
            "anyOf": [
                { "type": "integer", "minimum": 1 },
                { "type": "string", "pattern": r"^(previous|[0-9]+)$|\$\{" },
            ],
            "examples": ["previous", 3],
            "description": "\"previous\", or the number of a revision.",
        })
    }

    fn placeholder() -> Self {
        Self::Previous
    }
}
