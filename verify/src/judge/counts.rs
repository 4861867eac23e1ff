//! The counts of a workload by second: cumulative counters with a value at
//! each whole second, counted in the second in which an operation was due. So
//! a phase, whose length is in whole seconds, owns exactly its operations.

use std::collections::BTreeMap;

use super::window::{Span, Window};
use super::words;
use crate::history::History;

/// One count of a workload, such as `publish.acked`.
pub(super) struct Counts {
    name: String,
    by_second: BTreeMap<i64, f64>,
    /// Whether every operation that came due is in it, so that it stays as it
    /// is behind its last second.
    is_whole: bool,
    flaw: Option<String>,
}

impl Counts {
    /// The count; without samples it knows nothing.
    pub(super) fn of(history: &History, workload: &str, count: &str) -> Self {
        let name = format!("{workload}.{count}");
        let by_second: BTreeMap<i64, f64> = history
            .samples
            .of(&name)
            .filter(|sample| sample.value.is_finite())
            .map(|sample| (sample.at.round() as i64, sample.value))
            .collect();
        let due = history.samples.last(&format!("{workload}.due")).map(|sample| sample.value);
        let ledger = history.workloads.get(workload).map(|told| told.ledger.due() as f64);
        let is_whole = !by_second.is_empty() && due.is_some() && due == ledger;
        let flaw = history.flaws.iter().find(|flaw| flaw.series.as_ref() == Some(&name));
        let flaw = flaw.map(|flaw| flaw.why.clone());
        Self { name, by_second, is_whole, flaw }
    }

    /// The count at a time.
    fn at(&self, second: i64) -> Option<f64> {
        if let Some(&value) = self.by_second.get(&second) {
            return Some(value);
        }
        let (&first, _) = self.by_second.first_key_value()?;
        let (&last, &value) = self.by_second.last_key_value()?;
        if second > last && self.is_whole {
            Some(value)
        } else if second < first && second <= 0 {
            Some(0.0)
        } else {
            None
        }
    }

    /// How many operations of a span are in the count.
    ///
    /// # Errors
    /// When the counts of its first or last second are missing, or the count is
    /// damaged in the record.
    pub(super) fn rise(&self, span: Span) -> Result<f64, String> {
        self.sound()?;
        let seconds = span.whole_seconds();
        match (self.at(seconds.start), self.at(seconds.end)) {
            (Some(from), Some(to)) => Ok(to - from),
            _ => Err(format!(
                "the counts of {} do not cover {} to {}; the load generator stopped early",
                self.name,
                words::seconds(span.from),
                words::seconds(span.to)
            )),
        }
    }

    /// How many operations of a window are in the count.
    ///
    /// # Errors
    /// When counts are missing.
    pub(super) fn total(&self, window: &Window) -> Result<f64, String> {
        window.spans.iter().map(|&span| self.rise(span)).sum()
    }

    /// How many operations of the whole run are in the count.
    ///
    /// # Errors
    /// When it does not know all of them.
    pub(super) fn last(&self) -> Result<f64, String> {
        self.sound()?;
        let last = self.by_second.last_key_value().filter(|_| self.is_whole);
        last.map(|(_, &value)| value).ok_or_else(|| {
            format!("the counts of {} are not whole; the load generator stopped early", self.name)
        })
    }

    /// How many operations that were due in this second are in the count.
    ///
    /// # Errors
    /// When the count before or after it is missing.
    pub(super) fn second(&self, second: i64) -> Result<f64, String> {
        self.sound()?;
        let missing = || format!("the record has no counts of {} for second {second}", self.name);
        let (from, to) = (self.at(second), self.at(second + 1));
        Ok(to.ok_or_else(missing)? - from.ok_or_else(missing)?)
    }

    /// The numbers of the operations that were due in this second, where this is
    /// the count of what was due.
    ///
    /// # Errors
    /// When the count before or after it is missing.
    pub(super) fn numbers(&self, second: i64) -> Result<std::ops::Range<u64>, String> {
        let from = self.at(second).unwrap_or(0.0) as u64;
        Ok(from..from + self.second(second)?.max(0.0) as u64)
    }

    /// The count of what was due before this second, as far as that is known.
    pub(super) fn before(&self, second: i64) -> Option<f64> {
        self.sound().ok().and_then(|()| self.at(second))
    }

    fn sound(&self) -> Result<(), String> {
        match &self.flaw {
            Some(why) => Err(format!("{} is damaged in the record: {why}", self.name)),
            None => Ok(()),
        }
    }
}
