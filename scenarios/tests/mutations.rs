//! No input makes the reader panic, and every refusal says where.

use proptest::prelude::*;
use proptest::sample::Index;
use scenarios::{Settings, plan, suite};

/// One change of a text.
#[derive(Debug, Clone)]
enum Change {
    DeleteLine(Index),
    RepeatLine(Index),
    MoveLine(Index, Index),
    SwapCharacters(Index, Index),
    Insert(Index, String),
    Cut(Index, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let insertions = prop_oneof![
        "[\\[\\]{}\"'=,.#$@\n\r\t é€0-9a-z]{1,6}",
        prop::sample::select(vec![
            "${",
            "}",
            "\"\"\"",
            "[[",
            "= 99999999999999999999",
            "nan",
            "-1",
            "\u{feff}",
            "[check]",
            "\u{0}",
        ])
        .prop_map(str::to_owned),
    ];
    prop_oneof![
        any::<Index>().prop_map(Change::DeleteLine),
        any::<Index>().prop_map(Change::RepeatLine),
        any::<(Index, Index)>().prop_map(|(from, to)| Change::MoveLine(from, to)),
        any::<(Index, Index)>().prop_map(|(one, two)| Change::SwapCharacters(one, two)),
        (any::<Index>(), insertions).prop_map(|(at, text)| Change::Insert(at, text)),
        (any::<Index>(), 1_usize..40).prop_map(|(at, length)| Change::Cut(at, length)),
    ]
}

fn apply(text: &str, change: &Change) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut characters: Vec<char> = text.chars().collect();
    if characters.is_empty() {
        return "é".to_owned();
    }
    match change {
        Change::DeleteLine(at) => drop(lines.remove(at.index(lines.len()))),
        Change::RepeatLine(at) => {
            let at = at.index(lines.len());
            lines.insert(at, lines[at]);
        }
        Change::MoveLine(from, to) => {
            let line = lines.remove(from.index(lines.len()));
            lines.insert(to.index(lines.len() + 1), line);
        }
        Change::SwapCharacters(one, two) => {
            let (one, two) = (one.index(characters.len()), two.index(characters.len()));
            characters.swap(one, two);
            return characters.into_iter().collect();
        }
        Change::Insert(at, text) => {
            let at = at.index(characters.len());
            characters.splice(at..at, text.chars());
            return characters.into_iter().collect();
        }
        Change::Cut(at, length) => {
            let at = at.index(characters.len());
            characters.drain(at..characters.len().min(at + length));
            return characters.into_iter().collect();
        }
    }
    lines.concat()
}

fn refuses_with_places(text: &str) {
    let Err(problems) = plan("f.toml", text, &Settings::default()) else { return };
    assert!(!problems.list.is_empty());
    for problem in &problems.list {
        assert!(!problem.message.is_empty());
        if let Some(span) = &problem.span {
            assert!(span.start <= span.end && span.end <= text.len(), "{problem:?}");
            assert!(problems.place(problem).is_some());
        }
    }
    assert!(!problems.to_string().is_empty());
    assert!(!problems.render(false).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A shipped scenario with a few changes is planned or refused.
    #[test]
    fn a_changed_scenario_is_planned_or_refused(changes in prop::collection::vec(change(), 1..6)) {
        for shipped in suite::ALL {
            let source = shipped.source.replace("A service", "Ein großer Dienst – 5 €");
            let changed = changes.iter().fold(source, |text, change| apply(&text, change));
            refuses_with_places(&changed);
        }
    }

    /// So is any text at all.
    #[test]
    fn any_text_is_planned_or_refused(text in "(?s).{0,200}") {
        refuses_with_places(&text);
    }
}
