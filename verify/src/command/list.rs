//! `verify list`: the shipped scenarios.

use std::fmt::Write;

use scenarios::plan::Expected;
use scenarios::{Settings, suite};

use crate::exit::{self, Failure};

/// Prints every shipped scenario with its variants.
///
/// # Errors
/// When standard output cannot be written.
pub fn list() -> Result<u8, Failure> {
    let mut out = String::new();
    for shipped in suite::ALL {
        let source = super::source(shipped.name)?;
        let plan = super::plan(&source, &Settings::default())?;
        let _ = writeln!(out, "{}: {}", plan.name, plan.title);
        for (name, variant) in &plan.system.variants {
            let caught = variant.caught_by.join(", ");
            let expected = match (variant.expect, caught.is_empty()) {
                (Expected::Held, true) => "held".to_owned(),
                (Expected::Held, false) => format!("held, warned of by {caught}"),
                (Expected::Inconclusive, _) => "inconclusive".to_owned(),
                (Expected::Violated, _) => format!("violated: {caught}"),
            };
            let _ =
                writeln!(out, "  --variant {name}\n      {}\n      → {expected}", variant.about);
        }
    }
    super::print(out.as_bytes())?;
    Ok(exit::HELD)
}
