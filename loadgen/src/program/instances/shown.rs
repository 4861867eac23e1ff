//! What a merged report says of its instances: who contributed, who is missing, and how far
//! their clocks are apart.

use std::fmt::{Result, Write};

use scenarios::units::Unit;
use serde_json::{Value, json};

use super::clock::{Offset, Read};
use super::record::{Clock, Record};
use super::whole::Instances;

/// A clock that moved by less than this was not set.
const STEADY: f64 = 0.01;

/// Clocks that are apart by more than this mix the seconds of a report.
const APART: f64 = 0.1;

impl Instances {
    /// What is missing, for people; `None` if nothing is.
    pub(crate) fn banner(&self) -> Option<String> {
        if self.missing.is_empty() {
            return None;
        }
        let missing: Vec<_> = self
            .missing
            .iter()
            .map(|(number, why)| format!("{number}/{} {why}", self.of))
            .collect();
        Some(format!(
            "INCOMPLETE: {} of {} instances are missing, and their part of the load with them: {}",
            missing.len(),
            self.of,
            missing.join("; ")
        ))
    }

    /// How far the clocks are apart, for people.
    pub(crate) fn clocks(&self) -> String {
        let reads: Vec<_> = self.contributed.iter().filter_map(read).collect();
        let from = reads.first().map_or("", |read| read.from.as_str());
        let Some(skew) = self.skew else {
            return match self.contributed.len() {
                1 => "of one instance, no clocks are compared".to_owned(),
                _ => "how far the clocks are apart is not known; --clock-from URL tells".to_owned(),
            };
        };
        let known = reads.iter().filter(|read| read.offset.is_some()).count();
        let of = match self.contributed.len() {
            all if all == known => String::new(),
            all => format!(" ({known} of {all} could be read)"),
        };
        let (least, most) = (seconds(skew.least_seconds), seconds(skew.most_seconds));
        let apart = match skew.least_seconds > 0.0 {
            true => format!("between {least} and {most}"),
            false => format!("at most {most}"),
        };
        let mixed = match skew.least_seconds > APART {
            true => "; seconds and outages of the instances are mixed by as much: set their clocks",
            false => "",
        };
        format!("clocks are apart by {apart}{of}, by the Date of {from}{mixed}")
    }

    /// A table of the instances, for people.
    pub(crate) fn write(&self, out: &mut String) -> Result {
        let (there, of) = (self.contributed.len(), self.of);
        writeln!(out, "  {:<14}{there:>12}  of {of}", "instances")?;
        for record in &self.contributed {
            let Some(figures) = &record.result else { continue };
            write!(
                out,
                "  {:<14}{:>12}  due, {} acked, on {}, ready {} before the start",
                record.name(),
                figures.totals.due,
                figures.totals.acked,
                record.host,
                seconds(figures.clock.ready_before.as_secs_f64())
            )?;
            for remark in remarks(record, &figures.clock) {
                write!(out, ", {remark}")?;
            }
            writeln!(out)?;
        }
        writeln!(out, "  {}", self.clocks())
    }

    /// The same as JSON. Times are in seconds.
    pub(crate) fn value(&self) -> Value {
        let contributed = self.contributed.iter().filter_map(|record| {
            let figures = record.result.as_ref()?;
            let Clock { start, ready_before, moved_seconds, read } = &figures.clock;
            Some(json!({
                "instance": record.instance,
                "host": record.host,
                "start": start,
                "ready_before_seconds": ready_before.as_secs_f64(),
                "interrupted": figures.interrupted,
                "kept_up": figures.kept_up,
                "due": figures.totals.due,
                "acked": figures.totals.acked,
                "clock": { "moved_seconds": moved_seconds, "read": read },
            }))
        });
        json!({
            "of": self.of,
            "contributed": contributed.collect::<Vec<_>>(),
            "missing": self.missing.iter().map(|(number, why)| {
                json!({ "instance": number, "why": why })
            }).collect::<Vec<_>>(),
            "clocks_apart": self.skew,
        })
    }
}

fn read(record: &Record) -> Option<&Read> {
    record.result.as_ref()?.clock.read.as_ref()
}

/// What else is worth knowing of an instance.
fn remarks(record: &Record, clock: &Clock) -> Vec<String> {
    let mut remarks = Vec::new();
    match &clock.read {
        Some(Read { offset: Some(offset), .. }) => remarks.push(behind(*offset)),
        Some(Read { trouble: Some(trouble), .. }) => {
            remarks.push(format!("clock not read: {trouble}"));
        }
        _ => {}
    }
    if clock.moved_seconds.abs() > STEADY {
        remarks.push(format!("clock set by {} meanwhile", signed(clock.moved_seconds)));
    }
    if record.result.as_ref().is_some_and(|figures| figures.interrupted) {
        remarks.push("interrupted".to_owned());
    }
    if record.result.as_ref().is_some_and(|figures| !figures.kept_up) {
        remarks.push("could not keep up".to_owned());
    }
    remarks
}

/// `clock +12ms ± 3ms`: by how much it is ahead of the reference.
fn behind(offset: Offset) -> String {
    format!("clock {} ± {}", signed(-offset.middle()), seconds(offset.doubt()))
}

fn signed(time: f64) -> String {
    let sign = if time < 0.0 { "-" } else { "+" };
    format!("{sign}{}", seconds(time.abs()))
}

fn seconds(time: f64) -> String {
    Unit::Seconds.show(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::instances::clock::Skew;

    #[test]
    fn what_is_missing_is_said_first() {
        let missing = vec![(3, "left no results".to_owned())];
        let instances = Instances { of: 8, contributed: Vec::new(), missing, skew: None };
        let banner = instances.banner().unwrap();
        assert!(banner.starts_with("INCOMPLETE: 1 of 8 instances are missing"), "{banner}");
        assert!(banner.ends_with("3/8 left no results"), "{banner}");
        assert_eq!(Instances { missing: Vec::new(), ..instances }.banner(), None);
    }

    #[test]
    fn clocks_that_were_not_compared_are_said_to_be_unknown() {
        let none = Instances { of: 2, contributed: Vec::new(), missing: Vec::new(), skew: None };
        assert!(none.clocks().contains("not known"), "{}", none.clocks());
        let skew = Some(Skew { least_seconds: 0.5, most_seconds: 0.6 });
        let said = Instances { skew, ..none }.clocks();
        assert!(said.contains("between 500ms and 600ms") && said.contains("mixed"), "{said}");
        let offset = Offset { least_seconds: -0.3, most_seconds: -0.1 };
        assert_eq!(behind(offset), "clock +200ms ± 100ms");
    }
}
