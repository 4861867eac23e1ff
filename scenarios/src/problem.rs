//! Problems of a scenario file: where they are and what would be right.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use crate::redact::Secrets;

/// One thing that is wrong with a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// What would be right, where that can be said.
    pub help: Option<String>,
    /// The bytes of the file that it is about; empty for a problem of the
    /// command line.
    pub span: Option<Range<usize>>,
}

/// Everything that is wrong with a scenario, found in one reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems {
    /// What the file is called in messages.
    pub file: String,
    /// The text of the file.
    pub source: String,
    /// The problems in the order of their places; never empty in an error.
    pub list: Vec<Problem>,
    /// What stands in the file or was given for it and may not be shown.
    pub secrets: Secrets,
}

impl Problems {
    /// The line and column, both from 1, at which a problem begins; columns
    /// count characters.
    #[must_use]
    pub fn place(&self, problem: &Problem) -> Option<(usize, usize)> {
        let before = &self.source[..self.clamp(problem.span.as_ref()?).start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        Some((line, column))
    }

    /// The span as whole characters of the file, whatever a parser said.
    fn clamp(&self, span: &Range<usize>) -> Range<usize> {
        let start = self.source.floor_char_boundary(span.start);
        start..self.source.ceil_char_boundary(span.end).max(start)
    }

    /// The problems with the lines of the file they are about, for a terminal.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for problem in &self.list {
            let title = Level::ERROR.primary_title(&problem.message);
            let mut group = Group::with_title(title);
            if let Some(span) = &problem.span {
                let annotation = AnnotationKind::Primary.span(self.clamp(span));
                let snippet = Snippet::source(&self.source).path(&self.file);
                group = group.element(snippet.annotation(annotation));
            }
            if let Some(help) = &problem.help {
                group = group.element(Level::HELP.message(help));
            }
            out.push_str(&renderer.render(&[group]));
            out.push_str("\n\n");
        }
        let count = self.list.len();
        let noun = if count == 1 { "problem" } else { "problems" };
        out.push_str(&format!("{}: {count} {noun}; nothing was run\n", self.file));
        self.secrets.hide(&out)
    }
}

/// One line a problem: `file:line:column: message (help)`.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.list.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match self.place(problem) {
                Some((line, column)) => write!(f, "{}:{line}:{column}: ", self.file)?,
                None => write!(f, "{}: ", self.file)?,
            }
            f.write_str(&self.secrets.hide(&problem.message))?;
            if let Some(help) = &problem.help {
                write!(f, " ({})", self.secrets.hide(help))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}
