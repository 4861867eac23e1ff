//! `verify lint FILE`: what is wrong with a scenario.

use std::collections::BTreeMap;
use std::path::PathBuf;

use scenarios::Settings;

use crate::exit::{self, Failure};
use crate::{files, guards, preflight};

/// Checks every file, and fails when one of them has a problem.
///
/// # Errors
/// The problems of all files.
pub fn lint(files: &[PathBuf]) -> Result<u8, Failure> {
    let mut failures = Vec::new();
    for path in files {
        let shown = path.display().to_string();
        let checked = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("error: cannot read {shown}: {error}")))
            .and_then(|text| {
                let source = super::Source { file: shown.clone(), text, shipped: None };
                let plan = super::plan(&source, &Settings::default())?;
                // Those that are written out are read now.
                let read = preflight::addresses(&plan, &BTreeMap::new());
                read.map_err(|error| Failure::usage(format!("error: {shown}: {error}")))?;
                let files = files::check(&plan);
                let doubts =
                    files.map_err(|error| Failure::usage(format!("error: {shown}: {error}")))?;
                Ok((plan, doubts))
            });
        match checked {
            Ok((plan, doubts)) => {
                super::print(format!("{shown}: fine; {} checks\n", plan.checks.len()).as_bytes())?;
                for doubt in plan.doubts().into_iter().chain(doubts) {
                    super::print(format!("{shown}: warning: {doubt}\n").as_bytes())?;
                }
                // Whoever runs it will have to allow these.
                if let Err(error) = guards::written_down(&plan, &guards::guard(&[])) {
                    super::print(format!("{shown}: note: {error}\n").as_bytes())?;
                }
            }
            Err(failure) => failures.push(failure.message),
        }
    }
    if failures.is_empty() { Ok(exit::HELD) } else { Err(Failure::rendered(failures.join("\n"))) }
}
