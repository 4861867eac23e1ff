//! Runs in a row: a square for each verdict, and figures as lines without axes.

use crate::escape::links_beside;
use crate::time::{extent, short};
use crate::{Markup, Standing, markup, put, putln};

/// A run among others.
#[derive(Debug, Clone, PartialEq)]
pub struct Square {
    /// What it came to.
    pub standing: Standing,
    /// Which it is and what it came to, in words.
    pub title: String,
    /// Where its page is, from this one; nothing for the run of this page itself.
    pub page: Option<String>,
}

/// A square for each run, the oldest first.
#[must_use]
pub fn squares(runs: &[Square]) -> Markup {
    Markup::written(|out| {
        out.push_str("<ol class=\"squares\">");
        for run in runs {
            let (word, mark) = (run.standing.word(), run.standing.mark());
            let open = match run.page.as_deref().filter(|page| links_beside(page)) {
                Some(page) => markup!("<a href=\"{}\" title=\"{}\">", page, run.title),
                None if run.page.is_none() => {
                    markup!("<span class=\"this\" title=\"{}\">", run.title)
                }
                None => markup!("<span title=\"{}\">", run.title),
            };
            let end = if open.as_str().starts_with("<a") { "</a>" } else { "</span>" };
            put!(
                out,
                "<li class=\"{}\">{}<span aria-hidden=\"true\">{}</span><span class=\"unseen\">{}</span>{}</li>",
                word,
                open,
                mark,
                run.title,
                Markup::of(end)
            )?;
        }
        putln!(out, "</ol>")
    })
}

/// A figure by run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spark<'a> {
    /// Its values, the oldest first and this run's last; nothing where a run has none.
    pub values: &'a [Option<f64>],
    /// The middle of the earlier ones, and how far from it is noise.
    pub usual: Option<(f64, f64)>,
}

impl Spark<'_> {
    /// The line, over what is usual as a band; this run is a dot.
    #[must_use]
    pub fn drawn(&self) -> Markup {
        let finite = |value: &Option<f64>| value.filter(|value| value.is_finite());
        let band = self.usual.map(|(middle, noise)| [middle - noise, middle + noise]);
        let all = self.values.iter().filter_map(finite).chain(band.into_iter().flatten());
        let Some((low, high)) = extent(all) else { return Markup::default() };
        let room = if high > low { (high - low) * 0.12 } else { 1.0 };
        let (low, high) = (low - room, high + room);
        let y = |value: f64| short((high - value) / (high - low) * 100.0);
        let last = self.values.len().saturating_sub(1).max(1);
        Markup::written(|out| {
            put!(
                out,
                "<svg class=\"spark\" viewBox=\"-0.3 0 {} 100\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
                short(last as f64 + 0.6)
            )?;
            if let Some((middle, noise)) = self.usual {
                let height = short((2.0 * noise / (high - low) * 100.0).max(1.0));
                let (top, wide) = (y(middle + noise), short(last as f64 + 0.6));
                put!(
                    out,
                    "<rect class=\"usual\" x=\"-0.3\" y=\"{}\" width=\"{}\" height=\"{}\"/>",
                    top,
                    wide,
                    height
                )?;
            }
            let mut path = String::new();
            let mut stretch = 0;
            for (at, value) in self.values.iter().map(finite).chain([None]).enumerate() {
                match value {
                    Some(value) => {
                        let pen = if stretch == 0 { 'M' } else { 'L' };
                        path.push_str(&format!("{pen}{at} {}", y(value)));
                        stretch += 1;
                    }
                    // A stretch of one point is a dot.
                    None if stretch == 1 => {
                        path.push_str("h0");
                        stretch = 0;
                    }
                    None => stretch = 0,
                }
            }
            put!(out, "<path class=\"line\" d=\"{}\"/>", path)?;
            if let Some(now) = self.values.last().and_then(finite) {
                let at = self.values.len() - 1;
                put!(out, "<path class=\"line now\" d=\"M{} {}h0\"/>", at, y(now))?;
            }
            put!(out, "</svg>")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_a_gap_and_this_run_a_dot() {
        let values = [Some(0.0), None, Some(10.0), Some(10.0)];
        let drawn = Spark { values: &values, usual: None }.drawn();
        let room = 100.0 * 1.2 / 12.4;
        let (top, bottom) = (short(room), short(100.0 - room));
        let line = format!("d=\"M0 {bottom}h0M2 {top}L3 {top}\"");
        assert!(drawn.as_str().contains(&line), "{}", drawn.as_str());
        assert!(drawn.as_str().contains(&format!("now\" d=\"M3 {top}h0\"")), "{}", drawn.as_str());
        assert!(Spark { values: &[None], usual: None }.drawn().is_empty());
    }

    #[test]
    fn only_a_page_beside_is_linked() {
        let run = |page: Option<&str>| Square {
            standing: Standing::Held,
            title: "a <b>".to_owned(),
            page: page.map(str::to_owned),
        };
        let drawn =
            squares(&[run(Some("../a-1/report.html")), run(Some("javascript:x")), run(None)]);
        let drawn = drawn.as_str();
        assert!(drawn.contains("href=\"../a-1/report.html\" title=\"a &lt;b&gt;\""), "{drawn}");
        assert!(!drawn.contains("javascript") && drawn.matches("class=\"this\"").count() == 1);
    }
}
