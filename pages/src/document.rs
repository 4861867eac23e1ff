//! The skeleton of a page: its head with style and policy, the links to its sections, and
//! its end with the script.

use std::fmt::Result;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::time::{Time, short};
use crate::{Markup, put, putln};

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("page.js");

/// Begins a page. Its policy forbids everything but its own style, and of scripts all but
/// the one that it names by its digest.
///
/// # Errors
/// When the page cannot be written.
pub fn head(out: &mut String, title: &str) -> Result {
    putln!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'unsafe-inline'; script-src 'sha256-{}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{}</style>\n</head>\n<body>",
        STANDARD.encode(Sha256::digest(SCRIPT.as_bytes())),
        title,
        Markup::of(STYLE)
    )
}

/// Links to the sections that the page has (identity, name, whether it is there), and what
/// its charts show together.
///
/// # Errors
/// When the page cannot be written.
pub fn contents(out: &mut String, sections: &[(&str, &str, bool)], time: &Time) -> Result {
    out.push_str("<nav aria-label=\"Sections\"><div><span class=\"links\">");
    for (id, name, _) in sections.iter().filter(|(.., present)| *present) {
        put!(out, "<a href=\"#{}\">{}</a>", id, name)?;
    }
    putln!(
        out,
        "</span><span class=\"tools\" data-low=\"{}\" data-high=\"{}\" hidden><output aria-live=\"polite\"></output>\
         <button type=\"button\" class=\"reset\">Show all</button></span></div></nav>",
        short(time.low),
        short(time.high)
    )
}

/// Begins a section; `</section>` ends it.
///
/// # Errors
/// When the page cannot be written.
pub fn section(out: &mut String, id: &str, name: &str) -> Result {
    putln!(
        out,
        "<section class=\"card\" aria-labelledby=\"{}\">\n<h2 id=\"{}\">{}</h2>",
        id,
        id,
        name
    )
}

/// Ends a page.
///
/// # Errors
/// When the page cannot be written.
pub fn end(out: &mut String) -> Result {
    putln!(out, "</main>\n<script>{}</script>\n</body>\n</html>", Markup::of(SCRIPT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_the_style_or_the_script_early() {
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</"));
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
    }

    #[test]
    fn a_title_is_text() {
        let mut page = String::new();
        head(&mut page, "</title><script>").unwrap();
        assert!(page.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"), "{page}");
    }
}
