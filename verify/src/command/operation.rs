//! `verify operation RUN ID`: the whole life of one operation, from the run's folder.

use std::path::Path;

use crate::exit::{self, Failure};
use crate::operation::{lines, tell};
use crate::runs;

/// Tells the life of an operation; nothing is written or run.
///
/// # Errors
/// When the folder is not one of a run, or the run has no such operation.
pub fn operation(run: &Path, id: &str, json: bool) -> Result<u8, Failure> {
    let folder = runs::named(run)?;
    let life = tell(&folder, id).map_err(Failure::usage)?;
    let text = if json {
        serde_json::to_string_pretty(&life).map_err(Failure::environment)?
    } else {
        lines(&life).join("\n")
    };
    super::print(format!("{text}\n").as_bytes())?;
    Ok(exit::HELD)
}
