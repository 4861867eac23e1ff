//! Samples read back. A row that is none, a value that is no number, and samples
//! of another run are told and taken for nothing.

use std::collections::BTreeMap;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};

use super::lines::whole;
use super::{Facts, Folder};
use crate::folder::RUN_ROW;
use crate::history::{Flaw, History, SAMPLES, Samples};

/// The headings.
const HEADINGS: [&str; 4] = ["at", "series", "label", "value"];

/// What a row says.
struct Row {
    at: f64,
    value: f64,
}

/// Reads the samples.
pub(super) fn read(folder: &Folder, facts: &Facts, history: &mut History) {
    let mut reading = Reading::default();
    if let Err(why) = reading.read(folder, facts) {
        reading.flaws.push(Flaw::of(SAMPLES, why));
        // Whose they are is not known.
        reading.samples.clear();
        reading.twice.clear();
    }
    for (name, count) in reading.twice {
        let why = format!("{count} of its samples stand there twice");
        reading.flaws.push(Flaw::of_series(&name, why));
    }
    reading.samples.settle();
    history.samples = reading.samples;
    history.flaws.append(&mut reading.flaws);
}

/// The whole lines, hashed while they are read.
struct Hashing<R> {
    lines: R,
    hash: Sha256,
}

impl<R> Hashing<R> {
    fn digest(self) -> String {
        self.hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.lines.read(buffer)?;
        self.hash.update(&buffer[..count]);
        Ok(count)
    }
}

#[derive(Default)]
struct Reading {
    samples: Samples,
    /// How many samples of a series stand there twice.
    twice: BTreeMap<String, u64>,
    flaws: Vec<Flaw>,
    rows: u64,
}

impl Reading {
    /// Reads the rows.
    ///
    /// # Errors
    /// Why they are not this run's samples.
    fn read(&mut self, folder: &Folder, facts: &Facts) -> Result<(), String> {
        let file = whole(&folder.samples()).map_err(|error| error.to_string())?;
        let file = file.ok_or("it is missing")?;
        if file.is_torn && facts.has_ended {
            self.flaws.push(Flaw::of(SAMPLES, "its last line is torn"));
        }
        let mut lines = Hashing { lines: file.lines, hash: Sha256::new() };
        let mut rows =
            csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&mut lines);
        let mut row = csv::StringRecord::new();
        let mut is_claimed = facts.record == 0;
        let mut is_first = true;
        loop {
            match rows.read_record(&mut row) {
                Ok(true) => {}
                Ok(false) => break,
                Err(error) => {
                    self.flaws.push(Flaw::of(SAMPLES, error));
                    continue;
                }
            }
            if std::mem::take(&mut is_first) && row.iter().eq(HEADINGS) {
                continue;
            }
            self.rows += 1;
            if row.get(1) == Some(RUN_ROW) {
                let run = row.get(2).unwrap_or_default();
                if run != facts.run {
                    return Err(format!("it is of run {run}, and this is run {}", facts.run));
                }
                is_claimed = true;
                continue;
            }
            self.take(&row);
        }
        if !is_claimed {
            return Err("it does not say which run it is of".to_owned());
        }
        if let Some(written) = facts.written
            && written.samples != self.rows
        {
            let why = format!("the run wrote {} rows, and it has {}", written.samples, self.rows);
            self.flaws.push(Flaw::of(SAMPLES, why));
        }
        drop(rows);
        // Where nothing else is wrong, any of the values may be another one.
        let is_told = self.flaws.iter().any(|flaw| flaw.series.is_none());
        match &facts.samples {
            Some(written) if !is_told && *written != lines.digest() => {
                Err("it is not the file that the run wrote: values were changed".to_owned())
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self, row: &csv::StringRecord) {
        let [at, series, label, value] = [0, 1, 2, 3].map(|column| row.get(column).unwrap_or(""));
        let numbers = at.parse().ok().zip(value.parse().ok());
        let numbers = numbers.filter(|_| row.len() == HEADINGS.len());
        let Some(Row { at, value }) = numbers.map(|(at, value)| Row { at, value }) else {
            let line = row.position().map_or(0, csv::Position::line);
            // One is enough to know that the file is damaged.
            if self.flaws.iter().filter(|flaw| flaw.series.is_none()).count() < 10 {
                self.flaws.push(Flaw::of(SAMPLES, format!("line {line} is no sample")));
            }
            return;
        };
        if !(at.is_finite() && value.is_finite()) {
            if !self.flaws.iter().any(|flaw| flaw.series.as_deref() == Some(series)) {
                let why = format!("it is {value} at {at} s");
                self.flaws.push(Flaw::of_series(series, why));
            }
            return;
        }
        if !self.samples.add(series, at, label, value) {
            *self.twice.entry(series.to_owned()).or_default() += 1;
        }
    }
}
