//! A timetable that this program carries out, from `chaos run` and from
//! `chaos replay`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use chaos::conduct::{Entry, Manner, Preview, Setting, conduct};
use chaos::role::{Played, Start};
use chaos::{Aim, Journal, Limits, Order, Reach, Roles, Scene, UNDO_WITHIN, World, http_client};
use hosts::{Ground, Guard, GuardError};
use scenarios::Plan;
use scenarios::plan::PodRoles;
use scenarios::template::Template;
use serde_json::json;
use services::Host;
use tokio::time::Instant;

use super::arguments::{Common, Most, Surroundings};
use super::chronicle::{Chronicle, Folder};
use super::condition::Condition;
use super::exit::{Exit, Trouble};
use super::place::{self, Signals};
use super::recovery;
use super::say::Say;
use super::{addresses, again};

/// Everything that is known before the first fault.
pub(crate) struct Campaign<'a> {
    pub(crate) plan: Plan,
    pub(crate) entries: Vec<Entry>,
    pub(crate) asked: &'a Surroundings,
    pub(crate) common: &'a Common,
    pub(crate) say: &'a Say,
}

/// The addresses of the command line, if they are those that the faults need.
pub(crate) fn targets(
    plan: &Plan,
    asked: &Surroundings,
) -> Result<BTreeMap<String, String>, Trouble> {
    asked.allow.check()?;
    let targets = addresses::read(&asked.targets, asked.targets_file.as_deref())?;
    let mut needed = BTreeMap::new();
    for fault in &plan.faults {
        let text = toml::to_string(&fault.kind).unwrap_or_default();
        for key in Template::new(text).targets() {
            needed.entry(key).or_insert(&fault.name);
        }
    }
    let declared = &plan.system.targets;
    for (key, fault) in &needed {
        if !targets.contains_key(key) {
            let help = declared.get(key).map_or(String::new(), |t| format!(" ({})", t.help));
            let why = format!("fault {fault} needs --target {key}=URL{help}");
            return Err(Trouble::Usage(why));
        }
    }
    let known = |key: &String| needed.contains_key(key) || declared.contains_key(key);
    match targets.keys().find(|key| !known(key)) {
        Some(key) => Err(Trouble::Usage(format!("--target {key}: there is no such target"))),
        None => Ok(targets),
    }
}

impl Campaign<'_> {
    /// Shows the timetable or carries it out.
    pub(crate) fn start(mut self) -> Result<Exit, Trouble> {
        // What an earlier run was allowed, this one is not.
        let words = self.asked.allow.words.iter();
        let given = words.filter(|word| !word.is_empty()).cloned().collect();
        let then = std::mem::replace(&mut self.plan.safety.allowed, given);
        self.tell_of_permissions(&then);
        self.cast();
        self.give_to_pods()?;
        let guard = Guard::new(Ground::Machine, &self.asked.allow.words);
        let (cast, secrets) = (&self.plan.system.roles, self.say.secrets());
        let roles = Roles::new(cast, self.asked.supervised, guard, &secrets)?;
        self.see_roles(&roles)?;
        for Entry { order, .. } in &self.entries {
            if let Some(doubt) = chaos::doubt(&order.kind, &order.targets) {
                self.say.warning(&format!("fault {}: {doubt}", order.name));
            }
        }
        let limits = Limits::new(self.most(&roles)?);
        let limits = limits.undo_within(self.common.undo_within.map_or(UNDO_WITHIN, |span| span.0));
        let waits = self.say.clone();
        let limits = limits.telling(move |text| waits.warning(text));
        let limits = Arc::new(limits.within(Vec::new(), self.asked.allow.words.clone()));
        let run = place::run_name();
        let secrets = self.say.secrets();
        let journal = Journal::open(place::journal_path(self.common)?, &run)?;
        let journal = journal.hiding(secrets.clone());
        if !self.asked.dry_run {
            self.see_hosts(&roles)?;
        }
        if !self.asked.dry_run {
            place::block_on(self.see_behind(&roles, &limits))?;
        }
        let world = Arc::new(roles);
        let http = http_client()?;
        if self.asked.dry_run {
            let scene = Scene { world, journal: Arc::new(journal), http, limits };
            return place::block_on(async { Ok(self.show(&scene).await) });
        }
        let folder = Folder::create(self.asked.out.join(&run), &self.plan, &secrets)?;
        let journal = Arc::new(journal.copied_to(&folder.journal())?);
        let scene = Scene { world, journal, http, limits };
        place::block_on(self.carry_out(&scene, &folder, &run))
    }

    /// Says what the run that is repeated was allowed and this one is not.
    fn tell_of_permissions(&self, then: &[String]) {
        let now = &self.plan.safety.allowed;
        let gone: Vec<_> = then.iter().filter(|word| !now.contains(word)).collect();
        if !gone.is_empty() {
            let flags: Vec<_> = gone.iter().map(|word| format!("--allow {word}")).collect();
            self.say.warning(&format!(
                "that run was allowed what this one is not unless you say so again: {}",
                flags.join(" ")
            ));
        }
    }

    /// Those who are named here play their roles, in place of those of the file.
    fn cast(&mut self) {
        let roles = &mut self.plan.system.roles;
        for Played { role, .. } in &self.asked.roles {
            roles.entry(role.clone()).or_default().processes.clear();
        }
        for Played { role, processes } in &self.asked.roles {
            roles.entry(role.clone()).or_default().processes.push(processes.clone());
        }
        for Start { role, program } in &self.asked.starts {
            roles.entry(role.clone()).or_default().start.clone_from(program);
        }
    }

    /// What is done to roles that pods play is done to the pods.
    fn give_to_pods(&mut self) -> Result<(), Trouble> {
        let usage = |wrong: Vec<String>| Trouble::Usage(wrong.join("\n"));
        let mut pods = self.plan.system.roles.clone();
        let pods = PodRoles::take(&mut pods).map_err(usage)?;
        let turned = self.entries.iter_mut().map(|Entry { order, .. }| {
            let name = order.name.clone();
            pods.turn(&name, &mut order.kind)
        });
        let wrong: Vec<String> = turned.filter_map(Result::err).collect();
        if !wrong.is_empty() {
            return Err(usage(wrong));
        }
        self.plan.give_to_pods().map_err(usage)
    }

    /// Somebody must be named who plays each role. That nobody does now is told: a
    /// process may still begin.
    fn see_roles(&self, roles: &Roles) -> Result<(), Trouble> {
        let mut told = BTreeSet::new();
        for entry in &self.entries {
            let Some(role) = entry.order.kind.role() else { continue };
            if !roles.has(role) {
                let fault = &entry.order.name;
                let why = format!(
                    "fault {fault} hits the role {role:?}; say who that is with --role \
                     {role}=name:COMMAND, {role}=pid-file:FILE, {role}=unit:NAME or {role}=pid:PID"
                );
                return Err(Trouble::Usage(why));
            }
            for nobody in roles.check(role).err().into_iter().flatten() {
                told.insert(format!("nobody plays the role {role:?} now: {nobody}"));
            }
        }
        told.iter().for_each(|text| self.say.warning(text));
        Ok(())
    }

    /// Every host of a fault must be this machine or be allowed, before the first
    /// of them happens.
    fn see_hosts(&self, roles: &Roles) -> Result<(), Trouble> {
        check(roles, self.aimed()?)
    }

    /// The same for what stands behind proxies. One that cannot be asked now is
    /// asked again when its fault is due.
    async fn see_behind(&self, roles: &Roles, limits: &Limits) -> Result<(), Trouble> {
        // Its connections belong to this runtime.
        let http = &http_client()?;
        let (mut found, mut fronts) = (Vec::new(), Vec::new());
        for Entry { order, .. } in &self.entries {
            let (kind, targets) = (&order.kind, &order.targets);
            let aims = chaos::aims_behind(kind, targets, http, limits).await;
            found.extend(wanted(order, aims.unwrap_or_default()));
            fronts.extend(chaos::fronts(kind, targets, http).await.unwrap_or_default());
        }
        found.extend(chaos::through(&fronts, &self.aimed()?));
        check(roles, found)
    }

    /// Every host that the faults name, with what it is wanted for.
    fn aimed(&self) -> Result<Vec<(String, Host)>, Trouble> {
        let mut all = Vec::new();
        for Entry { order, .. } in &self.entries {
            all.extend(wanted(order, chaos::aims(&order.kind, &order.targets)?));
        }
        Ok(all)
    }

    /// The most victims at once; 0 is no limit.
    fn most(&self, roles: &Roles) -> Result<usize, Trouble> {
        match self.asked.most_victims {
            None => Ok(usize::try_from(self.plan.safety.most_victims).unwrap_or(usize::MAX)),
            Some(Most::Count(count)) => Ok(count),
            Some(Most::Share(share)) => {
                let mut all: Vec<_> =
                    self.entries.iter().filter_map(|entry| entry.order.kind.role()).collect();
                all.sort_unstable();
                all.dedup();
                let found: usize = all.iter().map(|role| roles.processes(role).len()).sum();
                let most = (share.0 * found as f64).floor() as usize;
                // A limit of nobody would read as no limit.
                if most == 0 {
                    let why = format!("--most-victims {share} of {found} processes is nobody");
                    return Err(Trouble::Usage(why));
                }
                Ok(most)
            }
        }
    }

    /// The dry run: who would be hit now, and by what.
    async fn show(&self, scene: &Scene) -> Exit {
        let mut exit = Exit::Done;
        for entry in &self.entries {
            let preview = Preview::of(entry, scene).await;
            if !preview.lands() {
                exit = Exit::NotLanded;
            }
            self.say.step(&preview.text(), &preview.value());
        }
        exit
    }

    async fn carry_out(self, scene: &Scene, folder: &Folder, run: &str) -> Result<Exit, Trouble> {
        let mut signals = Signals::listen()?;
        let condition = self.asked.stop_if.as_deref().map(Condition::new).transpose()?;
        if let Some(condition) = &condition {
            let why = tokio::select! {
                why = condition.holds() => why,
                () = signals.caught() => return Ok(Exit::Interrupted),
            };
            if let Some(why) = why {
                return Err(Trouble::Stopped { why });
            }
        }
        let zero = Instant::now();
        let chronicle = Arc::new(Chronicle::open(folder, self.say.clone(), zero)?);
        chronicle.event(json!({
            "event": "run-started", "run": run, "version": env!("CARGO_PKG_VERSION"),
            "again": again::command(self.plan.seed, &self.say.secrets()),
        }));
        self.begin(&chronicle, folder);
        let setting = Setting {
            zero,
            seed: self.plan.seed,
            allowed: self.plan.safety.allowed.clone(),
            acked: None,
            steps: None,
            watch: chronicle.clone(),
        };
        let mut running = conduct(self.entries, scene, setting);
        let baton = running.baton();
        let (mut interrupted, mut stopped) = (false, None);
        loop {
            let calm = !interrupted && stopped.is_none();
            tokio::select! {
                () = running.finish() => break,
                () = signals.caught() => {
                    if interrupted {
                        // Whoever asks twice does not want to wait.
                        let report = chaos::recover(&scene.journal, Reach::OwnRun).await?;
                        recovery::show(&report, self.say);
                        return Ok(Exit::Interrupted);
                    }
                    interrupted = true;
                    baton.take_back("the run was interrupted", false);
                }
                why = violated(condition.as_ref()), if calm => {
                    self.say.warning(&format!("stopped, everything is taken back: {why}"));
                    chronicle.event(json!({"event": "warning", "text": format!("stopped: {why}")}));
                    baton.take_back(&why, true);
                    stopped = Some(why);
                }
                () = chronicle.has_failed(), if self.asked.fail_fast && calm => {
                    let why = "another fault did not go as planned (--fail-fast)".to_owned();
                    baton.take_back(&why, true);
                    stopped = Some(why);
                }
            }
        }
        chronicle.event(json!({
            "event": "run-ended", "interrupted": interrupted,
            "seconds": zero.elapsed().as_secs_f64(),
        }));
        Ok(end(&chronicle, self.say, folder, interrupted, stopped))
    }

    /// Says what is going to happen.
    fn begin(&self, chronicle: &Chronicle, folder: &Folder) {
        let last = self.entries.iter().map(|entry| entry.planned.at + entry.order.lasts()).max();
        let over = last.unwrap_or(Duration::ZERO).as_secs_f64();
        let allowed = &self.plan.safety.allowed;
        let beyond = match allowed.is_empty() {
            true => "nothing beyond this machine is allowed".to_owned(),
            false => format!("allowed beyond this machine: {}", allowed.join(", ")),
        };
        let text = format!(
            "{} faults in {over:.0} s, seed {}; {beyond}; only the faults of the file are carried \
             out, its workloads, probes and checks are not; everything is written to {}",
            self.entries.len(),
            self.plan.seed,
            folder.path().display()
        );
        let value = json!({
            "state": "begins", "faults": self.entries.len(), "seed": self.plan.seed,
            "allowed": allowed, "folder": folder.path(),
        });
        self.say.step(&text, &value);
        self.entries.iter().for_each(|entry| chronicle.planned(&entry.planned));
    }
}

/// The hosts of a fault's aims, each with what it is wanted for.
fn wanted(order: &Order, aims: Vec<Aim>) -> Vec<(String, Host)> {
    let of = |aim: Aim| {
        let what = format!("fault {} ({})", order.name, aim.what);
        aim.hosts.into_iter().map(move |host| (what.clone(), host))
    };
    aims.into_iter().flat_map(of).collect()
}

/// Refuses whatever is neither on this machine nor allowed, all of it at once.
fn check(roles: &Roles, wanted: Vec<(String, Host)>) -> Result<(), Trouble> {
    let named = wanted.into_iter().map(|(what, host)| (what, host.name));
    roles.hosts().check(named).map_err(|error| match error {
        GuardError::Unknown { .. } => Trouble::Unknown(error),
        GuardError::Refused(_) => Trouble::Usage(error.to_string()),
    })
}

async fn violated(condition: Option<&Condition>) -> String {
    match condition {
        Some(condition) => condition.violated().await,
        None => std::future::pending().await,
    }
}

/// Sums the run up.
fn end(
    chronicle: &Chronicle,
    say: &Say,
    folder: &Folder,
    interrupted: bool,
    stopped: Option<String>,
) -> Exit {
    let failures = chronicle.failures();
    let blocked = failures.iter().filter(|(_, manner)| *manner == Manner::Blocked).count();
    let exit = match (interrupted, &stopped, failures.is_empty()) {
        (true, ..) => Exit::Interrupted,
        (false, None, true) => Exit::Done,
        _ => Exit::NotLanded,
    };
    let is_there = |(_, manner): &&(String, Manner)| *manner == Manner::StillThere;
    let still: Vec<&str> =
        failures.iter().filter(is_there).map(|(name, _)| name.as_str()).collect();
    let mut names: Vec<&str> = failures.iter().map(|(name, _)| name.as_str()).collect();
    names.dedup();
    let text = match exit {
        Exit::Done => "every fault landed and is taken back".to_owned(),
        Exit::Interrupted if still.is_empty() => {
            "interrupted; every fault that was there is taken back".to_owned()
        }
        Exit::Interrupted => format!("interrupted; still there: {}", still.join(", ")),
        _ => {
            let stopped = stopped.as_ref().map_or(String::new(), |why| format!("stopped: {why}; "));
            format!("{stopped}not as planned: {} ({blocked} blocked)", names.join(", "))
        }
    };
    let value = json!({
        "state": "ended", "interrupted": interrupted, "stopped": stopped,
        "failures": failures.iter().map(|(fault, manner)| json!({"fault": fault, "manner": manner}))
            .collect::<Vec<_>>(),
        "folder": folder.path(),
    });
    say.step(&text, &value);
    exit
}
