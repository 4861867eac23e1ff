//! What is shown while a run goes on: nothing, a progress bar on a terminal,
//! a plain line about once a second elsewhere, or the whole terminal.

use std::io::{IsTerminal as _, stderr};
use std::time::{Duration, Instant};

use loadgen::{Job, Pace, Progress};
use scenarios::units::Unit;

use super::args::{Output, Title};
use super::recorder::{Recorder, Row};

use bar::Bar;
use lulls::Lulls;
use screen::{Rates, Shot};
use terminal::Terminal;

mod bar;
mod lulls;
mod plain;
mod screen;
mod terminal;

/// The time over which the present rates are taken, and between two plain lines.
const PAUSE: Duration = Duration::from_secs(1);

/// How many of the latest rates are kept: more than any terminal is wide.
const HISTORY: usize = 1_000;

/// What is shown while a run goes on.
pub(crate) struct Live {
    place: Place,
    t0: Instant,
    /// When the run ends, if that is known, after T0.
    length: Option<Duration>,
    total: Option<u64>,
    target: String,
    asked: Option<f64>,
    /// The figures of the last line, and when it was shown.
    before: (Progress, Instant),
    /// The rates of about every second, the latest last.
    rates: Vec<Rates>,
    lulls: Lulls,
}

enum Place {
    /// Also before the beginning and after the end.
    Quiet,
    Bar(Bar),
    Plain,
    Screen(Terminal),
}

impl Live {
    /// A view that has no place yet.
    pub(crate) fn new(job: &Job, title: &Title, t0: Instant) -> Self {
        let length = match &job.pace {
            Pace::Open(schedule) => schedule.last_due(),
            Pace::Closed(closed) => closed.duration,
        };
        Self {
            place: Place::Quiet,
            t0,
            length,
            total: job.pace.total(),
            target: title.target.clone(),
            asked: title.rate,
            before: (Progress::default(), t0),
            rates: Vec::new(),
            lulls: Lulls::default(),
        }
    }

    /// Takes its place, which may be the whole terminal until the view ends
    /// or is dropped.
    pub(crate) fn begin(&mut self, output: &Output) {
        let terminal = stderr().is_terminal();
        let screen = if !output.tui {
            None
        } else if terminal {
            Terminal::enter().map_err(|error| plain::say_why_no_screen(&error.to_string())).ok()
        } else {
            plain::say_why_no_screen("standard error is not a terminal");
            None
        };
        self.place = match screen {
            Some(terminal) => Place::Screen(terminal),
            None if output.quiet => Place::Quiet,
            None if terminal => Place::Bar(Bar::new()),
            None => Place::Plain,
        };
    }

    /// Whether somebody pressed a key since the last look that ends the run.
    pub(crate) fn ends(&self) -> bool {
        matches!(&self.place, Place::Screen(terminal) if terminal.ends())
    }

    /// Shows the figures so far, and those of the seconds that are settled.
    pub(crate) fn show(&mut self, progress: Progress, recorder: &Recorder, ending: bool) {
        let now = Instant::now();
        let at = now.saturating_duration_since(self.t0);
        let again = self.keep_rates(progress, now);
        self.lulls.take(at, progress);
        let done = self.done(progress, at);
        let row = recorder.rows.last();
        match &mut self.place {
            Place::Quiet => {}
            Place::Bar(bar) => bar.show(done.unwrap_or(0.0), line(&self.rates, progress, row)),
            Place::Plain if again => {
                plain::show(at, done.unwrap_or(0.0), &line(&self.rates, progress, row));
            }
            Place::Plain => {}
            Place::Screen(terminal) => {
                let so_far = recorder.so_far.as_ref();
                terminal.show(&Shot {
                    target: &self.target,
                    asked: self.asked,
                    at,
                    begins_in: self.t0.saturating_duration_since(now),
                    length: self.length,
                    done,
                    ending,
                    progress,
                    rates: &self.rates,
                    rows: &recorder.rows,
                    so_far: so_far.and_then(|so_far| so_far.quantiles),
                    kept: so_far.map_or(&[], |so_far| &so_far.kept),
                    outages: &self.lulls.outages,
                });
            }
        }
    }

    /// Takes the present rates about once a second; says whether it did.
    fn keep_rates(&mut self, progress: Progress, now: Instant) -> bool {
        let over = now.saturating_duration_since(self.before.1);
        if over < PAUSE {
            return false;
        }
        let seconds = over.as_secs_f64();
        let rate = |now: u64, before: u64| now.saturating_sub(before) as f64 / seconds;
        let before = self.before.0;
        if self.rates.len() == HISTORY {
            self.rates.remove(0);
        }
        self.rates.push(Rates {
            at: now.saturating_duration_since(self.t0),
            due: rate(progress.due, before.due),
            acked: rate(progress.acked, before.acked),
        });
        self.before = (progress, now);
        true
    }

    /// How much of the run is done, from 0 to 1, if its end is known.
    fn done(&self, progress: Progress, at: Duration) -> Option<f64> {
        let time = self.length.filter(|length| !length.is_zero());
        let time = time.map(|length| at.as_secs_f64() / length.as_secs_f64());
        let count = self.total.map(|total| progress.due as f64 / total.max(1) as f64);
        time.into_iter().chain(count).reduce(f64::max).map(|done| done.min(1.0))
    }

    /// Gives up its place.
    pub(crate) fn end(&mut self) {
        if let Place::Bar(bar) = &self.place {
            bar.end();
        }
        self.place = Place::Quiet;
    }
}

/// The figures in one line.
fn line(rates: &[Rates], progress: Progress, row: Option<&Row>) -> String {
    let rate = |rate: f64| Unit::PerSecond.show(rate.round());
    let (due, acked) = rates.last().map_or((0.0, 0.0), |rates| (rates.due, rates.acked));
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
