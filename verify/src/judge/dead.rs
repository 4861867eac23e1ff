//! Dead letters in the join: what has no effect and stands among them was given
//! up for good, and is *dead-lettered*, not lost.
//!
//! Which of them may be there, the check says. Where none may, each one is a
//! violation. Where the poisoned ones may, exactly these must: any other one is
//! dead-lettered without need, and a poisoned one that was acknowledged and took
//! effect all the same was *spared*, whether it stands there as well or not; one
//! without an effect that is not there is lost, as any other. An operation that was never attempted and stands there is
//! unexpected.

use loadgen::{Fate, Ledger};
use roaring::RoaringTreemap;
use scenarios::plan::check::DeadLetters;

use super::anomalies::Cell;
use super::join::Join;
use crate::history::SeenWorkload;

/// Sorts the operations of a join by what is found among the dead letters.
pub(super) fn sort(
    join: &mut Join,
    ledger: &Ledger,
    seen: &SeenWorkload,
    dead: &RoaringTreemap,
    poison: &RoaringTreemap,
    allowed: DeadLetters,
) {
    let prefix = format!("{}/{}/", ledger.run(), ledger.workload());
    let any = &seen.once | &seen.more.keys().copied().collect::<RoaringTreemap>();
    for cell in join.cells.iter_mut().filter(|cell| cell.anomaly == "lost") {
        join.joined.dead_lettered += cell.sequences.intersection_len(dead);
        cell.sequences -= dead;
        join.joined.lost = cell.sequences.len();
    }
    let mut found = |anomaly, outcome, sequences: RoaringTreemap, effects| {
        let size = sequences.len();
        if size > 0 {
            let more = seen.more.iter().filter(|(sequence, _)| sequences.contains(**sequence));
            let more = more.map(|(&sequence, &times)| (sequence, times)).collect();
            let prefix = prefix.clone();
            join.cells.push(Cell { anomaly, prefix, outcome, more, sequences, effects });
        }
        size
    };
    let wrong = match allowed {
        DeadLetters::None => dead.clone(),
        DeadLetters::Poison => dead - poison,
        DeadLetters::Allowed => RoaringTreemap::new(),
    };
    let fates =
        [(Fate::Acked, "acked"), (Fate::Indeterminate, "indeterminate"), (Fate::Failed, "failed")];
    let mut attempted = RoaringTreemap::new();
    for (fate, outcome) in fates {
        let operations = ledger.of(fate);
        attempted |= operations;
        found("dead-lettered", outcome, (operations & &wrong) - &any, 0);
        found("dead-lettered", outcome, (operations & &wrong) & &any, 1);
    }
    let strangers = (dead - &attempted) - &any;
    let strangers = found("unexpected", "never attempted", strangers, 0);
    if allowed == DeadLetters::Poison {
        let spared = (ledger.of(Fate::Acked) & poison) & &any;
        found("spared", "acked", spared, 1);
    }
    join.joined.unexpected += strangers;
    join.cells.retain(|cell| !cell.sequences.is_empty());
}
