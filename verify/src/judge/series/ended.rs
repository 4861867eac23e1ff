//! Processes that had ended when nothing more could be sampled of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use scenarios::plan::ProbeKind;

use crate::history::History;
use crate::judge::words;

/// Those of a probe that were not there when the record ends, in words.
pub(super) fn ended(kind: Option<&ProbeKind>, probe: &str, history: &History) -> Option<String> {
    let Some(ProbeKind::Process { .. }) = kind else { return None };
    let mut gone: BTreeMap<Arc<str>, f64> = BTreeMap::new();
    for sample in history.samples.of(&format!("{probe}.running")) {
        match sample.value > 0.0 {
            true => drop(gone.remove(&sample.label)),
            false => drop(gone.entry(sample.label).or_insert(sample.at)),
        }
    }
    let told = gone.iter().map(|(name, &at)| format!("{name} at {}", words::seconds(at)));
    let told: Vec<String> = told.collect();
    (!told.is_empty()).then(|| format!("ended and not seen again: {}", told.join(", ")))
}
