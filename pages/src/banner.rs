//! The top of a page: the verdict with its reason in a sentence, and the facts.

use std::fmt::Result;

use crate::table::copy;
use crate::{Markup, Standing, put, putln};

/// What the banner says.
#[derive(Debug)]
pub struct Banner<'a> {
    /// How it stands; nothing where nothing was asked.
    pub standing: Option<Standing>,
    /// The word for it, where `standing` has none.
    pub word: &'a str,
    /// What was judged, the short name first.
    pub of: (&'a str, &'a str),
    /// Why, in a sentence.
    pub headline: &'a str,
    /// What follows from it.
    pub advice: Option<&'a str>,
    /// What stands below.
    pub rest: Markup,
}

impl Banner<'_> {
    /// Writes the banner.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn write(&self, out: &mut String) -> Result {
        let word = self.standing.map_or(self.word, |standing| standing.word());
        let mark = self.standing.map_or("–", Standing::mark);
        let class = self.standing.map_or("unasked", Standing::word);
        let (name, title) = self.of;
        putln!(
            out,
            "<header class=\"banner {}\"><div>\n\
             <p class=\"scenario\"><b>{}</b> {}</p>\n\
             <h1><span class=\"mark\" aria-hidden=\"true\">{}</span>{}</h1>\n\
             <p class=\"headline\">{}</p>",
            class,
            name,
            title,
            mark,
            word,
            self.headline
        )?;
        if let Some(advice) = self.advice {
            putln!(out, "<p class=\"ship\">{}</p>", advice)?;
        }
        putln!(out, "{}</div></header>", self.rest)
    }
}

/// How many of what was judged stand how; nothing where nothing was judged. `last` is a
/// further item.
#[must_use]
pub fn tally(label: &str, counts: &[(Standing, usize)], last: &Markup) -> Markup {
    Markup::written(|out| {
        if counts.iter().all(|(_, count)| *count == 0) {
            return Ok(());
        }
        putln!(out, "<ul class=\"tally\" aria-label=\"{}\">", label)?;
        for (standing, count) in counts.iter().filter(|(_, count)| *count > 0) {
            let (word, mark) = (standing.word(), standing.mark());
            putln!(
                out,
                "<li class=\"{}\"><span aria-hidden=\"true\">{}</span> <b>{}</b> {}</li>",
                word,
                mark,
                count,
                word
            )?;
        }
        putln!(out, "{}</ul>", last)
    })
}

/// Where and when it was found, and the command that does it again. Facts without a value
/// are left out.
///
/// # Errors
/// When the page cannot be written.
pub fn facts(out: &mut String, facts: &[(&str, String)], again: &str) -> Result {
    out.push_str("<section class=\"card facts\" aria-label=\"The run\">\n<dl>");
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        putln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", name, value)?;
    }
    out.push_str("</dl>\n");
    put!(out, "<p class=\"again\">Run it again:</p>\n")?;
    copy(out, again)?;
    putln!(out, "</section>")
}

/// What to know beside what was judged; nothing where there is nothing.
///
/// # Errors
/// When the page cannot be written.
pub fn notes(out: &mut String, notes: &[String]) -> Result {
    if notes.is_empty() {
        return Ok(());
    }
    out.push_str("<section class=\"card notes\" aria-labelledby=\"notes\">\n");
    out.push_str("<h2 id=\"notes\">Good to know</h2>\n");
    crate::table::list(out, notes)?;
    putln!(out, "</section>")
}
