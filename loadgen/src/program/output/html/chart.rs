//! A line chart over the seconds of a run, as SVG.

use std::fmt::{Result, Write};

use scenarios::units::Unit;

const WIDTH: f64 = 880.0;
const HEIGHT: f64 = 220.0;
/// Room for the values at the left, and for the seconds below.
const LEFT: f64 = 76.0;
const BELOW: f64 = 24.0;
const ABOVE: f64 = 8.0;

/// A chart.
pub(super) struct Chart<'a> {
    /// The first and the last second.
    pub(super) ends: (f64, f64),
    pub(super) lines: &'a [Line],
    /// Stretches that are marked.
    pub(super) bands: &'a [(f64, f64)],
    pub(super) unit: Unit,
}

/// A line with its name and the class of its colour.
pub(super) struct Line {
    pub(super) name: &'static str,
    pub(super) class: &'static str,
    pub(super) points: Vec<(f64, f64)>,
}

impl Chart<'_> {
    pub(super) fn write(&self, out: &mut String) -> Result {
        let top = self.top();
        let (first, last) = self.ends;
        let x = |second: f64| LEFT + (second - first) / (last - first) * (WIDTH - LEFT);
        let y = |value: f64| ABOVE + (1.0 - value / top) * (HEIGHT - ABOVE - BELOW);
        writeln!(out, "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">")?;
        for &(from, to) in self.bands {
            let (from, to) = (x(from.max(first)), x(to.min(last)));
            writeln!(
                out,
                "<rect class=\"band\" x=\"{from:.1}\" y=\"{ABOVE}\" width=\"{:.1}\" \
                 height=\"{:.1}\"><title>outage</title></rect>",
                (to - from).max(1.0),
                HEIGHT - ABOVE - BELOW
            )?;
        }
        for step in 0..=4 {
            let value = top * f64::from(step) / 4.0;
            let at = y(value);
            writeln!(
                out,
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{WIDTH}\" y1=\"{at:.1}\" y2=\"{at:.1}\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                at + 4.0,
                self.unit.show(value)
            )?;
        }
        for step in 0..=5 {
            let second = first + (last - first) * f64::from(step) / 5.0;
            let anchor = ["start", "middle", "middle", "middle", "middle", "end"][step as usize];
            writeln!(
                out,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                x(second),
                HEIGHT - 6.0,
                Unit::Seconds.show(second)
            )?;
        }
        for line in self.lines {
            write!(out, "<polyline class=\"{}\" points=\"", line.class)?;
            for &(second, value) in &line.points {
                write!(out, "{:.1},{:.1} ", x(second), y(value))?;
            }
            out.push_str("\"/>\n");
        }
        out.push_str("</svg>\n<p class=\"legend\">");
        for line in self.lines {
            write!(out, "<span class=\"{}\">{}</span> ", line.class, line.name)?;
        }
        if !self.bands.is_empty() {
            out.push_str("<span class=\"outage\">outage</span>");
        }
        out.push_str("</p>\n");
        Ok(())
    }

    /// A round number not below any value.
    fn top(&self) -> f64 {
        let values = self.lines.iter().flat_map(|line| &line.points).map(|&(_, value)| value);
        let greatest = values.fold(0.0, f64::max);
        if greatest <= 0.0 {
            return 1.0;
        }
        let scale = 10_f64.powf(greatest.log10().floor());
        let steps = [1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 5.0, 6.0, 8.0, 10.0];
        steps.into_iter().find(|step| step * scale >= greatest).unwrap_or(10.0) * scale
    }
}
