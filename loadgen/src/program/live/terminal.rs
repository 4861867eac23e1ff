//! The whole terminal: takes it, draws on it, reads its keys, and gives it
//! back as it was, whatever happens.

use std::io::{self, BufWriter, Stderr, stderr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{
    Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};

use super::screen::{self, Palette, Shot};

/// The terminal behind standard error, so that standard output may go
/// elsewhere. It is given back when this is dropped.
pub(super) struct Terminal {
    canvas: ratatui::Terminal<CrosstermBackend<BufWriter<Stderr>>>,
    palette: Palette,
    taken: Taken,
}

/// Whether the terminal is taken at present; shared with the panic hook.
#[derive(Clone)]
struct Taken(Arc<AtomicBool>);

impl Terminal {
    /// Takes the terminal.
    ///
    /// # Errors
    /// When it is not one that can be drawn on.
    pub(super) fn enter() -> io::Result<Self> {
        if std::env::var_os("TERM").is_some_and(|name| name == "dumb") {
            return Err(io::Error::other("the terminal cannot be drawn on, as TERM=dumb says"));
        }
        let backend = CrosstermBackend::new(BufWriter::new(stderr()));
        let canvas = ratatui::Terminal::new(backend)?;
        let taken = Taken(Arc::new(AtomicBool::new(true)));
        taken.give_back_on_panic();
        let coloured = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        // Made first: whatever fails below, dropping it undoes what was done.
        let terminal = Self { canvas, palette: Palette { coloured }, taken };
        enable_raw_mode()?;
        execute!(stderr(), EnterAlternateScreen)?;
        Ok(terminal)
    }

    /// Draws the present figures. A panic elsewhere may have given the
    /// terminal back, and then its message is more important.
    pub(super) fn show(&mut self, shot: &Shot) {
        if self.taken.0.load(Ordering::SeqCst) {
            let palette = self.palette;
            // Whoever closed the terminal does not want to know.
            let _ = self.canvas.draw(|frame| screen::draw(frame, shot, palette));
        }
    }

    /// Takes in the keys that were pressed; says whether one ends the run. In
    /// raw mode, Ctrl-C is a key and no signal.
    pub(super) fn ends(&self) -> bool {
        let mut ends = false;
        while self.taken.0.load(Ordering::SeqCst) && event::poll(Duration::ZERO).unwrap_or(false) {
            match event::read() {
                Ok(Event::Key(key)) => ends |= is_end(key),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        ends
    }
}

/// Whether a key ends the run.
fn is_end(key: KeyEvent) -> bool {
    key.kind == KeyEventKind::Press
        && match key.code {
            KeyCode::Esc | KeyCode::Char('q' | 'Q') => true,
            KeyCode::Char('c') => key.modifiers.contains(KeyModifiers::CONTROL),
            _ => false,
        }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.taken.give_back();
    }
}

impl Taken {
    /// Gives the terminal back, once.
    fn give_back(&self) {
        if self.0.swap(false, Ordering::SeqCst) {
            // Cleared first, because tmux moves what is left of it to the
            // normal screen if the size has changed meanwhile. Nothing more
            // can be done about a terminal that is gone.
            let _ = execute!(stderr(), Clear(ClearType::All), LeaveAlternateScreen, Show);
            let _ = disable_raw_mode();
        }
    }

    /// A panic's message belongs on the normal screen. Once the terminal is
    /// given back, the hook does what the one before it did.
    fn give_back_on_panic(&self) {
        let (taken, before) = (self.clone(), std::panic::take_hook());
        std::panic::set_hook(Box::new(move |panic| {
            taken.give_back();
            before(panic);
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_keys_end_the_run_and_the_others_do_not() {
        let plain = |code| KeyEvent::new(code, KeyModifiers::NONE);
        let control = |code| KeyEvent::new(code, KeyModifiers::CONTROL);
        for key in [plain(KeyCode::Esc), plain(KeyCode::Char('q')), control(KeyCode::Char('c'))] {
            assert!(is_end(key), "{key:?}");
        }
        for key in [plain(KeyCode::Char('c')), plain(KeyCode::Enter), control(KeyCode::Char('z'))] {
            assert!(!is_end(key), "{key:?}");
        }
    }
}
