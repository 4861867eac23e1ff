//! The live line: a progress bar on a terminal, a plain line about once a
//! second elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use loadgen::{Job, Pace, Progress};
use scenarios::units::Unit;

use super::args::Output;
use super::recorder::Row;

/// The pause between two plain lines.
const PLAIN: Duration = Duration::from_secs(1);

/// What is shown while a run goes on.
pub(crate) struct Live {
    place: Place,
    t0: Instant,
    /// When the run ends, if that is known, after T0.
    length: Option<Duration>,
    total: Option<u64>,
    /// The figures of the last line, and when it was shown.
    before: (Progress, Instant),
    rates: (f64, f64),
}

enum Place {
    Quiet,
    Bar(ProgressBar),
    Plain,
}

impl Live {
    pub(crate) fn new(job: &Job, t0: Instant, output: &Output) -> Self {
        let length = match &job.pace {
            Pace::Open(schedule) => schedule.last_due(),
            Pace::Closed(closed) => closed.duration,
        };
        let place = if output.quiet {
            Place::Quiet
        } else if stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:24} {percent:>3}%  {wide_msg}");
            if let Ok(style) = style {
                bar.set_style(style);
            }
            Place::Bar(bar)
        } else {
            Place::Plain
        };
        let before = (Progress::default(), t0);
        Self { place, t0, length, total: job.pace.total(), before, rates: (0.0, 0.0) }
    }

    /// Shows the figures so far, and those of the last second that is settled.
    pub(crate) fn show(&mut self, progress: Progress, row: Option<&Row>) {
        let now = Instant::now();
        let over = now.saturating_duration_since(self.before.1);
        let again = over >= PLAIN;
        if again {
            let seconds = over.as_secs_f64();
            let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
            let before = self.before.0;
            self.rates = (rate(progress.due, before.due), rate(progress.acked, before.acked));
            self.before = (progress, now);
        }
        match &self.place {
            Place::Quiet => {}
            Place::Bar(bar) => {
                bar.set_position((self.done(progress, now) * 1_000.0) as u64);
                bar.set_message(self.line(progress, row));
            }
            Place::Plain if again => {
                let at = now.saturating_duration_since(self.t0).as_secs();
                let done = self.done(progress, now) * 100.0;
                // Whoever closed the other end does not want to know.
                let _ = writeln!(stderr(), "{at:>5} s {done:>3.0}%  {}", self.line(progress, row));
            }
            Place::Plain => {}
        }
    }

    /// How much of the run is done, from 0 to 1.
    fn done(&self, progress: Progress, now: Instant) -> f64 {
        let time = self.length.filter(|length| !length.is_zero()).map(|length| {
            now.saturating_duration_since(self.t0).as_secs_f64() / length.as_secs_f64()
        });
        let count = self.total.map(|total| progress.due as f64 / total.max(1) as f64);
        time.into_iter().chain(count).fold(0.0, f64::max).min(1.0)
    }

    fn line(&self, progress: Progress, row: Option<&Row>) -> String {
        let rate = |rate: f64| Unit::PerSecond.show(rate.round());
        let (due, acked) = self.rates;
        let mut line = format!("due {}, acked {}", rate(due), rate(acked));
        line.push_str(&format!(", in flight {}", progress.under_way));
        if progress.waiting() > 0 {
            line.push_str(&format!(", waiting {}", progress.waiting()));
        }
        if let Some(response) = row.map(|row| row.response).filter(|q| q.count > 0) {
            let time = |time: Duration| Unit::Seconds.show(time.as_secs_f64());
            line.push_str(&format!(", p50 {}, p99 {}", time(response.p50), time(response.p99)));
        }
        for (name, count) in [
            ("failed", progress.failed),
            ("indeterminate", progress.indeterminate),
            ("dropped", progress.dropped),
        ] {
            if count > 0 {
                line.push_str(&format!(", {name} {count}"));
            }
        }
        line
    }

    pub(crate) fn end(self) {
        if let Place::Bar(bar) = self.place {
            bar.finish_and_clear();
        }
    }
}
