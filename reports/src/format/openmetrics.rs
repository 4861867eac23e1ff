//! `shakedown.prom`: the verdict as metrics, for the textfile collector of
//! `node_exporter` and whatever else reads text of Prometheus or OpenMetrics.
//!
//! What both read alike is all that is in it: gauges and summaries, no time beside a
//! value (the collector refuses a file with one), and the mark at the end that
//! OpenMetrics asks for, a comment to Prometheus. A figure of a run that is over is a
//! gauge, however it was counted: the next run begins anew.

use exposition::{Labels, Page};
use scenarios::plan::{Place, Severity};

use super::text::cells;
use crate::record::{Finding, Quantiles, Record, UNRUN, Verdict, WorkloadRecord};

/// The metrics of one run.
struct Metrics<'a> {
    page: Page,
    record: &'a Record,
}

/// The text, which ends with `# EOF`.
pub(super) fn render(record: &Record) -> String {
    let mut metrics = Metrics { page: Page::default(), record };
    metrics.run();
    metrics.checks();
    for gauge in OPERATIONS {
        metrics.operations(gauge);
    }
    metrics.rates();
    for (name, help, pick) in TIMES {
        metrics.times(name, help, pick);
    }
    metrics.effects();
    metrics.page.render() + "# EOF\n"
}

/// A count of each workload: its name, its help and what it is by outcome.
type Count = (&'static str, &'static str, fn(&WorkloadRecord) -> Vec<(&'static str, u64)>);

const OPERATIONS: [Count; 3] = [
    (
        "shakedown_workload_operations",
        "Operations of the last run by outcome; together they are those that came due.",
        |workload| {
            let n = &workload.operations;
            vec![
                ("acked", n.acked),
                ("failed", n.failed),
                ("indeterminate", n.indeterminate),
                ("dropped", n.dropped),
            ]
        },
    ),
    (
        "shakedown_workload_late_operations",
        "Operations of the last run that were started late.",
        |workload| vec![("", workload.operations.late)],
    ),
    (
        "shakedown_workload_outages",
        "Stretches of the last run in which no operation succeeded.",
        |workload| vec![("", workload.outages.len() as u64)],
    ),
];

type Time = (&'static str, &'static str, fn(&WorkloadRecord) -> Option<Quantiles>);

const TIMES: [Time; 3] = [
    (
        "shakedown_workload_response_seconds",
        "From when operations were due to their answers; the quantile 1 is the greatest.",
        |workload| workload.response,
    ),
    (
        "shakedown_workload_service_seconds",
        "From the start of operations to their answers; the quantile 1 is the greatest.",
        |workload| workload.service,
    ),
    (
        "shakedown_workload_delay_seconds",
        "From when operations were due to their start; the quantile 1 is the greatest.",
        |workload| workload.delay,
    ),
];

impl Metrics<'_> {
    fn run(&mut self) {
        let Record { run, verdict, findings, left_out, .. } = self.record;
        let scenario = ("scenario", &*run.scenario);
        let place = match run.place {
            Place::Lab => "lab",
            Place::Targets => "targets",
        };
        let info = [
            scenario,
            ("run", &*run.id),
            ("version", &*run.version),
            ("place", place),
            ("variant", run.variant.as_deref().unwrap_or_default()),
        ];
        self.gauge("shakedown_run_info", "What the last run was.", &info, 1.0);
        let is_unrun = findings.iter().any(|finding| finding.check == UNRUN);
        let states = [
            ("held", !is_unrun && *verdict == Verdict::Held),
            ("violated", !is_unrun && *verdict == Verdict::Violated),
            ("inconclusive", !is_unrun && *verdict == Verdict::Inconclusive),
            ("error", is_unrun),
        ];
        let help = "1 for the verdict of the last run, 0 for the others; error: it came to none.";
        let mut told = self.page.gauge("shakedown_run_verdict", help);
        for (state, is) in states {
            told.count(&[scenario, ("verdict", state)], u64::from(is));
        }
        let mut seconds = |name, help, value: Option<f64>| {
            if let Some(value) = value.filter(|value| value.is_finite()) {
                self.page.gauge(name, help).sample(&[scenario], value);
            }
        };
        let start = run.started.parse::<jiff::Timestamp>().ok();
        let start = start.map(|start| start.as_millisecond() as f64 / 1e3);
        // Sums of decimals have digits that nobody means.
        let end = start.map(|start| ((start + run.seconds) * 1e3).round() / 1e3);
        let help = "When the last run began, since the epoch.";
        seconds("shakedown_run_start_time_seconds", help, start);
        let help = "When the last run ended, since the epoch.";
        seconds("shakedown_run_end_time_seconds", help, end);
        let help = "How long the last run took, set-up and tear-down included.";
        seconds("shakedown_run_duration_seconds", help, Some(run.seconds));
        let help = "What the scenario asks for and the last run did not do, by what it is.";
        let mut skipped = self.page.gauge("shakedown_run_skipped", help);
        for kind in ["check", "fault", "workload", "step"] {
            let of = left_out.iter().filter(|item| item.is_counted() && item.kind == kind);
            skipped.count(&[scenario, ("kind", kind)], of.count() as u64);
        }
    }

    fn checks(&mut self) {
        let Record { run, findings, .. } = self.record;
        let named = |finding: &Finding| -> [(&'static str, String); 3] {
            let severity = match finding.severity {
                Severity::Violation => "violation",
                Severity::Warning => "warning",
            };
            [
                ("scenario", run.scenario.clone()),
                ("check", finding.check.clone()),
                ("severity", severity.to_owned()),
            ]
        };
        let help = "1 for the verdict of a check of the last run, 0 for the others.";
        let mut told = self.page.gauge("shakedown_check_verdict", help);
        for finding in findings {
            let labels = named(finding);
            for verdict in [Verdict::Held, Verdict::Violated, Verdict::Inconclusive] {
                let mut labels: Vec<(&str, &str)> =
                    labels.iter().map(|(name, value)| (*name, &**value)).collect();
                labels.push(("verdict", verdict.word()));
                told.count(&labels, u64::from(finding.verdict == verdict));
            }
        }
        let help = "How much of its bound a check of the last run has left, below 0 if broken.";
        let mut left = self.page.gauge("shakedown_check_margin_ratio", help);
        for finding in findings {
            if let Some(margin) = finding.margin() {
                let labels = [("scenario", &*run.scenario), ("check", &*finding.check)];
                left.sample(&labels, margin);
            }
        }
    }

    fn operations(&mut self, (name, help, counts): Count) {
        let Record { run, workloads, .. } = self.record;
        let mut gauge = self.page.gauge(name, help);
        for workload in workloads {
            for (outcome, count) in counts(workload) {
                let labels = [
                    ("scenario", &*run.scenario),
                    ("workload", &*workload.name),
                    ("outcome", outcome),
                ];
                let labels = if outcome.is_empty() { &labels[..2] } else { &labels[..] };
                gauge.count(labels, count);
            }
        }
    }

    fn rates(&mut self) {
        type Rate = (&'static str, &'static str, fn(&WorkloadRecord) -> f64);
        const RATES: [Rate; 2] = [
            (
                "shakedown_workload_asked_operations_per_second",
                "The rate that was asked for in the last run.",
                |workload| workload.rate_asked,
            ),
            (
                "shakedown_workload_started_operations_per_second",
                "The rate at which operations were started in the last run.",
                |workload| workload.rate_got,
            ),
        ];
        let Record { run, workloads, .. } = self.record;
        for (name, help, rate) in RATES {
            let mut gauge = self.page.gauge(name, help);
            for workload in workloads.iter().filter(|workload| rate(workload).is_finite()) {
                let labels = [("scenario", &*run.scenario), ("workload", &*workload.name)];
                gauge.sample(&labels, rate(workload));
            }
        }
    }

    fn times(&mut self, name: &str, help: &str, pick: fn(&WorkloadRecord) -> Option<Quantiles>) {
        let Record { run, workloads, .. } = self.record;
        let mut summary = self.page.summary(name, help);
        for workload in workloads {
            let Some(q) = pick(workload) else { continue };
            let values = [(0.5, q.p50), (0.95, q.p95), (0.99, q.p99), (1.0, q.max)];
            if values.iter().any(|(_, value)| !value.is_finite()) || !q.mean.is_finite() {
                continue;
            }
            let labels = [("scenario", &*run.scenario), ("workload", &*workload.name)];
            summary.quantiles(&labels, values, q.count, q.mean * q.count as f64);
        }
    }

    fn effects(&mut self) {
        let Record { run, effects, .. } = self.record;
        let help = "Operations of the last run by what became of them in the system.";
        let mut gauge = self.page.gauge("shakedown_effects_operations", help);
        for effect in effects {
            for cell in cells(&effect.joined) {
                let labels = [
                    ("scenario", &*run.scenario),
                    ("check", &*effect.check),
                    ("source", &*effect.source),
                    ("result", cell.name),
                ];
                gauge.count(&labels, cell.count);
            }
        }
    }

    fn gauge(&mut self, name: &str, help: &str, labels: Labels<'_>, value: f64) {
        self.page.gauge(name, help).sample(labels, value);
    }
}
