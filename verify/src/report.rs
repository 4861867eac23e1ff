//! From a run's folder to its verdict and reports.

use std::io::{BufWriter, Write};

use reports::Record;
use reports::format::{Format, Options, render};

use crate::folder::{Folder, FolderError, read};
use crate::judge::{self, Anomalies};
use crate::record;

/// The reports that every run's folder gets.
const WRITTEN: &[Format] = &[Format::Json, Format::Html, Format::Markdown, Format::Junit];

/// Judges what the folder tells.
///
/// # Errors
/// When the folder cannot be read.
pub fn judge(folder: &Folder) -> Result<(Record, Vec<Anomalies>), FolderError> {
    let told = read::read(folder)?;
    let mut judgement = judge::judge(&told.plan, &told.history);
    let anomalies = std::mem::take(&mut judgement.anomalies);
    Ok((record::record(folder, &told, judgement), anomalies))
}

/// Judges what the folder tells and writes evidence, verdict and reports into
/// it.
///
/// # Errors
/// When the folder cannot be read or written.
pub fn finish(folder: &Folder) -> Result<Record, FolderError> {
    let (record, anomalies) = judge(folder)?;
    for anomalies in &anomalies {
        write_evidence(folder, anomalies)?;
    }
    for &format in WRITTEN {
        let bytes = render(&record, format, Options { color: false, width: 100 });
        folder.put(&folder.file(format.file_name()), &bytes)?;
    }
    Ok(record)
}

fn write_evidence(folder: &Folder, anomalies: &Anomalies) -> Result<(), FolderError> {
    let path = folder.file(&anomalies.file);
    let failed = |why| FolderError::Write { path: path.clone(), why };
    let mut out = BufWriter::new(std::fs::File::create(&path).map_err(failed)?);
    for row in anomalies.rows() {
        writeln!(out, "{row}").map_err(failed)?;
    }
    out.flush().map_err(failed)
}
