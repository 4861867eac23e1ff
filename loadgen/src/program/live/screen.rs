//! The full-screen view: a pure function from the figures of a run to what
//! stands on the terminal, for every size of it.
//!
//! The sections are, from the top: the head, the charts, the latencies, and
//! the outcomes beside thresholds and outages. Where they do not all fit, the
//! charts go first; on the smallest terminals only the most important lines
//! are left.

use std::time::Duration;

use loadgen::outage::Outage;
use loadgen::{Kept, Progress, Quantiles};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Block, Borders};

use super::Row;

mod charts;
mod head;
mod latencies;
mod notes;

/// From this width on, what is two of a kind stands side by side.
const WIDE: u16 = 120;

/// Below this width, what stands side by side elsewhere is stacked or left out.
const NARROW: u16 = 64;

/// Charts that are lower than this show nothing.
const LOWEST_CHART: u16 = 6;

/// Everything that is on the screen.
pub(super) struct Shot<'a> {
    pub(super) target: &'a str,
    /// Operations per second that were asked for in the mean; `None` in a
    /// closed loop.
    pub(super) asked: Option<f64>,
    /// Now, after T0.
    pub(super) at: Duration,
    /// What is left until T0.
    pub(super) begins_in: Duration,
    /// When the run ends, if that is known, after T0.
    pub(super) length: Option<Duration>,
    /// How much of the run is done, from 0 to 1, if its end is known.
    pub(super) done: Option<f64>,
    /// A key or a signal has ended it early.
    pub(super) ending: bool,
    pub(super) progress: Progress,
    /// The rates of about every second, the latest last.
    pub(super) rates: &'a [Rates],
    /// The seconds that are settled, in order.
    pub(super) rows: &'a [Row],
    /// Delay, service and response of the run so far, warm-up left out.
    pub(super) so_far: Option<[Quantiles; 3]>,
    /// How the thresholds stand.
    pub(super) kept: &'a [Kept],
    /// The outages that were seen so far, in order.
    pub(super) outages: &'a [Outage],
}

/// What came due and what was accepted per second, in the second before `at`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rates {
    pub(super) at: Duration,
    pub(super) due: f64,
    pub(super) acked: f64,
}

/// The styles. Without colours nothing is said by a style alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Palette {
    pub(super) coloured: bool,
}

impl Palette {
    fn colour(self, colour: Color) -> Style {
        if self.coloured { Style::new().fg(colour) } else { Style::new() }
    }

    fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn good(self) -> Style {
        self.colour(Color::Green)
    }

    fn bad(self) -> Style {
        self.colour(Color::Red).add_modifier(Modifier::BOLD)
    }
}

/// Draws the figures on the whole of a frame.
pub(super) fn draw(frame: &mut Frame, shot: &Shot, palette: Palette) {
    let width = frame.area().width;
    let head = Constraint::Length(if width < NARROW { 4 } else { 3 });
    let [head, rest] = Layout::vertical([head, Constraint::Min(0)]).areas(frame.area());
    head::draw(frame, head, shot, palette);
    let (latencies, notes) = (latencies::height(width), notes::height(shot, width));
    if rest.height >= LOWEST_CHART + latencies + notes {
        let parts = [Constraint::Min(0), Constraint::Length(latencies), Constraint::Length(notes)];
        let [charts, latencies, notes] = Layout::vertical(parts).areas(rest);
        charts::draw(frame, charts, shot, palette);
        latencies::draw(frame, latencies, shot, palette);
        notes::draw(frame, notes, shot, palette);
    } else if rest.height >= latencies + notes::OUTCOMES {
        let parts = [Constraint::Length(latencies), Constraint::Min(0)];
        let [latencies, notes] = Layout::vertical(parts).areas(rest);
        latencies::draw(frame, latencies, shot, palette);
        notes::draw(frame, notes, shot, palette);
    } else {
        let parts = [Constraint::Length(latencies::SHORT), Constraint::Min(0)];
        let [latencies, notes] = Layout::vertical(parts).areas(rest);
        latencies::draw_short(frame, latencies, shot, palette);
        notes::draw_short(frame, notes, shot, palette);
    }
}

/// A section with a title over it; gives the place below.
fn section(frame: &mut Frame, area: Rect, title: Line, palette: Palette) -> Rect {
    // Otherwise the title is as faint as the line that it stands in.
    let title = title.patch_style(Style::new().remove_modifier(Modifier::DIM));
    let block = Block::new().borders(Borders::TOP).border_style(palette.faint()).title(title);
    let inside = block.inner(area);
    frame.render_widget(block, area);
    inside
}

#[cfg(test)]
mod tests;
