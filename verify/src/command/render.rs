//! `verify render RUN --format F`: a run drawn again.

use std::path::Path;
use std::str::FromStr;

use reports::Record;
use reports::format::{Format, render as draw};

use crate::exit::{self, Failure};
use crate::folder::Folder;
use crate::runs;

/// Draws the record of a run.
///
/// # Errors
/// When there is no record, or no such format.
pub fn render(run: &Path, format: &str, output: Option<&Path>) -> Result<u8, Failure> {
    let format = Format::from_str(format).map_err(Failure::usage)?;
    let run = match run.exists() {
        true => run.to_owned(),
        false => runs::named(run)?.path().to_owned(),
    };
    let path = if run.is_dir() { Folder::at(&run).verdict() } else { run.clone() };
    if run.is_dir() && !path.exists() {
        return Err(Failure::usage(format!(
            "{} has no verdict.json; if the run was killed, `verify recheck {}` makes one",
            run.display(),
            run.display()
        )));
    }
    let bytes = super::read_file(&path)?;
    let record = Record::from_json(&bytes)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
    match output {
        None => super::draw_out(&record, format)?,
        Some(path) => {
            let options = reports::format::Options { color: false, ..super::options() };
            std::fs::write(path, draw(&record, format, options)).map_err(|error| {
                Failure::environment(format!("cannot write {}: {error}", path.display()))
            })?;
        }
    }
    Ok(exit::HELD)
}
