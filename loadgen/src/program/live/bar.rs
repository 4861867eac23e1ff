//! A progress bar with the figures behind it.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A progress bar on standard error.
pub(super) struct Bar(ProgressBar);

impl Bar {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(1_000), ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{bar:24} {percent:>3}%  {wide_msg}");
        if let Ok(style) = style {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Shows the part that is done, from 0 to 1, and the figures.
    pub(super) fn show(&self, done: f64, line: String) {
        self.0.set_position((done * 1_000.0) as u64);
        self.0.set_message(line);
    }

    pub(super) fn end(&self) {
        self.0.finish_and_clear();
    }
}
