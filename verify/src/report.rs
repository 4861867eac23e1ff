//! From a run's folder to its verdict and reports.
//!
//! The first verdict is the run's. Whatever is judged later stands beside it, in
//! `rechecks/<n>/`, and says what was different.

pub mod unrun;
pub mod wanted;

use std::io::{BufWriter, Write};

use reports::Record;
use reports::format::{Format, Options, render};

use crate::folder::{Folder, FolderError, digest, read};
use crate::judge::{self, Anomalies};
use crate::{record, runs};

/// The reports that every run's folder gets.
const WRITTEN: &[Format] = &[Format::Json, Format::Html, Format::Markdown, Format::Junit];
/// The most lines of a plan that are shown as different.
const SHOWN: usize = 20;

/// What was judged.
struct Judged {
    record: Record,
    anomalies: Vec<Anomalies>,
    told: read::Told,
}

/// Judges what the folder tells.
///
/// # Errors
/// When the folder has no plan.
pub fn judge(folder: &Folder) -> Result<(Record, Vec<Anomalies>), FolderError> {
    let judged = judged(folder)?;
    Ok((judged.record, judged.anomalies))
}

fn judged(folder: &Folder) -> Result<Judged, FolderError> {
    let told = read::read(folder)?;
    let mut judgement = judge::judge(&told.plan, &told.history);
    let anomalies = std::mem::take(&mut judgement.anomalies);
    let mut record = record::record(folder, &told, judgement);
    record::occurrences::fill(&mut record.findings, &anomalies, &told);
    record.warnings.extend(other_plan(&told));
    Ok(Judged { record, anomalies, told })
}

/// Judges what the folder tells and writes evidence, verdict and reports: into
/// the folder itself, or beside a verdict that is there already.
///
/// # Errors
/// When the folder cannot be read or written.
pub fn finish(folder: &Folder) -> Result<Record, FolderError> {
    let Judged { mut record, anomalies, told } = judged(folder)?;
    // From the run's folder, or from that of a later judgement in it, to the other runs.
    let (up, up_from_recheck) = ("../", "../../../");
    let is_recheck = folder.verdict().exists();
    let before = runs::before::before(folder.path(), &record);
    record.past =
        record::past::past(&record, &before, if is_recheck { up_from_recheck } else { up });
    let place = if is_recheck {
        let place = next(folder)?;
        record.warnings.extend(differences(folder, &record));
        record.run.folder = place.path().display().to_string();
        place.put(&place.plan(), told.plan_text.as_bytes())?;
        place
    } else {
        folder.clone()
    };
    write(&place, &record, &anomalies)?;
    Ok(record)
}

/// Writes evidence, verdict and reports into a folder.
///
/// # Errors
/// When it cannot be written.
pub fn write(place: &Folder, record: &Record, anomalies: &[Anomalies]) -> Result<(), FolderError> {
    for anomalies in anomalies {
        write_evidence(place, anomalies)?;
    }
    for &format in WRITTEN {
        let bytes = render(record, format, Options { color: false, width: 100 });
        place.put(&place.file(format.file_name()), &bytes)?;
    }
    Ok(())
}

/// The folder of the next judgement.
fn next(folder: &Folder) -> Result<Folder, FolderError> {
    let mut number = 1;
    loop {
        let place = folder.recheck(number);
        let path = place.path().to_owned();
        let made = std::fs::create_dir_all(folder.path().join("rechecks"))
            .and_then(|()| std::fs::create_dir(&path));
        match made {
            Ok(()) => return Ok(place),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(why) => return Err(FolderError::Write { path, why }),
        }
    }
}

/// How the plan by which the run is judged differs from the one that it
/// followed, if it does.
fn other_plan(told: &read::Told) -> Option<String> {
    let (ran, known) = told.facts.plan.as_ref()?;
    if digest(&told.plan_text) == *known {
        return None;
    }
    let (before, now): (Vec<&str>, Vec<&str>) =
        (ran.lines().collect(), told.plan_text.lines().collect());
    let only = |of: &[&str], other: &[&str], sign: &str| -> Vec<String> {
        let new = of.iter().enumerate().filter(|(_, line)| !other.contains(line));
        new.map(|(number, line)| format!("line {}: {sign} {line}", number + 1)).collect()
    };
    let mut lines = only(&before, &now, "-");
    lines.extend(only(&now, &before, "+"));
    lines.truncate(SHOWN);
    Some(format!(
        "plan.toml is not the plan that the run followed ({}). {}",
        &known[..known.len().min(12)],
        if lines.is_empty() {
            "Its lines are in another order.".to_owned()
        } else {
            lines.join("; ")
        }
    ))
}

/// How a judgement differs from the first one.
fn differences(folder: &Folder, record: &Record) -> Vec<String> {
    let first = std::fs::read(folder.verdict())
        .map_err(|error| error.to_string())
        .and_then(|bytes| Record::from_json(&bytes).map_err(|error| error.to_string()));
    let first = match first {
        Ok(first) => first,
        Err(why) => return vec![format!("The first verdict, verdict.json, cannot be read: {why}")],
    };
    let mut told = vec![format!(
        "This is a recheck. The first verdict was {}: {}",
        first.verdict.word(),
        first.headline
    )];
    let version = env!("CARGO_PKG_VERSION");
    if first.run.version != version {
        told.push(format!("The run was made by version {}, this is {version}", first.run.version));
    }
    for finding in &record.findings {
        let Some(before) = first.findings.iter().find(|before| before.check == finding.check)
        else {
            told.push(format!("{} was not judged at first", finding.check));
            continue;
        };
        if before.bound != finding.bound {
            let (was, is) = (&before.bound, &finding.bound);
            told.push(format!("The bound of {} was {was} and is {is}", finding.check));
        }
        if before.verdict != finding.verdict {
            let (was, is) = (before.verdict.word(), finding.verdict.word());
            told.push(format!("{} was {was} and is {is}", finding.check));
        }
    }
    let gone = first.findings.iter();
    let gone = gone.filter(|before| record.findings.iter().all(|now| now.check != before.check));
    told.extend(gone.map(|before| format!("{} is not judged any more", before.check)));
    told
}

fn write_evidence(folder: &Folder, anomalies: &Anomalies) -> Result<(), FolderError> {
    let path = folder.file(&anomalies.file);
    let failed = |why| FolderError::Write { path: path.clone(), why };
    std::fs::create_dir_all(folder.evidence()).map_err(failed)?;
    let failed = |why| FolderError::Write { path: path.clone(), why };
    let mut out = BufWriter::new(std::fs::File::create(&path).map_err(failed)?);
    for row in anomalies.rows() {
        writeln!(out, "{row}").map_err(failed)?;
    }
    out.flush().map_err(failed)
}
