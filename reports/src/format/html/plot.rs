//! The ground that charts and the timeline of faults stand on: the time of the
//! run from left to right, its phases shaded and named.

use std::fmt::{Result, Write};

use super::axis::Axis;
use super::escape::{shortened, text as safe};
use crate::format::text::moment;
use crate::record::{FaultRecord, Record};

/// The width of every drawing; the page scales it.
pub(super) const WIDTH: f64 = 800.0;

/// What the right edge leaves free.
const RIGHT: f64 = 14.0;

/// How wide a character of a label is, about.
const CHARACTER: f64 = 6.4;

/// So many fault names can stand one below another before some are left out.
const LABEL_ROWS: usize = 3;

/// A drawing's ground.
pub(super) struct Plot {
    /// The time, in seconds since the first phase.
    pub(super) time: Axis,
    /// The upper edge.
    pub(super) top: f64,
    /// The lower edge.
    pub(super) bottom: f64,
}

impl Plot {
    /// A ground from `left` to the right edge that covers the phases and `times`.
    pub(super) fn new(
        record: &Record,
        times: impl Iterator<Item = f64>,
        left: f64,
        top: f64,
        bottom: f64,
    ) -> Self {
        let phases = record.phases.iter().flat_map(|phase| [phase.from, phase.to]);
        let (low, high) = extent(phases.chain(times)).unwrap_or((0.0, 1.0));
        let high = if high > low { high } else { low + 1.0 };
        Self { time: Axis { low, high, start: left, end: WIDTH - RIGHT }, top, bottom }
    }

    /// Phases, shaded in turn, with their names above.
    pub(super) fn phases(&self, out: &mut String, record: &Record) -> Result {
        for (index, phase) in record.phases.iter().enumerate() {
            let (from, to) = (self.time.place(phase.from), self.time.place(phase.to));
            let width = to - from;
            let shade = if index % 2 == 0 { "even" } else { "odd" };
            writeln!(
                out,
                "<rect class=\"phase {shade}\" x=\"{from:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{:.1}\"/>",
                self.top,
                self.bottom - self.top
            )?;
            let room = (width / CHARACTER) as usize;
            if room >= 3 {
                writeln!(
                    out,
                    "<text class=\"name\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                    f64::midpoint(from, to),
                    self.top - 7.0,
                    safe(&shortened(&phase.name, room))
                )?;
            }
        }
        Ok(())
    }

    /// The axis of the time with its ticks.
    pub(super) fn time_axis(&self, out: &mut String) -> Result {
        let (start, end, bottom) = (self.time.start, self.time.end, self.bottom);
        writeln!(
            out,
            "<line class=\"axis\" x1=\"{start:.1}\" x2=\"{end:.1}\" y1=\"{bottom:.1}\" y2=\"{bottom:.1}\"/>"
        )?;
        for tick in self.time.ticks(self.time.time_step(8.0)) {
            let x = self.time.place(tick);
            writeln!(
                out,
                "<text class=\"tick\" x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
                bottom + 17.0,
                moment(tick)
            )?;
        }
        Ok(())
    }

    /// Faults that were injected: a line where they began, and the time until
    /// they healed shaded.
    pub(super) fn faults(&self, out: &mut String, faults: &[FaultRecord]) -> Result {
        for fault in faults {
            let Some(injected) = fault.injected else { continue };
            let x = self.time.place(injected);
            let width = fault.healed.map_or(0.0, |healed| self.time.place(healed) - x).max(2.0);
            let (top, bottom) = (self.top, self.bottom);
            let height = bottom - top;
            writeln!(
                out,
                "<rect class=\"fault\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"{height:.1}\"/>\
                 <line class=\"fault\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{top:.1}\" y2=\"{bottom:.1}\"/>"
            )?;
        }
        Ok(())
    }

    /// The names of the faults, where there is room for them.
    pub(super) fn fault_names(&self, out: &mut String, faults: &[FaultRecord]) -> Result {
        // Where the last name in each row ends.
        let mut ends = [f64::NEG_INFINITY; LABEL_ROWS];
        for fault in faults {
            let Some(injected) = fault.injected else { continue };
            let x = self.time.place(injected);
            let name = shortened(&fault.name, 22);
            let length = CHARACTER * (name.chars().count() as f64 + 2.0);
            // A name that would leave the page stands on the left of its line.
            let (from, start, anchor) = if x + length > self.time.end {
                (x - length, x - 5.0, "end")
            } else {
                (x, x + 5.0, "start")
            };
            let Some(row) = ends.iter().position(|end| *end < from) else { continue };
            ends[row] = from + length;
            writeln!(
                out,
                "<text class=\"fault\" x=\"{start:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
                self.top + 14.0 + 14.0 * row as f64,
                safe(&name)
            )?;
        }
        Ok(())
    }
}

/// The least and the greatest of the finite values.
pub(super) fn extent(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    values
        .filter(|value| value.is_finite())
        .map(|value| (value, value))
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
}
