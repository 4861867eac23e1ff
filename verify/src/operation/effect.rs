//! What a source of effects saw of an operation, and what its dead letters have of it.

use serde::Serialize;

use super::{Asked, Between, between};
use crate::folder::read::Told;
use crate::history::{Seen, Timing};

/// What a source of effects saw of an operation.
#[derive(Debug, Clone, Serialize)]
pub struct Effect {
    /// The source.
    pub source: String,
    /// Where it was read.
    pub place: String,
    /// How many effects it saw; absent where nobody knows.
    pub count: Option<u32>,
    /// Why nobody knows, or why none proves nothing.
    pub why: Option<String>,
    /// When it took effect for the first time.
    pub at: Option<Between>,
    /// Whether it stands among the dead letters; absent where they are not read.
    pub is_dead: Option<bool>,
    /// When it became a dead letter.
    pub dead_at: Option<Between>,
    /// How often the dead letter says that it was tried again.
    pub tries: Option<u64>,
    /// The later operation of its key whose effect came before, and the key.
    pub overtaken_by: Option<(u64, String)>,
}

/// What each source of effects saw.
pub(super) fn effects(told: &Told, asked: &Asked, due: Option<f64>) -> Vec<Effect> {
    let sources = told.plan.effects.iter();
    sources.map(|planned| effect(told, asked, due, &planned.name)).collect()
}

fn effect(told: &Told, asked: &Asked, due: Option<f64>, source: &str) -> Effect {
    let place = told.facts.sources.get(source).cloned().unwrap_or_default();
    let mut effect = Effect {
        source: source.to_owned(),
        place,
        count: None,
        why: None,
        at: None,
        is_dead: None,
        dead_at: None,
        tries: None,
        overtaken_by: None,
    };
    let seen = match told.history.effects.get(source) {
        Some(Ok(seen)) => seen,
        Some(Err(why)) => {
            effect.why = Some(format!("it could not be read: {why}"));
            return effect;
        }
        None => {
            effect.why = Some("it was never read".to_owned());
            return effect;
        }
    };
    effect.why = seen.unread.get(&asked.workload).cloned();
    if effect.why.is_none() && seen.aggregates.is_none() {
        let told = seen.workloads.get(&asked.workload);
        let once = told.is_some_and(|told| told.once.contains(asked.sequence));
        let more = told.and_then(|told| told.more.get(&asked.sequence).copied());
        effect.count = Some(more.unwrap_or(u32::from(once)));
        effect.why.clone_from(&seen.blind);
    } else if seen.aggregates.is_some() {
        effect.why = Some("it tells of many operations together, not of each".to_owned());
    }
    let has_effect = effect.count.is_some_and(|count| count > 0);
    effect.at = time(seen.times.as_ref(), asked, due).filter(|_| has_effect);
    dead(&mut effect, seen, asked, due);
    let inversions = seen.order.iter().filter_map(|order| order.workloads.get(&asked.workload));
    let mut inversions = inversions.flat_map(|ordered| &ordered.inversions);
    effect.overtaken_by = inversions
        .find(|inversion| inversion.sequence == asked.sequence)
        .map(|inversion| (inversion.after, inversion.key.clone()));
    effect
}

fn dead(effect: &mut Effect, seen: &Seen, asked: &Asked, due: Option<f64>) {
    let Some(dead) = seen.dead.as_ref().filter(|dead| dead.trouble.is_none()) else { return };
    let found = dead.workloads.get(&asked.workload);
    let is_dead = found.is_some_and(|found| found.contains(asked.sequence));
    effect.is_dead = Some(is_dead);
    effect.dead_at = time(seen.dead_times.as_ref(), asked, due).filter(|_| is_dead);
    let tried = dead.tries.iter().filter_map(|tries| tries.workloads.get(&asked.workload));
    let mut numbers = tried.flat_map(|tried| &tried.numbers);
    let said = numbers.find(|(_, letters)| letters.first.contains(&asked.sequence));
    effect.tries = said.map(|(tries, _)| *tries);
}

fn time(timing: Option<&Timing>, asked: &Asked, due: Option<f64>) -> Option<Between> {
    let (timing, due) = (timing.filter(|timing| timing.trouble.is_none())?, due?);
    let seconds = &timing.workloads.get(&asked.workload)?.seconds;
    let second = due.floor() as u64;
    between(&seconds.iter().find(|told| told.second == second)?.times, due)
}
