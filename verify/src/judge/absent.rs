//! Things that never were there in the run: streams, groups, tables.
//!
//! What does not exist yet is empty, and what has nothing in it breaks no bound.
//! But of a name that nobody has nothing can be held: a check that reads what
//! never came to be is inconclusive, whatever its figures are. A metric that is 0 while
//! it is not there is one of these if it is asked for with labels. One of several
//! that are numbered, of which others were there, may have had nothing to do, and
//! a key of Redis is only there while it has elements: these are only told.

use scenarios::plan::{Check, CheckKind, Plan, ProbeKind};

use super::words;
use crate::history::History;

/// Why a check says nothing, if it reads something that never was there.
pub(super) fn why(check: &Check, plan: &Plan, history: &History) -> Option<String> {
    let mut kind = check.kind.clone();
    if let CheckKind::Speed(speed) = &mut kind {
        // Where nothing was ever given up nothing needs to be there.
        speed.poison = None;
    }
    let states = kind.statement();
    states.series().find_map(|series| {
        let (probe, name) = series.rsplit_once('.')?;
        let planned = plan.probes.iter().find(|planned| planned.name == probe)?;
        if let ProbeKind::RedisKeys { .. } = planned.kind {
            return None;
        }
        // What has been counted was there, such as the stream of a group that never was.
        if history.samples.of(series).any(|sample| sample.value > 0.0) {
            return None;
        }
        let missing: Vec<&str> = history
            .never_there
            .iter()
            .filter(|((owner, thing), _)| owner == probe && is_read(&planned.kind, name, thing))
            .filter(|((_, label), _)| !has_sibling(history, probe, label))
            .map(|(_, what)| what.as_str())
            .collect();
        (!missing.is_empty()).then(|| {
            format!(
                "{} never existed during the run, so {series} says nothing; see that the name is \
                 right.",
                words::list(&missing)
            )
        })
    })
}

/// Whether a series is read of a thing: of the metrics of an endpoint each has its own.
fn is_read(kind: &ProbeKind, series: &str, thing: &str) -> bool {
    match kind {
        ProbeKind::Prometheus { metrics, .. } => {
            metrics.get(series).is_none_or(|metric| metric.shown() == thing)
        }
        _ => true,
    }
}

/// Whether another one of the same name with another number was there.
fn has_sibling(history: &History, probe: &str, label: &str) -> bool {
    let stem = |label: &str| label.trim_end_matches(|c: char| c.is_ascii_digit()).to_owned();
    let own = stem(label);
    let was_there = |other: &str| {
        let key = (probe.to_owned(), other.to_owned());
        !history.never_there.contains_key(&key)
    };
    let prefix = format!("{probe}.");
    let names = history.samples.names().filter(|name| name.starts_with(&prefix));
    own != label
        && names
            .flat_map(|name| history.samples.of(name))
            .any(|sample| stem(&sample.label) == own && was_there(&sample.label))
}
