//! What a person sees while a run goes on: a line that moves on a terminal,
//! plain lines in a log, nothing with `--quiet`.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::github;

/// Shows how far a run is. Everything goes to standard error, so that standard
/// output holds the report alone.
pub struct Progress {
    mode: Mode,
}

enum Mode {
    Quiet,
    Lines,
    Bar(ProgressBar),
}

impl Progress {
    /// A display that fits where standard error goes.
    #[must_use]
    pub fn new(quiet: bool) -> Self {
        let mode = if quiet {
            Mode::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(1), ProgressDrawTarget::stderr());
            bar.set_style(style("{spinner} {msg}"));
            bar.enable_steady_tick(Duration::from_millis(100));
            Mode::Bar(bar)
        } else {
            Mode::Lines
        };
        Self { mode }
    }

    /// How often [`Progress::tick`] is worth calling.
    #[must_use]
    pub fn every(&self) -> Duration {
        match self.mode {
            Mode::Bar(_) => Duration::from_millis(250),
            Mode::Lines | Mode::Quiet => Duration::from_secs(10),
        }
    }

    /// Something outside of the phases begins.
    pub fn step(&self, what: &str) {
        match &self.mode {
            Mode::Quiet => {}
            Mode::Lines => say(what),
            Mode::Bar(bar) => {
                bar.set_style(style("{spinner} {msg}"));
                bar.set_message(what.to_owned());
            }
        }
    }

    /// Something that stays to be read, in lines.
    pub fn note(&self, text: &str) {
        match &self.mode {
            Mode::Quiet => {}
            Mode::Lines => say(text),
            Mode::Bar(bar) => bar.suspend(|| say(text)),
        }
    }

    /// Something that may not be meant.
    pub fn warning(&self, text: &str) {
        match &self.mode {
            Mode::Quiet => {}
            Mode::Lines => say(&format!("warning: {text}")),
            Mode::Bar(bar) => bar.suspend(|| say(&format!("warning: {text}"))),
        }
    }

    /// A phase begins.
    pub fn phase(&self, name: &str, length: Duration) {
        match &self.mode {
            Mode::Quiet => {}
            Mode::Lines => say(&format!("phase {name}, {} s", length.as_secs())),
            Mode::Bar(bar) => {
                bar.set_style(style("{spinner} {prefix:>9} [{bar:24}] {msg}"));
                bar.set_length(length.as_millis() as u64);
                bar.set_position(0);
                bar.set_prefix(name.to_owned());
                bar.set_message(String::new());
            }
        }
    }

    /// A phase is so many seconds old, and the workloads stand like this.
    pub fn tick(&self, seconds: f64, loads: &[(&str, loadgen::Progress)]) {
        let mut total = loadgen::Progress::default();
        for (_, load) in loads {
            total.due += load.due;
            total.acked += load.acked;
            total.failed += load.failed;
            total.indeterminate += load.indeterminate;
            total.under_way += load.under_way;
        }
        let text = format!(
            "{} due, {} acknowledged, {} refused, {} unknown, {} under way",
            total.due, total.acked, total.failed, total.indeterminate, total.under_way
        );
        match &self.mode {
            Mode::Quiet => {}
            Mode::Lines => say(&format!("  {seconds:.0} s: {text}")),
            Mode::Bar(bar) => {
                bar.set_position((seconds * 1e3).max(0.0) as u64);
                bar.set_message(text);
            }
        }
    }

    /// Takes the line away, before the report is printed.
    pub fn finish(&self) {
        if let Mode::Bar(bar) = &self.mode {
            bar.finish_and_clear();
        }
    }
}

/// A line of a log.
fn say(text: &str) {
    eprintln!("{}", github::printable(&format!("verify: {text}")));
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates are constants of this file")
        .progress_chars("=> ")
}
