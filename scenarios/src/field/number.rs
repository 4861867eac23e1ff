//! Plain numbers as values of a file.

use std::ops::RangeInclusive;

use serde_json::{Value as Json, json};

use super::{Field, Scalar};

fn number(scalar: &Scalar) -> Result<f64, String> {
    match scalar {
        Scalar::Number(number) => Ok(*number),
        Scalar::Text(text) => {
            text.trim().replace('_', "").parse().map_err(|_| format!("{text:?} is not a number"))
        }
        Scalar::Switch(_) => Err("expected a number".to_owned()),
    }
}

impl Field for f64 {
    const NAME: &'static str = "number";

    fn read(scalar: &Scalar) -> Result<Self, String> {
        let number = number(scalar)?;
        if number.is_finite() && number >= 0.0 {
            Ok(number)
        } else {
            Err("expected a number that is not negative".to_owned())
        }
    }

    fn write(&self) -> Json {
        json!(self)
    }

    fn definition() -> Json {
        json!({
            "type": ["number", "string"],
            "minimum": 0,
            "description": "A number that is not negative.",
        })
    }

    fn placeholder() -> Self {
        1.0
    }
}

/// The greatest whole number that is read. All whole numbers up to here are
/// exact, both while reading and in a plan.
const GREATEST: f64 = 9_007_199_254_740_991.0;

macro_rules! whole {
    ($($type:ty, $name:literal, $range:expr, $about:literal);*) => {$(
        impl Field for $type {
            const NAME: &'static str = $name;

            fn read(scalar: &Scalar) -> Result<Self, String> {
                let number = number(scalar)?;
                let range: RangeInclusive<f64> = $range;
                if number.fract() == 0.0 && range.contains(&number) {
                    Ok(number as $type)
                } else {
                    let (least, most) = range.into_inner();
                    Err(format!("expected a whole number from {least} to {most}, such as 3"))
                }
            }

            fn write(&self) -> Json {
                json!(self)
            }

            fn definition() -> Json {
                json!({ "type": ["integer", "string"], "description": $about })
            }

            fn placeholder() -> Self {
                1
            }
        }
    )*};
}

// The unsigned types differ in what fits, and share a name.
whole!(
    u16, "whole", 0.0..=65_535.0, "A whole number that is not negative.";
    u32, "whole", 0.0..=4_294_967_295.0, "A whole number that is not negative.";
    u64, "whole", 0.0..=GREATEST, "A whole number that is not negative.";
    i32, "integer", -2_147_483_648.0..=2_147_483_647.0, "A whole number."
);
