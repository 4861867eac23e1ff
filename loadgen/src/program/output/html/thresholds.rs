//! The thresholds: what was asked, what was found, and how much is left.

use std::fmt::Result;

use pages::margin::Margin;
use pages::{Standing, putln};

use super::Offered;

pub(super) fn write(out: &mut String, offered: &Offered) -> Result {
    if offered.kept.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<section aria-labelledby=\"thresholds\">\n<h2 id=\"thresholds\">Thresholds</h2>\n<table class=\"checks\">\n<caption>Thresholds</caption>\n<thead><tr><th scope=\"col\">Result</th>\
         <th scope=\"col\">Expected</th><th scope=\"col\">Observed</th></tr></thead>\n<tbody>",
    );
    for (threshold, kept) in offered.thresholds.iter().zip(&offered.kept) {
        let standing = if kept.held { Standing::Held } else { Standing::Violated };
        let (least, most) = threshold.bounds();
        let margin = kept
            .value
            .map(|observed| Margin { observed, least, most, unit: threshold.unit() }.drawn());
        putln!(
            out,
            "<tr><td class=\"result\">{}</td><th scope=\"row\"><span class=\"check\">{}</span></th>\
             <td data-label=\"Observed\"><span>{}{}</span></td></tr>",
            standing.badge(),
            kept.threshold,
            kept.found,
            margin
        )?;
    }
    putln!(out, "</tbody></table>\n</section>")
}
