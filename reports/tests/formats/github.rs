//! What a step of GitHub Actions is told of a record.

use reports::format::github::{SUMMARY_BYTES, annotations, summary};
use reports::record::Verdict;

use crate::{all, extremes, samples, text};
use reports::Format;

#[test]
fn findings_are_annotations_in_lines_that_are_commands() {
    let told = annotations(&samples::leak());
    insta::assert_snapshot!("leak_annotations", told);
    assert_eq!(annotations(&samples::held()), "");
    for (name, record) in all() {
        let told = annotations(&record);
        let (errors, warnings) = (
            told.lines().filter(|line| line.starts_with("::error ")).count(),
            told.lines().filter(|line| line.starts_with("::warning ")).count(),
        );
        assert_eq!(errors + warnings, told.lines().count(), "{name}: {told}");
        assert!(errors <= 10 && warnings <= 10, "{name}: {told}");
        assert_eq!(errors == 0, record.verdict == Verdict::Held, "{name}: {told}");
        assert!(!told.contains('\r'), "{name}");
        for line in told.lines() {
            let (head, _) = line[2..].split_once("::").expect("a head and a message");
            assert!(!head.contains(',') && !head.contains(':'), "{name}: {line}");
        }
    }
    assert!(annotations(&extremes::many()).contains("title=and more::"));
}

#[test]
fn a_summary_fits_and_is_whole_markdown() {
    for (name, record) in all() {
        let whole = text(&record, Format::Markdown);
        assert_eq!(summary(&record, SUMMARY_BYTES).as_deref(), Some(&*whole), "{name}");
        for room in (0..whole.len()).step_by(whole.len() / 23 + 97) {
            let Some(cut) = summary(&record, room) else {
                assert!(room < 2_000, "{name}: nothing in {room}");
                continue;
            };
            assert!(cut.len() <= room, "{name}: {} in {room}", cut.len());
            assert!(cut.starts_with(whole.lines().next().unwrap()), "{name}");
            assert!(cut.contains("does not fit"), "{name}");
            let count = |what: &str| cut.lines().filter(|line| line.starts_with(what)).count();
            assert_eq!(count("<details>"), count("</details>"), "{name} in {room}");
            assert_eq!(count("```") % 2, 0, "{name} in {room}");
        }
    }
}
