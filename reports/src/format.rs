//! The renderings of a record: one file each, behind a closed enum.
//!
//! A rendering draws what the record says. It never decides whether something
//! held, and every one of them names every finding.

mod clean;
mod csv;
pub mod github;
mod html;
mod json;
mod junit;
mod markdown;
mod openmetrics;
mod standing;
mod terminal;
mod text;
mod turns;

use std::fmt;
use std::str::FromStr;

pub(crate) use clean::masked;

use crate::record::Record;

/// How to draw a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// What an engineer reads after a run.
    Terminal,
    /// One self-contained page.
    Html,
    /// A pull request comment or a job summary.
    Markdown,
    /// A CI server's test report.
    Junit,
    /// The record itself.
    Json,
    /// One row a finding.
    Csv,
    /// Metrics for Prometheus, by the textfile collector of `node_exporter`.
    OpenMetrics,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 7] = [
        Self::Terminal,
        Self::Html,
        Self::Markdown,
        Self::Junit,
        Self::Json,
        Self::Csv,
        Self::OpenMetrics,
    ];

    /// The name that the command line knows it by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Html => "html",
            Self::Markdown => "markdown",
            Self::Junit => "junit",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::OpenMetrics => "openmetrics",
        }
    }

    /// The file that holds it in a run's folder.
    #[must_use]
    pub const fn file_name(self) -> &'static str {
        match self {
            Self::Terminal => "report.txt",
            Self::Html => "report.html",
            Self::Markdown => "summary.md",
            Self::Junit => "junit.xml",
            Self::Json => "verdict.json",
            Self::Csv => "checks.csv",
            Self::OpenMetrics => "shakedown.prom",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A format was asked for that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name:?} is not a format; choose terminal, html, markdown, junit, json, csv or openmetrics"
)]
pub struct UnknownFormat {
    /// The name that was given.
    pub name: String,
}

impl FromStr for Format {
    type Err = UnknownFormat;

    /// Takes a format's name in any case, `text` for the terminal's, `md` for Markdown, and
    /// `textfile` or `prometheus` for OpenMetrics.
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text.trim().to_ascii_lowercase().as_str() {
            "terminal" | "text" => Ok(Self::Terminal),
            "html" => Ok(Self::Html),
            "markdown" | "md" => Ok(Self::Markdown),
            "junit" => Ok(Self::Junit),
            "json" => Ok(Self::Json),
            "csv" => Ok(Self::Csv),
            "openmetrics" | "prometheus" | "textfile" => Ok(Self::OpenMetrics),
            _ => Err(UnknownFormat { name: text.to_owned() }),
        }
    }
}

/// What a rendering may use. Only the terminal's looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Whether to write colour codes. The caller knows about `NO_COLOR` and
    /// whether it writes to a terminal.
    pub color: bool,
    /// The columns of the terminal; lines are wrapped to fit, where words allow.
    pub width: u16,
}

impl Default for Options {
    /// Eighty columns without colour: what a CI log shows.
    fn default() -> Self {
        Self { color: false, width: 80 }
    }
}

/// Draws a record. The bytes are UTF-8 and end with a line feed.
///
/// Passwords in addresses and values of parameters named like secrets are
/// masked, and control characters are taken out, whatever the record holds.
#[must_use]
pub fn render(record: &Record, format: Format, options: Options) -> Vec<u8> {
    let record = &clean::cleaned(record);
    match format {
        Format::Terminal => terminal::render(record, options),
        Format::Html => html::render(record),
        Format::Markdown => markdown::render(record),
        Format::Junit => junit::render(record),
        Format::Json => json::render(record),
        Format::Csv => csv::render(record),
        Format::OpenMetrics => openmetrics::render(record),
    }
    .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_are_written() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse::<Format>().unwrap(), format);
        }
        assert_eq!("MD".parse::<Format>().unwrap(), Format::Markdown);
        assert_eq!(
            "pdf".parse::<Format>().unwrap_err().to_string(),
            "\"pdf\" is not a format; choose terminal, html, markdown, junit, json, csv or \
             openmetrics"
        );
    }
}
