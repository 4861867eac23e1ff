//! A chart's frame: its name, its legend, the axis of values and that of time, and in
//! between the lines. Drawings stretch with the page; text does not.

use std::fmt::Result;

use scenarios::units::Unit;

use crate::axis::{Axis, label, value_step};
use crate::time::{Time, short};
use crate::words::figure;
use crate::{Markup, put, putln};

/// What the values of a chart are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Those of a series.
    Of(Unit),
    /// How fast something in bytes goes.
    BytesPerSecond,
}

impl Measure {
    /// Of how fast a counter of this unit rises.
    #[must_use]
    pub fn rate(unit: Unit) -> Self {
        match unit {
            Unit::Bytes => Self::BytesPerSecond,
            _ => Self::Of(Unit::PerSecond),
        }
    }

    /// What the script knows it by.
    fn word(self) -> &'static str {
        match self {
            Self::Of(Unit::Count) => "count",
            Self::Of(Unit::Seconds) => "seconds",
            Self::Of(Unit::Bytes) => "bytes",
            Self::Of(Unit::Share) => "share",
            Self::Of(Unit::PerSecond) => "per_second",
            Self::BytesPerSecond => "bytes_per_second",
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Of(unit) => unit,
            Self::BytesPerSecond => Unit::Bytes,
        }
    }

    /// A value for people.
    #[must_use]
    pub fn show(self, value: f64) -> String {
        let text = figure(self.unit(), value);
        if self == Self::BytesPerSecond { format!("{text}/s") } else { text }
    }

    fn label(self, value: f64) -> String {
        let text = label(self.unit(), value);
        if self == Self::BytesPerSecond && value != 0.0 { format!("{text}/s") } else { text }
    }
}

/// An axis of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    low: f64,
    high: f64,
    step: f64,
    measure: Measure,
    /// Whether `low` and `high` are powers of ten.
    log: bool,
}

impl Scale {
    /// Of values from `low` to `high`. Nought belongs on it, unless all that happens
    /// happens far above.
    #[must_use]
    pub fn linear(measure: Measure, low: f64, high: f64) -> Self {
        let (mut low, mut high) = (low, high);
        if low > 0.0 && low < 0.8 * high {
            low = 0.0;
        }
        if high <= low {
            (low, high) = if low > 0.0 { (0.0, high) } else { (low, low + 1.0) };
        }
        let step = value_step(high - low, 4.0, measure.unit());
        let (low, high) = ((low / step).floor() * step, ((high / step - 1e-9).ceil()) * step);
        Self { low, high, step, measure, log: false }
    }

    /// Of the powers of ten around values from `low` to `high`, both above 0.
    #[must_use]
    pub fn log(measure: Measure, low: f64, high: f64) -> Self {
        let low = low.log10().floor();
        let high = high.log10().ceil().max(low + 1.0);
        Self { low, high, step: 1.0, measure, log: true }
    }

    /// What the lines are drawn by.
    #[must_use]
    pub fn drawn(&self, value: f64) -> f64 {
        if self.log { value.max(1e-9).log10().max(self.low) } else { value }
    }

    /// Where a value lies, in per cent from below.
    #[must_use]
    pub fn percent(&self, value: f64) -> f64 {
        ((self.drawn(value) - self.low) / (self.high - self.low) * 100.0).clamp(0.0, 100.0)
    }

    /// Whether a value lies on the axis.
    #[must_use]
    pub fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&self.drawn(value))
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        let ticks = Axis { low: self.low, high: self.high }.ticks(self.step);
        let value = |tick: f64| if self.log { 10_f64.powf(tick) } else { tick };
        let percent = |tick: f64| (tick - self.low) / (self.high - self.low) * 100.0;
        ticks.into_iter().map(|t| (percent(t), self.measure.label(value(t)))).collect()
    }

    /// Turns values into places, 1,000 high and the greatest on top.
    fn transform(&self) -> String {
        let per = 1_000.0 / (self.high - self.low);
        format!("matrix(1 0 0 {} 0 {})", short(-per), short(1_000.0 + self.low * per))
    }
}

/// A line with its key in the legend.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Its colour and style.
    pub class: String,
    /// The path, in seconds and drawn values.
    pub path: String,
    /// Values by stretch, where the path does not tell them: `data-v="…" …`.
    pub data: Markup,
}

/// A bound that is drawn through a chart.
#[derive(Debug, Clone)]
pub struct Limit {
    /// Where, as a value.
    pub value: f64,
    /// The check and its bound.
    pub name: String,
}

/// What a chart shows.
#[derive(Debug, Clone)]
pub struct Frame<'a> {
    /// The axis of time of all charts.
    pub time: &'a Time,
    /// The identity of the element.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What stands behind the name.
    pub about: String,
    /// The axis of values.
    pub scale: Scale,
    /// The lines, the first of the legend on top.
    pub lines: Vec<Line>,
    /// The bounds.
    pub limits: Vec<Limit>,
    /// Drawn behind the lines, in drawn values.
    pub behind: Markup,
    /// What the drawing shows, for those who do not see it.
    pub description: String,
    /// `tall`, or nothing.
    pub class: &'a str,
}

impl Frame<'_> {
    /// Writes the chart.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn write(&self, out: &mut String) -> Result {
        let log = if self.scale.log { " data-log" } else { "" };
        let unit = self.scale.measure.word();
        putln!(
            out,
            "<figure class=\"chart {}\" id=\"{}\" data-unit=\"{}\"{}>",
            self.class,
            self.id,
            unit,
            Markup::of(log)
        )?;
        self.caption(out)?;
        putln!(
            out,
            "<div class=\"plot\" tabindex=\"0\" role=\"img\" aria-label=\"{}: {}\">",
            self.name,
            self.description
        )?;
        out.push_str("<div class=\"ys\" aria-hidden=\"true\">");
        let ticks = self.scale.ticks();
        for (at, text) in &ticks {
            put!(out, "<span style=\"bottom:{:.1}%\">{}</span>", at, text)?;
        }
        put!(
            out,
            "</div>\n<div class=\"area\"><svg viewBox=\"{}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
             <use href=\"#ground\"/><path class=\"grid\" d=\"",
            self.time.view_box()
        )?;
        let (from, length) = (short(self.time.low), short(self.time.length()));
        for (at, _) in &ticks {
            put!(out, "M{} {}h{}", from, short(1e3 - at * 10.0), length)?;
        }
        putln!(out, "\"/><g transform=\"{}\">{}", self.scale.transform(), self.behind)?;
        // What is first in the legend lies on top.
        for (index, line) in self.lines.iter().enumerate().rev() {
            putln!(
                out,
                "<path class=\"line {}\" data-line=\"{}\" {}d=\"{}\"/>",
                line.class,
                index,
                line.data,
                line.path
            )?;
        }
        out.push_str("</g></svg>");
        self.limits(out)?;
        out.push_str("</div>\n");
        self.time.ticks(out)?;
        putln!(out, "</div></figure>")
    }

    fn caption(&self, out: &mut String) -> Result {
        put!(out, "<figcaption><span class=\"name\">{}</span>", self.name)?;
        if !self.about.is_empty() {
            put!(out, " <span class=\"soft\">{}</span>", self.about)?;
        }
        out.push_str("<span class=\"keys\">");
        for (index, line) in self.lines.iter().enumerate() {
            put!(
                out,
                "<button type=\"button\" class=\"key {}\" data-key=\"{}\" aria-pressed=\"true\">{}<output></output></button>",
                line.class,
                index,
                line.name
            )?;
        }
        for limit in self.limits.iter().filter(|limit| !self.scale.holds(limit.value)) {
            put!(out, "<span class=\"key limit\">{}, outside of the chart</span>", limit.name)?;
        }
        putln!(out, "</span></figcaption>")
    }

    fn limits(&self, out: &mut String) -> Result {
        for limit in self.limits.iter().filter(|limit| self.scale.holds(limit.value)) {
            let at = self.scale.percent(limit.value);
            let side = if at > 82.0 { "below" } else { "above" };
            put!(
                out,
                "<div class=\"limit {}\" style=\"bottom:{:.1}%\"><span>{}</span></div>",
                side,
                at,
                limit.name
            )?;
        }
        Ok(())
    }
}

/// The path of points in seconds and drawn values; one that is not a number ends a
/// stretch.
pub fn path(points: impl IntoIterator<Item = (f64, f64)>, scale: &Scale) -> String {
    let mut path = String::new();
    let mut stretch = 0;
    for (at, value) in points {
        if !at.is_finite() || !value.is_finite() {
            dot(&mut path, stretch);
            stretch = 0;
            continue;
        }
        let pen = if stretch == 0 { "M" } else { "L" };
        stretch += 1;
        let at = (at * 1e3).round() / 1e3;
        path.push_str(&format!("{pen}{} {}", short(at), short(scale.drawn(value))));
    }
    dot(&mut path, stretch);
    path
}

/// A stretch of one point would not be seen; its cap makes it a dot.
fn dot(path: &mut String, points: usize) {
    if points == 1 {
        path.push_str("h0");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_gaps() {
        let scale = Scale::linear(Measure::Of(Unit::Count), 0.0, 10.0);
        let points = [(0.0, 1.0), (1.0, 2.0), (f64::NAN, f64::NAN), (9.0, 3.0)];
        assert_eq!(path(points, &scale), "M0 1L1 2M9 3h0");
    }

    #[test]
    fn an_axis_ends_at_round_values() {
        let scale = Scale::linear(Measure::Of(Unit::Count), 3.0, 3_887.0);
        assert_eq!((scale.low, scale.high), (0.0, 4_000.0));
        let log = Scale::log(Measure::Of(Unit::Seconds), 0.002, 13.0);
        assert_eq!((log.low, log.high), (-3.0, 2.0));
        assert_eq!(log.ticks()[0].1, "1ms");
        assert!(log.holds(5.0) && !log.holds(500.0));
    }
}
