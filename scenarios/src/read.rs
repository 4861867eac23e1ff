//! The reader: walks a parsed scenario file, collects every problem, and
//! learns the language's schema on the way.
//!
//! A table is read by a plain function that asks a [`Table`] for its fields.
//! The same function, run without a file, *describes* the table: each question
//! carries the key, the type and the help text that the JSON Schema needs. So
//! parser and schema cannot drift apart. After a problem the reading goes on
//! with a placeholder, which is never seen outside: a file with a problem gives
//! no plan.

mod context;
mod tables;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::ops::Range;

use serde_json::{Map, Value as Json, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::field::{Field, Scalar};

use crate::nearest::nearest;
pub(crate) use crate::nearest::nearest_help;
use crate::problem::Problem;
pub(crate) use context::{Cast, Context, Param, Part};

struct Known {
    key: String,
    required: bool,
    schema: Json,
}

/// A table that is being read, or described where there is no source.
pub(crate) struct Table<'a, 's> {
    pub(crate) context: &'a Context,
    source: Option<&'a DeTable<'s>>,
    /// Where the table stands in the file: its header, or the whole of an
    /// inline table.
    span: Range<usize>,
    known: Vec<Known>,
    /// The tables of which exactly one must be there.
    one_of: Vec<&'static str>,
    /// The keys of which at least one must be there.
    any_of: Vec<&'static str>,
    /// Problems of a key that is missing, with the key of the file that may be meant for it:
    /// where nobody asks for that, it is the mistake.
    meant: Vec<(String, Problem)>,
    /// The keys that are there and could not be read, which was reported.
    mistaken: BTreeSet<String>,
}

/// A value with its place, which later checks across tables point at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) span: Range<usize>,
}

impl<T: Field> At<T> {
    /// What reading goes on with after a problem.
    fn placeholder() -> Self {
        Self { value: T::placeholder(), span: 0..0 }
    }
}

impl<T> At<T> {
    /// Whether there is no value: its problem is reported already, or the
    /// table is only described. Whatever stands in a file has a length.
    pub(crate) fn is_placeholder(&self) -> bool {
        self.span.is_empty()
    }
}

impl<'a, 's> Table<'a, 's> {
    pub(crate) fn new(context: &'a Context, source: &'a DeTable<'s>, span: Range<usize>) -> Self {
        Self { source: Some(source), span, ..Self::described(context) }
    }

    /// A table of which only the shape is asked.
    pub(crate) fn described(context: &'a Context) -> Self {
        let (known, one_of, any_of) = (Vec::new(), Vec::new(), Vec::new());
        let (meant, mistaken) = (Vec::new(), BTreeSet::new());
        Self { context, source: None, span: 0..0, known, one_of, any_of, meant, mistaken }
    }

    /// Whether this is a description, or goes on after a problem.
    pub(crate) fn is_described(&self) -> bool {
        self.source.is_none()
    }

    fn know(&mut self, key: &str, required: bool, help: &str, mut schema: Json) {
        if let (Json::Object(object), false) = (&mut schema, help.is_empty()) {
            object.insert("description".to_owned(), Json::String(help.to_owned()));
        }
        self.known.push(Known { key: key.to_owned(), required, schema });
    }

    fn lookup(&self, key: &str) -> Option<&'a Spanned<DeValue<'s>>> {
        self.source?.get(key)
    }

    fn missing(&mut self, what: &str, key: &str, help: &str) {
        if self.is_described() {
            return;
        }
        self.context.lose();
        let message = format!("the {what} {key:?} is missing");
        let mut unknown = self.unknown();
        match unknown.find(|(name, ..)| nearest(name, &[key]).is_some()) {
            None => self.context.problem(Some(self.head()), message, as_note(help)),
            Some((name, ..)) => {
                let problem = Problem { message, help: as_note(help), span: Some(self.head()) };
                let name = name.to_owned();
                drop(unknown);
                self.meant.push((name, problem));
            }
        }
    }

    /// The place to point at for a problem of the table as a whole: its header
    /// or its first line.
    pub(crate) fn head(&self) -> Range<usize> {
        self.context.first_line(&self.span)
    }

    /// Whether the key is there.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.lookup(key).is_some()
    }

    /// Says that the item this is a part of can only be part of a run in the
    /// lab.
    pub(crate) fn lab_only(&self, why: &str) {
        if !self.is_described() {
            self.context.lab_only(why);
        }
    }

    /// Says that the item this is a part of needs processes that play a role.
    pub(crate) fn plays(&self, role: &At<String>) {
        self.asks(Part::Played(role.value.clone()), role);
    }

    /// Says that it needs to have one of them started again.
    pub(crate) fn starts(&self, role: &At<String>) {
        self.asks(Part::Started(role.value.clone()), role);
    }

    fn asks(&self, part: Part, role: &At<String>) {
        if !self.is_described() && !role.value.is_empty() {
            let span = (!role.is_placeholder()).then(|| role.span.clone());
            self.context.asks(part, span);
        }
    }

    /// Says that none of the keys has a value: a problem where none of them
    /// stands in the file, otherwise what this is a part of has nothing to work
    /// with in this run.
    pub(crate) fn nothing_of(&self, keys: &[&str], why: &str) {
        if self.is_described() {
            return;
        }
        if keys.iter().any(|key| self.mistaken.contains(*key)) {
            // What is wrong with it is the mistake.
        } else if keys.iter().any(|key| self.has(key)) {
            self.context.unusable(why);
        } else {
            let message = format!("this table needs {}", keys.join(" or "));
            self.context.problem(Some(self.head()), message, None);
        }
    }

    /// The place of a key, or that of the table where the key is missing.
    pub(crate) fn place_of(&self, key: &str) -> Range<usize> {
        let found = self.source.and_then(|source| source.get_key_value(key));
        found.map_or_else(|| self.head(), |(key, _)| key.span())
    }

    /// A value that must be there.
    pub(crate) fn req<T: Field>(&mut self, key: &str, help: &str) -> T {
        self.req_at(key, help).value
    }

    /// A value that must be there and not be an empty text, with its place.
    pub(crate) fn req_at<T: Field>(&mut self, key: &str, help: &str) -> At<T> {
        let at: At<T> = self.req_or_blank(key, help);
        if !at.is_placeholder() && at.value.is_blank() {
            self.blank(key, &at.span, help);
            return At::placeholder();
        }
        at
    }

    /// A value that must be there, and may be an empty text.
    pub(crate) fn req_or_blank<T: Field>(&mut self, key: &str, help: &str) -> At<T> {
        self.know(key, true, help, T::schema());
        let Some(value) = self.lookup(key) else {
            self.missing("key", key, help);
            return At::placeholder();
        };
        match self.scalar(value, &Cell::new(false)) {
            Some(read) => At { value: read, span: value.span() },
            None => At::placeholder(),
        }
    }

    fn blank(&self, key: &str, span: &Range<usize>, help: &str) {
        self.context.problem(Some(span.clone()), format!("{key:?} is empty"), as_note(help));
    }

    /// A value that may be left out. It also counts as left out when it is the
    /// empty text, or names a target that has no address in this run.
    pub(crate) fn opt<T: Field>(&mut self, key: &str, help: &str) -> Option<T> {
        self.opt_at(key, help).map(|at| at.value)
    }

    /// [`Table::opt`], with the value's place.
    pub(crate) fn opt_at<T: Field>(&mut self, key: &str, help: &str) -> Option<At<T>> {
        self.know(key, false, help, T::schema());
        let value = self.lookup(key)?;
        let absent = Cell::new(false);
        let problems = self.context.problem_count();
        let read = self.context.forgiving(|| {
            if let DeValue::String(text) = value.get_ref()
                && self.context.expand(text, &value.span(), T::KEEPS_TARGETS, &absent)?.is_empty()
            {
                return None;
            }
            if absent.get() {
                return None;
            }
            self.scalar(value, &absent).filter(|_| !absent.get())
        });
        if self.context.problem_count() > problems {
            self.mistaken.insert(key.to_owned());
        }
        Some(At { value: read?, span: value.span() })
    }

    /// A value with a default.
    pub(crate) fn or<T: Field>(&mut self, key: &str, help: &str, default: T) -> T {
        self.or_at(key, help, default).value
    }

    /// [`Table::or`], with the value's place where it is not the default.
    pub(crate) fn or_at<T: Field>(&mut self, key: &str, help: &str, default: T) -> At<T> {
        let read = self.opt_at(key, help);
        if let Some(Known { schema: Json::Object(schema), .. }) = self.known.last_mut() {
            schema.insert("default".to_owned(), default.write());
        }
        read.unwrap_or_else(|| {
            // An address that stands in a default is needed like any other, by
            // a table that is there.
            if self.source.is_some()
                && let Json::String(text) = default.write()
            {
                self.context.needs(&text);
            }
            At { value: default, span: 0..0 }
        })
    }

    /// A list of values that must be there and not be empty.
    pub(crate) fn list<T: Field>(&mut self, key: &str, help: &str) -> Vec<At<T>> {
        let list = self.list_or_empty(key, help);
        if let Some(known) = self.known.last_mut() {
            known.required = true;
        }
        match self.lookup(key) {
            None => self.missing("key", key, help),
            Some(value) if matches!(value.get_ref(), DeValue::Array(array) if array.is_empty()) => {
                self.blank(key, &value.span(), help);
            }
            Some(_) => {}
        }
        list
    }

    /// A list of values; a single value stands for a list of one.
    pub(crate) fn list_or_empty<T: Field>(&mut self, key: &str, help: &str) -> Vec<At<T>> {
        let schema = json!({ "anyOf": [T::schema(), { "type": "array", "items": T::schema() }] });
        self.know(key, false, help, schema);
        let absent = Cell::new(false);
        let read = |value: &Spanned<DeValue<'s>>| {
            let at = At { value: self.scalar::<T>(value, &absent)?, span: value.span() };
            if at.value.is_blank() {
                self.context.problem(Some(at.span), format!("{key:?} holds an empty text"), None);
                return None;
            }
            Some(at)
        };
        match self.lookup(key) {
            None => Vec::new(),
            Some(value) => match value.get_ref() {
                DeValue::Array(array) => array.iter().filter_map(read).collect(),
                _ => read(value).into_iter().collect(),
            },
        }
    }

    fn scalar<T: Field>(&self, value: &Spanned<DeValue<'s>>, absent: &Cell<bool>) -> Option<T> {
        let read = self.scalar_of(value, absent);
        if read.is_none() {
            self.context.lose();
        }
        read
    }

    fn scalar_of<T: Field>(&self, value: &Spanned<DeValue<'s>>, absent: &Cell<bool>) -> Option<T> {
        let span = value.span();
        let scalar = match value.get_ref() {
            DeValue::String(text) => {
                Scalar::Text(self.context.expand(text, &span, T::KEEPS_TARGETS, absent)?)
            }
            DeValue::Integer(number) => {
                // A number that does not fit is far out of every range; which
                // range, the type of the field says.
                let read = i64::from_str_radix(number.as_str(), number.radix());
                Scalar::Number(read.map_or(f64::INFINITY, |number| number as f64))
            }
            DeValue::Float(number) => Scalar::Number(number.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(on) => Scalar::Switch(*on),
            DeValue::Array(items) if T::read_list(Vec::new()).is_some() => {
                return self.texts_of::<T>(items, &span, absent);
            }
            other => {
                let message = format!("expected a single value, found {}", kind_of(other));
                self.context.problem(Some(self.context.first_line(&span)), message, None);
                return None;
            }
        };
        match T::read(&scalar) {
            Ok(read) => Some(read),
            Err(message) => {
                self.context.problem(Some(span), message, None);
                None
            }
        }
    }

    /// A value that is a list of texts.
    fn texts_of<T: Field>(
        &self,
        items: &[Spanned<DeValue<'s>>],
        span: &Range<usize>,
        absent: &Cell<bool>,
    ) -> Option<T> {
        let text = |item: &Spanned<DeValue<'s>>| match item.get_ref() {
            DeValue::String(text) => {
                self.context.expand(text, &item.span(), T::KEEPS_TARGETS, absent)
            }
            other => {
                let message =
                    format!("expected a text in quotation marks, found {}", kind_of(other));
                self.context.problem(Some(self.context.first_line(&item.span())), message, None);
                None
            }
        };
        // Every one is read, so that all of their problems are said.
        let texts: Vec<Option<String>> = items.iter().map(text).collect();
        let texts: Option<Vec<String>> = texts.into_iter().collect();
        match T::read_list(texts?)? {
            Ok(read) => Some(read),
            Err(message) => {
                self.context.problem(Some(span.clone()), message, None);
                None
            }
        }
    }

    /// The keys of the file that nobody asked for so far.
    fn unknown(&self) -> impl Iterator<Item = (&'a str, &'static str, Range<usize>)> {
        let known: BTreeSet<&str> = self.known.iter().map(|known| known.key.as_str()).collect();
        let entries = self.source.into_iter().flatten();
        entries.filter(move |(key, _)| !known.contains(key.get_ref().as_ref())).map(
            |(key, value)| {
                let is_table = match value.get_ref() {
                    DeValue::Table(_) => true,
                    DeValue::Array(array) => {
                        array.iter().any(|item| matches!(item.get_ref(), DeValue::Table(_)))
                    }
                    _ => false,
                };
                let what = if is_table { "table" } else { "key" };
                (key.get_ref().as_ref(), what, key.span())
            },
        )
    }

    /// Reports the keys that nobody asked for and gives the table's schema.
    pub(crate) fn finish(self) -> Json {
        let unknown: BTreeSet<&str> = self.unknown().map(|(name, ..)| name).collect();
        for (name, problem) in &self.meant {
            if !unknown.contains(name.as_str()) {
                let Problem { message, help, span } = problem.clone();
                self.context.problem(span, message, help);
            }
        }
        for (name, what, span) in self.unknown() {
            let keys = self.known.iter().map(|known| known.key.as_str());
            let help = nearest_help(name, keys, "known keys");
            self.context.lose();
            self.context.problem(Some(span), format!("unknown {what} {name:?}"), help);
        }
        let required: Vec<&str> =
            self.known.iter().filter(|k| k.required).map(|k| k.key.as_str()).collect();
        let mut object = Map::new();
        object.insert("type".to_owned(), json!("object"));
        object.insert("additionalProperties".to_owned(), json!(false));
        if !required.is_empty() {
            object.insert("required".to_owned(), json!(required));
        }
        let properties: Map<String, Json> =
            self.known.into_iter().map(|known| (known.key, known.schema)).collect();
        object.insert("properties".to_owned(), Json::Object(properties));
        for (word, keys) in [("oneOf", self.one_of), ("anyOf", self.any_of)] {
            if !keys.is_empty() {
                let keys: Vec<Json> = keys.iter().map(|key| json!({ "required": [key] })).collect();
                object.insert(word.to_owned(), json!(keys));
            }
        }
        Json::Object(object)
    }
}

/// A help text of the schema as part of a message.
fn as_note(help: &str) -> Option<String> {
    let note = help.trim_end_matches('.');
    (!note.is_empty()).then(|| note.to_owned())
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
