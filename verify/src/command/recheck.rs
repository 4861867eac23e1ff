//! `verify recheck RUN`: the verdict again, without running anything.

use std::path::Path;

use crate::exit::{self, Failure};
use crate::folder::Folder;
use crate::report;

/// Judges a run's folder again and writes its reports beside the first ones.
///
/// # Errors
/// When the folder is not one of a run, or cannot be written.
pub fn recheck(run: &Path, json: bool) -> Result<u8, Failure> {
    let folder = Folder::at(run);
    if !folder.plan().exists() && !folder.events().exists() {
        return Err(Failure::usage(format!(
            "{} is not the folder of a run: it has no plan.toml and no events.jsonl",
            run.display()
        )));
    }
    let record = report::finish(&folder).map_err(Failure::environment)?;
    super::show(&record, json)?;
    Ok(exit::of(record.verdict))
}
