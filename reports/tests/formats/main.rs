//! What every rendering must keep to, whatever the record holds, and what each
//! of them looks like.

mod documents;
mod extremes;
mod github;
mod openmetrics;
mod rich;
mod samples;

use std::collections::BTreeSet;

use reports::record::{AdviceRecord, AdviceState, ConditionRecord, Record, Verdict};
use reports::{Format, Options, render};
use scenarios::plan::Severity;

/// What the samples hide in an address and in a parameter.
const SECRET: &str = "s3cret-word";

fn text(record: &Record, format: Format) -> String {
    String::from_utf8(render(record, format, Options::default())).expect("renderings are UTF-8")
}

fn ordinary() -> [(&'static str, Record); 3] {
    [
        ("held", samples::held()),
        ("leak", samples::leak()),
        ("inconclusive", samples::inconclusive()),
    ]
}

fn all() -> Vec<(&'static str, Record)> {
    let mut all = Vec::from(ordinary());
    all.push(("empty", extremes::empty()));
    all.push(("many", extremes::many()));
    all.push(("long names", extremes::long_names()));
    all.push(("hostile", extremes::hostile()));
    all.push(("rich", rich::rich()));
    all.push(("soak", rich::soak()));
    all
}

#[test]
fn every_format_looks_as_it_did() {
    for (name, record) in ordinary() {
        for format in Format::ALL {
            let mut text = text(&record, format);
            // The style sheet and the script are files that can be read by themselves.
            for (begin, end) in
                [("<style>", "</style>"), ("<script>", "</script>"), ("'sha256-", "'")]
            {
                let Some(from) = text.find(begin).map(|at| at + begin.len()) else { continue };
                let to = from + text[from..].find(end).expect("what begins ends");
                text.replace_range(from..to, "");
            }
            insta::assert_snapshot!(format!("{name}_{format}"), text);
        }
    }
}

/// Advice that is given is said wherever people read; what is not, with its figures, where
/// there is room.
#[test]
fn advice_is_said_where_it_is_given() {
    let condition = |what: &str, met, measured: &str| ConditionRecord {
        what: what.to_owned(),
        met,
        measured: measured.to_owned(),
    };
    let advice = |name: &str, state, conditions| AdviceRecord {
        name: name.to_owned(),
        say: format!("follow {name}"),
        state,
        conditions,
    };
    let mut record = samples::held();
    record.advised = vec![
        advice(
            "scale-up",
            AdviceState::Given,
            vec![
                condition("queue.depth above 1,000", Some(true), "median 1,200"),
                condition("workers.busy above 80%", None, "no samples of the workers"),
            ],
        ),
        advice(
            "scale-down",
            AdviceState::NotGiven,
            vec![condition("queue.depth below 100", Some(false), "median 1,200")],
        ),
        advice("move", AdviceState::Unknown, vec![condition("x below 1", None, "no samples of x")]),
    ];
    for format in [Format::Terminal, Format::Markdown] {
        let text = text(&record, format);
        assert!(text.contains("follow scale-up") && text.contains("median 1,200"), "{text}");
        // What is not advised is named, in a line.
        assert!(text.contains("Advice: scale-down not given; move unknown"), "{text}");
        assert!(!text.contains("follow scale-down") && !text.contains("follow move"), "{text}");
    }
    let page = text(&record, Format::Html);
    for told in ["follow scale-down", "not given", "follow move", "unknown", "no samples of x"] {
        assert!(page.contains(told), "{told}");
    }
    let json = text(&record, Format::Json);
    assert_eq!(Record::from_json(json.as_bytes()).expect("reads back").advised, record.advised);
}

#[test]
fn every_format_names_every_finding() {
    for (name, record) in ordinary().into_iter().chain([("many", extremes::many())]) {
        for format in Format::ALL {
            let text = text(&record, format);
            for finding in &record.findings {
                assert!(text.contains(&finding.check), "{format} of {name}: {}", finding.check);
            }
        }
    }
}

#[test]
fn no_format_shows_a_secret() {
    for (name, mut record) in all() {
        record.headline = format!("cannot reach http://admin:{SECRET}@h/: password={SECRET}");
        for format in Format::ALL {
            assert!(!text(&record, format).contains(SECRET), "{format} of {name}");
        }
        assert!(!record.to_json().contains(SECRET), "{name}");
    }
}

#[test]
fn no_format_lets_a_control_character_through() {
    let record = extremes::hostile();
    for format in Format::ALL {
        let text = text(&record, format);
        let found = text.chars().find(|c| c.is_control() && *c != '\n' && *c != '\r');
        assert_eq!(found, None, "{format}");
        assert!(text.ends_with('\n'), "{format}");
    }
}

#[test]
fn a_record_reads_back_as_it_was_written() {
    for (name, record) in all() {
        let json = record.to_json();
        let back = Record::from_json(json.as_bytes()).unwrap();
        assert!(back.to_json() == json, "{name}");
    }
    let mut record = samples::held();
    record.params.clear();
    assert_eq!(Record::from_json(record.to_json().as_bytes()).unwrap(), record);
}

#[test]
fn a_figure_that_is_no_number_does_not_lose_the_record() {
    let mut record = samples::held();
    record.run.seconds = f64::NAN;
    record.workloads[0].rate_got = f64::INFINITY;
    record.series[0].points[3] = (6.0, f64::NAN);
    let back = Record::from_json(record.to_json().as_bytes()).unwrap();
    assert!(back.run.seconds.is_nan() && back.workloads[0].rate_got.is_nan());
    assert!(back.series[0].points[3].1.is_nan());
    for format in Format::ALL {
        assert!(!text(&record, format).contains("NaN"), "{format}");
    }
}

#[test]
fn the_terminal_fits_its_width_and_colours_nothing_but_what_is_there() {
    for (name, record) in ordinary() {
        for width in [60, 80, 132] {
            let plain = render(&record, Format::Terminal, Options { color: false, width });
            let plain = String::from_utf8(plain).unwrap();
            assert!(!plain.contains('\u{1b}'), "{name}");
            for line in plain.lines() {
                let words = line.split_whitespace().count();
                assert!(line.chars().count() <= usize::from(width) || words <= 2, "{name}: {line}");
                assert_eq!(line.trim_end(), line, "{name}");
            }
            let color = render(&record, Format::Terminal, Options { color: true, width });
            let color = String::from_utf8(color).unwrap();
            assert!(color.starts_with('\u{1b}'), "{name}");
            assert_eq!(documents::without_escapes(&color), plain, "{name}");
        }
    }
}

#[test]
fn junit_is_well_formed_and_counts_what_it_holds() {
    for (name, record) in all() {
        let cases = documents::junit_cases(&text(&record, Format::Junit));
        let of = |verdict| record.findings.iter().filter(|f| f.verdict == verdict).count();
        let with = |result| cases.iter().filter(|case| case.result == result).count();
        let skipped = record.left_out.iter().filter(|item| item.is_counted()).count();
        assert_eq!(cases.len(), record.findings.len().max(1) + skipped, "{name}");
        assert_eq!(with("skipped"), skipped, "{name}");
        assert_eq!(
            with("error"),
            of(Verdict::Inconclusive).max(usize::from(name == "empty")),
            "{name}"
        );
        let warned =
            usize::from(record.findings.iter().any(|f| f.kind == "speed" || name == "hostile"));
        assert_eq!(with("failure"), of(Verdict::Violated) - warned, "{name}");
    }
}

#[test]
fn what_was_skipped_has_the_same_counts_everywhere() {
    let record = samples::leak();
    let told = scenarios::plan::skipped(&record.left_out).unwrap();
    assert_eq!(told, "1 fault and 2 checks skipped");
    for format in [Format::Terminal, Format::Markdown, Format::Html] {
        // However it is wrapped.
        let text = text(&record, format).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(&told), "{format}");
        for item in &record.left_out {
            assert!(text.contains(&item.name), "{format}: {}", item.name);
        }
    }
    let cases = documents::junit_cases(&text(&record, Format::Junit));
    let skipped = cases.iter().filter(|case| case.result == "skipped");
    let names: Vec<&str> = skipped.map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["fault close-one", "pod-restarts", "lag"]);
    // A verdict.json of before says nothing of who left what out.
    let mut json: serde_json::Value = serde_json::from_str(&record.to_json()).unwrap();
    for item in json["left_out"].as_array_mut().unwrap() {
        item.as_object_mut().unwrap().remove("cause");
    }
    let old = Record::from_json(json.to_string().as_bytes()).unwrap();
    assert!(old.left_out.iter().all(|item| item.cause == scenarios::plan::Cause::Unable));
}

#[test]
fn junit_never_looks_better_than_the_verdict() {
    for verdict in [Verdict::Violated, Verdict::Inconclusive] {
        let record = Record { verdict, ..samples::held() };
        let cases = documents::junit_cases(&text(&record, Format::Junit));
        let last = cases.last().unwrap();
        let result = if verdict == Verdict::Violated { "failure" } else { "error" };
        assert_eq!((last.name.as_str(), last.result.as_str()), ("verdict", result));
        assert_eq!(cases.len(), record.findings.len() + 1);
    }
    let record = Record { verdict: Verdict::Held, ..extremes::empty() };
    let cases = documents::junit_cases(&text(&record, Format::Junit));
    assert_eq!((cases.len(), cases[0].result.as_str()), (1, "error"));
}

/// A CI server that finds this file shows an error, and why.
#[test]
fn a_run_that_did_not_take_place_is_an_error_everywhere() {
    let run = samples::base("shop", Verdict::Held).run;
    let record = Record::unrun(run, "environment", "shop: nobody answers at 127.0.0.1:1\nstart it");
    let told = text(&record, Format::Junit);
    let cases = documents::junit_cases(&told);
    assert_eq!((&*cases[0].name, &*cases[0].result), ("run-took-place", "error"));
    assert_eq!(cases.len(), 1);
    assert!(told.contains("type=\"environment\"") && told.contains("nobody answers"), "{told}");
    for format in Format::ALL {
        let told = text(&record, format);
        let says = match format {
            Format::OpenMetrics => "verdict=\"error\"} 1",
            _ => "nobody answers",
        };
        assert!(told.contains(says), "{format}: {told}");
    }
}

/// No verdict goes by it, so that no CI server may be told of an error; and it has not passed.
#[test]
fn a_warning_that_could_not_be_judged_is_a_skipped_case() {
    let mut record = samples::held();
    let last = record.findings.last_mut().unwrap();
    (last.verdict, last.severity) = (Verdict::Inconclusive, Severity::Warning);
    last.why = "too few samples".to_owned();
    let told = text(&record, Format::Junit);
    let cases = documents::junit_cases(&told);
    assert_eq!(cases.last().unwrap().result, "skipped");
    assert_eq!(cases.len(), record.findings.len());
    assert!(told.contains("too few samples"), "{told}");
    record.verdict = Verdict::Inconclusive;
    let cases = documents::junit_cases(&text(&record, Format::Junit));
    assert_eq!((&*cases.last().unwrap().name, cases.len()), ("verdict", record.findings.len() + 1));
}

#[test]
fn html_is_nested_well_and_obeys_nobody() {
    for (name, record) in all() {
        let page = text(&record, Format::Html);
        let elements = documents::elements(&page);
        let mut ids = BTreeSet::new();
        for element in &elements {
            assert!(
                documents::ELEMENTS.contains(&element.name.as_str()),
                "{name}: {}",
                element.name
            );
            for (attribute, value) in &element.attributes {
                assert!(!attribute.starts_with("on") && attribute != "src", "{name}: {attribute}");
                if attribute == "href" {
                    let leads = ["#", "./", "../"].iter().any(|lead| value.starts_with(lead));
                    assert!(leads && !value.contains(':'), "{name}: {value}");
                }
                if attribute == "id" {
                    assert!(ids.insert(value.clone()), "{name}: two of {value}");
                }
            }
        }
        let targets = elements.iter().flat_map(|element| &element.attributes);
        for (_, target) in targets.filter(|(name, _)| name == "href") {
            let there = target.strip_prefix('#').is_none_or(|id| ids.contains(id));
            assert!(there, "{name}: {target} leads nowhere");
        }
        assert!(!page.contains("url(") && !page.contains("@import"), "{name}");
        let scripts = elements.iter().filter(|element| element.name == "script").count();
        assert!(scripts == 1 && !page.contains("http-equiv=\"refresh"), "{name}");
    }
}

/// What the page says of a cause, of a margin, of a comparison and of a gap.
#[test]
fn the_page_ties_evidence_to_its_cause() {
    let page = text(&rich::rich(), Format::Html);
    for told in [
        "All 5 at kill-worker: the first 60ms before it was injected",
        "verify operation runs/channel-leak-20260302T101530Z-7f3a91 7f3a91/publish/12188",
        "./evidence/nothing-lost.ndjson",
        "4,365 left",
        "200 samples",
        "99 % confidence",
        "+0.02 points",
        "asked for",
    ] {
        assert!(page.contains(told), "{told}");
    }
}

/// The runs before are beside it, the checks that changed are named, and without them there
/// is no section.
#[test]
fn the_page_shows_the_last_runs() {
    let page = text(&rich::rich(), Format::Html);
    for told in [
        "The 20 runs before this one",
        "<a href=\"../channel-leak-20260213T101530Z-7f3a0012/report.html\" title=\"2026-02-13 10:15:30 UTC: violated\">",
        "the median of 19 runs is 11.4ms, noise ±7.9%",
        "2026-02-06 10:15:30 UTC: inconclusive, interrupted",
        "not judged → ",
    ] {
        assert!(page.contains(told), "{told}");
    }
    assert_eq!(page.matches("class=\"this\"").count(), 1);
    assert_eq!(page.matches("<svg class=\"spark\"").count(), 3);
    assert!(!text(&samples::leak(), Format::Html).contains("id=\"past\""));
    for format in [Format::Terminal, Format::Markdown] {
        let told = text(&rich::rich(), format).split_whitespace().collect::<Vec<_>>().join(" ");
        let changed = "against the run before: nothing-lost held → violated; lag not judged → held";
        assert!(told.contains(changed), "{format}: {told}");
    }
}

#[test]
fn eight_hours_fit_into_a_page() {
    let size = render(&rich::soak(), Format::Html, Options::default()).len();
    assert!(size < 2 * 1024 * 1024, "{size} bytes");
}

/// What `scripts/test-pages` opens.
#[test]
#[ignore = "writes files for a browser into the folder PAGES"]
fn pages_for_a_browser() {
    let folder = std::env::var_os("PAGES").expect("PAGES names a folder");
    for (name, record) in all() {
        let path = std::path::Path::new(&folder).join(format!("{}.html", name.replace(' ', "-")));
        std::fs::write(path, text(&record, Format::Html)).expect("the folder can be written");
    }
}

#[test]
fn markdown_keeps_its_tables_whole() {
    for (name, record) in all() {
        let mut columns = None;
        for line in text(&record, Format::Markdown).lines() {
            let bars = documents::bars(line);
            let row = line.starts_with('|');
            assert!(row || bars == 0 || name == "hostile", "{name}: {line}");
            if row {
                assert_eq!(*columns.get_or_insert(bars), bars, "{name}: {line}");
            } else {
                columns = None;
            }
            assert!(!line.contains("<script") || line.contains('`'), "{name}: {line}");
        }
    }
}

#[test]
fn csv_has_a_row_for_each_finding() {
    for (name, record) in all() {
        let text = text(&record, Format::Csv);
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let rows: Vec<_> = reader.records().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows.len(), record.findings.len(), "{name}");
        for cell in rows.iter().flatten() {
            assert!(!cell.starts_with(['=', '@']), "{name}: {cell}");
        }
    }
}
