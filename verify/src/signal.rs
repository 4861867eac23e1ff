//! Signals: the first one ends the run in good order, the second one at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::exit;

/// Whether the run shall end before its time.
#[derive(Debug, Clone)]
pub struct Cancel {
    flag: Arc<AtomicBool>,
    sender: Arc<watch::Sender<bool>>,
}

impl Default for Cancel {
    fn default() -> Self {
        Self { flag: Arc::default(), sender: Arc::new(watch::channel(false).0) }
    }
}

impl Cancel {
    /// Asks for the end.
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::Relaxed);
        self.sender.send_replace(true);
    }

    /// Whether the end was asked for.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.flag.load(Ordering::Relaxed)
    }

    /// The flag, for code that does not wait asynchronously.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        self.flag.clone()
    }

    /// Waits until the end is asked for.
    pub async fn cancelled(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = receiver.wait_for(|cancelled| *cancelled).await;
    }
}

/// Listens for SIGINT, SIGTERM and SIGHUP.
///
/// # Errors
/// When the system refuses to register a handler.
pub fn listen(cancel: &Cancel) -> std::io::Result<()> {
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let mut signals = signal(kind)?;
        let cancel = cancel.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if cancel.is_cancelled() {
                    // Whoever asks twice does not want to wait. The keeper of
                    // the lab clears away by itself.
                    std::process::exit(i32::from(exit::INTERRUPTED));
                }
                cancel.cancel();
            }
        });
    }
    Ok(())
}
