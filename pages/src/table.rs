//! Tables, lists, and commands with a button that copies them.

use std::fmt::Result;

use crate::escape::Show;
use crate::{Markup, put, putln};

/// A table of texts. The first column names the row; on a narrow page each row is a block,
/// and each cell says what it is.
///
/// # Errors
/// When the page cannot be written.
pub fn table(out: &mut String, caption: &str, columns: &[&str], rows: &[Vec<String>]) -> Result {
    put!(out, "<table class=\"stack\"><caption>{}</caption>\n<thead><tr>", caption)?;
    columns.iter().try_for_each(|name| put!(out, "<th scope=\"col\">{}</th>", name))?;
    out.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        out.push_str("<tr>");
        for (index, cell) in row.iter().enumerate() {
            let label = columns.get(index).copied().unwrap_or_default();
            if index == 0 {
                put!(out, "<th scope=\"row\">{}</th>", cell)?;
            } else {
                let class = Markup::of(numeric(cell));
                put!(out, "<td{} data-label=\"{}\">{}</td>", class, label, cell)?;
            }
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</tbody></table>\n");
    Ok(())
}

/// Figures are not broken across lines, long words are.
fn numeric(cell: &str) -> &'static str {
    let figure = cell.starts_with(|c: char| c.is_ascii_digit() || c == '-' || c == '–')
        && cell.len() < 16
        && !cell.contains(' ');
    match figure {
        true => " class=\"n\"",
        false if cell.len() > 40 => " class=\"long\"",
        false => "",
    }
}

/// A table of names and values, those without a value left out.
///
/// # Errors
/// When the page cannot be written.
pub fn pairs<'a>(
    out: &mut String,
    caption: &str,
    pairs: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result {
    let mut pairs = pairs.filter(|(_, value)| !value.is_empty()).peekable();
    if pairs.peek().is_none() {
        return Ok(());
    }
    putln!(out, "<table class=\"pairs\"><caption>{}</caption><tbody>", caption)?;
    for (name, value) in pairs {
        putln!(out, "<tr><th scope=\"row\">{}</th><td>{}</td></tr>", name, value)?;
    }
    putln!(out, "</tbody></table>")
}

/// A list; nothing where there is nothing.
///
/// # Errors
/// When the page cannot be written.
pub fn list<T: Show>(out: &mut String, items: &[T]) -> Result {
    if items.is_empty() {
        return Ok(());
    }
    out.push_str("<ul>\n");
    items.iter().try_for_each(|item| putln!(out, "<li>{}</li>", item))?;
    putln!(out, "</ul>")
}

/// A command with a button that copies it.
///
/// # Errors
/// When the page cannot be written.
pub fn copy(out: &mut String, command: &str) -> Result {
    putln!(
        out,
        "<div class=\"command\"><pre tabindex=\"0\"><code>{}</code></pre><button type=\"button\" class=\"copy\">Copy</button></div>",
        command
    )
}
