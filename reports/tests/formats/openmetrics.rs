//! Metrics of a record, as those who read them want them.

use std::io::Write;
use std::process::{Command, Stdio};

use reports::Format;
use reports::record::{Basis, Verdict};

use crate::{all, extremes, samples, text};

/// The collector refuses a file in which a sample has a time, and OpenMetrics one that does
/// not end so.
#[test]
fn metrics_have_no_times_and_an_end() {
    for (name, mut record) in all() {
        for finding in &mut record.findings {
            finding.verdict = Verdict::Violated;
            finding.basis =
                Some(Basis { observed: Some(12.5), most: Some(10.0), ..Basis::default() });
        }
        let told = text(&record, Format::OpenMetrics);
        assert!(told.ends_with("\n# EOF\n"), "{name}");
        let samples = told.lines().filter(|line| !line.starts_with('#'));
        for sample in samples {
            let (_, value) = sample.rsplit_once("} ").expect("labels and a value");
            assert!(value.parse::<f64>().is_ok_and(f64::is_finite), "{name}: {sample}");
        }
        let margins = told.matches("shakedown_check_margin_ratio{").count();
        assert_eq!(margins, record.findings.len(), "{name}");
    }
    let told = text(&extremes::empty(), Format::OpenMetrics);
    assert!(told.contains("verdict=\"inconclusive\"} 1\n"), "{told}");
}

#[test]
fn promtool_finds_nothing_to_complain_of() {
    for (name, record) in all().into_iter().chain([("held", samples::held())]) {
        let ran = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let Ok(mut ran) = ran else {
            println!("promtool is not here");
            return;
        };
        let told = text(&record, Format::OpenMetrics);
        ran.stdin.take().expect("its input").write_all(told.as_bytes()).expect("it reads");
        let done = ran.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        assert!(done.status.success() && said.is_empty(), "{name}: {said}\n{told}");
    }
}
