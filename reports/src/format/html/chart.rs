//! A series over the time of the run: phases, faults, the limit and the moment
//! at which it was broken.

use std::fmt::{Result, Write};

use scenarios::units::Unit;

use super::axis::{Axis, label, value_step};
use super::escape::text as safe;
use super::plot::{Plot, WIDTH, extent};
use crate::format::text::{figure, moment};
use crate::record::{Record, SeriesRecord};

const HEIGHT: f64 = 270.0;
const LEFT: f64 = 74.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 238.0;

/// So many lines have a colour and a place in the legend; the rest are grey.
const COLORS: usize = 8;

/// A limit farther away than this times the values is named instead of drawn: it
/// would flatten them.
const FAR: f64 = 20.0;

/// What to draw.
pub(super) struct Chart<'a> {
    record: &'a Record,
    name: &'a str,
    unit: Unit,
    /// The labels of the series, the greatest first.
    lines: Vec<&'a SeriesRecord>,
    limits: Vec<f64>,
    since: Option<f64>,
    /// The least and the greatest value.
    extent: (f64, f64),
}

impl<'a> Chart<'a> {
    /// The chart of a series with all of its labels; none if it has no points.
    pub(super) fn new(
        record: &'a Record,
        name: &'a str,
        limits: impl IntoIterator<Item = f64>,
        since: Option<f64>,
    ) -> Option<Self> {
        let mut limits: Vec<f64> = limits.into_iter().filter(|limit| limit.is_finite()).collect();
        limits.sort_by(f64::total_cmp);
        limits.dedup();
        let since = since.filter(|since| since.is_finite());
        let mut lines: Vec<_> = record.series.iter().filter(|s| s.name == name).collect();
        let unit = lines.first()?.unit;
        let extent = extent(lines.iter().flat_map(|line| values(line)))?;
        let highest = |line: &SeriesRecord| values(line).fold(f64::NEG_INFINITY, f64::max);
        lines.sort_by(|a, b| highest(b).total_cmp(&highest(a)));
        Some(Self { record, name, unit, lines, limits, since, extent })
    }

    /// A figure with its legend; `id` is unique on the page.
    pub(super) fn write(&self, out: &mut String, id: &str) -> Result {
        let times = self.lines.iter().flat_map(|line| line.points.iter().map(|(at, _)| *at));
        let plot = Plot::new(self.record, times, LEFT, TOP, BOTTOM);
        let (low, high, step) = self.range();
        let values = Axis { low, high, start: BOTTOM, end: TOP };
        out.push_str("<figure class=\"chart\">");
        self.legend(out)?;
        writeln!(
            out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Chart of {0}\">\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-labelledby=\"{id}-title {id}-desc\">\n\
             <title id=\"{id}-title\">{0}</title>\n<desc id=\"{id}-desc\">{1}</desc>",
            safe(self.name),
            safe(&self.description(&plot))
        )?;
        plot.phases(out, self.record)?;
        self.value_axis(out, &plot, &values, step)?;
        plot.time_axis(out)?;
        plot.faults(out, &self.record.faults)?;
        // Grey lines lie below coloured ones.
        for (index, line) in self.lines.iter().enumerate().rev() {
            self.line(out, &plot, &values, index, line)?;
        }
        self.marks(out, &plot, &values)?;
        plot.fault_names(out, &self.record.faults)?;
        out.push_str("</svg></div></figure>\n");
        Ok(())
    }

    /// The lowest and highest value of the axis and the step between its ticks.
    fn range(&self) -> (f64, f64, f64) {
        let (mut low, mut high) = self.extent;
        for limit in self.limits.iter().filter(|limit| self.near(**limit)) {
            (low, high) = (low.min(*limit), high.max(*limit));
        }
        // Nought belongs on the axis, unless all that happens happens far above.
        if low > 0.0 && low < 0.8 * high {
            low = 0.0;
        }
        if high <= low {
            (low, high) = if low > 0.0 { (0.0, high) } else { (low, low + 1.0) };
        }
        let step = value_step(high - low, 5.0, self.unit);
        ((low / step).floor() * step, ((high / step + 1e-9).ceil()) * step, step)
    }

    fn near(&self, limit: f64) -> bool {
        let greatest = self.extent.0.abs().max(self.extent.1.abs());
        greatest == 0.0 || limit.abs() <= FAR * greatest
    }

    fn value_axis(&self, out: &mut String, plot: &Plot, values: &Axis, step: f64) -> Result {
        for tick in values.ticks(step) {
            let y = values.place(tick);
            writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"tick\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                plot.time.end,
                LEFT - 8.0,
                y + 4.0,
                label(self.unit, tick)
            )?;
        }
        Ok(())
    }

    fn line(
        &self,
        out: &mut String,
        plot: &Plot,
        values: &Axis,
        index: usize,
        line: &SeriesRecord,
    ) -> Result {
        let class = class(index);
        let mut path = String::new();
        let mut pen = "M";
        let mut drawn = 0;
        for (at, value) in &line.points {
            if !at.is_finite() || !value.is_finite() {
                pen = "M";
                continue;
            }
            write!(path, "{pen}{:.1} {:.1}", plot.time.place(*at), values.place(*value))?;
            pen = "L";
            drawn += 1;
        }
        if drawn == 1 {
            // A line of one point would not be seen; its cap makes it a dot.
            path.push_str("h0");
        }
        writeln!(out, "<path class=\"line {class}\" d=\"{path}\"/>")
    }

    /// The limit, and where it was first broken.
    fn marks(&self, out: &mut String, plot: &Plot, values: &Axis) -> Result {
        if let Some(since) = self.since {
            let x = plot.time.place(since);
            writeln!(
                out,
                "<line class=\"since\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
                 <circle class=\"since\" cx=\"{x:.1}\" cy=\"{BOTTOM}\" r=\"4\"/>"
            )?;
        }
        for limit in self.limits.iter().filter(|limit| self.near(**limit)) {
            let y = values.place(*limit);
            // The label stands above its line, below it at the upper edge.
            let text = if y - TOP < 20.0 { y + 14.0 } else { y - 5.0 };
            let end = plot.time.end;
            writeln!(
                out,
                "<line class=\"limit\" x1=\"{LEFT}\" x2=\"{end:.1}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
                 <text class=\"limit\" x=\"{:.1}\" y=\"{text:.1}\" text-anchor=\"end\">limit {}</text>",
                end - 4.0,
                figure(self.unit, *limit)
            )?;
        }
        Ok(())
    }

    fn legend(&self, out: &mut String) -> Result {
        out.push_str("<figcaption>");
        write!(out, "<code>{}</code>", safe(self.name))?;
        let named = self.lines.iter().take(COLORS).enumerate();
        for (index, line) in named.filter(|(_, line)| !line.label.is_empty()) {
            let (class, label) = (class(index), safe(&line.label));
            write!(out, "<span class=\"key {class}\">{label}</span>")?;
        }
        if self.lines.len() > COLORS {
            write!(out, "<span class=\"key other\">{} more</span>", self.lines.len() - COLORS)?;
        }
        if let Some(since) = self.since {
            write!(out, "<span class=\"key since\">first broken at {}</span>", moment(since))?;
        }
        for limit in self.limits.iter().filter(|limit| !self.near(**limit)) {
            write!(out, "<span>limit {}, far outside</span>", figure(self.unit, *limit))?;
        }
        out.push_str("</figcaption>\n");
        Ok(())
    }

    /// What the drawing shows, for those who do not see it.
    fn description(&self, plot: &Plot) -> String {
        let mut text = format!(
            "From {} to {}: lowest {}, highest {}.",
            moment(plot.time.low),
            moment(plot.time.high),
            figure(self.unit, self.extent.0),
            figure(self.unit, self.extent.1)
        );
        for limit in &self.limits {
            text.push_str(&format!(" The limit is {}.", figure(self.unit, *limit)));
        }
        if let Some(since) = self.since {
            text.push_str(&format!(" First broken at {}.", moment(since)));
        }
        text
    }
}

fn values(series: &SeriesRecord) -> impl Iterator<Item = f64> + '_ {
    series.points.iter().map(|(_, value)| *value).filter(|value| value.is_finite())
}

fn class(index: usize) -> String {
    if index < COLORS { format!("c{index}") } else { "other".to_owned() }
}
