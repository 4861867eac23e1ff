//! The check of answers: property, liars, and what proves nothing.

use loadgen::answers::{Compared, Flaw, Guilty};
use proptest::prelude::*;
use reports::record::Finding;
use reports::record::Verdict::{Held, Inconclusive, Violated};
use scenarios::plan::Transport;
use scenarios::plan::check::{Answers, CheckKind};
use scenarios::plan::workload::Hit;

use super::scene::Scene;
use crate::history::AnswersHistory;

fn check() -> Answers {
    Answers { workload: "publish".to_owned(), max_unmarked: 0, max_premature: 0, at_least: 10 }
}

/// Every answer was the same, and the later one marked.
fn good(pairs: u64) -> Compared {
    Compared { pairs, agreed: pairs, marked: pairs, ..Compared::default() }
}

fn scene(counts: Option<Compared>) -> Scene {
    let mut scene = Scene::new().good_workload("publish");
    let Transport::Http(http) = &mut scene.plan.workloads[0].transport else { unreachable!() };
    http.same = "/messageId".parse().ok();
    http.hit = Some(Hit::Header("idempotency-hit".to_owned()));
    let told = scene.history.workloads.get_mut("publish").unwrap();
    told.answers = counts.map(|counts| AnswersHistory { counts, guilty: guilty(&counts) });
    scene
}

fn guilty(counts: &Compared) -> Vec<Guilty> {
    let rows = [
        (Flaw::Disagreed, counts.disagreed),
        (Flaw::Unmarked, counts.unmarked),
        (Flaw::Premature, counts.premature),
    ];
    let row = |kind, number| Guilty {
        id: format!("r/publish/{number}"),
        kind,
        first: Some("\"a\"".to_owned()),
        second: Some("\"b\"".to_owned()),
    };
    rows.into_iter().flat_map(|(kind, count)| (0..count).map(move |n| row(kind, n))).collect()
}

fn find(counts: Compared) -> Finding {
    scene(Some(counts)).find(CheckKind::Answers(check()))
}

#[test]
fn the_same_answer_marked_is_what_must_hold() {
    let finding = find(good(40));
    assert_eq!(finding.verdict, Held);
    assert_eq!(finding.measured, "40 pairs: 0 disagree, 0 unmarked");
    assert!(finding.evidence.is_empty() && finding.evidence_file.is_none());
}

#[test]
fn liars_are_caught_with_their_identities() {
    let two_answers = find(Compared { disagreed: 1, agreed: 39, ..good(40) });
    assert_eq!(two_answers.verdict, Violated);
    assert_eq!(two_answers.evidence[0].what, "operation r/publish/0");
    assert_eq!(two_answers.evidence[0].seen, "\"a\", then \"b\"");
    assert_eq!(two_answers.evidence_file.as_deref(), Some("evidence/it.ndjson"));

    let silent = find(Compared { unmarked: 40, marked: 0, ..good(40) });
    assert_eq!((silent.verdict, silent.evidence.len()), (Violated, 10));
    assert!(silent.why.contains("40 were not recognized"), "{}", silent.why);

    let boasting = find(Compared { premature: 40, ..good(40) });
    assert_eq!(boasting.verdict, Violated);
    assert!(boasting.why.contains("when they came first"), "{}", boasting.why);

    // One counterexample is a proof, however few there are.
    let few = find(Compared { disagreed: 1, agreed: 0, ..good(1) });
    assert_eq!(few.verdict, Violated);
}

#[test]
fn no_data_never_passes() {
    assert_eq!(find(good(9)).verdict, Inconclusive);
    assert_eq!(find(good(10)).verdict, Held);
    let kind = || CheckKind::Answers(check());
    assert_eq!(scene(None).find(kind()).verdict, Inconclusive);
    assert_eq!(Scene::new().good_workload("publish").find(kind()).verdict, Inconclusive);
    assert_eq!(Scene::new().find(kind()).verdict, Inconclusive);
    let mute = find(Compared { agreed: 39, valueless: 1, ..good(40) });
    assert_eq!(mute.verdict, Inconclusive);
    assert!(mute.why.contains("/messageId"), "{}", mute.why);
    let mut broken = scene(Some(good(40)));
    broken.history.workloads.get_mut("publish").unwrap().broken = Some("it fell".to_owned());
    assert_eq!(broken.find(kind()).verdict, Inconclusive);
}

proptest! {
    /// The check is violated exactly where a pair disagrees or a bound on the
    /// marks is exceeded, and every guilty pair is in the evidence.
    #[test]
    fn bounds_are_exact(
        pairs in 0_u64..60,
        disagreed in 0_u64..3,
        unmarked in 0_u64..5,
        premature in 0_u64..5,
        max_unmarked in 0_u64..4,
        max_premature in 0_u64..4,
    ) {
        let pairs = pairs.max(disagreed).max(unmarked).max(premature);
        let counts = Compared {
            pairs,
            agreed: pairs - disagreed,
            disagreed,
            marked: pairs - unmarked,
            unmarked,
            premature,
            ..Compared::default()
        };
        let check = Answers { max_unmarked, max_premature, ..check() };
        let finding = scene(Some(counts)).find(CheckKind::Answers(check));
        let broken = disagreed > 0 || unmarked > max_unmarked || premature > max_premature;
        prop_assert_eq!(finding.verdict == Violated, broken);
        prop_assert_eq!(finding.verdict == Held, !broken && pairs >= 10);
        let named = finding.evidence.len() as u64;
        let all = disagreed + unmarked + premature;
        prop_assert_eq!(named, if broken { all.min(10) } else { 0 });
    }
}
