//! Effects: every operation took effect as its outcome promised.
//!
//! The ledger of each workload is joined with the effects that a source saw
//! ([`super::join`] has the table). Broken by an operation that is *lost*
//! (acknowledged, no effect), *duplicated* (two effects or more), *resurrected*
//! (refused, yet it took effect) or *unexpected* (never attempted, or of no
//! workload of this run). Where dead letters are read, what stands there without
//! an effect is *dead-lettered* instead of lost, and [`super::dead`] says which
//! of them break the promise, [`super::tries`] how often they must have been tried. Evidence: the first identities of each kind; in full,
//! every one, the unresolved ones behind.
//!
//! Inconclusive when the source could not be read, when nothing was
//! acknowledged, when something is missing at a source that was blind for a
//! while, or when a source of somebody else's system shows no operation of this
//! run at all: then it looks in the wrong place more likely than that
//! everything was lost. Effects of operations that a broken generator left
//! without an outcome prove nothing either, nor does a missing effect where dead
//! letters would be allowed and could not be read, nor a workload of whose
//! effects the record has no file; nor operations that are lost or dead-lettered
//! while a fault stands that the tool did not take back ([`super::leftover`]): they
//! may wait for whoever is still away.

use loadgen::Fate;
use reports::record::{Evidence, Joined};
use roaring::RoaringTreemap;
use scenarios::plan::check::{DeadLetters, EffectsCheck};
use scenarios::plan::{Place, Plan};

use super::anomalies::{Cell, Rows};
use super::dead;
use super::join::{Join, add, join};
use super::leftover::{Leftover, leftover};
use super::opinion::{Opinion, SHOWN, evidence};
use super::tries::with_tries;
use super::words;
use crate::history::{Dead, History, Seen, SeenWorkload, WorkloadHistory};

/// What is wrong, in the order of its weight.
const VIOLATIONS: [&str; 6] =
    ["lost", "duplicated", "resurrected", "unexpected", "dead-lettered", "spared"];
/// What may be the doing of somebody who is away.
const BY_ABSENCE: [&str; 2] = ["lost", "dead-lettered"];
const BOUND: &str = "every acknowledged operation once, no other";

pub(super) fn judge(check: &EffectsCheck, plan: &Plan, history: &History) -> Opinion {
    let why = match history.effects.get(&check.source) {
        Some(Ok(seen)) => match Table::of(check, history, seen) {
            Ok(table) => {
                let leftover = leftover(plan, history).filter(|left| !left.has_healed);
                let opinion = table.decide(check, plan, seen, leftover.as_ref());
                return with_tries(opinion, check, plan, history, seen);
            }
            Err(why) => why,
        },
        Some(Err(reason)) => {
            format!("{} could not be read: {reason}.{}", check.source, without(plan))
        }
        None => format!(
            "The effects of {} were never read; let the run come to its end.{}",
            check.source,
            without(plan)
        ),
    };
    Opinion::inconclusive(BOUND, why)
}

/// What is told of records without an identity, where there are some: each may be
/// an operation that is then taken for lost.
fn nameless(seen: &Seen) -> Option<String> {
    (seen.nameless > 0).then(|| {
        format!(
            "{} of what was read had no identity where it was looked for.",
            words::plural(seen.nameless, "record")
        )
    })
}

/// How to run without effects, where the scenario has a way.
fn without(plan: &Plan) -> &'static str {
    if plan.params.contains_key("effects") {
        " To run without one, give --set effects=off."
    } else {
        ""
    }
}

/// What was asked of a workload, joined with what was seen of it and, where they were read,
/// the dead letters.
pub(super) fn joined(
    check: &EffectsCheck,
    known: &WorkloadHistory,
    seen: &Seen,
    workload: &str,
) -> Join {
    let (nothing, none) = (SeenWorkload::default(), RoaringTreemap::new());
    let told = seen.workloads.get(workload).unwrap_or(&nothing);
    let mut join = join(&known.ledger, told);
    if let Some(Dead { workloads, trouble: None, .. }) = &seen.dead {
        let found = workloads.get(workload).unwrap_or(&none);
        let (ledger, poison) = (&known.ledger, &known.poison);
        dead::sort(&mut join, ledger, told, found, poison, check.dead_letters);
    }
    join
}

/// The join of all the workloads.
struct Table {
    joined: Joined,
    cells: Vec<Cell>,
    foreign: Vec<String>,
    /// Operations that were acknowledged.
    acked: u64,
    /// Effects of operations whose generator broke down.
    unsure: u64,
    /// Poisoned operations without an effect: where dead letters could not be
    /// read, they may stand there.
    lost_poison: u64,
    /// Why nothing is known of the effects of a workload, if that is so of one.
    unread: Option<String>,
}

impl Table {
    fn of(check: &EffectsCheck, history: &History, seen: &Seen) -> Result<Self, String> {
        let mut table = Self {
            joined: Joined::default(),
            cells: Vec::new(),
            foreign: Vec::new(),
            acked: 0,
            unsure: 0,
            lost_poison: 0,
            unread: None,
        };
        for workload in &check.workloads {
            let Some(known) = history.workloads.get(workload) else {
                return Err(format!(
                    "Workload {workload} left no ledger to join the effects with."
                ));
            };
            if let Some(why) = seen.unread.get(workload) {
                let source = &check.source;
                table.unread.get_or_insert_with(|| {
                    format!("What {source} saw of {workload} is unknown: {why}.")
                });
                continue;
            }
            let mut join = joined(check, known, seen, workload);
            let lost = join.cells.iter().filter(|cell| cell.anomaly == "lost");
            table.lost_poison +=
                lost.map(|cell| cell.sequences.intersection_len(&known.poison)).sum::<u64>();
            if known.broken.is_some() || !known.ledger.is_complete() {
                table.unsure += join.joined.unexpected;
                join.joined.unexpected = 0;
                join.cells.retain(|cell| cell.anomaly != "unexpected");
            }
            add(&mut table.joined, &join.joined);
            table.cells.extend(join.cells);
            table.acked += known.ledger.count(Fate::Acked);
        }
        // A text that is no identity belongs to somebody else.
        let is_identity = |text: &&String| loadgen::identity::parse(text.as_bytes()).is_some();
        table.foreign = seen.foreign.iter().filter(is_identity).cloned().collect();
        let strangers = (seen.foreign.len() - table.foreign.len()) as u64;
        table.joined.unexpected += seen.foreign_count.saturating_sub(strangers);
        table.cells.sort_by_key(|cell| {
            VIOLATIONS.iter().position(|kind| *kind == cell.anomaly).unwrap_or(usize::MAX)
        });
        Ok(table)
    }

    fn count(&self, kind: &str) -> u64 {
        match kind {
            "lost" => self.joined.lost,
            "duplicated" => self.joined.duplicated,
            "resurrected" => self.joined.resurrected,
            "unexpected" => self.joined.unexpected,
            other => {
                let cells = self.cells.iter().filter(|cell| cell.anomaly == other);
                cells.map(|cell| cell.sequences.len()).sum()
            }
        }
    }

    fn decide(
        self,
        check: &EffectsCheck,
        plan: &Plan,
        seen: &Seen,
        leftover: Option<&Leftover>,
    ) -> Opinion {
        let measured = self.measured();
        let nothing_seen = seen.foreign_count == 0
            && seen
                .workloads
                .values()
                .all(|workload| workload.once.is_empty() && workload.more.is_empty());
        let counts = |kind: &&&str| leftover.is_none() || !BY_ABSENCE.contains(*kind);
        let proven = VIOLATIONS[1..].iter().filter(counts).any(|kind| self.count(kind) > 0);
        let lost = self.joined.lost;
        let away: u64 = BY_ABSENCE.iter().map(|kind| self.count(kind)).sum();
        let dead_unread = self.dead_unread(check, seen, lost);
        let opinion = if let Some(leftover) = leftover.filter(|_| away > 0 && !proven) {
            let why = format!(
                "{} lost or dead-lettered may still wait for whoever is away: {} See that the \
                 fault can be taken back, and repeat the run.",
                words::plural(away, "operation"),
                leftover.why
            );
            Opinion::doubtful(BOUND, measured, why)
        } else if let Some(blind) = seen.blind.as_ref().filter(|_| lost > 0 && !proven) {
            let why = format!(
                "{} have no effect that was seen, but {} was blind: {blind}.",
                words::plural(lost, "acknowledged operation"),
                check.source
            );
            Opinion::doubtful(BOUND, measured, why)
        } else if let Some(why) = dead_unread.filter(|_| !proven) {
            Opinion::doubtful(BOUND, measured, why)
        } else if lost > 0 && nothing_seen && plan.place == Place::Targets {
            let why = format!(
                "{} saw none of {}. Either every one was lost, or the source looks in the wrong \
                 place: see its address and where the identity stands.",
                check.source,
                words::plural(self.acked, "acknowledged operation")
            );
            Opinion::doubtful(BOUND, measured, why)
        } else if (lost > 0 && seen.blind.is_none()) || proven {
            Opinion::violated(BOUND, measured, self.reproach(seen, leftover))
        } else if let Some(why) = &self.unread {
            Opinion::doubtful(BOUND, measured, why)
        } else if self.acked == 0 {
            let why = "No operation was acknowledged, so no promise was put to the test.";
            Opinion::doubtful(BOUND, measured, why)
        } else if self.unsure > 0 {
            let why = format!(
                "{} belong to operations whose generator broke down before it wrote down what \
                 became of them.",
                words::plural(self.unsure, "effect")
            );
            Opinion::doubtful(BOUND, measured, why)
        } else {
            Opinion::held(BOUND, measured, self.praise(seen))
        };
        let joined = Some((check.source.clone(), self.joined));
        let shown = self.evidence();
        let rows =
            Rows::Operations { cells: self.cells, foreign: self.foreign, listed: Vec::new() };
        Opinion { joined, ..opinion }.evidence(shown).rows(rows)
    }

    /// Why it matters that dead letters could not be read, if it does.
    fn dead_unread(&self, check: &EffectsCheck, seen: &Seen, lost: u64) -> Option<String> {
        let why = match &seen.dead {
            Some(Dead { trouble: Some(why), .. }) => why.clone(),
            None if check.dead_letters == DeadLetters::Poison => {
                format!("{} names no table of them", check.source)
            }
            _ => return None,
        };
        let may_be_there = match check.dead_letters {
            // Lost or dead-lettered: either breaks the promise.
            DeadLetters::None => lost == 0,
            DeadLetters::Poison => lost == self.lost_poison,
            DeadLetters::Allowed => true,
        };
        may_be_there.then(|| format!("The dead letters could not be read: {why}."))
    }

    /// `3 lost and 1 duplicated of 12,400 acknowledged`.
    fn measured(&self) -> String {
        let wrong: Vec<String> = VIOLATIONS
            .iter()
            .filter(|kind| self.count(kind) > 0)
            .map(|kind| format!("{} {kind}", words::count(self.count(kind))))
            .collect();
        let acked = words::count(self.acked);
        if wrong.is_empty() {
            let dead = match self.joined.dead_lettered {
                0 => String::new(),
                dead => format!(", {} dead-lettered", words::count(dead)),
            };
            format!("{acked} acknowledged, {} seen once{dead}", words::count(self.joined.ok))
        } else {
            format!("{} of {acked} acknowledged", words::list(&wrong))
        }
    }

    fn praise(&self, seen: &Seen) -> String {
        let joined = &self.joined;
        let mut text = format!(
            "{} acknowledged, each once{}; 0 of {} refused took effect",
            words::count(self.acked),
            match joined.dead_lettered {
                0 => String::new(),
                dead => format!(
                    " but {} that ended among the dead letters as they may",
                    words::count(dead)
                ),
            },
            words::count(joined.refused)
        );
        if joined.recovered + joined.unresolved > 0 {
            text.push_str(&format!(
                "; of {} without an answer {} took effect once",
                words::count(joined.recovered + joined.unresolved),
                words::count(joined.recovered)
            ));
        }
        if let Some(blind) = &seen.blind {
            text.push_str(&format!(
                "; the source was blind ({blind}), yet nothing is missing. A repetition in that \
                 time would not have been seen"
            ));
        }
        text.push('.');
        if let Some(nameless) = nameless(seen) {
            text.push_str(&format!(" {nameless}"));
        }
        text
    }

    fn reproach(&self, seen: &Seen, leftover: Option<&Leftover>) -> String {
        let meaning = |kind: &str| match kind {
            "lost" => "acknowledged and never took effect",
            "duplicated" => "took effect more than once",
            "resurrected" => "refused and took effect all the same",
            "dead-lettered" => "ended among the dead letters without need",
            "spared" => "poisoned, acknowledged, and took effect all the same",
            _ => "took effect without having been asked for",
        };
        let parts: Vec<String> = VIOLATIONS
            .iter()
            .filter(|kind| self.count(kind) > 0)
            // What a blind source missed is not held against the system.
            .filter(|kind| **kind != "lost" || seen.blind.is_none())
            .filter(|kind| leftover.is_none() || !BY_ABSENCE.contains(kind))
            .map(|kind| {
                format!("{} {}", words::plural(self.count(kind), "operation"), meaning(kind))
            })
            .collect();
        let mut text = format!("{}.", words::list(&parts));
        if self.lost_poison > 0 && seen.blind.is_none() && leftover.is_none() {
            text.push_str(&format!(
                " Of the lost, {} poison and not among the dead letters.",
                match self.lost_poison {
                    1 => "1 is".to_owned(),
                    some => format!("{} are", words::count(some)),
                }
            ));
        }
        let missing = BY_ABSENCE.iter().any(|kind| self.count(kind) > 0);
        if let Some(leftover) = leftover.filter(|_| missing) {
            text.push_str(&format!(
                " What is missing beside them proves nothing: {}",
                leftover.why
            ));
        }
        if missing && !seen.absent.is_empty() {
            text.push_str(&format!(
                " {} did not exist when it was read: see that the name is right.",
                words::list(&seen.absent)
            ));
        }
        if let Some(nameless) = nameless(seen) {
            text.push_str(&format!(" {nameless}"));
        }
        text
    }

    /// The first identities of each kind.
    fn evidence(&self) -> Vec<Evidence> {
        let kinds = VIOLATIONS.iter().filter(|kind| self.count(kind) > 0).count();
        let each = SHOWN.div_ceil(kinds.max(1));
        let mut shown = Vec::new();
        for kind in VIOLATIONS {
            let cells = self.cells.iter().filter(|cell| cell.anomaly == kind);
            let operations = cells.flat_map(|cell| {
                cell.sequences.iter().take(each).map(|sequence| {
                    let effects = words::plural(u64::from(cell.effects_of(sequence)), "effect");
                    let what = format!("operation {}{sequence}", cell.prefix);
                    evidence(what, format!("{kind}: {}, {effects}", cell.outcome), None)
                })
            });
            let foreign = self.foreign.iter().filter(|_| kind == "unexpected").map(|id| {
                evidence(format!("operation {id}"), "unexpected: of no workload of this run", None)
            });
            shown.extend(operations.chain(foreign).take(each));
        }
        shown
    }
}
