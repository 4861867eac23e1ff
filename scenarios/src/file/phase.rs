//! `[[phase]]`: the stretches of a run.

use std::time::Duration;

use super::Settings;
use super::item::read_name;
use crate::plan::phase::Phase;
use crate::read::{At, Table};
use crate::units::Span;

/// A phase, with the place of its name.
pub(super) struct Read {
    pub(super) name: At<String>,
    pub(super) length: Span,
    stretch: bool,
}

impl Read {
    pub(super) fn stretches(&self) -> bool {
        self.stretch
    }

    pub(super) fn into_phase(self) -> Phase {
        Phase { name: self.name.value, length: self.length, stretch: self.stretch }
    }
}

pub(super) fn read(table: &mut Table<'_, '_>, settings: &Settings) -> Read {
    let name = read_name(table, "What checks call it.");
    let length = table.req_at::<Span>("for", "How long it lasts, in whole seconds.");
    let stretch = table.or("stretch", "Whether --duration sets its length.", false);
    if !length.is_placeholder() && !is_whole_seconds(length.value) {
        let message =
            format!("a phase lasts whole seconds, at least one; this is {}", length.value);
        table.context.problem(Some(length.span.clone()), message, None);
    }
    // What has no length yet is not found to be too short.
    let known = if length.is_placeholder() { Span(Duration::ZERO) } else { length.value };
    let length = settings.duration.filter(|_| stretch).unwrap_or(known);
    Read { name, length, stretch }
}

/// Whether a phase can last so long.
pub(super) fn is_whole_seconds(length: Span) -> bool {
    length.0.subsec_nanos() == 0 && !length.0.is_zero()
}
