//! The one axis of time that all charts of a page share, and times in words.

use std::fmt::Result;

use crate::axis::Axis;
use crate::words::moment;
use crate::{Markup, markup, put, putln};

/// Ticks of the axis at most; the page is narrow on a phone.
const TICKS: f64 = 6.0;

/// The time that is drawn, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Time {
    /// Where the axis begins.
    pub low: f64,
    /// Where it ends, behind `low`.
    pub high: f64,
}

impl Time {
    /// From one moment to a later one; a second at least.
    #[must_use]
    pub fn between(low: f64, high: f64) -> Self {
        Self { low, high: if high > low { high } else { low + 1.0 } }
    }

    /// The length in seconds.
    #[must_use]
    pub fn length(&self) -> f64 {
        self.high - self.low
    }

    /// Where a moment lies, in per cent of the width; what lies outside is at the edge.
    #[must_use]
    pub fn percent(&self, at: f64) -> f64 {
        ((at - self.low) / self.length() * 100.0).clamp(0.0, 100.0)
    }

    /// The view box of a drawing 1,000 high.
    #[must_use]
    pub fn view_box(&self) -> String {
        format!("{} 0 {} 1000", short(self.low), short(self.length()))
    }

    /// Writes the ticks below a chart.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn ticks(&self, out: &mut String) -> Result {
        let axis = Axis { low: self.low, high: self.high };
        out.push_str("<div class=\"xs\" aria-hidden=\"true\">");
        for tick in axis.ticks(axis.time_step(TICKS)) {
            put!(out, "<span style=\"left:{:.2}%\">{}</span>", self.percent(tick), moment(tick))?;
        }
        out.push_str("</div>\n");
        Ok(())
    }

    /// The attributes of something that lies in time: where it begins and how long it is.
    #[must_use]
    pub fn placed(&self, from: f64, to: f64) -> Markup {
        let (left, right) = (self.percent(from), self.percent(to));
        markup!(
            "data-from=\"{}\" data-to=\"{}\" style=\"left:{:.2}%;width:{:.2}%\"",
            short(from),
            short(to),
            left,
            right - left
        )
    }

    /// Writes what lies behind every chart, which refer to it.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn ground(&self, out: &mut String, stretches: &[Stretch]) -> Result {
        out.push_str("<svg class=\"defs\" aria-hidden=\"true\"><defs><g id=\"ground\">");
        for stretch in stretches {
            let (from, width) = (short(stretch.from), short(stretch.to - stretch.from));
            let class = stretch.class;
            put!(
                out,
                "<rect class=\"{}\" x=\"{}\" y=\"0\" width=\"{}\" height=\"1000\"/>",
                class,
                from,
                width
            )?;
            if stretch.has_line {
                put!(out, "<path class=\"{}\" d=\"M{} 0V1000\"/>", class, from)?;
            }
        }
        putln!(out, "</g></defs></svg>")
    }
}

/// A stretch of time that is shaded behind every chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stretch {
    /// Its begin, in seconds.
    pub from: f64,
    /// Its end, not before it.
    pub to: f64,
    /// What it is, a class of the style sheet: `odd`, `fault`, `outage`.
    pub class: &'static str,
    /// Whether a line marks where it begins.
    pub has_line: bool,
}

/// The least and the greatest of the finite values.
pub fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|value| value.is_finite())
        .map(|value| (value, value))
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
}

/// A number as short as six significant digits allow.
#[must_use]
pub fn short(value: f64) -> String {
    rounded(value, 6)
}

/// A number with so many significant digits, at most.
#[must_use]
pub fn rounded(value: f64, digits: i32) -> String {
    if !value.is_finite() || value == 0.0 {
        return "0".to_owned();
    }
    let places = f64::from(digits - 1) - value.abs().log10().floor();
    let places = places.clamp(0.0, 12.0) as usize;
    let text = format!("{value:.places$}");
    if places == 0 {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A moment or a length with as many digits as tell causes apart: `20ms`, `7.94s`,
/// `1m45.2s`.
#[must_use]
pub fn precise(seconds: f64) -> String {
    let size = seconds.abs();
    let sign = if seconds < 0.0 { "-" } else { "" };
    if !seconds.is_finite() || size >= 3_600.0 {
        return moment(seconds);
    }
    if size < 0.9995 {
        return format!("{sign}{:.0}ms", size * 1e3);
    }
    // Rounded first, so that no minute has sixty seconds.
    let places = if size < 600.0 { 100.0 } else { 1.0 };
    let size = (size * places).round() / places;
    let (minutes, rest) = ((size / 60.0).floor(), size % 60.0);
    if minutes < 1.0 {
        let text = format!("{rest:.2}");
        return format!("{sign}{}s", text.trim_end_matches('0').trim_end_matches('.'));
    }
    let (width, places) = if minutes < 10.0 { (5, 2) } else { (2, 0) };
    let text = format!("{rest:0width$.places$}");
    let text = if places > 0 { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{sign}{minutes:.0}m{text}s")
}

#[cfg(test)]
mod tests {
    use super::{precise, short};

    #[test]
    fn numbers_are_short() {
        for (value, text) in [
            (0.0, "0"),
            (12.5, "12.5"),
            (19_775_488.0, "19775488"),
            (0.001_234_567, "0.00123457"),
            (-3.0, "-3"),
            (f64::NAN, "0"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn causes_are_told_apart() {
        for (seconds, text) in [
            (0.02, "20ms"),
            (7.94, "7.94s"),
            (105.2, "1m45.2s"),
            (120.0, "2m00s"),
            (110.02, "1m50.02s"),
            (754.3, "12m34s"),
            (119.998, "2m00s"),
            (59.999, "1m00s"),
            (-0.5, "-500ms"),
        ] {
            assert_eq!(precise(seconds), text);
        }
    }
}
