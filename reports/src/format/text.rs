//! Words and figures as every rendering writes them.

use crate::record::{
    AdviceState, AnswersRecord, DeploymentStep, Evidence, FaultRecord, Finding, HostRecord, Joined,
    Outage, Record, RollBackAdvice, Rollback, StepRecord, Verdict, WorkloadRecord,
};
use scenarios::plan::Place;
use scenarios::units::Unit;

pub(super) use pages::words::{count, figure, latency, moment, rate};

/// When a bound was first broken: `41.5s (load)`.
pub(super) fn since(record: &Record, finding: &Finding) -> Option<String> {
    let at = finding.since?;
    let phase = record.phases.iter().find(|phase| phase.from <= at && at < phase.to);
    Some(match phase {
        Some(phase) => format!("{} ({})", moment(at), phase.name),
        None => moment(at),
    })
}

/// One line of evidence: `connection service-1: 2,047 channels (at 41.5s)`.
pub(super) fn evidence(evidence: &Evidence) -> String {
    let mut text = evidence.what.clone();
    if !evidence.seen.is_empty() {
        text = format!("{text}: {}", evidence.seen);
    }
    if let Some(at) = evidence.at {
        text = format!("{text} (at {})", moment(at));
    }
    text
}

/// Where the rest of a finding's evidence is, after `shown` pieces of it.
pub(super) fn more_evidence(finding: &Finding, shown: usize) -> Option<String> {
    let hidden = finding.evidence.len().saturating_sub(shown);
    match (&finding.evidence_file, hidden) {
        (Some(file), 0) => Some(format!("all of it in {file}")),
        (Some(file), hidden) => Some(format!("{hidden} more here, all of it in {file}")),
        (None, 0) => None,
        (None, hidden) => Some(format!("{hidden} more in report.html and verdict.json")),
    }
}

/// One cell of the join as a report names it.
pub(super) struct Cell {
    pub(super) name: &'static str,
    pub(super) count: u64,
    /// Whether any count above 0 breaks the promise.
    pub(super) wrong: bool,
}

/// The cells of a join, what should be first.
pub(super) fn cells(joined: &Joined) -> [Cell; 9] {
    let right = |name, count| Cell { name, count, wrong: false };
    let wrong = |name, count| Cell { name, count, wrong: true };
    [
        right("ok", joined.ok),
        wrong("lost", joined.lost),
        wrong("duplicated", joined.duplicated),
        wrong("resurrected", joined.resurrected),
        wrong("unexpected", joined.unexpected),
        right("dead-lettered", joined.dead_lettered),
        right("recovered", joined.recovered),
        right("unresolved", joined.unresolved),
        right("refused", joined.refused),
    ]
}

/// `12,400 operations: 12,400 ok, 0 lost, …`. What would be wrong is always
/// named, what may happen only where it did.
pub(super) fn joined(joined: &Joined) -> String {
    let all = cells(joined);
    let operations: u64 =
        all.iter().filter(|cell| cell.name != "unexpected").map(|cell| cell.count).sum();
    let parts: Vec<String> = all
        .iter()
        .filter(|cell| cell.wrong || cell.count > 0 || cell.name == "ok")
        .map(|cell| format!("{} {}", count(cell.count), cell.name))
        .collect();
    format!("{} operations: {}", count(operations), parts.join(", "))
}

/// A fault that is over only so many seconds after its injection has lasted.
const LASTING: f64 = 5.0;

/// What became of a step of a deployment: `set image new (w:2), asked for at 16.1s, done in
/// 4.2s`.
pub(super) fn deployed(step: &DeploymentStep) -> String {
    let DeploymentStep { what, asked, done, failed, .. } = step;
    let Some(asked) = asked.filter(|_| !step.unasked) else {
        let why = step.skipped.as_ref().or(step.why.as_ref());
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        return format!("{what}, never asked for{why}");
    };
    let end = match (done, failed, &step.superseded_by) {
        (Some(done), ..) => format!("done in {}", latency(done - asked)),
        (None, Some(failed), _) => {
            let why = step.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            format!("failed at {}{why}", moment(*failed))
        }
        (None, None, Some(by)) => format!("overtaken by {by}"),
        (None, None, None) => "not done when the run ended".to_owned(),
    };
    format!("{what}, asked for at {}, {end}", moment(asked))
}

/// How a deployment was rolled back by the run itself.
pub(super) fn rolled_back(rollback: &Rollback) -> String {
    let asked = moment(rollback.asked);
    let end = match (rollback.done, &rollback.why) {
        (Some(done), _) => format!("done in {}", latency(done - rollback.asked)),
        (None, Some(why)) => format!("not done: {why}"),
        (None, None) => "not done when the run ended".to_owned(),
    };
    format!("asked for at {asked}, {end}")
}

/// That a check said that a deployment should be rolled back.
pub(super) fn roll_back(advice: &RollBackAdvice) -> String {
    let since = advice.since.map(|since| format!(", broken since {}", moment(since)));
    let acted = match advice.acted {
        true => "it was rolled back",
        false => "it was not, as the run was not told to with --act",
    };
    format!(
        "advised at {} by {}{}: {}; {acted}",
        moment(advice.at),
        advice.check,
        since.unwrap_or_default(),
        advice.why.trim_end_matches('.')
    )
}

/// What became of deployments, a row each: what it is about, and the text.
pub(super) fn deployments(record: &Record) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    for deployment in &record.deployments {
        let name = &deployment.name;
        for step in &deployment.steps {
            rows.push((format!("{name} {}", step.name), deployed(step)));
        }
        if let Some(rollback) = &deployment.rolled_back {
            rows.push((format!("{name} rollback"), rolled_back(rollback)));
        }
        let problem = deployment.restored.as_ref().and_then(|restored| restored.problem.as_ref());
        rows.extend(
            problem.map(|why| (format!("{name} at the end"), format!("NOT restored: {why}"))),
        );
    }
    let advised = record.roll_backs.iter();
    rows.extend(
        advised.map(|advice| (format!("{} roll back?", advice.deployment), roll_back(advice))),
    );
    rows
}

/// What became of a fault: `at 40s, landed at 40.2s, healed in 1.6s`, and of one that
/// lasts `at 40s, landed at 40.2s, over at 1m40s, healed 1.6s later`.
pub(super) fn course(fault: &FaultRecord) -> String {
    let Some(injected) = fault.injected else {
        let end = if fault.blocked { "blocked" } else { "never injected" };
        return format!("planned at {}, {end}", moment(fault.planned));
    };
    let landed = match fault.confirmed {
        Some(confirmed) => format!("landed at {}", moment(confirmed)),
        None => "not seen to land".to_owned(),
    };
    let healed = match (fault.healed, fault.undone) {
        // What lasted was whole again some time after it was over.
        (Some(healed), Some(undone)) if undone - injected >= LASTING => {
            let after = moment((healed - undone).max(0.0));
            format!("over at {}, healed {after} later", moment(undone))
        }
        (Some(healed), _) => format!("healed in {}", moment(healed - injected)),
        (None, Some(undone)) => format!("over at {}, not seen to heal", moment(undone)),
        (None, None) => "not seen to heal".to_owned(),
    };
    format!("at {}, {landed}, {healed}", moment(injected))
}

/// Where the system stood: `lab, variant leaky` or `own targets`.
pub(super) fn place(record: &Record) -> String {
    let place = match record.run.place {
        Place::Lab => "lab",
        Place::Targets => "own targets",
    };
    match &record.run.variant {
        Some(variant) => format!("{place}, variant {variant}"),
        None => place.to_owned(),
    }
}

/// The verdict in one sentence, also where nobody wrote one.
pub(super) fn headline(record: &Record) -> &str {
    match (record.headline.is_empty(), record.findings.is_empty()) {
        (false, _) => &record.headline,
        (true, true) => "No check was judged.",
        (true, false) => "See the checks below.",
    }
}

/// What kind of thing ran, for how long and on what.
pub(super) fn facts(record: &Record) -> Vec<String> {
    let mut facts = vec![place(record)];
    facts.extend(record.run.brokers.iter().cloned());
    facts.push(moment(record.run.seconds));
    if record.run.interrupted {
        facts.push("interrupted".to_owned());
    }
    facts.push(format!("seed {}", record.run.seed));
    facts
}

/// How the host fared: `host: 2 cores, busy 43%, starved 0 s`.
pub(super) fn host(record: &Record) -> Option<String> {
    let host = record.host.as_ref()?;
    let percent = |share: f64| format!("{:.0}%", share * 100.0);
    let mut facts = Vec::new();
    facts.extend(host.cpus.map(|cpus| match cpus {
        1.0 => "1 core".to_owned(),
        cpus => format!("{} cores", figure(Unit::Count, cpus)),
    }));
    facts.extend(load_average(host));
    facts.extend(host.busy.map(|busy| format!("busy {}", percent(busy))));
    let told = [("others", host.foreign), ("steal", host.steal)];
    for (what, share) in told {
        facts
            .extend(share.filter(|&share| share >= 0.05).map(|s| format!("{what} {}", percent(s))));
    }
    facts.push(format!("starved {} s", figure(Unit::Count, (host.starved * 10.0).round() / 10.0)));
    Some(format!("host: {}", facts.join(", ")))
}

/// The load average of a host: `load 3.1 (at most 5.2)`; nothing where nobody knows it.
pub(super) fn load_average(host: &HostRecord) -> Option<String> {
    let show = |load: f64| figure(Unit::Count, (load * 10.0).round() / 10.0);
    let load = show(host.load?);
    Some(match host.load_max.map(show).filter(|most| *most != load) {
        Some(most) => format!("load {load} (at most {most})"),
        None => format!("load {load}"),
    })
}

/// So many checks that changed are named in a line.
const CHANGED: usize = 5;

/// `against the run before: nothing-lost held → violated`, of checks that came to another
/// verdict; nothing where none did.
pub(super) fn changed(record: &Record) -> Option<String> {
    let changes = &record.past.as_ref()?.changes;
    let word = |verdict: Option<Verdict>| verdict.map_or("not judged", Verdict::word);
    let mut told: Vec<String> = changes
        .iter()
        .take(CHANGED)
        .map(|change| format!("{} {} → {}", change.check, word(change.before), word(change.now)))
        .collect();
    if changes.len() > CHANGED {
        told.push(format!("{} more", changes.len() - CHANGED));
    }
    (!told.is_empty()).then(|| format!("against the run before: {}", told.join("; ")))
}

/// What a workload did beside its plain operations: `1,799 sent twice: …`;
/// nothing where it did nothing else.
pub(super) fn beside(workload: &WorkloadRecord) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(again) = &workload.resent {
        let sent = again.acked + again.failed + again.indeterminate;
        let mut text = format!(
            "{} sent twice: {} acked again, {} failed, {} indeterminate",
            count(sent),
            count(again.acked),
            count(again.failed),
            count(again.indeterminate)
        );
        if again.unsent > 0 {
            text.push_str(&format!("; {} not sent again before the end", count(again.unsent)));
        }
        rows.push(("resent", text));
        rows.extend(again.answers.as_ref().map(|answers| ("answers", self::answers(answers))));
    }
    if workload.poison > 0 {
        rows.push(("poison", format!("{} operations", count(workload.poison))));
    }
    rows
}

fn answers(answers: &AnswersRecord) -> String {
    let mut text = format!(
        "{} pairs: {} agreed, {} disagreed",
        count(answers.pairs),
        count(answers.agreed),
        count(answers.disagreed)
    );
    if answers.valueless > 0 {
        text.push_str(&format!(", {} without a value", count(answers.valueless)));
    }
    if answers.unread > 0 {
        text.push_str(&format!(", {} in an encoding that was not read", count(answers.unread)));
    }
    if answers.marked + answers.unmarked > 0 {
        text.push_str(&format!(
            "; {} marked as a hit, {} not",
            count(answers.marked),
            count(answers.unmarked)
        ));
    }
    if answers.premature > 0 {
        text.push_str(&format!("; {} marked when they came first", count(answers.premature)));
    }
    text
}

/// A stretch without success: `1m22s to 1m42s (19.4s): 3,882 operations did
/// not succeed`.
pub(super) fn outage(outage: &Outage) -> String {
    format!(
        "{} to {} ({}): {} operations did not succeed",
        moment(outage.from),
        moment(outage.to),
        moment(outage.to - outage.from),
        count(outage.operations)
    )
}

/// When the run began.
pub(super) fn started(record: &Record) -> String {
    utc(&record.run.started)
}

/// A time in UTC, to the second and without the `T`.
pub(super) fn utc(text: &str) -> String {
    match (text.get(..10), text.get(11..19)) {
        (Some(day), Some(time)) if text.ends_with('Z') => format!("{day} {time} UTC"),
        _ => text.to_owned(),
    }
}

/// On one line: line feeds and runs of spaces become one space.
pub(super) fn line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `scale-up: add workers (workers.busy above 80% in load: median 92%)`, of what is advised.
pub(super) fn advised(record: &Record) -> impl Iterator<Item = String> {
    let given = record.advised.iter().filter(|advice| advice.state == AdviceState::Given);
    given.map(|advice| format!("{}: {} ({})", advice.name, advice.say, advice.because()))
}

/// `scale-up, scale-down not given; add-consumers unknown`, of what is not advised;
/// nothing where all is.
pub(super) fn not_advised(record: &Record) -> Option<String> {
    let of = |state: AdviceState| {
        let names = record.advised.iter().filter(|advice| advice.state == state);
        let names: Vec<&str> = names.map(|advice| advice.name.as_str()).collect();
        (!names.is_empty()).then(|| format!("{} {}", names.join(", "), state.words()))
    };
    let parts = [AdviceState::NotGiven, AdviceState::Unknown].into_iter().filter_map(of);
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// `hold · score 92: errors 100, latency 75 · …`.
pub(super) fn step(step: &StepRecord) -> String {
    format!("{} · {} · {}", step.advice.words(), step.scores(), step.why)
}
