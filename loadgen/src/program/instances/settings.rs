//! What all instances of a run must have the same, for their parts to make up one load.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use scenarios::units::Span;
use sha2::{Digest as _, Sha256};

use super::super::args::Load;

/// The settings of a load by name. What is long, or may hold what is nobody's business, is
/// there as a digest; secrets are in none.
pub(crate) fn of(load: &Load) -> anyhow::Result<BTreeMap<String, String>> {
    let (job, output) = (&load.job, &load.output);
    let hidden = |text: String| digest([load.title.secrets.hide(&text).as_bytes()]);
    let data = job.shape.data.as_ref().map_or_else(String::new, |data| {
        let (text, ends) = data.raw();
        let ends: Vec<u8> = ends.iter().flat_map(|end| end.to_le_bytes()).collect();
        digest([text, &ends])
    });
    let thresholds: Vec<_> = output.thresholds.iter().map(ToString::to_string).collect();
    let start = load.start_at.map(Timestamp::try_from).transpose()?;
    let all = [
        ("loadgen", env!("CARGO_PKG_VERSION").to_owned()),
        ("target", load.title.target.clone()),
        ("requests", hidden(format!("{:?}", job.transport))),
        ("schedule", digest([format!("{:?}", job.pace).as_bytes()])),
        ("shape", hidden(format!("{:?}", job.shape))),
        ("data", data),
        ("--start-at", start.map_or_else(String::new, |start| start.to_string())),
        ("--connections", job.connections.to_string()),
        ("--workers", job.workers.to_string()),
        ("--max-in-flight", job.max_in_flight.map_or_else(String::new, |most| most.to_string())),
        ("--timeout", Span(job.timeout).to_string()),
        ("--grace", Span(job.grace).to_string()),
        ("--late", format!("{:?}", job.late).to_lowercase()),
        ("--warmup", Span(job.warm_up).to_string()),
        ("--threshold", thresholds.join(", ")),
        ("--fail-on-error", output.fails_on_error.to_string()),
    ];
    Ok(all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What is different in the settings of two instances, with both values.
pub(crate) fn difference(
    one: &BTreeMap<String, String>,
    other: &BTreeMap<String, String>,
) -> Option<String> {
    let shown = |value: Option<&String>| match value.map(String::as_str) {
        None | Some("") => "nothing".to_owned(),
        Some(value) => format!("{value:?}"),
    };
    let names = one.keys().chain(other.keys());
    let mut differing = names.filter(|name| one.get(*name) != other.get(*name));
    let name = differing.next()?;
    Some(format!("{name}: {} and {}", shown(one.get(name)), shown(other.get(name))))
}

/// The first half of a SHA-256, in hexadecimal digits. Each part counts with its length.
fn digest<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()[..16].iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
