//! `junit.xml`: a suite for the scenario, a case for each check.
//!
//! Violated is a failure, inconclusive an error, a warning a success with
//! output. A check, fault or workload that this run left out is a skipped case with
//! the reason, and so is a warning that could not be judged: no verdict goes by it, and
//! it has not passed. CI servers take a file without tests, or with passed ones only,
//! for a success: where no finding accounts for the run's verdict, a case named
//! `verdict` does.

use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};
use scenarios::plan::{LeftOut, Severity};

use super::standing::{self, Standing};
use super::text;
use crate::record::{Finding, Record, UNRUN, Verdict};

/// The name of the case that stands for the run as a whole.
const WHOLE: &str = "verdict";

/// The report with its XML declaration.
pub(super) fn render(record: &Record) -> String {
    let mut report = Report::new(format!("shakedown {}", record.run.scenario));
    report.timestamp = record.run.started.parse().ok();
    report.time = Duration::try_from_secs_f64(record.run.seconds).ok();
    report.add_test_suite(suite(record));
    report.to_string().expect("quick-junit writes text to memory")
}

fn suite(record: &Record) -> TestSuite {
    let mut suite = TestSuite::new(&record.run.scenario);
    suite.timestamp = record.run.started.parse().ok();
    suite.time = Duration::try_from_secs_f64(record.run.seconds).ok();
    suite.add_properties(properties(record));
    let cases = record.findings.iter().map(|finding| case(record, finding));
    let left_out = record.left_out.iter().filter(|item| item.is_counted());
    let skipped = left_out.map(|item| skipped(record, item));
    suite.add_test_cases(cases.chain(skipped).chain(whole(record)));
    if !record.warnings.is_empty() {
        suite.set_system_err(record.warnings.join("\n"));
    }
    suite
}

fn properties(record: &Record) -> Vec<Property> {
    let run = &record.run;
    let mut properties = vec![
        Property::new("run", &run.id),
        Property::new("verdict", record.verdict.word()),
        Property::new("headline", text::headline(record)),
        Property::new("place", text::place(record)),
        Property::new("seed", run.seed.to_string()),
        Property::new("version", &run.version),
        Property::new("again", &run.again),
        Property::new("folder", &run.folder),
    ];
    properties.extend(run.brokers.iter().map(|broker| Property::new("broker", broker)));
    properties
}

fn case(record: &Record, finding: &Finding) -> TestCase {
    let standing = standing::of(finding);
    let status = match standing {
        Standing::Violated => status(NonSuccessKind::Failure, &finding.kind),
        Standing::Inconclusive if is_no_matter(finding) => TestCaseStatus::skipped(),
        // Why a run did not take place is more than that nobody can tell.
        Standing::Inconclusive if finding.check == UNRUN => {
            status(NonSuccessKind::Error, &finding.kind)
        }
        Standing::Inconclusive => status(NonSuccessKind::Error, standing.word()),
        Standing::Warned | Standing::Held => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(&finding.check, status);
    case.set_classname(&record.run.scenario);
    let message = message(finding);
    // Why there is no telling says more than the figure that nobody trusts.
    let reason = if standing == Standing::Inconclusive { &finding.why } else { &message };
    case.status.set_message(reason);
    case.status.set_description(account(record, finding));
    if standing == Standing::Warned {
        case.set_system_out(format!("warning: {message}\n{}", account(record, finding)));
    } else if standing == Standing::Held {
        case.set_system_out(message);
    }
    case
}

/// Whether this is a warning that could not be judged.
pub(super) fn is_no_matter(finding: &Finding) -> bool {
    (finding.severity, finding.verdict) == (Severity::Warning, Verdict::Inconclusive)
}

/// A check keeps its name, so that its course over many runs is in one place.
fn skipped(record: &Record, item: &LeftOut) -> TestCase {
    let mut status = TestCaseStatus::skipped();
    status.set_message(&item.why);
    let name = match item.kind.as_str() {
        "check" => item.name.clone(),
        kind => format!("{kind} {}", item.name),
    };
    let mut case = TestCase::new(name, status);
    case.set_classname(&record.run.scenario);
    case
}

fn status(kind: NonSuccessKind, name: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(name);
    status
}

/// The case for the run as a whole, if the findings alone would look better
/// than the verdict is.
fn whole(record: &Record) -> Option<TestCase> {
    let worst = record.findings.iter().map(|finding| match is_no_matter(finding) {
        true => Standing::Warned,
        false => standing::of(finding),
    });
    let worst = worst.min();
    let kind = match (record.verdict, worst) {
        (_, None) => NonSuccessKind::Error,
        (Verdict::Violated, Some(worst)) if worst > Standing::Violated => NonSuccessKind::Failure,
        (Verdict::Inconclusive, Some(worst)) if worst > Standing::Inconclusive => {
            NonSuccessKind::Error
        }
        _ => return None,
    };
    let mut status = TestCaseStatus::non_success(kind);
    let what = if record.findings.is_empty() { "inconclusive" } else { record.verdict.word() };
    status
        .set_type(what)
        .set_message(text::headline(record))
        .set_description(record.warnings.join("\n"));
    let mut case = TestCase::new(WHOLE, status);
    case.set_classname(&record.run.scenario);
    Some(case)
}

/// `17.8 per 1,000; the bound is at most 5 per 1,000`.
fn message(finding: &Finding) -> String {
    match (finding.measured.is_empty(), finding.bound.is_empty()) {
        (false, false) => format!("{}; the bound is {}", finding.measured, finding.bound),
        (false, true) => finding.measured.clone(),
        (true, _) => finding.why.clone(),
    }
}

fn account(record: &Record, finding: &Finding) -> String {
    let mut lines = vec![
        finding.title.clone(),
        String::new(),
        format!("measured: {}", finding.measured),
        format!("bound:    {}", finding.bound),
    ];
    if let Some(since) = text::since(record, finding) {
        lines.push(format!("since:    {since}"));
    }
    lines.push(format!("why:      {}", finding.why));
    if !finding.evidence.is_empty() {
        lines.push("evidence:".to_owned());
        lines.extend(finding.evidence.iter().map(|piece| format!("  {}", text::evidence(piece))));
    }
    if let Some(file) = &finding.evidence_file {
        lines.push(format!("all of the evidence: {}/{file}", record.run.folder));
    }
    lines.join("\n")
}
