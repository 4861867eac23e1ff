//! Tables inside a table: one, many, one of several, or by name.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::json;
use toml::Spanned;
use toml::de::DeValue;

use super::{At, Table, kind_of};
use crate::field::Field;

impl<'a, 's> Table<'a, 's> {
    /// What stands in an array of tables, of which each has a kind.
    const MANY: [&'static str; 4] = ["fault", "probe", "effects", "check"];

    /// A table inside this one that must be there.
    pub(crate) fn table<T>(
        &mut self,
        key: &str,
        help: &str,
        read: impl FnOnce(&mut Table<'a, 's>) -> T,
    ) -> T {
        let mut inner = match self.lookup(key) {
            None => {
                self.missing("table", key, help);
                Table::described(self.context)
            }
            Some(value) => self.inner(key, value),
        };
        let result = read(&mut inner);
        let schema = inner.finish();
        self.know(key, true, help, schema);
        result
    }

    /// A table inside this one that may be left out.
    pub(crate) fn opt_table<T>(
        &mut self,
        key: &str,
        help: &str,
        read: impl FnOnce(&mut Table<'a, 's>) -> T,
    ) -> Option<T> {
        let found = self.lookup(key);
        let mut inner =
            found.map_or_else(|| Table::described(self.context), |value| self.inner(key, value));
        let result = read(&mut inner);
        let schema = inner.finish();
        self.know(key, false, help, schema);
        found.map(|_| result)
    }

    /// The tables of an array of tables: `[[key]]`.
    pub(crate) fn tables<T>(
        &mut self,
        key: &str,
        help: &str,
        mut read: impl FnMut(&mut Table<'a, 's>) -> T,
    ) -> Vec<T> {
        let mut described = Table::described(self.context);
        read(&mut described);
        let schema = json!({ "type": "array", "items": described.finish() });
        self.know(key, false, help, schema);
        let Some(value) = self.lookup(key) else { return Vec::new() };
        let DeValue::Array(array) = value.get_ref() else {
            let message = format!("expected [[{key}]] tables, found {}", kind_of(value.get_ref()));
            let help = Some(format!("write [[{key}]], in double brackets, above each of them"));
            self.context.problem(Some(self.context.first_line(&value.span())), message, help);
            return Vec::new();
        };
        let table = |(number, item)| {
            self.context.table_of(key, number, || {
                let mut inner = self.inner(key, item);
                let result = read(&mut inner);
                inner.finish();
                result
            })
        };
        array.iter().enumerate().map(table).collect()
    }

    /// Tables by names of the user's choice: `[key.NAME]`.
    pub(crate) fn named<T>(
        &mut self,
        key: &str,
        help: &str,
        mut read: impl FnMut(&str, &mut Table<'a, 's>) -> T,
    ) -> BTreeMap<String, At<T>> {
        let mut described = Table::described(self.context);
        read("", &mut described);
        let schema = json!({ "type": "object", "additionalProperties": described.finish() });
        self.know(key, false, help, schema);
        let Some(value) = self.lookup(key) else { return BTreeMap::new() };
        let DeValue::Table(table) = value.get_ref() else {
            let message =
                format!("expected [{key}.NAME] tables, found {}", kind_of(value.get_ref()));
            self.context.problem(Some(self.context.first_line(&value.span())), message, None);
            return BTreeMap::new();
        };
        table
            .iter()
            .map(|(name, item)| {
                if !is_key(name.get_ref()) {
                    let message = format!("{:?} is no name", name.get_ref());
                    let help = "use letters, digits, hyphens and underscores".to_owned();
                    self.context.problem(Some(name.span()), message, Some(help));
                }
                let mut inner = self.inner(&format!("{key}.{}", name.get_ref()), item);
                let result = read(name.get_ref(), &mut inner);
                inner.finish();
                (name.get_ref().to_string(), At { value: result, span: name.span() })
            })
            .collect()
    }

    /// Texts by names of the user's choice: `headers = { accept = "…" }`.
    pub(crate) fn texts(&mut self, key: &str, help: &str) -> BTreeMap<String, String> {
        self.values(key, help)
    }

    /// Values of one type by names of the user's choice.
    pub(crate) fn values<T: Field>(&mut self, key: &str, help: &str) -> BTreeMap<String, T> {
        let values = self.values_at(key, help).into_iter();
        values.map(|(name, at)| (name, at.value)).collect()
    }

    /// [`Table::values`], each with its place.
    pub(crate) fn values_at<T: Field>(&mut self, key: &str, help: &str) -> BTreeMap<String, At<T>> {
        let schema = json!({ "type": "object", "additionalProperties": T::schema() });
        self.know(key, false, help, schema);
        let Some(value) = self.lookup(key) else { return BTreeMap::new() };
        let DeValue::Table(table) = value.get_ref() else {
            let message = format!("expected a table of values, found {}", kind_of(value.get_ref()));
            self.context.problem(Some(self.context.first_line(&value.span())), message, None);
            return BTreeMap::new();
        };
        let absent = Cell::new(false);
        table
            .iter()
            .filter_map(|(name, item)| {
                let at = At { value: self.scalar(item, &absent)?, span: item.span() };
                Some((name.get_ref().to_string(), at))
            })
            .collect()
    }

    /// [`Table::tables`] of which there must be at least one.
    pub(crate) fn some_tables<T>(
        &mut self,
        key: &str,
        help: &str,
        why: &str,
        read: impl FnMut(&mut Table<'a, 's>) -> T,
    ) -> Vec<T> {
        let tables = self.tables(key, help, read);
        if let Some(known) = self.known.last_mut() {
            known.required = true;
            known.schema["minItems"] = json!(1);
        }
        let none = match self.lookup(key).map(Spanned::get_ref) {
            None => true,
            Some(DeValue::Array(array)) => array.is_empty(),
            Some(_) => false,
        };
        if none && !self.is_described() {
            let message = format!("there is no [[{key}]]");
            self.context.problem(Some(self.head()), message, Some(why.to_owned()));
        }
        tables
    }

    /// The one of these tables that is there; any other number of them is a
    /// problem of `what`.
    pub(crate) fn one_of<T>(
        &mut self,
        what: &str,
        kinds: impl IntoIterator<Item = (&'static str, Option<T>)>,
    ) -> Option<T> {
        let twice = |one: &str, two: &str| match Self::MANY.contains(&what) {
            true => (
                format!("a {what} has one kind, and this one has {one} and {two}"),
                format!("put {two} into a [[{what}]] of its own"),
            ),
            // The others stand alone in their table.
            false => (
                format!("the table {what} has one kind, and this one has {one} and {two}"),
                format!("leave out {one} or {two}"),
            ),
        };
        let none = |known: &str| {
            (format!("this {what} has no kind"), format!("give one of the tables {known}"))
        };
        self.only(kinds, twice, none)
    }

    /// The one of these keys that is there; any other number of them is a problem, of
    /// which `rule` says what is so: `a step asks for one thing`.
    pub(crate) fn choice<T>(
        &mut self,
        what: &str,
        rule: &str,
        kinds: impl IntoIterator<Item = (&'static str, Option<T>)>,
    ) -> Option<T> {
        let twice = |one: &str, two: &str| {
            (format!("{rule}, and this {what} has {one} and {two}"), format!("leave out {two}"))
        };
        let none = |known: &str| {
            (format!("{rule}, and this {what} has none"), format!("give one of {known}"))
        };
        self.only(kinds, twice, none)
    }

    /// Says that none of the keys of which [`Table::choice`] took none has a value, although
    /// one is there.
    pub(crate) fn none_chosen(&self, what: &str, rule: &str) {
        let is_told = || self.one_of.iter().any(|key| self.mistaken.contains(*key));
        let Some(key) = self.one_of.iter().find(|key| self.has(key)) else { return };
        if self.is_described() || is_told() {
            return;
        }
        let is_off = |value: &Spanned<DeValue<'_>>| match value.get_ref() {
            DeValue::Boolean(_) => true,
            DeValue::String(text) => matches!(text.as_ref(), "off" | "false"),
            _ => false,
        };
        let help = match self.lookup(key).is_some_and(is_off) {
            true => format!("write {key} = true, or leave it out and give another one"),
            false => format!("give {key:?} a value, or another one of {}", self.one_of.join(", ")),
        };
        let message = format!("{rule}, and this {what} has none: {key:?} is off or empty");
        self.context.lose();
        self.context.problem(Some(self.place_of(key)), message, Some(help));
    }

    /// Says that at least one of these keys must be there, for the reason that `rule` gives
    /// where none is.
    pub(crate) fn any_of(&mut self, keys: &[&'static str], rule: &str) {
        self.any_of = keys.to_vec();
        let has_none = !keys.iter().any(|key| self.has(key));
        // A misspelt key is reported as such.
        if has_none && !self.is_described() && self.unknown().next().is_none() {
            self.context.lose();
            let help = format!("give one of {}", keys.join(", "));
            self.context.problem(Some(self.head()), rule, Some(help));
        }
    }

    /// The one of these that is there; `twice` and `none` give message and help where there
    /// is another number of them.
    fn only<T>(
        &mut self,
        kinds: impl IntoIterator<Item = (&'static str, Option<T>)>,
        twice: impl Fn(&str, &str) -> (String, String),
        none: impl Fn(&str) -> (String, String),
    ) -> Option<T> {
        let kinds: Vec<_> = kinds.into_iter().collect();
        self.one_of = kinds.iter().map(|(word, _)| *word).collect();
        let mut found: Vec<(&str, T)> =
            kinds.into_iter().filter_map(|(word, kind)| Some((word, kind?))).collect();
        found.sort_by_key(|(word, _)| self.place_of(word).start);
        let mut found = found.into_iter();
        let first = found.next();
        if self.is_described() {
            return first.map(|(_, kind)| kind);
        }
        match (&first, found.next()) {
            (Some((one, _)), Some((two, _))) => {
                let (message, help) = twice(one, two);
                self.context.problem(Some(self.place_of(two)), message, Some(help));
            }
            // A misspelt kind is an unknown key, which is reported as such, and one that
            // is there and could not be read was reported, too.
            (None, _)
                if self.unknown().next().is_none()
                    && !self.one_of.iter().any(|word| self.has(word)) =>
            {
                self.context.lose();
                let (message, help) = none(&self.one_of.join(", "));
                self.context.problem(Some(self.head()), message, Some(help));
            }
            _ => {}
        }
        first.map(|(_, kind)| kind)
    }

    fn inner(&self, key: &str, value: &'a Spanned<DeValue<'s>>) -> Table<'a, 's> {
        match value.get_ref() {
            DeValue::Table(table) => Table::new(self.context, table, value.span()),
            other => {
                let message = format!("{key:?} must be a table, and this is {}", kind_of(other));
                let help = "a table is { key = value }, or stands under a header in brackets";
                let span = self.context.first_line(&value.span());
                self.context.problem(Some(span), message, Some(help.to_owned()));
                Table::described(self.context)
            }
        }
    }
}

/// Whether a name can stand behind a dot and between the braces of a
/// placeholder.
fn is_key(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}
