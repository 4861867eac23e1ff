//! Single operations: what each check of effects makes of one.
//!
//! An operation is what the cell of the join says in which the check finds it
//! ([`super::effects`]): the same code, so that nothing is said of one operation that the
//! verdict does not say of all. Whether that breaks the promise, and what excuses it, such
//! as a source that was blind, the check's finding says.

use loadgen::Fate;
use scenarios::plan::{CheckKind, Plan};

use super::effects::joined;
use crate::history::{Dead, History};

/// What a check of effects makes of an operation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Class {
    /// The check.
    pub check: String,
    /// The source of effects.
    pub source: String,
    /// What the operation is, the heaviest first: `lost`, `duplicated`, `resurrected`,
    /// `unexpected`, `dead-lettered`, `spared`, `unresolved`, or what is as it should be:
    /// `ok`, `recovered`, `refused`, `never attempted`,
    /// `dead-lettered as allowed`. Empty where nobody can tell.
    pub classes: Vec<&'static str>,
    /// Why nobody can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}

impl Class {
    /// Whether something is wrong with the operation.
    #[must_use]
    pub fn is_anomaly(&self) -> bool {
        let fine = ["ok", "recovered", "refused", "never attempted", "dead-lettered as allowed"];
        self.classes.iter().any(|class| !fine.contains(class))
    }
}

/// What every check of effects that looks at a workload makes of one of its operations.
#[must_use]
pub fn classes(plan: &Plan, history: &History, workload: &str, sequence: u64) -> Vec<Class> {
    let checks = plan.checks.iter().filter_map(|check| match &check.kind {
        CheckKind::Effects(effects) => Some((check, effects)),
        _ => None,
    });
    let ours = checks.filter(|(_, effects)| effects.workloads.iter().any(|w| w == workload));
    let of = |(check, effects): (&scenarios::plan::Check, &_)| {
        let told = of_check(effects, history, workload, sequence);
        let (classes, unknown) = match told {
            Ok(classes) => (classes, None),
            Err(why) => (Vec::new(), Some(why)),
        };
        Class { check: check.name.clone(), source: effects.source.clone(), classes, unknown }
    };
    ours.map(of).collect()
}

fn of_check(
    check: &scenarios::plan::check::EffectsCheck,
    history: &History,
    workload: &str,
    sequence: u64,
) -> Result<Vec<&'static str>, String> {
    let source = &check.source;
    let known = history.workloads.get(workload);
    let known = known.ok_or_else(|| format!("{workload} left no ledger"))?;
    let seen = match history.effects.get(source) {
        Some(Ok(seen)) => seen,
        Some(Err(why)) => return Err(format!("{source} could not be read: {why}")),
        None => return Err(format!("the effects of {source} were never read")),
    };
    if let Some(why) = seen.unread.get(workload) {
        return Err(format!("what {source} saw of {workload} is unknown: {why}"));
    }
    let join = joined(check, known, seen, workload);
    let holds = |cell: &&super::anomalies::Cell| cell.sequences.contains(sequence);
    let mut classes: Vec<&'static str> =
        join.cells.iter().filter(holds).map(|cell| cell.anomaly).collect();
    classes.dedup();
    if classes == ["unexpected"] && (known.broken.is_some() || !known.ledger.is_complete()) {
        return Err("its generator broke down before it wrote down what became of it".to_owned());
    }
    if classes.is_empty() {
        let effects = seen.workloads.get(workload).is_some_and(|w| w.once.contains(sequence));
        let is_dead = matches!(&seen.dead, Some(Dead { workloads, trouble: None, .. })
            if workloads.get(workload).is_some_and(|dead| dead.contains(sequence)));
        classes.push(match (known.ledger.fate(sequence), effects) {
            (Some(Fate::Acked), true) => "ok",
            (Some(Fate::Acked), false) if is_dead => "dead-lettered as allowed",
            (Some(Fate::Indeterminate), true) => "recovered",
            (Some(Fate::Failed), _) => "refused",
            _ => "never attempted",
        });
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use loadgen::{Ledger, Shape};
    use proptest::prelude::*;
    use scenarios::Settings;
    use scenarios::plan::check::{DeadLetters, EffectsCheck};

    use super::*;
    use crate::history::{Seen, SeenWorkload, WorkloadHistory};

    fn check(dead_letters: DeadLetters) -> EffectsCheck {
        let (source, workloads) = ("rows".to_owned(), vec!["w".to_owned()]);
        EffectsCheck { source, workloads, dead_letters, tries: None }
    }

    /// A history of operations, each a fate (4: not due), a number of effects and whether it
    /// stands among the dead letters.
    fn history(operations: &[(u8, u8, bool)]) -> History {
        let mut ledger = Ledger::new("r", "w");
        let (mut seen, mut dead) = (SeenWorkload::default(), roaring::RoaringTreemap::new());
        for (sequence, &(fate, effects, is_dead)) in (0_u64..).zip(operations) {
            let fates = [Fate::Acked, Fate::Failed, Fate::Indeterminate, Fate::Dropped];
            if let Some(&fate) = fates.get(usize::from(fate)) {
                ledger.add_due(1);
                ledger.record(sequence, fate);
            }
            (0..effects).for_each(|_| seen.add(sequence));
            if is_dead {
                dead.insert(sequence);
            }
        }
        let told = WorkloadHistory {
            ledger,
            shape: Shape::default(),
            ..WorkloadHistory::with_times("w", Vec::new())
        };
        let dead = Some(Dead { workloads: [("w".to_owned(), dead)].into(), ..Dead::default() });
        let workloads = [("w".to_owned(), seen)].into();
        let seen = Seen { workloads, dead, ..Seen::default() };
        History {
            workloads: [("w".to_owned(), told)].into(),
            effects: [("rows".to_owned(), Ok(seen))].into(),
            ..History::default()
        }
    }

    proptest! {
        /// What is said of each operation adds up to what the verdict counts of all.
        #[test]
        fn one_by_one_they_are_what_the_verdict_counts(
            operations in prop::collection::vec((0_u8..5, 0_u8..4, any::<bool>()), 0..100),
        ) {
            for allowed in [DeadLetters::None, DeadLetters::Allowed] {
                let (check, history) = (check(allowed), history(&operations));
                let Some(Ok(seen)) = history.effects.get("rows") else { unreachable!() };
                let join = joined(&check, &history.workloads["w"], seen, "w");
                let one = |sequence| of_check(&check, &history, "w", sequence).unwrap();
                let all: Vec<_> = (0..operations.len() as u64).map(one).collect();
                for cell in &join.cells {
                    let said = all.iter().filter(|classes| classes.contains(&cell.anomaly)).count();
                    let same = join.cells.iter().filter(|other| other.anomaly == cell.anomaly);
                    let all: u64 = same.map(|cell| cell.sequences.len()).sum();
                    prop_assert_eq!(said as u64, all, "{}", cell.anomaly);
                }
                let count = |class| all.iter().filter(|said| said.contains(&class)).count() as u64;
                prop_assert_eq!(count("lost"), join.joined.lost);
                prop_assert_eq!(count("duplicated"), join.joined.duplicated);
                prop_assert!(count("ok") <= join.joined.ok);
            }
        }
    }

    #[test]
    fn what_could_not_be_read_is_told() {
        let source = scenarios::suite::find("channel-leak").unwrap().source;
        let plan = scenarios::plan("f", source, &Settings::default()).unwrap();
        let workload = &plan.workloads[0].name;
        for class in classes(&plan, &History::default(), workload, 3) {
            assert!(class.classes.is_empty() && class.unknown.is_some(), "{class:?}");
        }
    }
}
