//! `chaos log` and `chaos recover --list`: who broke what, when, and how it
//! ended.

use chaos::journal::{End, Story, read, stories};
use serde_json::json;

use super::arguments::{Common, Log};
use super::exit::{Exit, Trouble};
use super::place;
use super::say::Say;

/// Shows the faults of the journal, or of one of its runs.
pub(crate) fn run(asked: &Log, common: &Common, say: &Say) -> Result<Exit, Trouble> {
    show(common, say, "no such fault", |story| {
        asked.run.as_ref().is_none_or(|run| story.run == *run)
    })
}

/// Shows the faults that may still be there.
pub(crate) fn open(common: &Common, say: &Say) -> Result<Exit, Trouble> {
    show(common, say, "nothing to recover", |story| story.end == End::Open)
}

/// Shows the wanted faults, or says that there are none.
fn show(
    common: &Common,
    say: &Say,
    none: &str,
    wanted: impl Fn(&Story) -> bool,
) -> Result<Exit, Trouble> {
    let path = place::journal_path(common)?;
    let record = read(&path)?;
    let stories: Vec<Story> = stories(&record.entries).into_iter().filter(wanted).collect();
    if say.is_json() {
        stories.iter().for_each(|story| say.step("", &json!(story)));
    } else if stories.is_empty() {
        say.step(&format!("{none} in {}", path.display()), &json!(null));
    } else {
        let rows: Vec<Vec<String>> = stories.iter().map(row).collect();
        table(&rows).iter().for_each(|line| say.step(line, &json!(null)));
    }
    if !record.unreadable.is_empty() {
        let lines: Vec<String> = record.unreadable.iter().map(usize::to_string).collect();
        say.warning(&format!("lines of the journal that cannot be read: {}", lines.join(", ")));
    }
    Ok(Exit::Done)
}

const HEADINGS: [&str; 7] = ["WHEN", "WHO", "RUN", "FAULT", "KIND", "VICTIMS", "HOW IT ENDED"];

fn row(story: &Story) -> Vec<String> {
    let mut how = story.end.word().to_owned();
    if let Some(ended) = story.ended.filter(|_| story.end != End::NotInjected) {
        let after = ended.duration_since(story.when).as_secs_f64();
        how += &format!(" after {after:.1} s");
    }
    if let Some(by) = &story.ended_by {
        how += &format!(" by {by}");
    }
    if !story.how.is_empty() {
        how += &format!(": {}", story.how.replace('\n', " "));
    }
    vec![
        story.when.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
        story.by.clone(),
        story.run.clone(),
        story.fault.clone(),
        story.kind.clone(),
        if story.victims.is_empty() { "–".to_owned() } else { story.victims.join(", ") },
        how,
    ]
}

/// Lines in columns under their headings.
fn table(rows: &[Vec<String>]) -> Vec<String> {
    let headings = HEADINGS.map(str::to_owned).to_vec();
    let all: Vec<&Vec<String>> = std::iter::once(&headings).chain(rows).collect();
    let widths: Vec<usize> = (0..HEADINGS.len())
        .map(|column| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &&Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    all.iter().map(line).collect()
}
