//! A program of the user's own, wherever the language or a command line takes
//! one: a list is a program with its arguments and runs without a shell, a text
//! goes through `sh -c`.

mod quotes;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::template::{Template, TemplateError, expand};

/// The variables by which the tools are given addresses and passwords. A program
/// of the user's own is started without them: it gets what its words say.
pub const NOT_INHERITED: [&str; 11] = [
    "SHAKEDOWN_TARGETS",
    "SHAKEDOWN_BROKER",
    "SHAKEDOWN_DATABASE",
    "SHAKEDOWN_MANAGEMENT",
    "SHAKEDOWN_PROXY",
    "SHAKEDOWN_REDIS",
    "LOADGEN_AMQP_URL",
    "LOADGEN_HTTP_URL",
    "LOADGEN_KAFKA_BROKERS",
    "LOADGEN_KAFKA_PASSWORD",
    "LOADGEN_REDIS_URL",
];

/// A program of the user's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub enum Program {
    /// A program and its arguments, which no shell sees.
    Words(Vec<Template>),
    /// A text for `sh -c`.
    Shell(Template),
}

/// No program.
impl Default for Program {
    fn default() -> Self {
        Self::Words(Vec::new())
    }
}

/// How plans and journals write it. A text by itself is how they were written
/// when every program was split into words and ran without a shell, and means
/// that still.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Words(Vec<Template>),
    Shell { sh: Template },
    Line(Template),
}

impl From<Written> for Program {
    fn from(written: Written) -> Self {
        match written {
            Written::Words(words) => Self::Words(words),
            Written::Shell { sh } => Self::Shell(sh),
            Written::Line(line) => match shell_words::split(line.as_str()) {
                Ok(words) => Self::Words(words.into_iter().map(Template::new).collect()),
                Err(_) => Self::Shell(line),
            },
        }
    }
}

impl From<Program> for Written {
    fn from(command: Program) -> Self {
        match command {
            Program::Words(words) => Self::Words(words),
            Program::Shell(sh) => Self::Shell { sh },
        }
    }
}

impl Program {
    /// A program and its arguments, in which nothing is replaced.
    pub fn literal<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::Words(words.into_iter().map(|word| Template::literal(word.as_ref())).collect())
    }

    /// A text for `sh -c`, in which nothing is replaced.
    #[must_use]
    pub fn literal_shell(text: &str) -> Self {
        Self::Shell(Template::literal(text))
    }

    /// Its words, or the text.
    #[must_use]
    pub fn templates(&self) -> &[Template] {
        match self {
            Self::Words(words) => words,
            Self::Shell(text) => std::slice::from_ref(text),
        }
    }

    /// Whether there is no program.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.templates().first().is_none_or(|first| first.as_str().trim().is_empty())
    }

    /// The keys of the targets that it is given.
    #[must_use]
    pub fn targets(&self) -> Vec<String> {
        self.templates().iter().flat_map(Template::targets).collect()
    }

    /// The name or path of the program; `None` in a shell's text, or where an address
    /// is part of it.
    #[must_use]
    pub fn file(&self) -> Option<String> {
        match self {
            Self::Words(words) => words.first()?.fill(&BTreeMap::new()).ok(),
            Self::Shell(_) => None,
        }
    }

    /// The program that is to be started, then its arguments, with their
    /// addresses. In a shell's text an address is quoted for the place where it
    /// stands, and so is part of one word, whatever stands in it.
    ///
    /// # Errors
    /// When a target has no address.
    pub fn words(&self, targets: &BTreeMap<String, String>) -> Result<Vec<String>, TemplateError> {
        match self {
            Self::Words(words) => words.iter().map(|word| word.fill(targets)).collect(),
            Self::Shell(text) => {
                let text = text.fill_with(targets, quotes::quoted)?;
                Ok(vec!["sh".to_owned(), "-c".to_owned(), text])
            }
        }
    }
}

/// As somebody would type it, its addresses left open.
impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let open = |template: &Template| {
            expand(template.as_str(), |name| Some(format!("${{{name}}}")))
                .unwrap_or_else(|_| template.as_str().to_owned())
        };
        match self {
            Self::Shell(text) => f.write_str(&open(text)),
            Self::Words(words) => f.write_str(&shell_words::join(words.iter().map(open))),
        }
    }
}

/// A text of a command line goes through `sh -c`.
impl std::str::FromStr for Program {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self::literal_shell(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> BTreeMap<String, String> {
        BTreeMap::from([("db".to_owned(), address.to_owned())])
    }

    #[test]
    fn a_list_is_a_program_and_a_text_is_for_a_shell() {
        let list = Program::Words(["psql", "${target.db}", "a b"].map(Template::new).to_vec());
        assert_eq!(list.words(&at("x y'z")).unwrap(), ["psql", "x y'z", "a b"]);
        assert_eq!(list.to_string(), "psql '${target.db}' 'a b'");
        let text = Program::Shell(Template::new("psql ${target.db} > file"));
        assert_eq!(text.words(&at("http://h")).unwrap(), ["sh", "-c", "psql http://h > file"]);
        assert_eq!(text.targets(), ["db"]);
        assert_eq!(text.to_string(), "psql ${target.db} > file");
        assert!(text.words(&BTreeMap::new()).is_err());
        assert!(Program::default().is_empty() && Program::literal_shell(" ").is_empty());
    }

    #[test]
    fn what_a_command_line_gives_is_taken_as_it_stands() {
        let text: Program = "echo ${HOME}".parse().unwrap();
        assert_eq!(text.words(&BTreeMap::new()).unwrap(), ["sh", "-c", "echo ${HOME}"]);
        assert_eq!(text.to_string(), "echo ${HOME}");
        let list = Program::literal(["a", "${b}"]);
        assert_eq!(list.words(&BTreeMap::new()).unwrap(), ["a", "${b}"]);
    }

    #[test]
    fn plans_keep_it_and_older_ones_mean_what_they_meant() {
        for command in [
            Program::Shell(Template::new("a > b")),
            Program::Words(vec![Template::new("a"), Template::new("b c")]),
        ] {
            let text = serde_json::to_string(&command).unwrap();
            assert_eq!(serde_json::from_str::<Program>(&text).unwrap(), command, "{text}");
        }
        let old: Program = serde_json::from_str(r#""psql '${target.db}' -c 'a > b'""#).unwrap();
        assert_eq!(old.words(&at("x y")).unwrap(), ["psql", "x y", "-c", "a > b"]);
    }
}
