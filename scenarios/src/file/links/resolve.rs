//! Resolves what was taken down: every name must be the name of something.

use std::collections::{BTreeMap, BTreeSet};

use super::steps::{Group, counted};
use super::{Key, Kind, Link, Links};
use crate::file::File;
use crate::file::item::{Item, Out};
use crate::nearest::nearest;
use crate::read::{Context, nearest_help};
use crate::series::{DEPLOYMENT, HOST, HOST_NAME, SeriesInfo, WORKLOAD};
use crate::units::Unit;

/// A series that can be referred to, with what gives it.
struct Source {
    info: SeriesInfo,
    owner: Key,
}

/// Who refers to a list, and what it names.
type List<'a> = (Key, Vec<(&'a str, Option<Key>)>);

/// Everything that has a name.
struct Names {
    /// Names by the kind of item.
    items: BTreeMap<&'static str, BTreeSet<String>>,
    series: BTreeMap<String, Source>,
    /// The checks that cannot be judged before the end, with their kinds.
    late_checks: BTreeMap<String, &'static str>,
    /// The workloads of which these are parts.
    splits: BTreeMap<String, String>,
    /// Workloads of which no answers are compared.
    incomparable: BTreeSet<String>,
    /// Sources of effects with what is read at each.
    sources: BTreeMap<String, Reads>,
    /// Items of which something could not be read: what they would give is not known, and
    /// that it is missed is no other mistake.
    flawed: BTreeSet<Key>,
    /// Whether something has no name that can be read.
    has_nameless: bool,
    /// The items that are by themselves not part of this run, with the reason.
    out: BTreeMap<Key, Out>,
}

/// What is read at a source of effects.
#[derive(Clone, Copy, Default)]
struct Reads {
    order: bool,
    times: bool,
    dead_times: bool,
    tries: bool,
    schema: bool,
    aggregate: bool,
}

impl Reads {
    fn of(effects: &crate::plan::Effects) -> Self {
        Self {
            order: effects.order.is_some(),
            times: effects.at.is_some(),
            dead_times: effects.dead_at.is_some(),
            tries: effects.tries.is_some(),
            schema: effects.schema.is_some(),
            aggregate: effects.aggregate.is_some(),
        }
    }
}

impl Links {
    /// Reports references to nothing and names that stand twice. Gives, for each
    /// item that is not part of this run, the reason: its own, or that everything
    /// of a list that it refers to is not.
    pub(in crate::file) fn resolve(&self, context: &Context, file: &File) -> BTreeMap<Key, Out> {
        let names = Names::of(context, file);
        let out_of_steps = self.outs_of_steps(file);
        // For each list: its owner, and what it names.
        let mut groups: BTreeMap<usize, List<'_>> = BTreeMap::new();
        let links = self.links.borrow();
        for link in links.iter() {
            let target = names.find(context, link);
            if link.weak {
                continue;
            }
            let target = target.map(|key| match link.kind {
                Kind::Level | Kind::Counter => counted(key, &link.name.value, &out_of_steps),
                _ => key,
            });
            let group = groups.entry(link.group);
            let (_, targets) = group.or_insert_with(|| (link.owner.clone(), Vec::new()));
            targets.push((&link.name.value, target));
        }
        self.check_orders(context, file);
        let optional = file.optional();
        let mut out = names.out;
        for (key, why) in out_of_steps {
            out.entry(key).or_insert(why);
        }
        let freed = file.freed();
        for (owner, targets) in groups.values() {
            let refers =
                targets.iter().any(|(_, key)| key.as_ref().is_some_and(|key| freed.contains(key)));
            if refers && file.only_needs_lab(owner) {
                out.remove(owner);
            }
        }
        let mut all: Vec<Group> = self.groups_of_steps();
        all.extend(groups.into_values().filter_map(|(owner, targets)| {
            let of = targets.into_iter().map(|(name, key)| Some((name.to_owned(), key?)));
            Some(Group { owner, of: of.collect::<Option<_>>()?, may: false })
        }));
        // What is left out may be what something else refers to.
        loop {
            let mut found: BTreeMap<Key, Out> = BTreeMap::new();
            for Group { owner, of, may } in all.iter().filter(|all| !out.contains_key(&all.owner)) {
                let gone = of.iter().map(|(name, key)| Some((name, out.get(key)?)));
                let Some(gone) = gone.collect::<Option<Vec<_>>>() else { continue };
                let Some((name, first)) = gone.first() else { continue };
                let out = found.entry(owner.clone()).or_insert_with(|| Out {
                    why: format!("{name} is left out: {}", first.why),
                    cause: first.cause,
                    lacks: BTreeSet::new(),
                    may: optional.contains(owner),
                });
                out.may |= may;
                out.lacks.extend(gone.iter().flat_map(|(_, gone)| gone.lacks.clone()));
            }
            if found.is_empty() {
                self.check_moments(context, file, &out);
                self.check_steps(context, file, &out);
                return out;
            }
            out.extend(found);
        }
    }

    /// What is left out needs no time.
    fn check_moments(&self, context: &Context, file: &File, out: &BTreeMap<Key, Out>) {
        let moments = self.moments.borrow();
        for moment in moments.iter().filter(|moment| !out.contains_key(&moment.owner)) {
            let phase = file.phases.iter().find(|phase| phase.name.value == moment.phase);
            if let Some(phase) = phase
                && moment.at.value >= phase.length
                && !phase.length.0.is_zero()
            {
                let message = format!(
                    "{} into phase {:?} never comes: the phase lasts {}",
                    moment.at.value, moment.phase, phase.length
                );
                let help = format!("give less than {}, or let the phase be longer", phase.length);
                context.problem(Some(moment.at.span.clone()), message, Some(help));
            }
        }
    }

    fn check_orders(&self, context: &Context, file: &File) {
        let place = |name: &str| file.phases.iter().position(|phase| phase.name.value == name);
        for order in self.orders.borrow().iter() {
            if let (Some(first), Some(then)) = (place(&order.first), place(&order.then.value))
                && then <= first
            {
                let message =
                    format!("phase {:?} does not come after {:?}", order.then.value, order.first);
                context.problem(Some(order.then.span.clone()), message, None);
            }
        }
    }
}

impl Names {
    fn of(context: &Context, file: &File) -> Self {
        let (items, out) = (BTreeMap::new(), BTreeMap::new());
        let late = file.checks.iter().filter(|check| !check.value.kind.is_live());
        let late_checks =
            late.map(|check| (check.name.value.clone(), check.value.kind.word())).collect();
        let incomparable = file.workloads.iter().filter(|item| !item.value.is_compared());
        let incomparable = incomparable.map(|item| item.name.value.clone()).collect();
        let series = series_of(context, file);
        let reads =
            |item: &Item<crate::plan::Effects>| (item.name.value.clone(), Reads::of(&item.value));
        let sources = file.effects.iter().map(reads).collect();
        let split = |item: &Item<crate::plan::Workload>| {
            let name = item.name.value.clone();
            item.value.divisions().map(move |part| (part, name.clone())).collect::<Vec<_>>()
        };
        let splits = file.workloads.iter().flat_map(split).collect();
        let mut names = Self {
            items,
            series,
            late_checks,
            incomparable,
            sources,
            flawed: BTreeSet::new(),
            has_nameless: false,
            splits,
            out,
        };
        for phase in &file.phases {
            let known = names.items.entry("phase").or_default();
            if !phase.name.is_placeholder() && !known.insert(phase.name.value.clone()) {
                let message = format!("a second phase is named {:?}", phase.name.value);
                context.problem(Some(phase.name.span.clone()), message, None);
            }
        }
        names.enter(context, &file.workloads);
        names.enter(context, &file.faults);
        names.enter(context, &file.deployments);
        names.enter(context, &file.probes);
        names.enter(context, &file.effects);
        names.enter(context, &file.checks);
        names.enter(context, &file.advice);
        names
    }

    fn enter<T>(&mut self, context: &Context, items: &[Item<T>]) {
        for (number, item) in items.iter().enumerate() {
            let name = &item.name.value;
            if item.name.is_placeholder() {
                self.has_nameless = true;
                continue;
            }
            if context.is_flawed(item.kind, number) {
                self.flawed.insert((item.kind.to_owned(), name.clone()));
            }
            if !self.items.entry(item.kind).or_default().insert(name.clone()) {
                let message = format!("a second {} is named {name:?}", item.kind);
                context.problem(Some(item.name.span.clone()), message, None);
            }
            if let Some(out) = &item.out {
                self.out.insert((item.kind.to_owned(), name.clone()), out.clone());
            }
        }
    }

    fn find(&self, context: &Context, link: &Link) -> Option<Key> {
        match link.kind {
            Kind::Phase => self.find_item(context, "phase", "phases", link),
            Kind::Workload => self.find_item(context, "workload", "workloads", link),
            Kind::Timed => match self.splits.get(&link.name.value) {
                Some(workload) => Some(("workload".to_owned(), workload.clone())),
                None => match self.flawed_owner(&link.name.value) {
                    Some(owner) => Some(owner),
                    None => self.find_item(context, "workload", "workloads", link),
                },
            },
            Kind::Compared => {
                let found = self.find_item(context, "workload", "workloads", link);
                if self.is_sound(&found) && self.incomparable.contains(&link.name.value) {
                    let message = format!("no answers of {:?} are compared", link.name.value);
                    let help = "give its http table same = \"/messageId\", hit or hit_header";
                    context.problem(Some(link.name.span.clone()), message, Some(help.to_owned()));
                }
                found
            }
            Kind::Fault => self.find_item(context, "fault", "faults", link),
            Kind::Deployment => self.find_item(context, "deployment", "deployments", link),
            Kind::Effects
            | Kind::Ordered
            | Kind::Tried
            | Kind::Aggregates
            | Kind::TimedEffects
            | Kind::TimedDead
            | Kind::Contracted => self.find_source(context, link),
            Kind::Check => self.find_item(context, "check", "checks", link),
            Kind::LiveCheck => self.find_live_check(context, link),
            Kind::Level | Kind::Counter => self.find_series(context, link),
        }
    }

    /// The item that something is a part of by its name, where something of that is lost.
    fn flawed_owner(&self, name: &str) -> Option<Key> {
        let of = |kind: &str| (kind.to_owned(), prefix(name).to_owned());
        [of("probe"), of("workload"), of("deployment")]
            .into_iter()
            .find(|owner| self.flawed.contains(owner))
    }

    /// Whether an item was found of which nothing is lost.
    fn is_sound(&self, found: &Option<Key>) -> bool {
        found.as_ref().is_some_and(|key| !self.flawed.contains(key))
    }

    fn find_item(
        &self,
        context: &Context,
        what: &'static str,
        plural: &str,
        link: &Link,
    ) -> Option<Key> {
        let name = &link.name.value;
        let known = self.items.get(what);
        if known.is_some_and(|known| known.contains(name)) {
            return Some((what.to_owned(), name.clone()));
        }
        let help = nearest_help(name, known.into_iter().flatten().map(String::as_str), plural);
        // Without any phase, the missing phases are the problem.
        if what == "phase" && known.is_none() {
            return None;
        }
        let noun = if what == "effects" { "source of effects" } else { what };
        let message = format!("there is no {noun} {name:?}");
        context.problem(Some(link.name.span.clone()), message, help);
        None
    }

    /// A source at which what the link needs is read.
    fn find_source(&self, context: &Context, link: &Link) -> Option<Key> {
        let found = self.find_item(context, "effects", "sources of effects", link)?;
        let name = &link.name.value;
        if !self.is_sound(&Some(found.clone())) {
            return Some(found);
        }
        let reads = self.sources.get(name).copied().unwrap_or_default();
        let lacks = match link.kind {
            Kind::Aggregates => (!reads.aggregate).then_some((
                "reads single effects",
                "a source of what operations came to together has a table [effects.aggregate]",
            )),
            Kind::Contracted => (!reads.schema).then_some((
                "has no schema that its records must follow",
                "give the [[effects]] schema = \"FILE\"",
            )),
            _ if reads.aggregate => Some((
                "reads what many operations came to together",
                "read the single effects at another source, in an [[effects]] of its own",
            )),
            Kind::Ordered => (!reads.order).then_some((
                "reads no order",
                "give the table of its kind order = …: where the key of an effect stands, or for sql a query",
            )),
            Kind::Tried => (!reads.tries).then_some((
                "does not read how often a dead letter was tried",
                "give [effects.dead] tries = …: where the number stands, such as \"header:x-retry-count\"",
            )),
            Kind::TimedEffects => (!reads.times).then_some((
                "does not read when an effect came to be",
                "give it at = …: where that stands in a record",
            )),
            Kind::TimedDead => (!reads.dead_times).then_some((
                "does not read when a dead letter was given up",
                "give its table dead at = …: where that stands in a dead letter",
            )),
            _ => None,
        };
        if let Some((what, help)) = lacks {
            let message = format!("{name:?} {what}");
            context.problem(Some(link.name.span.clone()), message, Some(help.to_owned()));
        }
        Some(found)
    }

    fn find_live_check(&self, context: &Context, link: &Link) -> Option<Key> {
        let found = self.find_item(context, "check", "checks", link)?;
        if let Some(word) = self.late_checks.get(&link.name.value) {
            let message = format!(
                "check {:?} ({word}) says nothing before the end of the run",
                link.name.value
            );
            let known = self.items.get("check").into_iter().flatten();
            let live = known.filter(|name| !self.late_checks.contains_key(*name));
            let live: Vec<&str> = live.map(String::as_str).collect();
            let help = match live[..] {
                [] => "no check of this file says anything while the run goes on".to_owned(),
                _ => format!("checks that do: {}", live.join(", ")),
            };
            context.problem(Some(link.name.span.clone()), message, Some(help));
        }
        Some(found)
    }

    fn find_series(&self, context: &Context, link: &Link) -> Option<Key> {
        let name = &link.name.value;
        let Some(source) = self.series.get(name) else {
            let of_owner = self.series.keys().filter(|other| prefix(other) == prefix(name));
            let of_owner: Vec<&str> = of_owner.map(String::as_str).collect();
            if let Some(owner) = self.flawed_owner(name)
                && nearest(name, &of_owner).is_none()
            {
                return Some(owner);
            }
            if self.has_nameless && of_owner.is_empty() {
                return None;
            }
            let help = self.series_help(name);
            let message = format!("there is no series {name:?}");
            context.problem(Some(link.name.span.clone()), message, help);
            return None;
        };
        if self.flawed.contains(&source.owner) {
            return Some(source.owner.clone());
        }
        if link.kind == Kind::Counter && !source.info.counter {
            let message = format!("{name:?} is a level; here it takes a counter");
            let counters = self
                .series
                .iter()
                .filter(|(other, source)| source.info.counter && prefix(other) == prefix(name));
            let counters: Vec<&str> = counters.map(|(other, _)| other.as_str()).collect();
            let help = (!counters.is_empty()).then(|| format!("counters: {}", counters.join(", ")));
            context.problem(Some(link.name.span.clone()), message, help);
        }
        for limit in link.limits.iter().filter(|limit| limit.value.unit != source.info.unit) {
            let message = format!(
                "{} is {}, and {name:?} is measured in {}",
                limit.value,
                article(limit.value.unit),
                source.info.unit.word()
            );
            let help = format!("write a limit such as {}", example(source.info.unit));
            context.problem(Some(limit.span.clone()), message, Some(help));
        }
        Some(source.owner.clone())
    }

    /// The series that was probably meant, or those of the probe or workload
    /// that the name begins with, or what series begin with.
    fn series_help(&self, name: &str) -> Option<String> {
        let prefix = prefix(name);
        let all: Vec<&str> = self.series.keys().map(String::as_str).collect();
        let near: Vec<&str> =
            all.iter().copied().filter(|other| self::prefix(other) == prefix).collect();
        if !near.is_empty() {
            return nearest_help(name, near, "series");
        }
        let prefixes: BTreeSet<&str> = all.iter().map(|other| self::prefix(other)).collect();
        match nearest_help(
            prefix,
            prefixes,
            "series begin with the name of a probe, workload or deployment",
        ) {
            Some(meant) if meant.starts_with("did you mean") => nearest_help(name, all, "series"),
            other => other,
        }
    }
}

/// The part of a series' name that is the probe's or the workload's.
fn prefix(series: &str) -> &str {
    series.split_once('.').map_or(series, |(prefix, _)| prefix)
}

/// Every series that workloads and probes give, and that every run has, by its
/// full name.
fn series_of(context: &Context, file: &File) -> BTreeMap<String, Source> {
    let mut series = BTreeMap::new();
    let workloads = file.workloads.iter().map(|item| (item.kind, &item.name, WORKLOAD.to_vec()));
    let probes = file.probes.iter().map(|item| (item.kind, &item.name, item.value.kind.series()));
    let mut prefixes = BTreeMap::new();
    let deployments =
        file.deployments.iter().map(|item| (item.kind, &item.name, DEPLOYMENT.to_vec()));
    let all = workloads.chain(probes).chain(deployments);
    for (kind, name, infos) in all.filter(|(_, at, _)| !at.is_placeholder()) {
        if name.value == HOST_NAME {
            let message =
                format!("{HOST_NAME:?} is the name under which every run records its host");
            let help = format!("give this {kind} another name");
            context.problem(Some(name.span.clone()), message, Some(help));
        }
        if let Some(other) = prefixes.insert(&name.value, kind)
            && other != kind
        {
            let message =
                format!("{:?} names a {other} and a {kind}; their series would mix", name.value);
            context.problem(Some(name.span.clone()), message, None);
        }
        for info in infos {
            let owner = (kind.to_owned(), name.value.clone());
            series.insert(format!("{}.{}", name.value, info.name), Source { info, owner });
        }
    }
    for item in file.workloads.iter().filter(|item| !item.name.is_placeholder()) {
        for part in item.value.divisions() {
            for info in WORKLOAD.iter().filter(|info| of_parts(&info.name)) {
                let owner = (item.kind.to_owned(), item.name.value.clone());
                series
                    .insert(format!("{part}.{}", info.name), Source { info: info.clone(), owner });
            }
        }
    }
    for item in file.deployments.iter().filter(|item| !item.name.is_placeholder()) {
        let Some(canary) = &item.value.canary else { continue };
        if let Some(other) = prefixes.get(canary) {
            let message =
                format!("{canary:?} names a {other} and a canary; their series would mix");
            context.problem(Some(item.name.span.clone()), message, None);
        }
        for info in DEPLOYMENT {
            let owner = (item.kind.to_owned(), item.name.value.clone());
            series.insert(format!("{canary}.{}", info.name), Source { info: info.clone(), owner });
        }
    }
    for info in HOST {
        let owner = ("probe".to_owned(), HOST_NAME.to_owned());
        let source = Source { info: info.clone(), owner };
        series.insert(format!("{HOST_NAME}.{}", info.name), source);
    }
    series
}

/// What is known of the operations that one value of a split answered. What was due
/// and never answered is nobody's.
fn of_parts(count: &str) -> bool {
    matches!(count, "due" | "acked" | "failed" | "indeterminate" | "unsuccessful")
}

fn article(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "a plain number",
        Unit::Seconds => "a duration",
        Unit::Bytes => "a size",
        Unit::Share => "a share",
        Unit::PerSecond => "a rate",
    }
}

fn example(unit: Unit) -> &'static str {
    match unit {
        Unit::Count => "50",
        Unit::Seconds => "\"30s\"",
        Unit::Bytes => "\"64MiB\"",
        Unit::Share => "\"5%\"",
        Unit::PerSecond => "\"100/s\"",
    }
}
