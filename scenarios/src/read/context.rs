//! What every table of one reading shares: the parameters, the addresses, and
//! the problems found so far.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::nearest_help;
use crate::problem::Problem;
use crate::template::{self, TemplateError};

/// A parameter and where its value comes from.
pub(crate) struct Param {
    /// `None` when the file's definition of it has a problem, which is then
    /// the only one to report.
    pub(crate) value: Option<String>,
    /// Whether `--set` gave the value.
    pub(crate) set: bool,
    /// What it is for.
    pub(crate) help: String,
}

/// Who plays the roles of a system of one's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cast {
    /// The roles that there are; `None` where others may be named as well.
    pub(crate) known: Option<BTreeSet<String>>,
    /// Those that somebody plays; `None` for all of them.
    pub(crate) played: Option<BTreeSet<String>>,
    /// Those of which an ended process can be started again; `None` for all.
    pub(crate) started: Option<BTreeSet<String>>,
}

/// What an item asks of a role.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// Processes that play it.
    Played(String),
    /// A command that starts an ended one again, so that it can be kept down
    /// until then.
    Started(String),
}

impl Part {
    /// The role.
    pub(crate) fn role(&self) -> &str {
        match self {
            Self::Played(role) | Self::Started(role) => role,
        }
    }
}

/// What every table of one reading shares.
#[derive(Default)]
pub(crate) struct Context {
    source: String,
    /// The parameters; `None` until they have been read.
    params: RefCell<Option<BTreeMap<String, Param>>>,
    /// The keys of the declared targets; `None` until they have been read.
    targets: RefCell<Option<BTreeSet<String>>>,
    /// Declared targets that have no address in this run.
    absent: RefCell<BTreeSet<String>>,
    /// Absent targets that the item being read cannot do without.
    missed: RefCell<BTreeSet<String>>,
    /// Absent targets that it could do without.
    forgiven: RefCell<BTreeSet<String>>,
    /// Empty parameters of which one would do as well.
    unset: RefCell<BTreeSet<String>>,
    /// Who plays the roles; everybody does until it is known.
    cast: RefCell<Cast>,
    /// Every role that an item has named.
    named: RefCell<BTreeSet<String>>,
    /// What the item being read asks of roles.
    parts: RefCell<BTreeSet<Part>>,
    /// Why the item being read can only be part of a run in the lab.
    lab_only: RefCell<Option<String>>,
    /// Why the item being read has nothing to work with in this run.
    unusable: RefCell<Option<String>>,
    /// The parameters used by the value at a place.
    used: RefCell<BTreeMap<(usize, usize), BTreeSet<String>>>,
    problems: RefCell<Vec<Problem>>,
    /// How often something that the file says could not be read.
    lost: Cell<usize>,
    /// The tables of arrays of which something is lost: the key, and the number.
    flawed: RefCell<BTreeSet<(String, usize)>>,
}

impl Context {
    /// The context of a reading of this text.
    pub(crate) fn new(source: &str) -> Self {
        Self { source: source.to_owned(), ..Self::default() }
    }

    /// Takes down a problem.
    pub(crate) fn problem(
        &self,
        span: Option<Range<usize>>,
        message: impl Into<String>,
        help: Option<String>,
    ) {
        let problem = Problem { message: message.into(), help, span };
        self.problems.borrow_mut().push(problem);
    }

    /// How many problems were taken down.
    pub(super) fn problem_count(&self) -> usize {
        self.problems.borrow().len()
    }

    /// Says that something of the file could not be read, whatever it would have meant.
    pub(super) fn lose(&self) {
        self.lost.set(self.lost.get() + 1);
    }

    /// Reads a table of an array and takes down whether something of it is lost.
    pub(super) fn table_of<T>(&self, key: &str, number: usize, read: impl FnOnce() -> T) -> T {
        let before = self.lost.get();
        let result = read();
        if self.lost.get() > before {
            self.flawed.borrow_mut().insert((key.to_owned(), number));
        }
        result
    }

    /// Whether something of a table of an array is lost, so that what it would have given is
    /// not known.
    pub(crate) fn is_flawed(&self, key: &str, number: usize) -> bool {
        self.flawed.borrow().contains(&(key.to_owned(), number))
    }

    /// The problems in the order of their places; those without one come last.
    /// Where a value came from a parameter, the help says so.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.take();
        problems.sort_by_key(|p| p.span.as_ref().map_or(usize::MAX, |span| span.start));
        problems.dedup();
        for problem in &mut problems {
            let Some(note) = problem.span.as_ref().and_then(|span| self.origin(span)) else {
                continue;
            };
            problem.help = Some(match problem.help.take() {
                Some(help) => format!("{help}; {note}"),
                None => note,
            });
        }
        problems
    }

    /// The first line of a span, so that a problem of a whole table does not
    /// underline all of it.
    pub(crate) fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let text = self.source.get(span.clone()).unwrap_or_default();
        let end = text.find(['\r', '\n']).map_or(span.end, |length| span.start + length);
        span.start..end
    }

    /// Fixes the parameters.
    pub(crate) fn set_params(&self, params: BTreeMap<String, Param>) {
        *self.params.borrow_mut() = Some(params);
    }

    /// Every parameter with its value.
    pub(crate) fn param_values(&self) -> BTreeMap<String, String> {
        let params = self.params.borrow();
        let values = params.iter().flatten();
        values.map(|(name, p)| (name.clone(), p.value.clone().unwrap_or_default())).collect()
    }

    /// What every parameter is for.
    pub(crate) fn param_help(&self) -> BTreeMap<String, String> {
        let params = self.params.borrow();
        params.iter().flatten().map(|(name, p)| (name.clone(), p.help.clone())).collect()
    }

    /// Fixes the declared targets, and those of them without an address.
    pub(crate) fn set_targets(&self, declared: BTreeSet<String>, absent: BTreeSet<String>) {
        *self.targets.borrow_mut() = Some(declared);
        *self.absent.borrow_mut() = absent;
    }

    /// Fixes who plays the roles.
    pub(crate) fn set_cast(&self, cast: Cast) {
        *self.cast.borrow_mut() = cast;
    }

    /// Takes down that the item being read asks something of a role, which stands
    /// at a place; `None` where it is a default.
    pub(crate) fn asks(&self, part: Part, span: Option<Range<usize>>) {
        let role = part.role().to_owned();
        let unknown = self.cast.borrow().known.clone().filter(|known| !known.contains(&role));
        if let Some(known) = unknown {
            let help = nearest_help(&role, known.iter().map(String::as_str), "roles");
            return self.problem(span, format!("there is no role {role:?}"), help);
        }
        self.named.borrow_mut().insert(role);
        self.parts.borrow_mut().insert(part);
    }

    /// What was asked of roles since the last call: all of it, and what nobody
    /// gives.
    pub(crate) fn take_parts(&self) -> (BTreeSet<Part>, BTreeSet<Part>) {
        let parts = self.parts.take();
        let cast = self.cast.borrow();
        let is_missing = |part: &&Part| match part {
            Part::Played(role) => cast.played.as_ref().is_some_and(|played| !played.contains(role)),
            Part::Started(role) => {
                cast.started.as_ref().is_some_and(|started| !started.contains(role))
            }
        };
        let missing = parts.iter().filter(is_missing).cloned().collect();
        (parts, missing)
    }

    /// Every role that an item has named.
    pub(crate) fn named_roles(&self) -> BTreeSet<String> {
        self.named.borrow().clone()
    }

    /// Says that the item being read can only be part of a run in the lab.
    pub(crate) fn lab_only(&self, why: &str) {
        *self.lab_only.borrow_mut() = Some(why.to_owned());
    }

    /// What [`Context::lab_only`] said since the last call.
    pub(crate) fn take_lab_only(&self) -> Option<String> {
        self.lab_only.take()
    }

    /// Says that the item being read has nothing to work with in this run.
    pub(crate) fn unusable(&self, why: &str) {
        *self.unusable.borrow_mut() = Some(why.to_owned());
    }

    /// What [`Context::unusable`] said since the last call.
    pub(crate) fn take_unusable(&self) -> Option<String> {
        self.unusable.take()
    }

    /// The absent targets that were needed since the last call.
    pub(crate) fn take_missed(&self) -> BTreeSet<String> {
        self.missed.take()
    }

    /// Says that the targets in a text are needed.
    pub(crate) fn needs(&self, text: &str) {
        let absent = self.absent.borrow();
        let named = absent.iter().filter(|key| text.contains(&format!("${{target.{key}}}")));
        self.missed.borrow_mut().extend(named.cloned());
    }

    /// The only parameter that the value at a place uses.
    pub(crate) fn param_of(&self, span: &Range<usize>) -> Option<String> {
        let used = self.used.borrow();
        let names = used.get(&(span.start, span.end)).filter(|names| names.len() == 1)?;
        names.first().cloned()
    }

    /// Runs a reading whose absent targets do not count as needed.
    pub(crate) fn forgiving<T>(&self, read: impl FnOnce() -> T) -> T {
        let before = self.missed.borrow().clone();
        let result = read();
        let missed = self.missed.replace(before);
        self.forgiven.borrow_mut().extend(missed);
        result
    }

    /// Says that the parameter that the value at a place uses, and which is empty, would do
    /// where the item being read has nothing to work with.
    pub(crate) fn unset(&self, span: &Range<usize>) {
        self.unset.borrow_mut().extend(self.param_of(span));
    }

    /// What [`Context::unset`] said since the last call.
    pub(crate) fn take_unset(&self) -> BTreeSet<String> {
        self.unset.take()
    }

    /// The absent targets that were named since the last call and not needed.
    pub(crate) fn take_forgiven(&self) -> BTreeSet<String> {
        self.forgiven.take()
    }

    /// Replaces placeholders; `None` after a problem. `later` says whether
    /// `${target.key}` may stay in the text. Sets `absent` when a target
    /// without an address is named.
    pub(super) fn expand(
        &self,
        text: &str,
        span: &Range<usize>,
        later: bool,
        absent: &Cell<bool>,
    ) -> Option<String> {
        let mut broken = false;
        let mut misplaced = None;
        let value = |name: &str| match name.strip_prefix("target.") {
            Some(_) if !later => {
                misplaced.get_or_insert_with(|| name.to_owned());
                Some(String::new())
            }
            Some(key) => self.target(key, absent),
            None => {
                let params = self.params.borrow();
                let param = params.as_ref()?.get(name)?;
                self.note_use(span, name);
                broken |= param.value.is_none();
                let value = param.value.as_deref().unwrap_or_default();
                // The value is a text as it stands: what looks like a
                // placeholder in it is none, also when targets are filled in.
                Some(if later { value.replace("${", "$${") } else { value.to_owned() })
            }
        };
        let expanded =
            if later { template::expand_some(text, value) } else { template::expand(text, value) };
        match expanded {
            Err(error) => self.bad_placeholder(span, &error),
            Ok(_) if misplaced.is_some() => {
                let name = misplaced.unwrap_or_default();
                let message = format!("the address ${{{name}}} cannot stand here");
                let help = "addresses can stand in urls, bodies, files and programs to run";
                self.problem(Some(span.clone()), message, Some(help.to_owned()));
            }
            Ok(_) if broken => {}
            Ok(text) => return Some(text),
        }
        None
    }

    /// What stands for `${target.key}` until addresses are known.
    fn target(&self, key: &str, absent: &Cell<bool>) -> Option<String> {
        if let Some(declared) = self.targets.borrow().as_ref()
            && !declared.contains(key)
        {
            return None;
        }
        if self.absent.borrow().contains(key) {
            absent.set(true);
            self.missed.borrow_mut().insert(key.to_owned());
        }
        Some(format!("${{target.{key}}}"))
    }

    fn bad_placeholder(&self, span: &Range<usize>, error: &TemplateError) {
        let (message, help) = match error {
            TemplateError::Unclosed { .. } => (
                "a placeholder opens with \"${\" and is not closed".to_owned(),
                Some("close it with \"}\", or write \"$${\" for the two characters".to_owned()),
            ),
            TemplateError::Unknown { name } => self.unknown(name),
        };
        self.problem(Some(span.clone()), message, help);
    }

    /// Message and help for a placeholder that nothing stands behind.
    fn unknown(&self, name: &str) -> (String, Option<String>) {
        let (params, targets) = (self.params.borrow(), self.targets.borrow());
        let Some(params) = params.as_ref() else {
            let help = Some("write \"$${\" for the two characters themselves".to_owned());
            return (format!("a parameter cannot use another one: ${{{name}}}"), help);
        };
        if let Some(key) = name.strip_prefix("target.") {
            let keys = targets.iter().flatten().map(String::as_str);
            return (format!("there is no target {key:?}"), nearest_help(key, keys, "targets"));
        }
        let help = if targets.as_ref().is_some_and(|targets| targets.contains(name)) {
            Some(format!("the address of that name is ${{target.{name}}}"))
        } else {
            nearest_help(name, params.keys().map(String::as_str), "parameters")
        };
        (format!("there is no parameter {name:?}"), help)
    }

    fn note_use(&self, span: &Range<usize>, name: &str) {
        let mut used = self.used.borrow_mut();
        used.entry((span.start, span.end)).or_default().insert(name.to_owned());
    }

    /// Which parameters gave the value at a place, and what they are.
    fn origin(&self, span: &Range<usize>) -> Option<String> {
        let (params, used) = (self.params.borrow(), self.used.borrow());
        let notes: Vec<String> = used
            .get(&(span.start, span.end))?
            .iter()
            .filter_map(|name| {
                let param = params.as_ref()?.get(name)?;
                let by = if param.set { "by --set" } else { "by default" };
                Some(format!("parameter {name} is {:?} {by}", param.value.as_deref()?))
            })
            .collect();
        (!notes.is_empty()).then(|| notes.join(", "))
    }
}
