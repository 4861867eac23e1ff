//! Records that no run should leave, to see that every format survives them.

use reports::record::{Finding, Record, Verdict};
use scenarios::units::Unit;

use crate::rich::past;
use crate::samples::{base, finding, leak, on_series, series};

/// Nothing at all was judged.
pub(crate) fn empty() -> Record {
    let mut record = base("nothing", Verdict::Inconclusive);
    record.headline = String::new();
    record.phases.clear();
    record.params.clear();
    record
}

/// Three hundred findings, a third of each kind.
pub(crate) fn many() -> Record {
    let mut record = leak();
    let kinds = [Verdict::Held, Verdict::Violated, Verdict::Inconclusive];
    record.findings = (0..300)
        .map(|n| Finding {
            verdict: kinds[n % 3],
            ..on_series(
                finding(&format!("check-{n:03}"), "bound", "17", "at most 20"),
                "broker.channels",
                20.0,
            )
        })
        .collect();
    record.series = (0..40)
        .map(|n| {
            let slope = f64::from(n);
            series("broker.channels", &format!("node-{n}"), Unit::Count, move |t| slope * t)
        })
        .collect();
    record
}

/// Names longer than any page is wide.
pub(crate) fn long_names() -> Record {
    let mut record = leak();
    let long = "a-very-long-name-that-somebody-made-out-of-many-words-".repeat(4);
    record.headline = format!("{} {}", record.headline, long);
    for finding in &mut record.findings {
        finding.check = format!("{long}{}", finding.check);
        finding.measured = format!("{} {}", finding.measured, "and more ".repeat(12));
    }
    record.workloads[0].name = long.clone();
    record.faults[0].name = long.clone();
    record.series[1].label = long;
    record
}

/// Every text field tries to break out of the document that it stands in.
pub(crate) fn hostile() -> Record {
    let attack = "</script></style><script>alert(1)</script>\"'><img src=x onerror=alert(2)>\
                  |x|`y`\n# z ]]> &amp; \u{1b}[31m\u{0}\u{8}\u{fffe}\u{202e}=1+1,\"\"";
    let record = Record { past: Some(past()), ..leak() };
    let mut value = serde_json::to_value(record).expect("a record is JSON");
    for field in [
        "advice",
        "findings",
        "workloads",
        "effects",
        "faults",
        "past",
        "phases",
        "tables",
        "left_out",
    ] {
        poison(&mut value[field], attack);
    }
    for text in ["id", "title", "description", "started", "version", "again", "folder"] {
        value["run"][text] = attack.into();
    }
    value["headline"] = attack.into();
    value["warnings"] = serde_json::json!([attack]);
    value["params"] = serde_json::json!({ attack: attack });
    value["targets"] = serde_json::json!({ attack: attack });
    let mut record: Record = serde_json::from_value(value).expect("texts stay texts");
    for (index, finding) in record.findings.iter_mut().enumerate() {
        finding.series = Some(attack.to_owned());
        finding.since = Some(f64::NAN);
        finding.limit = Some(f64::INFINITY);
        finding.check = format!("{attack}{index}");
    }
    for series in &mut record.series {
        series.name = attack.to_owned();
        series.label = attack.to_owned();
        series.points.push((f64::NAN, 1.0));
        series.points.push((3.0, f64::NEG_INFINITY));
    }
    record
}

/// Replaces every text but the words of closed enums.
fn poison(value: &mut serde_json::Value, attack: &str) {
    const WORDS: [&str; 11] = [
        "count",
        "seconds",
        "per_second",
        "held",
        "violated",
        "inconclusive",
        "violation",
        "warning",
        "skipped",
        "switched_off",
        "unable",
    ];
    match value {
        serde_json::Value::String(text) if !WORDS.contains(&text.as_str()) => {
            attack.clone_into(text);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| poison(item, attack)),
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(|item| poison(item, attack));
        }
        _ => {}
    }
}
