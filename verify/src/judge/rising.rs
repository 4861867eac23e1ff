//! How much a counter rose over a window: one that a probe reads, or a workload's.

use std::collections::BTreeMap;

use scenarios::plan::Plan;

use super::counts::Counts;
use super::overdue;
use super::rises;
use super::series::Series;
use super::window::Window;
use crate::history::History;

/// How a counter rose over a window.
pub(super) struct Rising {
    /// For certain, and at most.
    pub(super) least: f64,
    pub(super) most: f64,
    /// What is judged: what the window has, and its edges.
    pub(super) total: f64,
    /// A fall that nothing explains, in words.
    pub(super) fall: Option<String>,
    /// The seconds in which it rose, and by how much.
    pub(super) by_second: BTreeMap<i64, f64>,
    /// Of what a probe reads: the rises within the window, by the time of the sample
    /// that shows each.
    pub(super) rises: Vec<(f64, f64)>,
}

impl Rising {
    /// # Errors
    /// When samples or counts of the window are missing.
    pub(super) fn of(
        plan: &Plan,
        history: &History,
        name: &str,
        window: &Window,
    ) -> Result<Self, String> {
        match plan.count_of_workload(name) {
            Some((workload, count)) => Self::of_workload(plan, history, workload, count, window),
            None => Self::of_probe(&Series::of(plan, history, name), window),
        }
    }

    fn of_workload(
        plan: &Plan,
        history: &History,
        workload: &str,
        count: &str,
        window: &Window,
    ) -> Result<Self, String> {
        let counts = Counts::of(history, workload, count);
        let total = counts.total(window)? + overdue::shift(plan, history, workload, count, window);
        let seconds = window.spans.iter().flat_map(|span| span.whole_seconds());
        let by_second = seconds
            .filter_map(|second| {
                Some((second, counts.second(second).ok().filter(|&rise| rise > 0.0)?))
            })
            .collect();
        let rises = Vec::new();
        Ok(Self { least: total, most: total, total, fall: None, by_second, rises })
    }

    fn of_probe(series: &Series<'_>, window: &Window) -> Result<Self, String> {
        if let Some(why) = series.shortage(window, 2) {
            return Err(why);
        }
        let sorted = rises::sort(series, window);
        let fall = rises::unexplained_fall(series, window).map(|fall| fall.says(series));
        let (least, most) = (sorted.least(), sorted.most());
        let total = sorted.shown(window);
        let rises = sorted.inside.iter().map(|rise| (rise.at, rise.amount)).collect();
        let mut rising = Self { least, most, total, fall, by_second: BTreeMap::new(), rises };
        for rise in &sorted.inside {
            *rising.by_second.entry(rise.at.floor() as i64).or_default() += rise.amount;
        }
        Ok(rising)
    }
}
