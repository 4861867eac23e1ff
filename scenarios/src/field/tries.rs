//! A number of tries as a field.

use serde_json::{Value as Json, json};

use super::{Field, Scalar};
use crate::plan::check::{Tries, TriesError};

impl Field for Tries {
    const NAME: &'static str = "tries";

    fn read(scalar: &Scalar) -> Result<Self, String> {
        let text = match scalar {
            Scalar::Number(number) => number.to_string(),
            Scalar::Text(text) => text.clone(),
            Scalar::Switch(on) => on.to_string(),
        };
        text.parse().map_err(|error: TriesError| error.to_string())
    }

    fn write(&self) -> Json {
        json!(self.to_string())
    }

    fn definition() -> Json {
        json!({
            "type": ["number", "string"],
            "examples": [5, "5-6"],
            "description": "A number of tries, or a range of them.",
        })
    }

    fn placeholder() -> Self {
        Self::exactly(1)
    }
}
