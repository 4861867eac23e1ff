//! The charts: rates and response times over the last minutes, a dot a second.

use std::time::Duration;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Color;
use ratatui::symbols::Marker;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Axis, Chart, Dataset, GraphType};
use scenarios::units::Unit;

use super::{NARROW, Palette, Shot, section};

/// What the labels of the upright axis take.
const LABELS: u16 = 7;

/// Lower charts use the lines of the level axis for dots.
const AXIS: u16 = 10;

/// Two dots of Braille stand in one place.
const DOTS: u16 = 2;

/// What is drawn in a chart. The later ones lie over the earlier ones.
struct Curve {
    name: &'static str,
    colour: Color,
    marker: Marker,
    dots: Vec<(f64, f64)>,
}

pub(super) fn draw(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    if area.width < NARROW {
        draw_rates(frame, area, shot, palette);
        return;
    }
    let half = Constraint::Ratio(1, 2);
    let [left, right] = Layout::horizontal([half, half]).spacing(2).areas(area);
    draw_rates(frame, left, shot, palette);
    draw_responses(frame, right, shot, palette);
}

fn draw_rates(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    let window = window(area);
    let ago = |at: Duration| at.as_secs_f64() - shot.at.as_secs_f64();
    let latest = || shot.rates.iter().rev().take_while(|rates| ago(rates.at) >= -window);
    let highest = latest().map(|rates| rates.due.max(rates.acked)).fold(1.0, f64::max);
    let curves = [
        Curve {
            name: "due",
            colour: Color::Cyan,
            marker: Marker::Dot,
            dots: latest().map(|rates| (ago(rates.at), rates.due)).collect(),
        },
        Curve {
            name: "acked",
            colour: Color::Green,
            marker: Marker::Braille,
            dots: latest().map(|rates| (ago(rates.at), rates.acked)).collect(),
        },
    ];
    let top = round_up(highest * 1.05);
    let labels = vec!["0".to_owned(), short(top / 2.0), short(top)];
    draw_chart(frame, area, "per second", &curves, [0.0, top], labels, palette);
}

/// Response times stretch over many powers of ten, and so does their axis.
fn draw_responses(frame: &mut Frame, area: Rect, shot: &Shot, palette: Palette) {
    let window = window(area);
    let ago = |second: u64| second as f64 + 1.0 - shot.at.as_secs_f64();
    let latest = || {
        let rows = shot.rows.iter().rev().take_while(|row| ago(row.second) >= -window);
        rows.filter(|row| row.response.count > 0)
    };
    let power = |time: Duration| time.as_secs_f64().max(1e-6).log10();
    let powers = latest().flat_map(|row| [power(row.response.p50), power(row.response.p99)]);
    let (least, most) = powers
        .fold((f64::MAX, f64::MIN), |(least, most), power| (least.min(power), most.max(power)));
    let (least, most) = if least > most { (-4.0, -2.0) } else { (least.floor(), most.ceil()) };
    let most = most.max(least + 1.0);
    let curves = [
        Curve {
            name: "p50",
            colour: Color::Green,
            marker: Marker::Dot,
            dots: latest().map(|row| (ago(row.second), power(row.response.p50))).collect(),
        },
        Curve {
            name: "p99",
            colour: Color::Yellow,
            marker: Marker::Braille,
            dots: latest().map(|row| (ago(row.second), power(row.response.p99))).collect(),
        },
    ];
    // A label in the middle of an odd number of powers would be no round time.
    let even = (most - least) % 2.0 == 0.0;
    let at = if even { vec![least, (least + most) / 2.0, most] } else { vec![least, most] };
    let labels = at.into_iter().map(|power| Unit::Seconds.show(10_f64.powf(power))).collect();
    draw_chart(frame, area, "response", &curves, [least, most], labels, palette);
}

fn draw_chart(
    frame: &mut Frame,
    area: Rect,
    title: &'static str,
    curves: &[Curve],
    bounds: [f64; 2],
    labels: Vec<String>,
    palette: Palette,
) {
    let mut spans = vec![Span::styled(title, palette.strong())];
    for curve in curves {
        let sign = if curve.marker == Marker::Dot { "•" } else { "⠒" };
        let style = palette.colour(curve.colour);
        spans.push(Span::styled(format!(" {sign} {}", curve.name), style));
    }
    let window = window(area);
    let has_axis = area.height >= AXIS;
    let over = if has_axis { " ".to_owned() } else { format!(" over {window}s ") };
    spans.push(Span::styled(over, palette.faint()));
    let inside = section(frame, area, Line::from(spans), palette);
    let datasets = curves.iter().map(|curve| {
        Dataset::default()
            .marker(curve.marker)
            .graph_type(GraphType::Line)
            .style(palette.colour(curve.colour))
            .data(&curve.dots)
    });
    let labels = labels.into_iter().map(|label| format!("{label:>6}"));
    let across = Axis::default().bounds([-window, 0.0]).style(palette.faint());
    let ends = [format!("{window}s ago"), "now".to_owned()];
    let across = if has_axis { across.labels(ends) } else { across };
    let upright = Axis::default().bounds(bounds).labels(labels).style(palette.faint());
    let chart = Chart::new(datasets.collect()).x_axis(across).y_axis(upright);
    frame.render_widget(chart.legend_position(None), inside);
}

/// How many seconds a chart of this width shows.
fn window(area: Rect) -> f64 {
    f64::from(area.width.saturating_sub(LABELS).saturating_mul(DOTS).max(10))
}

/// The next of 1, 2, 4, 5 or 10 times a power of ten, so that its half is
/// round, too.
fn round_up(value: f64) -> f64 {
    let power = 10_f64.powf(value.max(1.0).log10().floor());
    let steps = [1.0, 2.0, 4.0, 5.0, 6.0, 8.0, 10.0];
    steps.into_iter().map(|step| step * power).find(|&top| top >= value).unwrap_or(value)
}

/// `800`, `12k`, `1.5M`.
fn short(value: f64) -> String {
    match value {
        value if value >= 1e6 => format!("{}M", Unit::Count.show(value / 1e6)),
        value if value >= 1e4 => format!("{}k", Unit::Count.show(value / 1e3)),
        value => Unit::Count.show(value),
    }
}
