//! What an engineer reads after a run: the verdict first, what broke with its
//! evidence next, everything else in a line each.

mod findings;
mod page;
mod rest;

use anstyle::{AnsiColor, Style};

use super::Options;
use super::standing::{self, Standing, tally};
use super::text;
use crate::record::Record;
use page::Page;

/// The report, wrapped to the width where words allow.
pub(super) fn render(record: &Record, options: Options) -> String {
    let mut page = Page::new(options);
    head(&mut page, record);
    findings::write(&mut page, record);
    rest::write(&mut page, record);
    page.into_text()
}

/// The verdict with the headline, which run it was, and what to do.
fn head(page: &mut Page, record: &Record) {
    let standing = standing::of_run(record.verdict);
    let word = standing.word().to_uppercase();
    page.hanging("", &word, color(standing).bold(), word.len() + 2, text::headline(record));
    page.paragraph("", &format!("{} · {}", record.run.scenario, text::facts(record).join(" · ")));
    page.paragraph("", &tally(record));
    if let Some(host) = text::host(record) {
        page.paragraph("", &host);
    }
    if let Some(changed) = text::changed(record) {
        page.paragraph("", &changed);
    }
    if let Some(advice) = &record.advice {
        page.blank();
        page.strong(&advice.what);
        for because in &advice.because {
            page.hanging("  ", "-", Style::new(), 2, because);
        }
    }
    for advice in text::advised(record) {
        page.blank();
        page.hanging("", "Advice:", Style::new().bold(), 8, &advice);
    }
    if let Some(rest) = text::not_advised(record) {
        page.blank();
        page.hanging("", "Advice:", Style::new().bold(), 8, &rest);
    }
}

/// The colour of a standing; its word is always written beside it.
fn color(standing: Standing) -> Style {
    let color = match standing {
        Standing::Violated => AnsiColor::Red,
        Standing::Inconclusive => AnsiColor::Yellow,
        Standing::Warned => AnsiColor::Magenta,
        Standing::Held => AnsiColor::Green,
    };
    color.on_default()
}
