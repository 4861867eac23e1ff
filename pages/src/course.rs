//! The load over time in two charts: operations by outcome, and how long they took over a
//! heat map of all answers.

use std::fmt::Result;

use scenarios::units::Unit;

use crate::frame::{Frame, Limit, Line, Measure, Scale, path};
use crate::time::{Time, extent, precise, short};
use crate::words::{count, figure};
use crate::{Markup, markup};

/// Outcomes in the order of the stack, as a row has them behind what was due.
const OUTCOMES: [&str; 4] = ["acked", "failed", "indeterminate", "dropped"];
/// Shades of the heat map.
const SHADES: usize = 7;

/// The load of a workload over time, in stretches of equal length of which the first begins
/// at 0.
#[derive(Debug, Clone, Copy)]
pub struct Course<'a> {
    /// The length of a stretch, in seconds.
    pub width: f64,
    /// Operations by the stretch in which they were due: `[due, acked, failed,
    /// indeterminate, dropped]`.
    pub outcomes: &'a [[u64; 5]],
    /// Response times in seconds by stretch: `[p50, p95, p99, max]`; empty where there was
    /// no answer.
    pub response: &'a [Vec<f64>],
    /// The upper ends of the steps of response time, in seconds, in order.
    pub steps: &'a [f64],
    /// Answers by stretch and step: `[stretch, step, count]`.
    pub heat: &'a [[u64; 3]],
}

impl Course<'_> {
    /// Writes the chart of the load, operations a second by outcome, stacked, with what was
    /// asked for as a line. `name` stands in its caption, `id` is that of the element.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn rate(&self, out: &mut String, time: &Time, name: &str, id: String) -> Result {
        let width = self.width.max(f64::MIN_POSITIVE);
        let stacked =
            |row: &[u64; 5], upto: usize| row[1..=upto].iter().sum::<u64>() as f64 / width;
        let asked = |row: &[u64; 5]| row[0] as f64 / width;
        let most =
            self.outcomes.iter().map(|row| asked(row).max(stacked(row, 4))).fold(0.0, f64::max);
        if most <= 0.0 {
            return Ok(());
        }
        let data = |value: &dyn Fn(&[u64; 5]) -> f64| {
            let values: Vec<String> = self.outcomes.iter().map(|row| short(value(row))).collect();
            markup!("data-width=\"{}\" data-v=\"{}\" ", short(width), values.join(" "))
        };
        let mut lines = vec![Line {
            name: "asked for".to_owned(),
            class: "asked".to_owned(),
            path: self.stairs(&asked, None),
            data: data(&asked),
        }];
        for (place, outcome) in OUTCOMES.iter().enumerate() {
            if self.outcomes.iter().all(|row| row[place + 1] == 0) && place > 0 {
                continue;
            }
            let top = |row: &[u64; 5]| stacked(row, place + 1);
            let floor = |row: &[u64; 5]| if place == 0 { 0.0 } else { stacked(row, place) };
            lines.push(Line {
                name: (*outcome).to_owned(),
                class: format!("fill {outcome}"),
                path: self.stairs(&top, Some(&floor)),
                data: data(&|row: &[u64; 5]| row[place + 1] as f64 / width),
            });
        }
        let total = |place: usize| self.outcomes.iter().map(|row| row[place]).sum::<u64>();
        let description = format!(
            "{} operations due, {} acked, {} failed, {} indeterminate, {} dropped.",
            count(total(0)),
            count(total(1)),
            count(total(2)),
            count(total(3)),
            count(total(4))
        );
        Frame {
            time,
            id,
            name: format!("Load, {name}"),
            about: format!(
                "by outcome, in the second in which operations were due{}",
                every(width)
            ),
            scale: Scale::linear(Measure::Of(Unit::PerSecond), 0.0, most),
            lines,
            limits: Vec::new(),
            behind: Markup::default(),
            description,
            class: "tall",
        }
        .write(out)
    }

    /// Writes the chart of response times, quantiles over a heat map of all answers, with
    /// these bounds.
    ///
    /// # Errors
    /// When the page cannot be written.
    pub fn response(
        &self,
        out: &mut String,
        time: &Time,
        name: &str,
        id: String,
        limits: Vec<Limit>,
    ) -> Result {
        let values = self.response.iter().flatten().copied().filter(|value| *value > 0.0);
        let Some((low, high)) = extent(values) else { return Ok(()) };
        let scale = Scale::log(Measure::Of(Unit::Seconds), low, high);
        let middle = |stretch: usize| (stretch as f64 + 0.5) * self.width;
        let lines = ["p50", "p95", "p99", "max"].iter().enumerate().map(|(place, quantile)| {
            let points = self.response.iter().enumerate().map(|(stretch, row)| {
                let value = row.get(place).copied().unwrap_or(f64::NAN);
                (middle(stretch), value)
            });
            Line {
                name: (*quantile).to_owned(),
                class: (*quantile).to_owned(),
                path: path(points, &scale),
                data: Markup::default(),
            }
        });
        let description = format!(
            "from due to done, lowest median {}, longest {}.",
            figure(Unit::Seconds, low),
            figure(Unit::Seconds, high)
        );
        Frame {
            time,
            id,
            name: format!("Response time, {name}"),
            about: "from when operations were due; the darker, the more answers".to_owned(),
            scale,
            lines: lines.collect(),
            limits,
            behind: self.heat(&scale),
            description,
            class: "tall",
        }
        .write(out)
    }

    /// Steps over time; with a floor the area between. Stretches in which nothing was due
    /// have none.
    fn stairs(&self, top: &Height<'_>, floor: Option<&Height<'_>>) -> String {
        let mut path = String::new();
        let width = self.width;
        let rows = self.outcomes;
        let mut start = 0;
        while start < rows.len() {
            if rows[start][0] == 0 {
                start += 1;
                continue;
            }
            let end = (start..rows.len()).find(|&at| rows[at][0] == 0).unwrap_or(rows.len());
            if floor.is_some()
                && (start..end).all(|at| top(&rows[at]) <= floor.map_or(0.0, |f| f(&rows[at])))
            {
                start = end;
                continue;
            }
            path.push_str(&format!(
                "M{} {}",
                short(start as f64 * width),
                short(top(&rows[start]))
            ));
            for row in &rows[start..end] {
                path.push_str(&format!("V{}h{}", short(top(row)), short(width)));
            }
            if let Some(floor) = floor {
                for row in rows[start..end].iter().rev() {
                    path.push_str(&format!("V{}h{}", short(floor(row)), short(-width)));
                }
                path.push('Z');
            }
            start = end;
        }
        path
    }

    /// A cell for each stretch and step with answers, in shades by how many.
    fn heat(&self, scale: &Scale) -> Markup {
        let most = self.heat.iter().map(|cell| cell[2]).max().unwrap_or(0) as f64;
        let mut shades = vec![String::new(); SHADES];
        for &[stretch, step, number] in self.heat {
            let (Some(&upper), true) = (self.steps.get(step as usize), number > 0) else {
                continue;
            };
            let below = (step as usize).checked_sub(1).and_then(|below| self.steps.get(below));
            let lower = below.map_or(upper / 10.0, |&lower| lower);
            let (bottom, top) = (scale.drawn(lower), scale.drawn(upper));
            // One answer among many can be the one that matters: it is seen.
            let shade = ((number as f64).ln_1p() / most.ln_1p() * SHADES as f64).ceil() as usize;
            let from = short(stretch as f64 * self.width);
            let width = short(self.width);
            shades[shade.clamp(1, SHADES) - 1].push_str(&format!(
                "M{from} {}h{width}V{}h-{width}z",
                short(bottom),
                short(top)
            ));
        }
        Markup::written(|out| {
            let drawn = shades.iter().enumerate().filter(|(_, path)| !path.is_empty());
            for (shade, path) in drawn {
                crate::put!(out, "<path class=\"heat h{}\" d=\"{}\"/>", shade + 1, path)?;
            }
            Ok(())
        })
    }
}

/// How high a stretch is drawn.
type Height<'a> = dyn Fn(&[u64; 5]) -> f64 + 'a;

/// How long a stretch is, where it is no second.
fn every(width: f64) -> String {
    if width <= 1.0 { String::new() } else { format!("; mean of {}", precise(width)) }
}
