//! The sources of effects of a plan, open for the length of a run.

use std::collections::BTreeMap;
use std::time::Duration;

use scenarios::Plan;
use scenarios::plan::EffectsSource;

use crate::effects::amqp_tap::{Spec, Tap};
use crate::event::Event;
use crate::history::Seen;
use crate::signal::Cancel;

/// A source is read to its end when nothing came for so long.
const QUIET: Duration = Duration::from_millis(1_000);
/// How long the reading may take after the load has ended.
const LIMIT: Duration = Duration::from_secs(120);
/// The same, for a run that was cancelled.
const HURRY: Duration = Duration::from_secs(3);

/// Open sources of effects.
pub(super) struct Sources {
    list: Vec<(String, String, Result<Tap, String>)>,
}

impl Sources {
    /// Opens every source. One that cannot be opened is no error here: the
    /// checks that need it are inconclusive.
    pub(super) async fn open(plan: &Plan, run: &str, targets: &BTreeMap<String, String>) -> Self {
        let mut list = Vec::new();
        for effects in &plan.effects {
            let EffectsSource::AmqpTap { url, exchange, routing_key, identity } = &effects.source;
            let (place, tap) = match url.fill(targets) {
                Err(error) => (url.as_str().to_owned(), Err(error.to_string())),
                Ok(url) => {
                    let spec = Spec {
                        url,
                        exchange: exchange.clone(),
                        routing_key: routing_key.clone(),
                        identity: identity.clone(),
                        run: run.to_owned(),
                        workloads: plan.workloads.iter().map(|w| w.name.clone()).collect(),
                    };
                    (spec.place(), Tap::open(spec).await)
                }
            };
            list.push((effects.name.clone(), place, tap));
        }
        Self { list }
    }

    /// Reads every source to its end. Gives, for each, the event to write, its
    /// name and what it saw.
    pub(super) async fn finish(self, cancel: &Cancel) -> Vec<(Event, String, Option<Seen>)> {
        let mut read = Vec::new();
        for (source, place, tap) in self.list {
            let seen = match tap {
                Ok(tap) => {
                    let limit = if cancel.is_cancelled() { HURRY } else { LIMIT };
                    Ok(tap.finish(QUIET, limit).await)
                }
                Err(error) => Err(error),
            };
            let (error, blind, foreign, foreign_count) = match &seen {
                Ok(seen) => (None, seen.blind.clone(), seen.foreign.clone(), seen.foreign_count),
                Err(error) => (Some(error.clone()), None, Vec::new(), 0),
            };
            let event = Event::EffectsRead {
                source: source.clone(),
                place,
                error,
                blind,
                foreign,
                foreign_count,
            };
            read.push((event, source, seen.ok()));
        }
        read
    }
}
