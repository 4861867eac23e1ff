//! `${param}` and `${target.key}`: the only substitutions that the language
//! knows. `$${` stands for a literal `${`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A text in which `${target.key}` may still stand.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(String);

/// A placeholder that has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// `${` without an end.
    #[error(
        "{text:?} opens a placeholder with \"${{\" and does not close it; write \"$${{\" for the two characters themselves"
    )]
    Unclosed {
        /// The whole text.
        text: String,
    },
    /// A name that nobody gave a value.
    #[error("${{{name}}} has no value")]
    Unknown {
        /// The name between the braces.
        name: String,
    },
}

impl Template {
    /// A template from a text whose parameters are already replaced.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// A text in which nothing is replaced.
    #[must_use]
    pub fn literal(text: &str) -> Self {
        Self(text.replace("${", "$${"))
    }

    /// The text with its placeholders.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The keys of the targets that the text uses.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        let mut keys = Vec::new();
        let _ = expand(&self.0, |name| {
            if let Some(key) = name.strip_prefix("target.") {
                keys.push(key.to_owned());
            }
            Some(String::new())
        });
        keys
    }

    /// Replaces `${target.key}` by the addresses.
    ///
    /// # Errors
    /// When a target has no address.
    pub fn fill(&self, targets: &BTreeMap<String, String>) -> Result<String, TemplateError> {
        self.fill_with(targets, |_, address| address.to_owned())
    }

    /// [`Template::fill`], with each address as `write` gives it for the text
    /// that stands before it.
    pub(crate) fn fill_with(
        &self,
        targets: &BTreeMap<String, String>,
        write: impl Fn(&str, &str) -> String,
    ) -> Result<String, TemplateError> {
        let value = |before: &str, name: &str| {
            Some(write(before, targets.get(name.strip_prefix("target.")?)?))
        };
        substitute(&self.0, value, "${")
    }
}

/// Replaces every `${name}` by what `value` gives for it.
///
/// # Errors
/// When a placeholder is not closed, or `value` gives nothing for it.
pub fn expand(
    text: &str,
    mut value: impl FnMut(&str) -> Option<String>,
) -> Result<String, TemplateError> {
    substitute(text, |_, name| value(name), "${")
}

/// [`expand`] for a text that is expanded once more later: `$${` stays as it
/// is.
///
/// # Errors
/// As [`expand`].
pub fn expand_some(
    text: &str,
    mut value: impl FnMut(&str) -> Option<String>,
) -> Result<String, TemplateError> {
    substitute(text, |_, name| value(name), "$${")
}

/// `value` is given the text so far and the name.
fn substitute(
    text: &str,
    mut value: impl FnMut(&str, &str) -> Option<String>,
    escaped: &str,
) -> Result<String, TemplateError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at - 1]);
            out.push_str(escaped);
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let tail = &rest[at + 2..];
        let end =
            tail.find('}').ok_or_else(|| TemplateError::Unclosed { text: text.to_owned() })?;
        let name = tail[..end].trim();
        let unknown = || TemplateError::Unknown { name: name.to_owned() };
        let value = value(&out, name).ok_or_else(unknown)?;
        out.push_str(&value);
        rest = &tail[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<String> {
        (name == "rate").then(|| "5/s".to_owned())
    }

    #[test]
    fn placeholders_are_replaced() {
        assert_eq!(expand("a ${rate} b ${rate}", value).unwrap(), "a 5/s b 5/s");
        assert_eq!(expand("costs $${rate}", value).unwrap(), "costs ${rate}");
        assert_eq!(expand("@{id} $5", value).unwrap(), "@{id} $5");
    }

    #[test]
    fn a_bad_placeholder_is_an_error() {
        assert!(matches!(expand("${rate", value), Err(TemplateError::Unclosed { .. })));
        assert!(matches!(expand("${nope}", value), Err(TemplateError::Unknown { .. })));
    }

    #[test]
    fn targets_are_found_and_filled() {
        let template = Template::new("${target.service}/publish?x=@{id}");
        assert_eq!(template.targets(), ["service"]);
        let targets = BTreeMap::from([("service".to_owned(), "http://h:1".to_owned())]);
        assert_eq!(template.fill(&targets).unwrap(), "http://h:1/publish?x=@{id}");
        assert!(template.fill(&BTreeMap::new()).is_err());
    }

    #[test]
    fn an_escape_survives_the_first_of_two_rounds() {
        let once = expand_some("$${a} ${rate} $$${rate}", value).unwrap();
        assert_eq!(once, "$${a} 5/s $$${rate}");
        assert_eq!(Template::new(once).fill(&BTreeMap::new()).unwrap(), "${a} 5/s $${rate}");
    }
}
