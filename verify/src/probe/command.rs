//! What a program of the user's own prints: a number, or lines of a series, a
//! label and a number.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::observe::ProbeObserver;
use crate::program;

/// The most lines that one answer may have: each is a label of a series.
const MOST_LINES: usize = 1_000;
/// The longest answer.
const LONGEST: usize = 1 << 20;
/// The series of a line that names none.
const VALUE: &str = "value";

pub(super) struct Command {
    words: Vec<String>,
    timeout: Duration,
    series: BTreeSet<String>,
}

impl Command {
    pub(super) fn new<'a>(
        words: Vec<String>,
        timeout: Duration,
        series: impl Iterator<Item = &'a String>,
    ) -> Self {
        Self { words, timeout, series: series.cloned().collect() }
    }

    pub(super) async fn sample(&mut self, observer: &ProbeObserver) -> Result<(), String> {
        let mut output = Vec::new();
        let read = program::stream(&self.words, self.timeout, |piece| {
            output.extend_from_slice(piece);
            match output.len() > LONGEST {
                true => Err("it writes more than 1 MiB".to_owned()),
                false => Ok(()),
            }
        });
        read.await?;
        let output = String::from_utf8_lossy(&output);
        let values = values(&output, &self.series)?;
        let at = observer.now();
        for Value { series, label, number } in values {
            observer.labelled(at, series, label, number);
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
struct Value<'a> {
    series: &'a str,
    label: &'a str,
    number: f64,
}

/// Reads lines of `NUMBER`, `{LABEL} NUMBER`, `SERIES NUMBER` or
/// `SERIES{LABEL} NUMBER`. All of the answer is taken or nothing.
fn values<'a>(output: &'a str, known: &BTreeSet<String>) -> Result<Vec<Value<'a>>, String> {
    let lines = output.lines().map(str::trim);
    // Comments, as the text of an exporter has them.
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let mut values: Vec<Value<'a>> = Vec::new();
    for line in lines {
        let value = value(line)
            .ok_or_else(|| format!("{line:?} is neither a number nor SERIES{{LABEL}} NUMBER"))?;
        if !known.contains(value.series) {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            return Err(format!(
                "the program prints the series {:?}, and the probe names {}; give it a table series.{}",
                value.series,
                known.join(", "),
                value.series
            ));
        }
        if values.iter().any(|other| (other.series, other.label) == (value.series, value.label)) {
            return Err(format!("{line:?} is a second number for the same label"));
        }
        if values.len() == MOST_LINES {
            return Err(format!("the program prints more than {MOST_LINES} numbers"));
        }
        values.push(value);
    }
    match values.is_empty() {
        true => Err("the program prints nothing; an unknown number is no number".to_owned()),
        false => Ok(values),
    }
}

fn value(line: &str) -> Option<Value<'_>> {
    let (head, number) = match line.rfind(|letter: char| letter.is_whitespace()) {
        None => ("", line),
        Some(at) => (line[..at].trim(), line[at..].trim()),
    };
    let number = number.parse::<f64>().ok().filter(|number| number.is_finite())?;
    let (series, label) = match head.strip_suffix('}') {
        Some(head) => head.split_once('{')?,
        None => (head, ""),
    };
    let series = if series.is_empty() { VALUE } else { series.trim() };
    Some(Value { series, label: bare(label), number })
}

/// What stands between the quotes of a single label: `partition="3"` is `3`.
fn bare(label: &str) -> &str {
    let quoted = label.split_once("=\"").and_then(|(_, value)| value.strip_suffix('"'));
    quoted.filter(|value| !value.contains('"')).unwrap_or(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str) -> Result<Vec<(&str, &str, f64)>, String> {
        let known = ["value".to_owned(), "lag".to_owned()].into();
        let values = values(output, &known)?;
        Ok(values.iter().map(|value| (value.series, value.label, value.number)).collect())
    }

    #[test]
    fn numbers_and_lines_are_read() {
        assert_eq!(read("12\n").unwrap(), [("value", "", 12.0)]);
        assert_eq!(read("lag 1e3").unwrap(), [("lag", "", 1000.0)]);
        assert_eq!(
            read("# of each\nlag{partition=\"3\"} 4\n\nlag{a b}\t-1.5\n{x} 0\n").unwrap(),
            [("lag", "3", 4.0), ("lag", "a b", -1.5), ("value", "x", 0.0)]
        );
    }

    #[test]
    fn what_is_no_number_is_no_sample() {
        for output in
            ["", "# nothing\n", "NaN", "ERROR 1045", "lag{a} 1\nlag{a} 2", "other 1", "1 2 x"]
        {
            assert!(read(output).is_err(), "{output:?}: {:?}", read(output));
        }
    }
}
