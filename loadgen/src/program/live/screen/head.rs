//! The head: what is loaded, how far it is, and how fast it goes.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Color;
use ratatui::text::{Line, Span};
use ratatui::widgets::{LineGauge, Paragraph, Wrap};
use scenarios::units::Unit;

use super::{Palette, Shot};

pub(super) fn draw(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    let lines = [Constraint::Length(1), Constraint::Length(1), Constraint::Min(0)];
    let [title, gauge, figures] = Layout::vertical(lines).areas(area);
    let state = state(shot);
    let length = u16::try_from(state.chars().count()).unwrap_or(u16::MAX);
    let parts = [Constraint::Min(0), Constraint::Length(length.saturating_add(1))];
    let [target, right] = Layout::horizontal(parts).areas(title);
    frame.render_widget(Line::styled(shot.target, palette.strong()), target);
    frame.render_widget(Line::raw(state).right_aligned(), right);
    match shot.done {
        Some(done) => {
            let bar = LineGauge::default()
                .ratio(done.clamp(0.0, 1.0))
                .label(format!("{:>3.0}%", done * 100.0))
                .filled_symbol("█")
                .unfilled_symbol("░")
                .filled_style(palette.colour(Color::Cyan))
                .unfilled_style(palette.faint());
            frame.render_widget(bar, gauge);
        }
        None => frame.render_widget(Line::styled("without an end", palette.faint()), gauge),
    }
    let figures_of = Paragraph::new(rates(shot, palette)).wrap(Wrap { trim: true });
    frame.render_widget(figures_of, figures);
}

/// Where the run is in its time, and what can be done about it.
fn state(shot: &Shot) -> String {
    if shot.ending {
        return "ending, q again does not wait for answers".to_owned();
    }
    if shot.begins_in >= Duration::from_secs(1) {
        return format!("begins in {}, q ends", clock(shot.begins_in));
    }
    let at = clock(shot.at);
    match shot.length {
        Some(length) if shot.at > length => "waiting for the last answers".to_owned(),
        Some(length) => {
            // The last operation of a minute's load is due just before its end.
            let length = Duration::from_secs(length.as_secs_f64().ceil() as u64);
            format!("{at} of {}, q ends", clock(length))
        }
        None => format!("{at}, q ends"),
    }
}

fn rates<'a>(shot: &Shot, palette: Palette) -> Line<'a> {
    let rate = |rate: f64| Unit::PerSecond.show(rate.round());
    let (due, acked) = shot.rates.last().map_or((0.0, 0.0), |rates| (rates.due, rates.acked));
    let asked = shot.asked.map_or_else(|| "a closed loop".to_owned(), rate);
    let progress = shot.progress;
    let mut spans = Vec::new();
    for (name, value) in [
        ("due", rate(due)),
        ("acked", rate(acked)),
        ("asked", asked),
        ("in flight", progress.under_way.to_string()),
        ("waiting", progress.waiting().to_string()),
    ] {
        // What belongs together is not parted at the end of a line.
        spans.push(Span::styled(format!("{}\u{a0}", name.replace(' ', "\u{a0}")), palette.faint()));
        spans.push(Span::styled(value.replace(' ', "\u{a0}"), palette.strong()));
        spans.push(Span::raw("   "));
    }
    Line::from(spans)
}

/// `1:05` or `2:00:00`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}
