//! The conductor: takes a plan through its phases and leaves a history.
//!
//! Load, faults, probes and taps run side by side and tell the conductor what
//! they see; the [`scribe`] alone writes it down. Nothing here judges.

mod breaches;
mod deployments;
mod drains;
pub(crate) mod faults;
mod load;
pub(crate) mod roles;
mod scribe;
mod sources;
mod stops;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use scenarios::Plan;
use scenarios::plan::ProbeKind;
use scenarios::program::Program;
use scenarios::redact::Secrets;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::clock::Clock;
use crate::effects::offered::Offered;
use crate::event::Event;
use crate::folder::{Folder, FolderError, write::Writer};
use crate::guards::GuardsError;
use crate::live::Live;
use crate::observe::Observer;
use crate::preflight::Warning;
use crate::probe::{ProbeError, Prober, Processes};
use crate::progress::Progress;
use crate::setup::{SetupError, Standing};
use crate::signal::Cancel;
use crate::targets;
pub(crate) use load::windows;
use load::{Loads, Waiting};
use scribe::Scribe;
use sources::Sources;
use stops::Stops;

/// The load begins so long after everything stands, so that connections are
/// made and every probe has a first sample.
const LEAD: Duration = Duration::from_millis(1_500);

/// How often faults that wait for the load are told how far it is.
const COUNT_EVERY: Duration = Duration::from_millis(25);

/// What a run without the broker's Prometheus endpoint has to live with.
const STALE: &str = "Probe {probe} reads the management API alone, whose figures may be 5 s old; \
                     its totals are exact with --target metrics=http://HOST:15692/metrics.";

/// How a run is to be conducted.
pub struct Order {
    /// The run's identity.
    pub run: String,
    /// What is to be done.
    pub plan: Plan,
    /// The addresses, unless the lab is to be used.
    pub targets: Option<BTreeMap<String, String>>,
    /// The command that does it again.
    pub again: String,
    /// What is known before the run and may not be written down.
    pub secrets: Secrets,
    /// What of the plan is probably not meant as it is written.
    pub doubts: Vec<String>,
    /// Whether the lab's scratch folder is kept.
    pub keep: bool,
    /// Whether a deployment is rolled back where that is advised.
    pub act: bool,
    /// What the run has come to so far, for others.
    pub live: Live,
}

/// Why a run could not be conducted.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// There is no system to test.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The history cannot be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A probe cannot be made.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// A load cannot be started.
    #[error("workload {workload}: {why}")]
    Load {
        /// The workload.
        workload: String,
        /// What is wrong.
        why: String,
    },
    /// Targets lead on to hosts that nobody allowed.
    #[error(transparent)]
    Guards(#[from] GuardsError),
    /// A fault has no place in time, which a plan that was read does not allow.
    #[error("{0}; the plan was changed by hand")]
    Timetable(String),
    /// A part of this program crashed.
    #[error("{part} crashed: {why}; this is a defect of verify")]
    Crashed {
        /// The part.
        part: &'static str,
        /// What it said.
        why: String,
    },
}

/// Conducts a run: sets up, loads, breaks, watches, and clears away. Everything
/// that was started is gone when this returns, whatever it returns.
///
/// # Errors
/// When the system does not come up, or the folder cannot be written. A run
/// that is cancelled after the set-up is no error: its history says so.
pub async fn conduct(
    order: &Order,
    folder: &Folder,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(), ConductError> {
    let begun = Instant::now();
    let secrets = order.secrets.clone();
    let mut writer = Writer::open(folder.clone(), &order.run, &order.plan, secrets)?;
    writer.start(env!("CARGO_PKG_VERSION"), &order.again)?;
    let standing = set_up(order, folder, progress, cancel).await?;
    writer.hide(&order.plan.secrets(&standing.targets));
    let ready = Event::SystemReady {
        targets: targets::redact_all(&standing.targets),
        brokers: standing.brokers.clone(),
        seconds: begun.elapsed().as_secs_f64(),
    };
    let told = writer.event(ready).and_then(|()| {
        let doubts = order.doubts.iter().cloned().map(Warning::from);
        doubts.chain(standing.warnings.iter().cloned()).try_for_each(|warning| {
            progress.warning(&warning.text);
            let Warning { text, awaited_by } = warning;
            writer.event(Event::Warning { text, awaited_by })
        })
    });
    let performed = match told {
        Ok(()) => perform(order, folder, &standing, &mut writer, progress, cancel).await,
        Err(error) => Err(error.into()),
    };
    progress.step("clearing away");
    let cleared = standing.clear().await;
    performed?;
    cleared?;
    let interrupted = cancel.is_cancelled();
    let (seconds, written) = (begun.elapsed().as_secs_f64(), Some(writer.written()));
    let samples = Some(writer.samples_digest());
    writer.event(Event::RunEnded { samples, interrupted, seconds, written })?;
    Ok(writer.flush()?)
}

async fn set_up(
    order: &Order,
    folder: &Folder,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Standing, SetupError> {
    match &order.targets {
        Some(targets) => {
            progress.step("reaching the targets");
            let standing = Standing::targets(&order.plan, targets.clone(), cancel).await?;
            if let Some(own) = &standing.roles {
                roles::told(&order.plan, own).iter().for_each(|line| progress.step(line));
            }
            Ok(standing)
        }
        None => {
            progress.step("starting the lab: a private broker and the reference system");
            Standing::lab(&order.plan, folder.logs(), order.keep, cancel).await
        }
    }
}

/// The run itself, on a system that stands.
async fn perform(
    order: &Order,
    folder: &Folder,
    standing: &Standing,
    writer: &mut Writer,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<(), ConductError> {
    let plan = &order.plan;
    let timeline = plan.timeline();
    // Nothing is bound or sent before it is known where the targets lead.
    let waiting = Waiting::prepare(order, &standing.targets)?;
    let sources = Sources::open(plan, &order.run, &standing.targets).await;

    let clock = Clock::starting_in(LEAD);
    let (observer, observed) = Observer::new(clock);
    let (stop, stopped) = watch::channel(false);
    let processes = standing.processes();
    let mut probes = probe(plan, standing, processes.as_ref(), &observer, &stopped)?;
    let mut followers = follow(processes.as_ref(), &observer);
    writer.begin(clock)?;
    let mut loads = waiting.start(clock)?;
    order.live.loads(loads.counters());
    let (counts, acked) = watch::channel(BTreeMap::new());
    let secrets = writer.secrets().clone();
    let wanted = deployments::Wanted::default();
    let scene = faults::scene(plan, standing, folder, &secrets, &observer, &wanted);
    let deploying = deployments::start(plan, standing, &scene, &observer, &wanted, order.act);
    let waits = (acked, deploying.steps());
    let mut breaking = faults::start(plan, standing, &scene, &observer, waits)?;
    // It tells the scribe, who waits until nobody has anything to tell any more.
    drop(scene);
    let mut stops = Stops::start(plan, folder)?;
    let mut breaches = deployments::breaches(plan, folder)?;
    let scribe = Scribe::new(writer, plan, timeline.end(), &order.live);
    let seconds = loads.seconds();
    let directing = async {
        let ending = Cancel::default();
        tokio::select! {
            () = direct(plan, clock, &observer, &loads, progress, [cancel, &ending]) => {}
            () = count(plan, &loads, &counts) => {}
            () = stops.watch(&mut breaking, &observer, &ending) => {}
            () = deploying.watch(&mut breaches) => {}
        }
        if ending.is_cancelled() {
            progress.step("a stop condition is met: taking back what was broken");
            deploying.take_back("a stop condition was met");
        }
        drop((stops, breaches));
        deploying.end("the run ended first", cancel);
        breaking.end("the run ended first", cancel);
        loads.stop(Duration::from_secs_f64(clock.now().max(0.0)));
        if ending.is_cancelled()
            && let Some(program) = &plan.safety.on_abort
        {
            abort_unless_cut_off(program, &standing.targets, &observer, progress, cancel).await;
        }
        progress.step("waiting for the last answers");
        while !loads.are_finished() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        breaking.finish(cancel).await;
        deploying.finish(cancel).await;
        progress.step("reading the effects until the system is quiet");
        let reports = tokio::task::spawn_blocking(move || loads.reports()).await;
        let reports = reports
            .map_err(|error| ConductError::Crashed { part: "the load", why: error.to_string() });
        let ledgers =
            reports.iter().flatten().map(|(name, report)| (name.as_str(), &report.ledger));
        let targets = &standing.targets;
        let offered = Offered::of(plan, &order.run, targets, clock.zero_wall());
        let ledgers = ledgers.collect();
        let hurry = if ending.is_cancelled() { &ending } else { cancel };
        let (seen, settled) = tokio::join!(
            sources.finish(&ledgers, &offered, cancel),
            drains::settle(plan, folder, clock, progress, hurry),
        );
        stop.send_replace(true);
        while probes.join_next().await.is_some() {}
        followers.shutdown().await;
        drop(observer);
        (reports, seen, settled)
    };
    let (written, (reports, seen, settled)) =
        tokio::join!(scribe.write(observed, seconds, cancel), directing);
    written?;
    settled?;

    write_down(plan, writer, reports?, seen)
}

/// Writes down what the load came to, and what it came to in the system.
fn write_down(
    plan: &Plan,
    writer: &mut Writer,
    reports: Vec<(String, load::Report)>,
    seen: Vec<sources::Read>,
) -> Result<(), ConductError> {
    for (workload, report) in reports {
        writer.ledger(&workload, &report.ledger)?;
        if let Some(answers) = &report.answers {
            writer.answers(&workload, answers.guilty(report.ledger.run(), &workload))?;
        }
        writer.event(Event::WorkloadEnded { workload, summary: Box::new(report.summary) })?;
    }
    let names: Vec<String> = plan.workloads.iter().map(|workload| workload.name.clone()).collect();
    for (event, source, seen) in seen {
        if let Some(seen) = seen {
            writer.effects(&source, &names, &seen)?;
        }
        writer.event(event)?;
    }
    Ok(())
}

/// Runs what is to be run when a stop condition is met, unless somebody cuts that off.
async fn abort_unless_cut_off(
    program: &Program,
    targets: &BTreeMap<String, String>,
    observer: &Observer,
    progress: &Progress,
    cancel: &Cancel,
) {
    tokio::select! {
        () = abort(program, targets, observer, progress) => {}
        () = cancel.cancelled() => {
            let error = Some("it was cut off".to_owned());
            observer.event(Event::AbortRan { error });
        }
    }
}

/// Begins to look at the system and the host, until it is stopped.
fn probe(
    plan: &Plan,
    standing: &Standing,
    processes: Option<&Processes>,
    observer: &Observer,
    stopped: &watch::Receiver<bool>,
) -> Result<JoinSet<()>, ConductError> {
    let mut probes = JoinSet::new();
    for probe in &plan.probes {
        if let ProbeKind::Rabbitmq { metrics: None, .. } = probe.kind {
            let text = STALE.replace("{probe}", &probe.name);
            observer.event(Event::Warning { text, awaited_by: Vec::new() });
        }
        let prober = Prober::new(probe, &standing.targets, processes, observer.clone())?;
        let of_pods = probe.kind.role().is_some_and(|role| plan.runs_as_pods(role));
        let prober = if of_pods { prober.of_pods() } else { prober };
        probes.spawn(prober.run(stopped.clone()));
    }
    probes.spawn(Prober::of_host(processes, observer.clone()).run(stopped.clone()));
    Ok(probes)
}

/// How long the program of an abort may take.
const ABORT_WITHIN: Duration = Duration::from_secs(120);

/// Runs the program of an abort, and writes down what became of it.
async fn abort(
    program: &Program,
    targets: &BTreeMap<String, String>,
    observer: &Observer,
    progress: &Progress,
) {
    progress.step("running on_abort");
    let ran = match program.words(targets) {
        Ok(words) => match chaos::run_within(&words, ABORT_WITHIN).await {
            Ok(ran) => ran.success().map(drop),
            Err(why) => Err(why),
        },
        Err(error) => Err(error.to_string()),
    };
    observer.event(Event::AbortRan { error: ran.err() });
}

/// Has it written down who ends and who is started again.
fn follow(processes: Option<&Processes>, observer: &Observer) -> JoinSet<()> {
    let mut followers = JoinSet::new();
    match processes {
        Some(Processes::Lab(lab)) => faults::follow_processes(lab, observer),
        Some(Processes::Own(own)) => {
            followers.spawn(roles::follow(Arc::clone(own), observer.clone()));
        }
        None => {}
    }
    followers
}

/// Goes through the phases, until one of two asks for the end: a signal or a
/// stop condition.
async fn direct(
    plan: &Plan,
    clock: Clock,
    observer: &Observer,
    loads: &Loads,
    progress: &Progress,
    ends: [&Cancel; 2],
) {
    let [cancel, stop] = ends;
    tokio::time::sleep_until(clock.at(Duration::ZERO)).await;
    for (name, from, to) in plan.timeline().iter() {
        observer.event(Event::PhaseStarted { phase: name.to_owned() });
        progress.phase(name, to - from);
        let end = clock.at(to);
        loop {
            let next = (tokio::time::Instant::now() + progress.every()).min(end);
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = cancel.cancelled() => {}
                () = stop.cancelled() => {}
            }
            if cancel.is_cancelled() || stop.is_cancelled() {
                let to = clock.now().max(from.as_secs_f64());
                observer.event(phase_ended(name, from, to));
                return;
            }
            progress.tick(clock.now() - from.as_secs_f64(), &loads.progress());
            if next >= end {
                break;
            }
        }
        observer.event(phase_ended(name, from, to.as_secs_f64()));
    }
}

/// Passes on how many operations are acknowledged, for the faults that wait for
/// them. Never ends; without such a fault it does nothing.
async fn count(plan: &Plan, loads: &Loads, counts: &watch::Sender<BTreeMap<String, u64>>) {
    if plan.faults.iter().all(|fault| fault.after.is_none()) {
        return std::future::pending().await;
    }
    let mut ticks = tokio::time::interval(COUNT_EVERY);
    loop {
        ticks.tick().await;
        let acked = loads.progress().into_iter();
        counts.send_replace(acked.map(|(name, load)| (name.to_owned(), load.acked)).collect());
    }
}

fn phase_ended(name: &str, from: Duration, to: f64) -> Event {
    Event::PhaseEnded { phase: name.to_owned(), from: from.as_secs_f64(), to }
}

/// The lab of a system, for parts that need its processes.
pub(crate) type LabHandle = Arc<lab::Lab>;
