//! Mistakes that show only with what a file names, such as a schema that is not there:
//! the line is looked up again, because a plan has none.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::file::Settings;
use crate::problem::{Problem, Problems};
use crate::redact::Secrets;

/// A mistake of an item of a scenario file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The array that the item stands in: `effects`.
    pub kind: &'static str,
    /// The item's name.
    pub name: String,
    /// The keys that lead to what is wrong, from the item on.
    pub keys: Vec<&'static str>,
    /// What is wrong.
    pub why: String,
    /// What would be right, where that can be said.
    pub help: Option<String>,
}

impl Mistake {
    /// Where it stands in a file, as far as its keys are there. An item whose name is
    /// that of no table, because a parameter gives it, stands nowhere.
    fn place(&self, document: &DeTable<'_>) -> Option<Range<usize>> {
        let DeValue::Array(items) = document.get(self.kind)?.get_ref() else { return None };
        let tables = items.iter().filter_map(|item| item.get_ref().as_table());
        let mut named = tables.filter_map(|table| {
            let name = table.get("name")?;
            (name.get_ref().as_str()? == self.name).then_some((table, name.span()))
        });
        let (mut table, mut place) = named.next()?;
        for key in &self.keys {
            let Some((word, value)) = table.get_key_value(*key) else { break };
            place = span(word.span(), value);
            let DeValue::Table(inner) = value.get_ref() else { break };
            table = inner;
        }
        Some(place)
    }
}

/// A value, or the key where it is more than a line.
fn span(key: Range<usize>, value: &Spanned<DeValue<'_>>) -> Range<usize> {
    match value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) => key,
        _ => value.span(),
    }
}

impl Problems {
    /// The mistakes with the lines of the file that they are about. `file` is what
    /// messages call it.
    #[must_use]
    pub fn of(file: &str, source: &str, settings: &Settings, mistakes: Vec<Mistake>) -> Self {
        let (document, _) = DeTable::parse_recoverable(source);
        let problem = |mistake: Mistake| {
            let span = mistake.place(document.get_ref());
            Problem { message: mistake.why, help: mistake.help, span }
        };
        let mut list: Vec<Problem> = mistakes.into_iter().map(problem).collect();
        list.sort_by_key(|p| p.span.as_ref().map_or(usize::MAX, |span| span.start));
        let mut secrets = Secrets::of(source);
        for (name, value) in &settings.set {
            secrets.add_setting(name, value);
        }
        Self { file: file.to_owned(), source: source.to_owned(), list, secrets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "[[effects]]\nname = \"a\"\n[[effects]]\nname = \"b\"\nschema = \"b.json\"\n\
                        [effects.aggregate.value]\nsum = \"/n\"\nembedding = { length = 3 }\n";

    #[test]
    fn a_mistake_stands_as_far_as_its_keys_are_there() {
        let told = |name: &str, keys: &[&'static str]| {
            let (name, keys) = (name.to_owned(), keys.to_vec());
            let mistake = Mistake { kind: "effects", name, keys, why: "no".into(), help: None };
            Problems::of("f.toml", FILE, &Settings::default(), vec![mistake]).to_string()
        };
        for (name, keys, place) in [
            ("b", &["schema"][..], "f.toml:5:10: no"),
            ("a", &["schema"], "f.toml:2:8: no"),
            ("b", &["aggregate", "value", "sum"], "f.toml:7:7: no"),
            ("b", &["aggregate", "value", "embedding"], "f.toml:8:1: no"),
            ("b", &["aggregate", "value", "max"], "f.toml:6:20: no"),
            ("c", &["schema"], "f.toml: no"),
        ] {
            assert_eq!(told(name, keys), place);
        }
    }
}
