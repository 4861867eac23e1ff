//! What the page says, whatever the run was.

use std::time::{Duration, SystemTime};

use loadgen::course::Course;
use loadgen::latency::{self, Latency};
use loadgen::threshold::Watch;
use loadgen::{Fate, Limit, Outage, Quantiles, Report, Second, Tally, Threshold};
use scenarios::redact::Secrets;

use super::super::super::recorder::Row;
use super::*;

/// 90 s at 200/s; from the 40th second to the 46th nothing succeeds, if so.
fn offered(thresholds: &[&str], fails: bool) -> Offered {
    let thresholds: Vec<Threshold> = thresholds.iter().map(|text| text.parse().unwrap()).collect();
    let mut report = Report::empty("load-1", "http");
    let (mut rows, mut course) = (Vec::new(), Course::default());
    let mut watch = Watch::new(thresholds.clone(), 5);
    report.warm_up = Duration::from_secs(5);
    for number in 0..90_u64 {
        let failed = if fails && (40..46).contains(&number) { 200 } else { 0 };
        let mut latency = Latency::default();
        for n in failed..200 {
            let micros = 2_000 + (n * n * 7 + number * 131) % 9_000 + (n / 199) * 40_000;
            latency::record(&mut latency.response, Duration::from_micros(micros));
            latency::record(&mut latency.service, Duration::from_micros(micros));
            latency::record(&mut latency.delay, Duration::from_micros(20));
        }
        let tally = Tally { due: 200, acked: 200 - failed, failed, ..Tally::default() };
        for n in 0..200 {
            let fate = if failed > 0 { Fate::Failed } else { Fate::Acked };
            report.ledger.record(number * 200 + n, fate);
        }
        report.ledger.add_due(200);
        report.totals += tally;
        if number >= 5 {
            report.measured += tally;
            report.latency.merge(&latency);
        }
        let second = Second { tally, latency, ..Second::empty(number) };
        watch.take(&second);
        course.take(&second);
        let Latency { delay, service, response } = &second.latency;
        let [delay, service, response] = [delay, service, response].map(Quantiles::of);
        rows.push(Row { second: number, tally, delay, service, response });
    }
    report.last_due = Duration::from_millis(89_995);
    report.last_settled = Duration::from_secs(90);
    if fails {
        report.errors = vec![("HTTP 503 Service Unavailable".to_owned(), 1_200)];
        report.outages = vec![Outage {
            from: Duration::from_millis(39_950),
            to: Duration::from_secs(46),
            open: false,
            operations: 1_200,
        }];
    }
    let kept = watch.finish(&report);
    Offered {
        report,
        rows,
        course: Some(course),
        started: SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_876_435),
        thresholds,
        kept,
        interrupted: false,
        logged: Ok(()),
        fails_on_error: false,
        clock: None,
        instances: None,
    }
}

fn title(target: &str) -> Title {
    Title {
        target: target.to_owned(),
        secrets: Secrets::default(),
        rate: Some(200.0),
        notes: Vec::new(),
    }
}

fn page(offered: &Offered, target: &str) -> String {
    let again = format!("loadgen http {target} -r 200/s -z 90s --threshold 'p99<50ms'");
    let host = "build-3, 8 cores, Linux 6.1.0".to_owned();
    render(offered, &title(target), &Origin { again, host })
}

const TARGET: &str = "http://127.0.0.1:8080/publish";

fn all() -> Vec<(&'static str, String)> {
    let held = offered(&["p99<50ms", "errors<0.1%", "rate>=195/s", "p99<60ms each 10s"], false);
    let violated = offered(&["p99<5ms", "errors<0.1%", "dropped==0", "rate>=20/s each 10s"], true);
    let mut inconclusive = offered(&["p99<50ms", "errors<0.1%"], false);
    inconclusive.report.pump.lost = Duration::from_secs(9);
    inconclusive.report.limits = vec![(Limit::Ports, 31)];
    let unasked = offered(&[], true);
    let hostile = "http://h/<script>alert(1)</script>\"'&\u{202e}\u{1b}[2J";
    let mut other = offered(&["p50<1ms"], true);
    other.report.errors.push((format!("{hostile}: {}", "x".repeat(400)), 3));
    vec![
        ("held", page(&held, TARGET)),
        ("violated", page(&violated, TARGET)),
        ("inconclusive", page(&inconclusive, TARGET)),
        ("unasked", page(&unasked, TARGET)),
        ("hostile", page(&other, hostile)),
    ]
}

#[test]
fn the_page_says_first_what_the_thresholds_came_to() {
    let all = all();
    let of = |name: &str| all.iter().find(|(known, _)| *known == name).unwrap().1.as_str();
    for (name, told) in [
        ("held", &["All 4 thresholds held.", "banner held", "ms left"][..]),
        (
            "violated",
            &["2 of 4 thresholds violated. p99&lt;5ms: 1", "the bound</small>", "HTTP 503"],
        ),
        ("inconclusive", &["a limit of its own, so the thresholds say nothing", "met by 31"]),
        ("unasked", &["No thresholds were given", "93.33% of 18,000 operations were acked"]),
    ] {
        for told in told {
            assert!(of(name).contains(told), "{name}: {told}");
        }
    }
    for told in [
        "2026-11-28 14:33:55 UTC",
        "build-3, 8 cores",
        "loadgen http http://127.0.0.1:8080/publish -r 200/s",
        "failed in 0 of 18,000: below 0.017 %",
        "so nothing is said of lost or duplicated ones",
        "class=\"heat h7\"",
        "<rect class=\"odd\" x=\"0\" y=\"0\" width=\"5\"",
    ] {
        assert!(of("held").contains(told), "{told}");
    }
    assert!(of("violated").contains("<path class=\"outage\" d=\"M39.95 0V1000\"/>"));
    assert!(!of("unasked").contains("id=\"thresholds\""));
}

#[test]
fn nobody_is_obeyed() {
    for (name, page) in all() {
        assert_eq!(page.matches("<script").count(), 1, "{name}");
        let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!page.contains(steers), "{name}");
        assert!(!page.contains("&amp;lt;") && !page.contains("&lt;span"), "{name}");
    }
}

/// What `scripts/test-pages` opens.
#[test]
#[ignore = "writes files for a browser into the folder PAGES"]
fn pages_for_a_browser() {
    let folder = std::env::var_os("PAGES").expect("PAGES names a folder");
    for (name, page) in all() {
        let path = std::path::Path::new(&folder).join(format!("loadgen-{name}.html"));
        std::fs::write(path, page).expect("the folder can be written");
    }
}
