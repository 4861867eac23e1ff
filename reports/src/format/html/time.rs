//! The one axis of time that all charts of a page share.

use std::fmt::{Result, Write};

use super::axis::Axis;
use super::escape::text as safe;
use crate::format::text::moment;
use crate::record::Record;

/// So much of the run's length is drawn before its first phase at most …
const BEFORE: f64 = 0.02;
/// … and behind its last.
const BEHIND: f64 = 0.25;
/// Ticks of the axis at most; the page is narrow on a phone.
const TICKS: f64 = 6.0;

/// The time that is drawn, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Time {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Time {
    /// From the first phase to the last, with what lies closely around them.
    pub(super) fn of(record: &Record) -> Self {
        let phases = record.phases.iter().flat_map(|phase| [phase.from, phase.to]);
        let inner = extent(phases.chain(record.faults.iter().map(|fault| fault.planned)));
        let series = record.series.iter().flat_map(|series| series.points.iter());
        let outer = extent(series.map(|(at, _)| *at));
        let (low, high) = match (inner, outer) {
            (Some((low, high)), Some((from, to))) => {
                let length = (high - low).max(1.0);
                (low.min(from).max(low - BEFORE * length), high.max(to).min(high + BEHIND * length))
            }
            (Some(known), None) | (None, Some(known)) => known,
            (None, None) => (0.0, 1.0),
        };
        Self { low, high: if high > low { high } else { low + 1.0 } }
    }

    /// The length in seconds.
    pub(super) fn length(&self) -> f64 {
        self.high - self.low
    }

    /// Where a moment lies, in per cent of the width; what lies outside is at the edge.
    pub(super) fn percent(&self, at: f64) -> f64 {
        ((at - self.low) / self.length() * 100.0).clamp(0.0, 100.0)
    }

    /// The view box of a drawing 1,000 high.
    pub(super) fn view_box(&self) -> String {
        format!("{} 0 {} 1000", short(self.low), short(self.length()))
    }

    /// The ticks below a chart.
    pub(super) fn ticks(&self, out: &mut String) -> Result {
        let axis = Axis { low: self.low, high: self.high };
        out.push_str("<div class=\"xs\" aria-hidden=\"true\">");
        for tick in axis.ticks(axis.time_step(TICKS)) {
            let left = self.percent(tick);
            write!(out, "<span style=\"left:{left:.2}%\">{}</span>", moment(tick))?;
        }
        out.push_str("</div>\n");
        Ok(())
    }

    /// The attributes of something that lies in time: where it begins and how long it is.
    pub(super) fn placed(&self, from: f64, to: f64) -> String {
        let (left, right) = (self.percent(from), self.percent(to));
        format!(
            "data-from=\"{}\" data-to=\"{}\" style=\"left:{left:.2}%;width:{:.2}%\"",
            short(from),
            short(to),
            right - left
        )
    }
}

/// So many faults have a line each where they began; of more the lines would be all there is.
const LINES: usize = 60;

/// What lies behind every chart: the phases shaded in turn, and the faults. Charts refer
/// to it.
pub(super) fn ground(out: &mut String, record: &Record, time: &Time) -> Result {
    out.push_str("<svg class=\"defs\" aria-hidden=\"true\"><defs><g id=\"ground\">");
    for (index, phase) in record.phases.iter().enumerate() {
        if index % 2 == 1 {
            let (from, to) = (short(phase.from), short(phase.to - phase.from));
            write!(
                out,
                "<rect class=\"odd\" x=\"{from}\" y=\"0\" width=\"{to}\" height=\"1000\"/>"
            )?;
        }
    }
    for fault in &record.faults {
        let Some(injected) = fault.injected else { continue };
        let end = over(fault).unwrap_or(injected).clamp(injected, time.high.max(injected));
        let (from, width) = (short(injected), short(end - injected));
        write!(
            out,
            "<rect class=\"fault\" x=\"{from}\" y=\"0\" width=\"{width}\" height=\"1000\"/>"
        )?;
        if record.faults.len() <= LINES {
            write!(out, "<path class=\"fault\" d=\"M{from} 0V1000\"/>")?;
        }
    }
    out.push_str("</g></defs></svg>\n");
    Ok(())
}

/// When a fault was over: healed, or undone where nobody saw it heal.
pub(super) fn over(fault: &crate::record::FaultRecord) -> Option<f64> {
    let times = [fault.healed, fault.undone].into_iter().flatten();
    times.filter(|at| at.is_finite()).reduce(f64::max)
}

/// The least and the greatest of the finite values.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|value| value.is_finite())
        .map(|value| (value, value))
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
}

/// A number as short as six significant digits allow.
pub(super) fn short(value: f64) -> String {
    rounded(value, 6)
}

/// A number with so many significant digits, at most.
pub(super) fn rounded(value: f64, digits: i32) -> String {
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
pub(super) fn precise(seconds: f64) -> String {
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

/// A named place in the run: `1m45.2s (kills)`.
pub(super) fn place(record: &Record, at: f64) -> String {
    let phase = record.phases.iter().find(|phase| phase.from <= at && at < phase.to);
    match phase {
        Some(phase) => format!("{} ({})", precise(at), safe(&phase.name)),
        None => precise(at),
    }
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
