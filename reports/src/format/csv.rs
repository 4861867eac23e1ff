//! `checks.csv`: one row a finding, each with its run, so that the files of
//! several runs can be put one below another.

use csv::Writer;

use super::standing;
use super::text;
use crate::record::{Finding, Record};

const COLUMNS: [&str; 15] = [
    "run",
    "scenario",
    "variant",
    "check",
    "title",
    "kind",
    "standing",
    "measured",
    "bound",
    "since_seconds",
    "why",
    "series",
    "limit",
    "evidence",
    "evidence_file",
];

/// A header and a row for each finding, in the order of the scenario.
pub(super) fn render(record: &Record) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    let written = "writing to memory does not fail, and all rows have the same width";
    writer.write_record(COLUMNS).expect(written);
    for finding in &record.findings {
        writer.write_record(row(record, finding)).expect(written);
    }
    let bytes = writer.into_inner().expect(written);
    String::from_utf8(bytes).expect("text and separators are UTF-8")
}

fn row(record: &Record, finding: &Finding) -> [String; 15] {
    let number = |value: Option<f64>| value.map(|value| value.to_string()).unwrap_or_default();
    let word = |text: &Option<String>| inert(text.as_deref().unwrap_or_default());
    [
        inert(&record.run.id),
        inert(&record.run.scenario),
        word(&record.run.variant),
        inert(&finding.check),
        inert(&finding.title),
        inert(&finding.kind),
        standing::of(finding).word().to_owned(),
        inert(&finding.measured),
        inert(&finding.bound),
        number(finding.since),
        inert(&finding.why),
        word(&finding.series),
        number(finding.limit),
        inert(&finding.evidence.iter().map(text::evidence).collect::<Vec<_>>().join("; ")),
        word(&finding.evidence_file),
    ]
}

/// A spreadsheet runs a text that begins like a formula. Evidence quotes
/// strangers, so such a text gets an apostrophe in front; a number does not.
fn inert(text: &str) -> String {
    let mut chars = text.chars();
    let formula = match chars.next() {
        Some('=' | '@') => true,
        Some('+' | '-') => !chars.next().is_some_and(|c| c.is_ascii_digit()),
        _ => false,
    };
    if formula { format!("'{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_formula_is_made_inert_and_a_number_is_left() {
        assert_eq!(inert("=HYPERLINK(1)"), "'=HYPERLINK(1)");
        assert_eq!(inert("-cmd"), "'-cmd");
        assert_eq!(inert("-3.5 per 1,000"), "-3.5 per 1,000");
        assert_eq!(inert("plain"), "plain");
    }
}
