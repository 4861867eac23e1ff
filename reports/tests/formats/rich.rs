//! Records as runs of today leave them: the load over time, what each finding rests on,
//! and when what is wrong happened.

use reports::record::{
    Basis, CourseRecord, EstimateRecord, Occurrence, PastChange, PastFigure, PastRecord, PastRun,
    Quantiles, Record, Scale, SpreadRecord, TimesRecord, Verdict,
};
use scenarios::units::Unit;

use crate::samples::{finding, leak, series};

/// Operations are lost just before a fault; a version is compared; a series has a gap.
pub(crate) fn rich() -> Record {
    let mut record = leak();
    record.courses = vec![course("", 140, 1.0), course("publish", 140, 1.0)];
    let mut lost = finding("nothing-lost", "effects", "5 lost of 28,000", "each acked once");
    lost.verdict = Verdict::Violated;
    lost.evidence_file = Some("evidence/nothing-lost.ndjson".to_owned());
    lost.times = vec![TimesRecord {
        what: "lost".to_owned(),
        count: 5,
        first: Some(occurrence("7f3a91/publish/12188", 60.94)),
        last: Some(occurrence("7f3a91/publish/12196", 60.98)),
        worst: None,
        is_due: true,
        clusters: vec![(60.94, 60.98, 5)],
    }];
    let mut near = finding("lag", "bound", "635", "at most 5,000");
    near.basis = Some(Basis {
        phases: vec!["baseline".to_owned(), "load".to_owned()],
        samples: Some(200),
        of: "samples".to_owned(),
        observed: Some(635.0),
        most: Some(5_000.0),
        unit: Some(Unit::Count),
        ..Basis::default()
    });
    let mut canary = finding("canary-errors", "canary", "0.05%", "at most 1 point above stable");
    canary.basis = Some(Basis {
        confidence: Some(0.99),
        estimates: vec![EstimateRecord {
            what: "at most 1 point more than the stable version".to_owned(),
            scale: Scale::Difference,
            value: 0.0002,
            low: -0.0033,
            high: 0.0057,
            least: None,
            most: Some(0.01),
            other: Some(0.0003),
            count: 4_029.0,
        }],
        spreads: ["requests@canary", "requests@stable"]
            .map(|name| SpreadRecord {
                name: name.to_owned(),
                times: Quantiles {
                    count: 4_029,
                    mean: 0.003,
                    p50: 0.002,
                    p95: 0.009,
                    p99: 0.04,
                    max: 0.31,
                },
            })
            .to_vec(),
        ..Basis::default()
    });
    record.findings.extend([lost, near, canary]);
    let mut kill = record.faults[0].clone();
    (kill.name, kill.kind) = ("kill-worker".to_owned(), "kill_process".to_owned());
    (kill.planned, kill.injected, kill.confirmed) = (61.0, Some(61.0), Some(61.1));
    (kill.healed, kill.problem) = (Some(62.6), None);
    record.faults.insert(0, kill);
    let mut counter = series("workers.consumed", "worker-1", Unit::Count, |t| 200.0 * t);
    counter.counter = true;
    counter.points.retain(|(at, _)| !(70.0..90.0).contains(at));
    record.series.push(counter);
    record.past = Some(past());
    record
}

/// Twenty runs before this one, of which one was slow, one in doubt and one lost something.
pub(crate) fn past() -> PastRecord {
    let run = |n: u32| PastRun {
        page: format!("../channel-leak-202602{:02}T101530Z-7f3a{n:04}/report.html", n + 1),
        started: format!("2026-02-{:02}T10:15:30Z", n + 1),
        verdict: match n {
            5 => Verdict::Inconclusive,
            12 => Verdict::Violated,
            _ => Verdict::Held,
        },
        interrupted: n == 5,
    };
    let p99 = |n: u32| match n {
        5 => None,
        9 => Some(0.031),
        n => Some(0.011 + f64::from(n * n % 7) * 2e-4),
    };
    let figure = |name: &str, unit, values: Vec<Option<f64>>, usual: (f64, f64), told: &str| {
        let (median, noise, told) = (Some(usual.0), Some(usual.1), told.to_owned());
        PastFigure { name: name.to_owned(), unit, values, median, noise, told }
    };
    let now = |value: f64| [Some(value)].into_iter();
    PastRecord {
        runs: (0..20).map(run).collect(),
        figures: vec![
            figure(
                "p99 of publish",
                Unit::Seconds,
                (0..20).map(p99).chain(now(0.0131)).collect(),
                (0.0114, 0.0009),
                "13.1ms, +14.9%; the median of 19 runs is 11.4ms, noise ±7.9%",
            ),
            figure(
                "rate of publish",
                Unit::PerSecond,
                (0..20).map(|n| Some(200.0 - f64::from(n % 3) * 0.1)).chain(now(199.6)).collect(),
                (199.9, 0.3),
                "199.6/s, −0.15%; the median of 19 runs is 199.9/s, noise ±0.15%",
            ),
            figure(
                "lost by nothing-lost",
                Unit::Count,
                (0..20).map(|n| Some(f64::from(u8::from(n == 12)) * 3.0)).chain(now(5.0)).collect(),
                (0.0, 0.0),
                "5, +5; the median of 19 runs is 0, noise ±0",
            ),
        ],
        changes: vec![
            PastChange {
                check: "nothing-lost".to_owned(),
                before: Some(Verdict::Held),
                now: Some(Verdict::Violated),
            },
            PastChange { check: "lag".to_owned(), before: None, now: Some(Verdict::Held) },
        ],
    }
}

/// Eight hours with as many series, workloads and faults as a record may hold.
pub(crate) fn soak() -> Record {
    let mut record = rich();
    let scale = 28_800.0 / 140.0;
    for phase in &mut record.phases {
        (phase.from, phase.to) = (phase.from * scale, phase.to * scale);
    }
    record.courses = (0..7).map(|n| course(&format!("workload-{n}"), 240, 120.0)).collect();
    record.courses[0].workload = String::new();
    record.series = (0..30)
        .flat_map(|n| (0..6).map(move |label| (n, label)))
        .map(|(n, label)| {
            let name = format!("probe-{n}.figure");
            let mut series = series(&name, &format!("worker-{label}"), Unit::Count, |t| t);
            series.counter = n % 2 == 0;
            series.points = (0..240)
                .map(|at| (f64::from(at) * 120.137, f64::from(at * at % 977) * 1_013.0))
                .collect();
            series
        })
        .collect();
    let fault = record.faults[0].clone();
    record.faults = (0..300)
        .map(|n| {
            let at = 90.0 * f64::from(n) + 60.0;
            let mut fault = fault.clone();
            (fault.planned, fault.injected) = (at, Some(at));
            (fault.confirmed, fault.undone) = (Some(at + 0.1), Some(at + 5.0));
            fault.healed = Some(at + 7.0);
            fault
        })
        .collect();
    record
}

fn occurrence(what: &str, at: f64) -> Occurrence {
    Occurrence { what: what.to_owned(), seen: "acked, lost".to_owned(), at }
}

fn course(workload: &str, stretches: u64, width: f64) -> CourseRecord {
    let failed = |n: u64| if (61..66).contains(&n) { 34 } else { 0 };
    CourseRecord {
        workload: workload.to_owned(),
        width,
        outcomes: (0..stretches).map(|n| [200, 200 - failed(n), failed(n), 0, 0]).collect(),
        response: (0..stretches)
            .map(|n| if n % 50 == 49 { vec![] } else { vec![0.002, 0.004, 0.011, 0.1] })
            .collect(),
        steps: vec![0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1],
        heat: (0..stretches).flat_map(|n| (0..7).map(move |s| [n, s, 1 + (n * s) % 90])).collect(),
    }
}
