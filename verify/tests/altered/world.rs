//! What happens in the run that is altered: a correct system, with as much of
//! each breach as is asked for.

use std::collections::BTreeMap;

use loadgen::{Fate, Shape};
use verify::history::Sample;

/// How bad each breach is; 0 where there is none. By the check that it breaks.
pub(crate) type Breaches = BTreeMap<&'static str, u32>;

/// The breach of every check, each with the check's name. The greatest severity
/// that is planted breaks every check.
pub(crate) const BREACHES: [&str; 23] = [
    "connection-channels",
    "lag",
    "running",
    "pressure",
    "channels-grow",
    "channels-rise",
    "error-rate",
    "refused",
    "response-time",
    "as-good-as-stable",
    "no-errors",
    "restarts",
    "stored-once",
    "follows-schema",
    "given-up",
    "same-answer",
    "in-order",
    "drains",
    "works-off",
    "queue-recovers",
    "throughput-recovers",
    "counts",
    "counts-of-phases",
];

/// The worst that a breach is made.
pub(crate) const WORST: u32 = 6;

/// The phases of the scenario, in seconds.
pub(crate) const PHASES: [(&str, u64, u64); 6] = [
    ("warm-up", 0, 2),
    ("baseline", 2, 6),
    ("load", 6, 22),
    ("faults", 22, 30),
    ("recovery", 30, 36),
    ("settle", 36, 42),
];

/// When the fault is injected, and when it has healed.
pub(crate) const FAULT: (f64, f64) = (23.02, 25.0);

/// A run that did or did not keep its promises.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// How bad it is.
    pub(crate) breaches: Breaches,
    /// Whether what can break at any time breaks late.
    pub(crate) is_late: bool,
    /// When a stop condition ended it, in whole seconds.
    pub(crate) stopped: Option<u64>,
}

impl World {
    /// A run in which everything holds.
    pub(crate) fn held() -> Self {
        Self::default()
    }

    /// A run with one breach.
    pub(crate) fn with(breach: &'static str, severity: u32) -> Self {
        Self { breaches: [(breach, severity)].into(), ..Self::default() }
    }

    /// A run in which everything is violated.
    pub(crate) fn violated(is_late: bool) -> Self {
        let breaches = BREACHES.map(|breach| (breach, WORST)).into();
        Self { breaches, is_late, ..Self::default() }
    }

    /// A run that its stop condition ended.
    pub(crate) fn stopped() -> Self {
        Self { stopped: Some(14), ..Self::with("connection-channels", WORST) }
    }

    /// When the run ended, in seconds.
    pub(crate) fn end(&self) -> u64 {
        self.stopped.unwrap_or(42)
    }

    fn severity(&self, breach: &str) -> f64 {
        f64::from(self.severity_of(breach))
    }

    pub(crate) fn severity_of(&self, breach: &str) -> u32 {
        self.breaches.get(breach).copied().unwrap_or(0)
    }

    /// When a breach of a phase `[from, to)` begins.
    fn begins(&self, from: f64, to: f64) -> f64 {
        if self.is_late { to - (to - from) * 0.3 } else { from + (to - from) * 0.2 }
    }

    /// Whether load is due in a second.
    pub(crate) fn is_loaded(workload: &str, second: u64) -> bool {
        let phases: &[&str] = match workload {
            "publish" => &["warm-up", "load", "faults", "recovery"],
            "stable" => &["load"],
            _ => &["load", "faults", "recovery"],
        };
        let in_phase = |&&(name, from, to): &&(&str, u64, u64)| {
            phases.contains(&name) && (from..to).contains(&second)
        };
        PHASES.iter().any(|phase| in_phase(&phase))
    }

    /// What becomes of an operation, and after how many microseconds.
    pub(crate) fn answer(&self, workload: &str, second: u64, sequence: u64) -> (Fate, u64) {
        let is_load = (6..22).contains(&second);
        if workload == "publish" && is_load {
            if sequence % 200 < u64::from(self.severity_of("refused")) {
                return (Fate::Failed, 1_000);
            }
            if sequence % 100 >= 100 - 3 * u64::from(self.severity_of("response-time")) {
                return (Fate::Acked, 2_000_000);
            }
            let worse = 12_000 * u64::from(self.severity_of("as-good-as-stable"));
            return (Fate::Acked, 3_000 + sequence % 200 + worse);
        }
        if workload == "publish" && (23..25).contains(&second) {
            return match sequence % 10 {
                3 => (Fate::Failed, 1_000),
                5 => (Fate::Indeterminate, 400_000),
                _ => (Fate::Acked, 5_000),
            };
        }
        (Fate::Acked, 3_000 + sequence % 200)
    }

    /// What every probe sees at a time: series, label and value.
    pub(crate) fn samples(&self, at: f64, acked: u64) -> Vec<(&'static str, Sample)> {
        let mut all = Vec::new();
        let mut put = |series: &'static str, label: &str, value: f64| {
            all.push((series, Sample { at, label: label.into(), value }));
        };
        let since = |start: f64| (at - start).max(0.0);
        let is_in = |from: f64, to: f64| (from..to).contains(&at);
        let outage = is_in(FAULT.0, FAULT.1);

        let many = at >= self.begins(6.0, 36.0);
        let many = if many { 15.0 * self.severity("connection-channels") } else { 0.0 };
        put("broker.connection_channels", "a", 4.0);
        put("broker.connection_channels", "b", 4.0 + many);
        put("broker.connections", "", 2.0);
        let leak = self.severity("channels-grow").max(self.severity("channels-rise"));
        put("broker.channels", "", 12.0 + (0.25 * leak * since(6.0).min(16.0)).floor());
        let late = if at >= 25.0 { 4.0 * self.severity("queue-recovers") } else { 0.0 };
        put("broker.messages_ready", "", 5.0 + if outage { 60.0 } else { late });

        let down = self.begins(30.0, 42.0);
        let is_down = is_in(down, down + 0.5 * self.severity("running"));
        put("process.running", "service-1", if is_in(23.0, 23.6) { 0.0 } else { 1.0 });
        put("process.running", "service-2", if is_down { 0.0 } else { 1.0 });
        put("process.restarts", "service-1", if at > 23.6 { 1.0 } else { 0.0 });
        let crashed = if at >= self.begins(6.0, 42.0) { self.severity("restarts") } else { 0.0 };
        put("process.restarts", "service-2", crashed);

        let wrong = if at >= self.begins(6.0, 22.0) { self.severity("no-errors") } else { 0.0 };
        put("errors.lines", "service-1", (10.0 * at.max(0.0)).floor());
        put("errors.lines", "service-2", (10.0 * at.max(0.0)).floor());
        put("errors.matches", "service-1", 0.0);
        put("errors.matches", "service-2", wrong);

        let lags = self.begins(6.0, 34.0);
        let lags = is_in(lags, lags + 3.0);
        let waits = if is_in(6.0, 36.4) { 6.0 } else { 0.0 };
        let stuck = if at >= 38.0 { self.severity("drains") } else { 0.0 };
        let slow = FAULT.1 + 1.0 + self.severity("works-off");
        let delayed = if is_in(FAULT.0, slow) { 80.0 } else { 2.0 };
        let lag = if lags { 30.0 * self.severity("lag") } else { 0.0 };
        for (label, lag, backlog) in [("s:0", 0.0, waits), ("s:1", lag, waits + stuck)] {
            put("streams.lag", label, 1.0 + lag);
            put("streams.backlog", label, backlog);
            put("streams.pending", label, if label == "s:0" { delayed } else { 1.0 });
        }

        let rows = acked as f64;
        let lacks = |breach: &str| if at > 12.0 { self.severity(breach) } else { 0.0 };
        put("stored.value", "", rows - lacks("counts"));
        put("service.enqueued", "", rows - lacks("counts-of-phases"));
        put("service.errors", "", (0.5 * self.severity("error-rate") * since(6.0)).floor());
        let share = 1.0 - 0.06 * self.severity("throughput-recovers");
        let handled = at.clamp(0.0, FAULT.0) + since(FAULT.1) * share;
        put("service.handled", "", (100.0 * handled).floor());
        let high = if at >= self.begins(6.0, 30.0) { 3.0 * self.severity("pressure") } else { 0.0 };
        put("server.value", "", 2.0 + high);
        all
    }

    /// How the host fared in the second before: others used it in the warm-up, of
    /// which nothing is judged.
    pub(crate) fn host(&self, second: u64) -> [(&'static str, f64); 6] {
        let starved = second < 2;
        [
            ("host.window", 1.0),
            ("host.cpu_busy", if starved { 1.0 } else { 0.4 }),
            ("host.cpu_foreign", if starved { 0.8 } else { 0.0 }),
            ("host.cpu_waiting", if starved { 0.7 } else { 0.2 }),
            ("host.cpu_waited", if starved { 2.0 } else { 0.1 }),
            ("host.steal", 0.0),
        ]
    }

    /// The effects that an operation must have, and has: how many.
    pub(crate) fn effects(
        &self,
        workload: &str,
        sequence: u64,
        fate: Fate,
        is_poison: bool,
    ) -> u32 {
        let severity = u64::from(self.severity_of("stored-once"));
        let right = u32::from(fate == Fate::Acked && !is_poison);
        if workload != "publish" || is_poison {
            return right;
        }
        // Lost, repeated, and carried out although it was refused.
        match (fate, sequence) {
            (Fate::Acked, sequence) if (300..300 + severity).contains(&sequence) => 0,
            (Fate::Acked, sequence) if (600..600 + severity).contains(&sequence) => 2,
            (Fate::Failed, sequence) if severity > 3 && sequence % 40 == 3 => 1,
            _ => right,
        }
    }

    /// How often the dead letter of an operation says that it was tried again, by the
    /// number of dead letters before it.
    pub(crate) fn tries(&self, before: u64) -> Option<u64> {
        match u64::from(self.severity_of("given-up")) {
            severity if before < severity => (!before.is_multiple_of(3)).then_some(before),
            _ => Some(5),
        }
    }

    /// The order in which the operations of a key came to be rows.
    pub(crate) fn ordered(&self, key: u64, mut sequences: Vec<u64>) -> Vec<u64> {
        if key < u64::from(self.severity_of("in-order")) && sequences.len() > 8 {
            sequences.swap(6, 7);
        }
        sequences
    }
}

/// The numbers of the operations of a workload that are due in each second.
pub(crate) fn due(workload: &str, end: u64) -> Vec<(u64, std::ops::Range<u64>)> {
    let rate = if workload == "in-turn" { 10 } else { 50 };
    let mut next = 0;
    let mut seconds = Vec::new();
    for second in (0..end).filter(|&second| World::is_loaded(workload, second)) {
        seconds.push((second, next..next + rate));
        next += rate;
    }
    seconds
}

/// The key of an operation, where its workload has keys.
pub(crate) fn key(shape: &Shape, sequence: u64) -> u64 {
    shape.key(sequence)
}
