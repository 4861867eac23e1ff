//! Reading figures. JSON has no word for "not a number", so such a figure is
//! written as `null`; it must read back as one instead of losing the whole
//! record.

use serde::{Deserialize, Deserializer};

/// A number, or `null` for one that is not finite.
pub(super) fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::<f64>::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

/// Points of a series, either of whose numbers may be `null`.
pub(super) fn points<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(f64, f64)>, D::Error> {
    let points = Vec::<(Option<f64>, Option<f64>)>::deserialize(deserializer)?;
    Ok(points.into_iter().map(|(x, y)| (x.unwrap_or(f64::NAN), y.unwrap_or(f64::NAN))).collect())
}
