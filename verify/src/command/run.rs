//! `verify --scenario NAME`: the whole street from a plan to a verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;

use chaos::role::{Played, Start};
use exposition::Server;
use scenarios::plan::{LeftOut, Place, by_reason, skipped};
use scenarios::redact::{MASK, Secrets, is_secret};
use scenarios::targets::Given;
use scenarios::{Plan, Selector, Settings};

use super::dry_run::{Shown, dry_run, orchestrators};
use super::source;
use crate::cli::RunArgs;
use crate::clock;
use crate::conduct::{ConductError, Order, conduct};
use crate::exit::{self, Failure};
use crate::folder::Folder;
use crate::guards::{self, GuardsError};
use crate::live::{self, Live};
use crate::progress::Progress;
use crate::report::unrun::{Attempt, leave};
use crate::report::wanted;
use crate::setup::{self, SetupError};
use crate::signal::{self, Cancel};
use crate::{files, github, preflight, report, runs, targets};

/// Runs a scenario and gives the exit code of its verdict.
///
/// # Errors
/// Bad usage, surroundings that do not allow a run, or a signal; in words that
/// show no secret of the command line, of the targets or of the scenario.
pub fn run(args: &RunArgs) -> Result<u8, Failure> {
    let pairs = targets::pairs(&args.targets);
    let mut attempt = Attempt::new(given(args, &pairs));
    try_to(args, &pairs, &mut attempt).map_err(|failure| unrun(args, &mut attempt, failure))
}

/// Has the reports say that there was no run. Nothing but surroundings that are wrong
/// leaves a folder: a CI server that collects what is in it is told, and a command line
/// that was mistyped leaves no trace.
fn unrun(args: &RunArgs, attempt: &mut Attempt, failure: Failure) -> Failure {
    let mut failure = failure.without(&attempt.secrets);
    if args.dry_run || attempt.is_judged || wanted::check(&args.reports).is_err() {
        return failure;
    }
    if failure.code == exit::ENVIRONMENT && attempt.folder.is_none() {
        attempt.folder = attempt.plan.as_ref().map(|plan| named(args, plan, &run_id()));
    }
    let record = attempt.record(args.scenario.as_deref().unwrap_or_default(), &failure);
    github::summarize(&record);
    if let Some(folder) = attempt.folder.as_ref().filter(|_| failure.code == exit::ENVIRONMENT) {
        leave(folder, &record);
    }
    if let Err(why) = wanted::write(&args.reports, &record) {
        failure.message = format!("{}\n{why}", failure.message);
    }
    failure
}

/// What the command line gives and may not be shown.
fn given(args: &RunArgs, pairs: &[String]) -> Secrets {
    let mut secrets = Secrets::default();
    for pair in pairs.iter().chain(&args.set) {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        secrets.add_setting(name, value);
    }
    secrets
}

fn try_to(args: &RunArgs, pairs: &[String], attempt: &mut Attempt) -> Result<u8, Failure> {
    wanted::check(&args.reports).map_err(Failure::usage)?;
    let scenario = args.scenario.as_deref().unwrap_or_default();
    let source = source(scenario)?;
    hosts::permissions(&args.allow).map_err(Failure::usage)?;
    let given = targets::read(pairs, args.targets_file.as_deref()).map_err(Failure::usage)?;
    let mut settings = settings(args, &given)?;
    let planned = super::plan(&source, &settings);
    if !given.problems.is_empty() {
        // Without targets, what they should be is known all the same.
        let open = super::plan(&source, &Settings { targets: None, ..settings });
        return Err(unusable(&given, planned, open));
    }
    let (mut plan, given) = (planned?, given.targets);
    if plan.place == Place::Targets && settings.targets.is_none() {
        // There is no lab to stand in for the addresses that are missing.
        settings.targets = Some(BTreeSet::new());
        plan = super::plan(&source, &settings)?;
    }
    attempt.secrets = plan.secrets(&given);
    plan.safety.allowed.clone_from(&args.allow);
    attempt.plan = Some(plan.clone());
    let targets = match plan.place {
        Place::Lab => None,
        Place::Targets => Some(targets::check(&plan.system, &given).map_err(Failure::usage)?),
    };
    preflight::addresses(&plan, targets.as_ref().unwrap_or(&BTreeMap::new()))
        .map_err(Failure::usage)?;
    preflight::shells(&plan).map_err(Failure::usage)?;
    let doubts = files::check(&plan);
    let mut doubts = doubts.map_err(|mistakes| super::mistaken(&source, &settings, mistakes))?;
    doubts.extend(scenarios::unused(&source.file, &source.text, &settings));
    doubts.extend(without_use(args, plan.place));
    if let Some(targets) = &targets {
        let guard = guards::guard(&args.allow);
        guards::before(&plan, targets, &guard).map_err(|error| unguarded(&error))?;
    }
    let progress = Progress::new(args.quiet || args.json);
    if let Some(skipped) = skipped(&plan.left_out) {
        progress.note(&announced(&plan, &skipped));
    }
    if args.dry_run {
        let shown = Shown { targets, doubts: &doubts, secrets: &attempt.secrets };
        return dry_run(&mut plan, shown, args, &progress);
    }
    if targets.is_some() {
        let told = orchestrators(&plan, targets.as_ref(), false);
        told.iter().for_each(|line| progress.note(&attempt.secrets.hide(line)));
    } else {
        setup::name_roles(&mut plan).map_err(Failure::usage)?;
        provide(&plan, args.provision, &progress)?;
    }
    let served = args.metrics.map(live::bind).transpose().map_err(Failure::environment)?;
    let run = run_id();
    let live = Live::new(&plan, &run);
    let folder = named(args, &plan, &run);
    attempt.folder = Some(folder.clone());
    folder.make().map_err(Failure::environment)?;
    // So that nobody takes the folder away meanwhile. Where there are no locks, its files
    // show that it goes on.
    let _held = runs::hold(folder.path());
    let again = again(args, pairs, &plan, &attempt.secrets);
    let secrets = attempt.secrets.clone();
    let order =
        Order { run, plan, targets, again, secrets, doubts, keep: args.keep, act: args.act, live };
    let result = execute(&order, &folder, &progress, served);
    progress.finish();
    let interrupted = match result {
        Ok(interrupted) => interrupted,
        Err(error) => return Err(refused(&error, &folder)),
    };
    let record = report::finish(&folder).map_err(Failure::environment)?;
    attempt.is_judged = true;
    if let Err(why) = runs::point(&folder) {
        let latest = args.out.join(runs::LATEST);
        progress.warning(&format!("{} does not lead to this run: {why}", latest.display()));
    }
    super::show(&record, args.json)?;
    let code = if interrupted { exit::INTERRUPTED } else { exit::of(record.verdict) };
    match wanted::write(&args.reports, &record) {
        Ok(()) => Ok(code),
        // That something is broken is worse than that a file is missing.
        Err(why) if code != exit::HELD => {
            progress.warning(&why);
            Ok(code)
        }
        Err(why) => Err(Failure::environment(why)),
    }
}

/// Everything that is wrong with the addresses, and with the plan that they are
/// given for.
fn unusable(given: &Given, planned: Result<Plan, Failure>, open: Result<Plan, Failure>) -> Failure {
    let mut told = given.problems.clone();
    if let Ok(plan) = planned.as_ref().or(open.as_ref()) {
        let checked = targets::check(&plan.system, &given.targets);
        told.extend(checked.err().map(|error| error.to_string()));
    }
    told.extend(planned.err().map(|failure| failure.message));
    Failure::usage(told.join("\n"))
}

/// Does something on a runtime of its own. Threads of it that still wait for
/// something then are not waited for.
pub(super) fn on_runtime<T>(
    work: impl FnOnce(&tokio::runtime::Runtime) -> T,
) -> std::io::Result<T> {
    // lapin and reqwest share one TLS provider; a second installation is
    // refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = work(&runtime);
    runtime.shutdown_background();
    Ok(done)
}

/// What a run does without and why, before it begins; a line for each reason.
fn announced(plan: &Plan, skipped: &str) -> String {
    let counted = plan.left_out.iter().filter(|item| item.is_counted());
    let counted: Vec<LeftOut> = counted.cloned().collect();
    let reason = |(why, items): (&str, Vec<String>)| format!("\n  {why}: {}", items.join(", "));
    let reasons: String = by_reason(&counted).into_iter().map(reason).collect();
    let none_left = plan.faults.is_empty() && plan.left_out.iter().any(|item| item.kind == "fault");
    let warning = if none_left { "; no fault of the scenario is left" } else { "" };
    format!("{skipped}{warning}{reasons}")
}

/// What of the command line is without effect in a run of this kind.
fn without_use(args: &RunArgs, place: Place) -> Vec<String> {
    let own = "this run is against your own system, and starts no lab";
    let dry = "with --dry-run nothing is run";
    let is_own = place == Place::Targets;
    let mut told = Vec::new();
    for (is_given, option, is_idle, why) in [
        (args.provision, "--provision", is_own, own),
        (args.keep, "--keep", is_own, own),
        (args.provision, "--provision", args.dry_run && !is_own, dry),
        (args.keep, "--keep", args.dry_run && !is_own, dry),
        (args.metrics.is_some(), "--metrics", args.dry_run, dry),
        (!args.reports.is_empty(), "--report", args.dry_run, dry),
    ] {
        if is_given && is_idle {
            told.push(format!("{option} has no effect: {why}; leave it out"));
        }
    }
    told
}

pub(super) fn unguarded(error: &GuardsError) -> Failure {
    if error.is_usage() { Failure::usage(error) } else { Failure::environment(error) }
}

/// Conducts the run on a runtime of its own; tells whether it was interrupted.
fn execute(
    order: &Order,
    folder: &Folder,
    progress: &Progress,
    served: Option<TcpListener>,
) -> Result<bool, ConductError> {
    let crashed = |error: std::io::Error| ConductError::Crashed {
        part: "the runtime",
        why: error.to_string(),
    };
    let cancel = Cancel::default();
    let result = on_runtime(|runtime| {
        runtime.block_on(async {
            signal::listen(&cancel).map_err(crashed)?;
            if let Some(listener) = served {
                let (server, live) = (Server::of(listener).map_err(crashed)?, order.live.clone());
                // It ends with the runtime.
                tokio::spawn(server.serve(move || live.page().render()));
            }
            tokio::select! {
                done = conduct(order, folder, progress, &cancel) => done,
                // What stands is taken back by the watchdogs, and the lab is cleared away by
                // its keeper, as after a kill.
                () = cancel.hurried() => match folder.latency().exists() {
                    true => {
                        progress.warning("asked twice: the report is of what is written by now");
                        Ok(())
                    }
                    false => Err(SetupError::Interrupted.into()),
                },
            }
        })
    });
    result.map_err(crashed)?.map(|()| cancel.is_cancelled())
}

/// The failure of a run that came to no verdict. Its folder stays only where it
/// holds more than the error says.
fn refused(error: &ConductError, folder: &Folder) -> Failure {
    let leave_nothing = || {
        let _ = std::fs::remove_dir_all(folder.path());
    };
    match error {
        ConductError::Setup(SetupError::Interrupted) => {
            leave_nothing();
            Failure::interrupted()
        }
        ConductError::Load { .. } => {
            leave_nothing();
            Failure::usage(error)
        }
        ConductError::Setup(SetupError::Guards(error)) | ConductError::Guards(error) => {
            leave_nothing();
            unguarded(error)
        }
        ConductError::Setup(setup) if setup.is_usage() => {
            leave_nothing();
            Failure::usage(error)
        }
        ConductError::Setup(setup) if !setup.has_logs() => {
            leave_nothing();
            Failure::environment(error)
        }
        error => {
            let message = format!("{error}\nWhat there is of the run: {}", folder.path().display());
            Failure::environment(message)
        }
    }
}

fn settings(args: &RunArgs, given: &Given) -> Result<Settings, Failure> {
    let set = super::pairs(&args.set)?;
    let duration = match &args.duration {
        None => None,
        Some(text) => {
            Some(text.parse().map_err(|error| Failure::usage(format!("--duration: {error}")))?)
        }
    };
    let keys: BTreeSet<String> = given.targets.keys().chain(&given.unusable).cloned().collect();
    let mut roles: BTreeMap<String, Vec<Selector>> = BTreeMap::new();
    for Played { role, processes } in &args.roles {
        roles.entry(role.clone()).or_default().push(processes.clone());
    }
    Ok(Settings {
        targets: (!keys.is_empty()).then_some(keys),
        roles,
        starts: args.starts.iter().map(|s| (s.role.clone(), s.program.clone())).collect(),
        variant: args.variant.clone(),
        set,
        skip: args.skip.iter().cloned().collect(),
        skip_faults: args.skip_faults.iter().cloned().collect(),
        duration,
        abort_on_fail: args.abort_on_fail,
        act: args.act,
        // The top bits stay clear, because TOML's integers are signed.
        seed: args.seed.unwrap_or_else(|| random() >> 16),
    })
}

/// Sees to it that the lab's programs are there.
fn provide(plan: &Plan, provision: bool, progress: &Progress) -> Result<(), Failure> {
    let system = setup::system_of(plan).map_err(Failure::usage)?;
    let missing: Vec<_> = system.all_needs().filter(|need| !need.is_installed()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !provision {
        let mut lines: Vec<_> = missing.iter().map(|need| need.missing().to_string()).collect();
        lines.push("For a run without a lab, give the addresses of your own system with --target KEY=ADDRESS".to_owned());
        return Err(Failure::environment(lines.join("\n")));
    }
    for need in &missing {
        progress.step(&format!("installing {}", need.program));
    }
    lab::provision(missing, |_| {}).map_err(Failure::environment)
}

/// The folder of a run that begins now.
fn named(args: &RunArgs, plan: &Plan, run: &str) -> Folder {
    Folder::named(&args.out, &plan.name, &clock::compact(clock::wall()), run)
}

/// A new run's identity: eight hexadecimal digits.
fn run_id() -> String {
    format!("{:08x}", random() as u32)
}

#[expect(clippy::disallowed_methods, reason = "identities and seeds are where chance comes in")]
fn random() -> u64 {
    fastrand::Rng::new().u64(..)
}

/// The command line that does the same again, without secrets.
fn again(args: &RunArgs, pairs: &[String], plan: &Plan, secrets: &Secrets) -> String {
    let mut words = vec!["verify".to_owned(), "--scenario".to_owned()];
    words.push(args.scenario.clone().unwrap_or_default());
    if args.variant != "correct" {
        words.extend(["--variant".to_owned(), args.variant.clone()]);
    }
    let shown = |pair: &String| match pair.split_once('=') {
        Some((name, value)) if is_secret(name) && !value.contains("://") => {
            format!("{name}={MASK}")
        }
        _ => secrets.hide(pair),
    };
    for target in pairs {
        words.extend(["--target".to_owned(), shown(target)]);
    }
    if let Some(path) = &args.targets_file {
        words.extend(["--targets".to_owned(), path.display().to_string()]);
    }
    for Played { role, processes } in &args.roles {
        words.extend(["--role".to_owned(), secrets.hide(&format!("{role}={processes}"))]);
    }
    for Start { role, program } in &args.starts {
        let line = format!("{role}={program}");
        words.extend(["--role-start".to_owned(), secrets.hide(&line)]);
    }
    for allowed in &args.allow {
        words.extend(["--allow".to_owned(), allowed.clone()]);
    }
    for set in &args.set {
        words.extend(["--set".to_owned(), shown(set)]);
    }
    for check in &args.skip {
        words.extend(["--skip".to_owned(), check.clone()]);
    }
    for fault in &args.skip_faults {
        words.extend(["--skip-fault".to_owned(), fault.clone()]);
    }
    if let Some(duration) = &args.duration {
        words.extend(["--duration".to_owned(), duration.clone()]);
    }
    if args.abort_on_fail {
        words.push("--abort-on-fail".to_owned());
    }
    if args.act {
        words.push("--act".to_owned());
    }
    words.extend(["--seed".to_owned(), plan.seed.to_string()]);
    let quote = |word: String| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_=/.:,%@+".contains(c);
        if !word.is_empty() && word.chars().all(plain) {
            word
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    };
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}
