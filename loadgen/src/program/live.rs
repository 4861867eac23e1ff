//! The live line: a progress bar on a terminal, a plain line about once a
//! second elsewhere.

use std::io::{IsTerminal as _, Write as _, stderr};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use loadgen::Progress;

use super::args::Output;

/// The pause between two plain lines.
const PLAIN: Duration = Duration::from_secs(1);

/// Where progress is shown.
pub(crate) enum Live {
    Quiet,
    Bar(ProgressBar),
    Plain { total: u64, shown: Instant },
}

impl Live {
    pub(crate) fn new(total: u64, output: &Output) -> Self {
        if output.quiet {
            return Self::Quiet;
        }
        if !stderr().is_terminal() {
            return Self::Plain { total, shown: Instant::now() };
        }
        let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{wide_bar} {percent:>3}% of {len}  {msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self::Bar(bar)
    }

    pub(crate) fn show(&mut self, progress: Progress) {
        match self {
            Self::Quiet => {}
            Self::Bar(bar) => {
                bar.set_position(progress.due);
                bar.set_message(line(progress));
            }
            Self::Plain { total, shown } => {
                if shown.elapsed() >= PLAIN {
                    *shown = Instant::now();
                    // Whoever closed the other end does not want to know.
                    let _ =
                        writeln!(stderr(), "{} of {total} due, {}", progress.due, line(progress));
                }
            }
        }
    }

    pub(crate) fn end(self) {
        if let Self::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

fn line(progress: Progress) -> String {
    format!(
        "{} acked, {} failed, {} indeterminate, {} under way, {} waiting",
        progress.acked,
        progress.failed,
        progress.indeterminate,
        progress.under_way,
        progress.waiting()
    )
}
