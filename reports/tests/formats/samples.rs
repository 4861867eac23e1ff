//! Records made by hand: three that a run could have left.

use std::collections::BTreeMap;

use reports::record::{
    Advice, AnswersRecord, EffectsRecord, Evidence, FaultRecord, Finding, HostRecord, Joined,
    Operations, Outage, PhaseRecord, Quantiles, Record, ResentRecord, Run, SCHEMA, SeriesRecord,
    TableRecord, Verdict, WorkloadRecord,
};
use scenarios::plan::{Cause, LeftOut, Place, Severity};
use scenarios::units::Unit;

/// Everything held, two faults included.
pub(crate) fn held() -> Record {
    let mut record = base("idempotent-ingest", Verdict::Held);
    record.run.title = "Every accepted message is stored exactly once".to_owned();
    record.headline =
        "All 5 checks held: 60,000 messages accepted, each stored exactly once.".to_owned();
    record.findings = vec![
        finding("exactly-once", "effects", "0 lost, 0 duplicated", "none of either"),
        on_series(finding("lag", "bound", "at most 84", "below 100"), "redis.lag", 100.0),
        finding("latency", "latency", "p95 12.4ms", "p95 below 100ms"),
        finding("dead-letters", "bound", "0", "0"),
        finding("recovery", "recovery", "2.1s", "within 5m"),
    ];
    record.workloads = vec![workload("messages", 500.0, 499.98)];
    record.workloads[0].outages.push(Outage { from: 61.2, to: 63.4, operations: 1_102 });
    record.workloads[0].poison = 61;
    record.workloads[0].resent = Some(ResentRecord {
        acked: 1_764,
        failed: 0,
        indeterminate: 35,
        unsent: 1,
        answers: Some(AnswersRecord {
            unread: 0,
            pairs: 1_750,
            agreed: 1_750,
            marked: 1_750,
            ..AnswersRecord::default()
        }),
    });
    record.effects = vec![EffectsRecord {
        check: "exactly-once".to_owned(),
        source: "PostgreSQL, table messages".to_owned(),
        joined: Joined { ok: 59_201, recovered: 311, unresolved: 488, ..Joined::default() },
    }];
    record.faults = vec![
        fault("kill-worker", "kill_process", 40.0, Some(41.6)),
        fault("restart-redis", "restart_broker", 61.0, Some(63.4)),
    ];
    record.series = vec![
        series("redis.lag", "partition 0", Unit::Count, |t| {
            30.0 + 20.0 * (t / 9.0).sin() + bump(t)
        }),
        series("redis.lag", "partition 1", Unit::Count, |t| 25.0 + 15.0 * (t / 7.0).cos()),
        series("messages.response", "", Unit::Seconds, |t| 0.008 + 0.004 * (t / 5.0).sin().abs()),
    ];
    record
}

/// A leak of channels, with all that a violated record can have.
pub(crate) fn leak() -> Record {
    let mut record = base("channel-leak", Verdict::Violated);
    record.run.variant = Some("leak-per-publish".to_owned());
    record.headline =
        "2 of 7 checks were violated: 1,000 publishes add 998 channels, and never give them back."
            .to_owned();
    record.advice = Some(Advice {
        what: "Do not ship this build. Roll back to the stable version.".to_owned(),
        because: vec![
            "channels-per-publish: 998 per 1,000, at most 5 are allowed, since 31.5s".to_owned(),
            "channels-per-connection: 2,047, at most 50 are allowed, since 34s".to_owned(),
        ],
    });
    record.host = Some(HostRecord {
        cpus: Some(2.0),
        load: Some(3.2),
        load_max: Some(5.21),
        busy: Some(0.431),
        foreign: Some(0.12),
        steal: Some(0.004),
        starved: 3.04,
        ..HostRecord::default()
    });
    record.findings = leak_findings();
    record.workloads = vec![workload("publish", 200.0, 199.6)];
    record.workloads[0].operations = Operations {
        due: 24_000,
        acked: 20_118,
        failed: 3_882,
        indeterminate: 0,
        dropped: 0,
        late: 12,
    };
    record.workloads[0].errors = vec![("503: No free channel ids".to_owned(), 3_882)];
    record.workloads[0].outages.push(Outage { from: 82.4, to: 101.8, operations: 3_882 });
    record.effects = vec![EffectsRecord {
        check: "confirmed-arrives".to_owned(),
        source: "queue orders".to_owned(),
        joined: Joined { ok: 20_116, lost: 2, refused: 3_882, ..Joined::default() },
    }];
    record.faults = vec![FaultRecord {
        victims: vec![],
        injected: None,
        confirmed: None,
        healed: None,
        problem: Some("no connection was named \"service-9\"; name one that is open".to_owned()),
        ..fault("cut-connection", "close_connection", 70.0, None)
    }];
    record.series = vec![
        series("broker.channels", "", Unit::Count, |t| {
            12.0 + 4_000.0 * ((t - 30.0) / 90.0).clamp(0.0, 1.0)
        }),
        series("connection.channels", "service-1", Unit::Count, |t| {
            (3.0 + 40.0 * (t - 30.0).max(0.0)).min(2_047.0)
        }),
        series("connection.channels", "service-2", Unit::Count, |t| {
            (3.0 + 38.0 * (t - 30.0).max(0.0)).min(2_047.0)
        }),
        series("process.memory", "service", Unit::Bytes, |t| {
            4e7 + 9e5 * (t - 30.0).clamp(0.0, 90.0)
        }),
        series("broker.opened", "", Unit::PerSecond, |t| {
            if t > 30.0 && t < 82.0 { 199.0 } else { 0.0 }
        }),
    ];
    record.tables = vec![TableRecord {
        title: "Connections with the most channels".to_owned(),
        columns: ["connection", "peer", "channels"].map(str::to_owned).to_vec(),
        rows: vec![
            ["service-1", "127.0.0.1:50112", "2,047"].map(str::to_owned).to_vec(),
            ["service-2", "127.0.0.1:50114", "1,953"].map(str::to_owned).to_vec(),
        ],
    }];
    record.warnings = vec!["The broker closed connection service-1 at 82.4s.".to_owned()];
    let left_out = |kind: &str, name: &str, why: &str, cause| LeftOut {
        kind: kind.to_owned(),
        name: name.to_owned(),
        why: why.to_owned(),
        cause,
    };
    let no_pods = "there are no pods in the lab; give --target kube=… to judge it";
    record.left_out = vec![
        left_out("fault", "close-one", "--skip-fault close-one", Cause::Skipped),
        left_out("probe", "pods", no_pods, Cause::Unable),
        left_out("check", "pod-restarts", no_pods, Cause::Unable),
        left_out("check", "lag", "--skip lag", Cause::Skipped),
    ];
    record
}

fn leak_findings() -> Vec<Finding> {
    vec![
        Finding {
            verdict: Verdict::Violated,
            why: "Channels grew with every publish and did not fall while the system was quiet."
                .to_owned(),
            since: Some(31.5),
            evidence: vec![
                evidence("connection service-1", "2,047 channels", Some(82.4)),
                evidence("connection service-2", "1,953 channels", Some(82.4)),
                evidence("broker", "4,012 channels, 12 before the load", Some(120.0)),
            ],
            evidence_file: Some("evidence/channels-per-publish.ndjson".to_owned()),
            ..on_series(
                finding("channels-per-publish", "growth", "998 per 1,000", "at most 5 per 1,000"),
                "broker.channels",
                40.0,
            )
        },
        finding("throughput", "ratio", "99.8% of the rate", "at least 95%"),
        Finding {
            verdict: Verdict::Violated,
            why: "2 connections held more channels than allowed.".to_owned(),
            since: Some(34.0),
            evidence: (1..=8)
                .map(|n| {
                    evidence(
                        &format!("connection service-{n}"),
                        &format!("{} channels", 40 * n),
                        None,
                    )
                })
                .collect(),
            ..on_series(
                finding("channels-per-connection", "bound", "at most 2,047", "at most 50"),
                "connection.channels",
                50.0,
            )
        },
        Finding {
            severity: Severity::Warning,
            verdict: Verdict::Violated,
            why: "A channel is opened for each publish.".to_owned(),
            since: Some(30.2),
            ..on_series(finding("churn", "speed", "199/s", "at most 10/s"), "broker.opened", 10.0)
        },
        Finding {
            verdict: Verdict::Inconclusive,
            why: "Only 41 samples, 299 are needed for a p99. Run it longer: --duration 10m."
                .to_owned(),
            ..finding("tail-latency", "latency", "unknown", "p99 below 50ms")
        },
        finding("restarts", "bound", "0", "0"),
        on_series(
            finding("memory", "trend", "no trend", "below 1MiB an hour"),
            "process.memory",
            2.68e8,
        ),
    ]
}

/// A run that was ended early by hand: nothing was broken, because the one
/// fault was blocked, and nothing proved.
pub(crate) fn inconclusive() -> Record {
    let mut record = base("worker-queue", Verdict::Inconclusive);
    record.run.place = Place::Targets;
    record.run.variant = None;
    record.run.interrupted = true;
    record.headline =
        "No telling: the load reached 61% of its rate, and the run was interrupted.".to_owned();
    record.findings = vec![
        Finding {
            verdict: Verdict::Inconclusive,
            why: "The load fell short: 610/s of 1,000/s. Give the generator more cores, or ask for less."
                .to_owned(),
            ..finding("depth", "bound", "at most 412", "at most 5,000")
        },
        finding("format", "contract", "0 of 36,600 differ", "none differs"),
        Finding {
            verdict: Verdict::Inconclusive,
            why: format!("fault evict-worker was blocked: {REFUSED}."),
            ..finding("faults-landed", "faults", "0 of 1 fault", "every planned fault")
        },
    ];
    record.faults = vec![FaultRecord {
        victims: vec![],
        injected: None,
        confirmed: None,
        blocked: true,
        undone: None,
        still_there: false,
        unhealed: false,
        problem: Some(REFUSED.to_owned()),
        ..fault("evict-worker", "evict_pods", 40.0, None)
    }];
    record.workloads = vec![workload("events", 1_000.0, 610.0)];
    record.targets =
        [("amqp".to_owned(), "amqp://guest:s3cret-word@queue.test:5672".to_owned())].into();
    record
}

const REFUSED: &str =
    "the eviction of worker-1 was refused: the disruption budget allows none; raise it";

pub(crate) fn base(scenario: &str, verdict: Verdict) -> Record {
    Record {
        schema: SCHEMA,
        run: Run {
            id: "7f3a91".to_owned(),
            scenario: scenario.to_owned(),
            title: "Publishing does not leak channels".to_owned(),
            description:
                "Every publish opens a channel and never closes it. Nothing fails until a \
                          connection reaches the broker's limit; then publishes die."
                    .to_owned(),
            variant: Some("correct".to_owned()),
            place: Place::Lab,
            seed: 42,
            started: "2026-03-02T10:15:30Z".to_owned(),
            seconds: 148.6,
            interrupted: false,
            version: "0.1.0".to_owned(),
            brokers: vec!["RabbitMQ 3.10.8".to_owned()],
            again: format!("verify --scenario {scenario} --seed 42"),
            folder: format!("runs/{scenario}-20260302T101530Z-7f3a91"),
        },
        verdict,
        headline: String::new(),
        advice: None,
        findings: vec![],
        steps: vec![],
        advised: vec![],
        workloads: vec![],
        courses: vec![],
        effects: vec![],
        faults: vec![],
        deployments: vec![],
        roll_backs: vec![],
        past: None,
        phases: vec![
            phase("warm-up", 0.0, 10.0),
            phase("baseline", 10.0, 30.0),
            phase("load", 30.0, 120.0),
            phase("settle", 120.0, 140.0),
        ],
        series: vec![],
        tables: vec![],
        host: None,
        warnings: vec![],
        left_out: vec![],
        params: BTreeMap::from([
            ("rate".to_owned(), "200/s".to_owned()),
            ("admin_password".to_owned(), "s3cret-word".to_owned()),
        ]),
        targets: BTreeMap::new(),
    }
}

pub(crate) fn finding(check: &str, kind: &str, measured: &str, bound: &str) -> Finding {
    Finding {
        check: check.to_owned(),
        title: format!("What {check} promises is kept"),
        kind: kind.to_owned(),
        severity: Severity::Violation,
        verdict: Verdict::Held,
        measured: measured.to_owned(),
        bound: bound.to_owned(),
        why: "It stayed within the bound all the time.".to_owned(),
        since: None,
        evidence: vec![],
        evidence_file: None,
        series: None,
        limit: None,
        basis: None,
        times: vec![],
    }
}

pub(crate) fn on_series(finding: Finding, series: &str, limit: f64) -> Finding {
    Finding { series: Some(series.to_owned()), limit: Some(limit), ..finding }
}

fn evidence(what: &str, seen: &str, at: Option<f64>) -> Evidence {
    Evidence { what: what.to_owned(), seen: seen.to_owned(), at }
}

fn workload(name: &str, asked: f64, got: f64) -> WorkloadRecord {
    let quantiles = |scale: f64| {
        Some(Quantiles {
            count: 59_512,
            mean: 0.0031 * scale,
            p50: 0.0024 * scale,
            p95: 0.0124 * scale,
            p99: 0.041 * scale,
            max: 2.31 * scale,
        })
    };
    WorkloadRecord {
        name: name.to_owned(),
        target: "POST http://127.0.0.1:4000/publish".to_owned(),
        rate_asked: asked,
        rate_got: got,
        operations: Operations {
            due: 60_000,
            acked: 59_201,
            failed: 0,
            indeterminate: 799,
            dropped: 0,
            late: 3,
        },
        response: quantiles(1.0),
        service: quantiles(0.8),
        delay: quantiles(0.01),
        outages: vec![],
        errors: vec![],
        resent: None,
        poison: 0,
    }
}

fn fault(name: &str, kind: &str, planned: f64, healed: Option<f64>) -> FaultRecord {
    FaultRecord {
        name: name.to_owned(),
        turn_of: None,
        kind: kind.to_owned(),
        planned,
        injected: Some(planned),
        confirmed: Some(planned + 0.2),
        healed,
        victims: vec!["worker 2, pid 4711".to_owned()],
        blocked: false,
        undone: None,
        still_there: false,
        unhealed: false,
        problem: None,
    }
}

fn phase(name: &str, from: f64, to: f64) -> PhaseRecord {
    PhaseRecord { name: name.to_owned(), from, to }
}

fn bump(t: f64) -> f64 {
    if t > 61.0 && t < 66.0 { 34.0 } else { 0.0 }
}

pub(crate) fn series(
    name: &str,
    label: &str,
    unit: Unit,
    value: impl Fn(f64) -> f64,
) -> SeriesRecord {
    SeriesRecord {
        name: name.to_owned(),
        label: label.to_owned(),
        unit,
        counter: false,
        // Rounded, so that the last digit of a sine does not depend on the platform.
        points: (0..=70)
            .map(|n| f64::from(n) * 2.0)
            .map(|t| (t, (value(t) * 1e4).round() / 1e4))
            .collect(),
    }
}
