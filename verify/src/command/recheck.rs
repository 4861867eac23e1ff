//! `verify recheck RUN`: the verdict again, without running anything.

use std::path::Path;

use crate::exit::{self, Failure};
use crate::{report, runs};

/// Judges a run's folder again and writes its reports beside the first ones.
///
/// # Errors
/// When the folder is not one of a run, or cannot be written.
pub fn recheck(run: &Path, json: bool) -> Result<u8, Failure> {
    let folder = runs::named(run)?;
    let record = report::finish(&folder).map_err(Failure::environment)?;
    super::show(&record, json)?;
    Ok(exit::of(record.verdict))
}
