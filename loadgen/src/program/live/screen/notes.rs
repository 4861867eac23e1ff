//! What became of the operations, how the thresholds stand, and the outages.

use std::time::Duration;

use loadgen::Kept;
use loadgen::outage::Outage;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};
use scenarios::units::Unit;

use super::{NARROW, Palette, Shot, WIDE, section};

/// The lines of the outcomes.
pub(super) const OUTCOMES: u16 = 6;

/// What the outcomes take across.
const ACROSS: u16 = 36;

/// What an outage takes across.
const OUTAGE: u16 = 46;

pub(super) fn height(shot: &Shot, width: u16) -> u16 {
    // Thresholds stand over the outages where there is no room beside them.
    let stacked = !shot.kept.is_empty() && (NARROW..WIDE).contains(&width);
    if stacked { OUTCOMES + 1 } else { OUTCOMES }
}

pub(super) fn draw(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    if area.width < NARROW {
        draw_outcomes(frame, area, shot, palette);
        return;
    }
    let parts = [Constraint::Length(ACROSS), Constraint::Min(0)];
    let [outcomes, rest] = Layout::horizontal(parts).spacing(2).areas(area);
    draw_outcomes(frame, outcomes, shot, palette);
    if shot.kept.is_empty() {
        draw_outages(frame, rest, shot, palette);
        return;
    }
    let [thresholds, outages] = if area.width >= WIDE {
        let outages = Constraint::Length(OUTAGE.min(rest.width / 2));
        Layout::horizontal([Constraint::Min(0), outages]).spacing(2).areas(rest)
    } else {
        let lines = u16::try_from(shot.kept.len()).unwrap_or(u16::MAX).saturating_add(1);
        let lines = lines.min(rest.height.saturating_sub(3));
        Layout::vertical([Constraint::Length(lines), Constraint::Min(0)]).areas(rest)
    };
    draw_thresholds(frame, thresholds, shot, palette);
    draw_outages(frame, outages, shot, palette);
}

/// The outcomes in as few lines as can be.
pub(super) fn draw_short(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    let mut spans = Vec::new();
    for (name, count, style) in outcomes(shot, palette) {
        spans.push(Span::styled(format!("{name}\u{a0}{count}"), style));
        spans.push(Span::raw("  "));
    }
    frame.render_widget(Paragraph::new(Line::from(spans)).wrap(Wrap { trim: true }), area);
}

fn draw_outcomes(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    let due = shot.progress.due;
    let title = Line::styled(format!("of {due} due "), palette.strong());
    let inside = section(frame, area, title, palette);
    let lines = outcomes(shot, palette).map(|(name, count, style)| {
        // The counts belong together only roughly.
        let share = (count as f64 / due.max(1) as f64).min(1.0);
        Line::styled(format!("{name:<14}{count:>12}{:>9}", Unit::Share.show(share)), style)
    });
    frame.render_widget(Paragraph::new(lines.to_vec()), inside);
}

fn outcomes(shot: &Shot, palette: Palette) -> [(&'static str, u64, Style); 5] {
    let progress = shot.progress;
    let trouble = |count| if count > 0 { palette.bad() } else { Style::new() };
    [
        ("acked", progress.acked, palette.good()),
        ("failed", progress.failed, trouble(progress.failed)),
        ("indeterminate", progress.indeterminate, trouble(progress.indeterminate)),
        ("dropped", progress.dropped, trouble(progress.dropped)),
        ("late", progress.late, Style::new()),
    ]
}

/// The broken ones first, so that they are seen where not all fit.
fn draw_thresholds(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    let broken = shot.kept.iter().filter(|kept| !kept.held).count();
    let title = format!("thresholds, {broken} of {} broken ", shot.kept.len());
    let inside = section(frame, area, Line::styled(title, palette.strong()), palette);
    let mut kept: Vec<&Kept> = shot.kept.iter().collect();
    kept.sort_by_key(|kept| kept.held);
    let lines = kept.into_iter().take(usize::from(inside.height)).map(|kept| {
        let (word, style) =
            if kept.held { ("held", palette.good()) } else { ("BROKEN", palette.bad()) };
        let rest = Span::raw(format!("{}: {}", kept.threshold, kept.found));
        Line::from(vec![Span::styled(format!("{word:<7}"), style), rest])
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), inside);
}

/// The latest first.
fn draw_outages(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    let title = format!("outages, {} so far ", shot.outages.len());
    let inside = section(frame, area, Line::styled(title, palette.strong()), palette);
    let latest = shot.outages.iter().rev().take(usize::from(inside.height));
    let lines = latest.map(|&Outage { from, to, open, operations }| {
        let length = seconds(to.saturating_sub(from));
        let from = seconds(from);
        if open {
            let text = format!("since {from} ({length}): {operations} operations");
            Line::styled(text, palette.bad())
        } else {
            Line::raw(format!("{from} to {} ({length}): {operations} operations", seconds(to)))
        }
    });
    frame.render_widget(Paragraph::new(lines.collect::<Vec<_>>()), inside);
}

fn seconds(time: Duration) -> String {
    Unit::Seconds.show(time.as_secs_f64())
}
