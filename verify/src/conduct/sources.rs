//! The sources of effects of a plan, open for the length of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::future::join_all;
use loadgen::Ledger;
use scenarios::Plan;
use scenarios::plan::effects::OrderSource;
use scenarios::plan::{CheckKind, Effects, EffectsSource, Listing};
use scenarios::template::{Template, TemplateError};

use crate::effects::amqp_tap::{self, Tap};
use crate::effects::dead::DeadLetters;
use crate::effects::listing::{self, Grouped, List, OrderOf};
use crate::effects::offered::Offered;
use crate::effects::schema::Inspector;
use crate::event::{AggregatesRead, Event, PartRead, TimesRead};
use crate::history::{Dead, Seen};
use crate::signal::Cancel;

/// A source is read to its end when nothing came for so long.
const QUIET: Duration = Duration::from_millis(1_000);
/// How long the reading may take after the load has ended.
const LIMIT: Duration = Duration::from_secs(120);
/// The same, for a run that was cancelled.
const HURRY: Duration = Duration::from_secs(3);

/// Open sources of effects.
pub(super) struct Sources {
    list: Vec<Source>,
    /// The workloads whose effects are looked for.
    workloads: Vec<String>,
}

struct Source {
    name: String,
    place: String,
    kind: Result<Kind, String>,
}

enum Kind {
    /// With the dead letters, which are read when the tap has ended.
    Tap(Tap, Option<Box<DeadLetters>>),
    Listing(Box<listing::Spec>),
}

/// What was read: the event to write, the source's name and what it saw.
pub(super) type Read = (Event, String, Option<Seen>);

impl Sources {
    /// Opens every source. One that cannot be opened is no error here: the
    /// checks that need it are inconclusive.
    pub(super) async fn open(plan: &Plan, run: &str, targets: &BTreeMap<String, String>) -> Self {
        let mut list = Vec::new();
        for effects in &plan.effects {
            let (place, kind) = match &effects.source {
                EffectsSource::AmqpTap { .. } => open_tap(effects, plan, run, targets).await,
                EffectsSource::Listing(listing) => {
                    let mut spec = spec(effects, listing, plan, run, targets);
                    if let Ok(spec) = &mut spec {
                        spec.begin().await;
                    }
                    let place = spec.as_ref().map_or_else(
                        |_| listing.address().map_or("", Template::as_str).to_owned(),
                        |s| s.effects.place(),
                    );
                    let spec = spec.map(|spec| Kind::Listing(Box::new(spec)));
                    (place, spec)
                }
            };
            list.push(Source { name: effects.name.clone(), place, kind });
        }
        let workloads = plan.workloads.iter().map(|workload| workload.name.clone()).collect();
        Self { list, workloads }
    }

    /// Reads every source to its end, all at the same time: what one of them
    /// waits for must not give another more time.
    pub(super) async fn finish(
        self,
        ledgers: &BTreeMap<&str, &Ledger>,
        offered: &Offered,
        cancel: &Cancel,
    ) -> Vec<Read> {
        let names = &self.workloads;
        let read = self.list.into_iter().map(async |Source { name, place, kind }| {
            let seen = match kind {
                Ok(Kind::Tap(tap, dead)) => {
                    Ok(finish_tap(tap, dead.as_deref(), ledgers, offered, cancel).await)
                }
                Ok(Kind::Listing(spec)) => spec.finish(ledgers, offered, cancel).await,
                Err(error) => Err(error),
            };
            let told = seen.as_ref().cloned().unwrap_or_default();
            let event = Event::EffectsRead {
                source: name.clone(),
                place,
                error: seen.as_ref().err().cloned(),
                blind: told.blind,
                foreign: told.foreign,
                foreign_count: told.foreign_count,
                workloads: seen.is_ok().then(|| names.to_vec()),
                tries: told
                    .dead
                    .as_ref()
                    .and_then(|dead| dead.tries.as_ref())
                    .map(|tries| PartRead { error: tries.trouble.clone() }),
                dead: told.dead.map(|dead| PartRead { error: dead.trouble }),
                order: told.order.map(|order| PartRead { error: order.trouble }),
                schema: told.schema.map(|schema| PartRead { error: schema.trouble }),
                absent: told.absent,
                nameless: told.nameless,
                times: told.times.map(|times| Box::new(TimesRead::of(times))),
                dead_times: told.dead_times.map(|times| Box::new(TimesRead::of(times))),
                aggregates: told
                    .aggregates
                    .map(|told| AggregatesRead { error: told.trouble, strangers: told.strangers }),
            };
            (event, name, seen.ok())
        });
        join_all(read).await
    }
}

async fn open_tap(
    effects: &Effects,
    plan: &Plan,
    run: &str,
    targets: &BTreeMap<String, String>,
) -> (String, Result<Kind, String>) {
    let EffectsSource::AmqpTap { url, exchange, routing_key, identity } = &effects.source else {
        return (String::new(), Err("this is no tap".to_owned()));
    };
    let mut dead = dead_letters(effects, targets);
    if let Ok(Some(dead)) = &mut dead {
        dead.list.begin().await;
    }
    let failed = |why: String| (url.as_str().to_owned(), Err(why));
    match (url.fill(targets), dead, Inspector::of(effects, plan, run)) {
        (Err(error), ..) => failed(error.to_string()),
        (_, Err(error), _) => failed(error.to_string()),
        (.., Err(error)) => failed(error),
        (Ok(url), Ok(dead), Ok(schema)) => {
            let spec = amqp_tap::Spec {
                url,
                exchange: exchange.clone(),
                routing_key: routing_key.clone(),
                identity: identity.clone(),
                order: effects.order.as_ref().and_then(|order| match order {
                    OrderSource::Records(records) => Some(records.key.clone()),
                    OrderSource::Query(_) => None,
                }),
                schema,
                run: run.to_owned(),
                workloads: plan.workloads.iter().map(|w| w.name.clone()).collect(),
            };
            let dead = dead.map(Box::new);
            (spec.place(), Tap::open(spec).await.map(|tap| Kind::Tap(tap, dead)))
        }
    }
}

async fn finish_tap(
    tap: Tap,
    dead: Option<&DeadLetters>,
    ledgers: &BTreeMap<&str, &Ledger>,
    offered: &Offered,
    cancel: &Cancel,
) -> Seen {
    let limit = if cancel.is_cancelled() { HURRY } else { LIMIT };
    let mut seen = tap.finish(QUIET, limit).await;
    if let Some(letters) = dead {
        let run = ledgers.values().map(|ledger| ledger.run()).find(|run| !run.is_empty());
        let run = run.unwrap_or_default();
        let mut dead = Dead::default();
        let read = letters.read(run, |text| {
            if let Some(id) = loadgen::identity::parse(text.as_bytes())
                && id.run == run
            {
                dead.workloads.entry(id.workload.to_owned()).or_default().insert(id.sequence);
            }
        });
        let (read, tries) = read.await;
        let trouble = seen.note_dead(read);
        seen.dead = Some(Dead { trouble, tries, ..dead });
        seen.dead_times = letters.times(ledgers, offered).await;
    }
    seen
}

fn dead_letters(
    effects: &Effects,
    targets: &BTreeMap<String, String>,
) -> Result<Option<DeadLetters>, TemplateError> {
    let list = effects.dead.as_ref().map(|dead| List::new(dead, targets)).transpose()?;
    Ok(list.map(|list| DeadLetters {
        list,
        tries: effects.tries.clone(),
        at: effects.dead_at.clone(),
    }))
}

fn spec(
    effects: &Effects,
    listing: &Listing,
    plan: &Plan,
    run: &str,
    targets: &BTreeMap<String, String>,
) -> Result<listing::Spec, String> {
    let missing = |error: TemplateError| error.to_string();
    let order = effects.order.as_ref().map(|order| OrderOf::new(order, targets));
    let list = List::new(listing, targets).map_err(missing)?;
    let aggregate = effects.aggregate.as_ref().map(|aggregate| Grouped {
        aggregate: aggregate.clone(),
        workloads: aggregated(plan, &effects.name),
    });
    Ok(listing::Spec {
        effects: match &aggregate {
            Some(grouped) => list.named_by(grouped.aggregate.key.clone()),
            None => list,
        },
        at: effects.at.clone(),
        aggregate,
        schema: Inspector::of(effects, plan, run)?,
        dead: dead_letters(effects, targets).map_err(missing)?,
        order: order.transpose().map_err(missing)?,
        settle: effects.settle.0,
        run: run.to_owned(),
        workloads: plan.workloads.iter().map(|workload| workload.name.clone()).collect(),
    })
}

/// The workloads whose operations are in the records of a source, as its checks
/// say.
fn aggregated(plan: &Plan, source: &str) -> Vec<String> {
    let of = |check: &scenarios::plan::Check| match &check.kind {
        CheckKind::Aggregate(check) if check.source == source => check.workloads.clone(),
        _ => Vec::new(),
    };
    let names: BTreeSet<String> = plan.checks.iter().flat_map(of).collect();
    names.into_iter().collect()
}
