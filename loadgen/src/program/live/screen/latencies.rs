//! The latencies of the last second that is settled, and of the run so far.

use std::time::Duration;

use loadgen::Quantiles;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use scenarios::units::Unit;

use super::{NARROW, Palette, Shot, WIDE, section};

/// The lines of the short form.
pub(super) const SHORT: u16 = 3;

/// What one figure takes.
const FIGURE: u16 = 8;

/// The quantiles by name, and which is left out first where not all fit.
const NAMES: [(&str, u8); 6] =
    [("p50", 5), ("p90", 0), ("p95", 2), ("p99", 4), ("p99.9", 1), ("max", 3)];

const KINDS: [&str; 3] = ["delay", "service", "response"];

pub(super) fn height(width: u16) -> u16 {
    if width >= WIDE { 5 } else { 8 }
}

/// All that is known: side by side, or one below the other.
pub(super) fn draw(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    let last = shot.rows.last();
    let when =
        last.map_or_else(|| "no second yet".to_owned(), |row| format!("second {}", row.second));
    let last = last.map(|row| [row.delay, row.service, row.response]);
    if area.width >= WIDE {
        let half = Constraint::Ratio(1, 2);
        let [left, right] = Layout::horizontal([half, half]).spacing(2).areas(area);
        for (area, title, latencies) in [
            (left, format!("latency, {when} "), last),
            (right, "latency, run so far ".to_owned(), shot.so_far),
        ] {
            let title = Line::styled(title, palette.strong());
            let inside = section(frame, area, title, palette);
            let label = 10;
            let mut lines = vec![names(label, inside.width, palette)];
            lines.extend(rows(latencies, str::to_owned, label, inside.width));
            frame.render_widget(Paragraph::new(lines), inside);
        }
        return;
    }
    let title = Line::styled(format!("latency, {when} and run so far "), palette.strong());
    let inside = section(frame, area, title, palette);
    let (label, last_name, all_name) =
        if area.width < NARROW { (14, "last", "all") } else { (22, "last second", "run so far") };
    let mut lines = vec![names(label, inside.width, palette)];
    lines.extend(rows(last, |kind| format!("{last_name} {kind}"), label, inside.width));
    lines.extend(rows(shot.so_far, |kind| format!("{all_name} {kind}"), label, inside.width));
    frame.render_widget(Paragraph::new(lines), inside);
}

/// Only the response times.
pub(super) fn draw_short(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    let label = 14;
    let last = shot.rows.last().map(|row| row.response);
    let all = shot.so_far.map(|[_, _, response]| response);
    let lines = vec![
        names(label, area.width, palette),
        row("last response", last, label, area.width),
        row("all response", all, label, area.width),
    ];
    frame.render_widget(Paragraph::new(lines), area);
}

fn names(label: u16, width: u16, palette: Palette) -> Line<'static> {
    let mut text = " ".repeat(usize::from(label));
    for at in shown(label, width) {
        text.push_str(&format!("{:>1$}", NAMES[at].0, usize::from(FIGURE)));
    }
    Line::from(Span::styled(text, palette.faint()))
}

fn rows(
    latencies: Option<[Quantiles; 3]>,
    name: impl Fn(&str) -> String,
    label: u16,
    width: u16,
) -> impl Iterator<Item = Line<'static>> {
    (0..3).map(move |at| row(&name(KINDS[at]), latencies.map(|all| all[at]), label, width))
}

fn row(name: &str, q: Option<Quantiles>, label: u16, width: u16) -> Line<'static> {
    let mut text = format!("{name:<0$}", usize::from(label));
    let q = q.filter(|q| q.count > 0);
    let times = q.map(|q| [q.p50, q.p90, q.p95, q.p99, q.p999, q.max]);
    for at in shown(label, width) {
        let time = times.map_or_else(|| "-".to_owned(), |times| seconds(times[at]));
        text.push_str(&format!("{time:>0$}", usize::from(FIGURE)));
    }
    Line::raw(text)
}

/// The quantiles that fit beside a label of this width.
fn shown(label: u16, width: u16) -> impl Iterator<Item = usize> {
    let fit = width.saturating_sub(label) / FIGURE;
    (0..NAMES.len()).filter(move |&at| u16::from(NAMES[at].1) + fit >= NAMES.len() as u16)
}

fn seconds(time: Duration) -> String {
    Unit::Seconds.show(time.as_secs_f64())
}
