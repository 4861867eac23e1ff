//! Whether evidence points at the guilty: a number alone convicts nobody.

use reports::Record;
use reports::record::{Evidence, Finding};

/// What is missing from the evidence of a violated finding.
pub(super) fn misses(finding: &Finding, record: &Record) -> Vec<String> {
    let check = &finding.check;
    let mut misses = Vec::new();
    if finding.evidence.is_empty() {
        misses.push(format!("{check} has no evidence"));
    }
    if finding.measured.is_empty() || finding.bound.is_empty() || finding.why.is_empty() {
        misses.push(format!("{check} does not say what was measured, the bound, and why"));
    }
    if let Some((proof, given)) = wanted(finding, record)
        && !given
    {
        let shown: Vec<String> =
            finding.evidence.iter().map(|e| format!("{}: {}", e.what, e.seen)).collect();
        misses.push(format!("the evidence of {check} has no {proof}: {}", shown.join("; ")));
    }
    misses
}

/// What the evidence of a check must show, and whether it does.
fn wanted(finding: &Finding, record: &Record) -> Option<(&'static str, bool)> {
    let any = |shows: &dyn Fn(&Evidence) -> bool| finding.evidence.iter().any(shows);
    let says = |text: &str| any(&|e| e.what.contains(text) || e.seen.contains(text));
    match finding.check.as_str() {
        // The replicas of the lab name their connections after themselves.
        "channels-per-1000" | "connection-channels" | "connections-per-1000" => {
            Some(("connection of the service", says("service-")))
        }
        "channels-trend" => {
            let figure = |text: &str| text.contains(|c: char| c.is_ascii_digit());
            Some(("slope", figure(&finding.measured) && any(&|e| figure(&e.seen))))
        }
        "no-free-channel-ids" => Some(("log line", says("No free channel ids"))),
        "lag" => Some(("stream", says("msg:stream:"))),
        "enqueue-rate" => Some(("counter", says("service.enqueued"))),
        "processing-time" => Some(("series", says("service.processing"))),
        "in-order" => Some(("number of an operation", says("operation in-turn/"))),
        "nothing-lost" | "stored-once" | "same-answer" | "same-answer-later" => {
            let ours = |word: &str| {
                loadgen::identity::parse(word.as_bytes()).is_some_and(|id| id.run == record.run.id)
            };
            let named =
                any(&|e| e.what.split_whitespace().chain(e.seen.split_whitespace()).any(ours));
            Some(("identity of an operation", named))
        }
        _ => None,
    }
}
