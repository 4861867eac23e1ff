//! Signals: the first one ends the run in good order, the second one without waiting for
//! anything but the report, the third one at once.

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
    hurry: Arc<watch::Sender<bool>>,
}

impl Default for Cancel {
    fn default() -> Self {
        let sender = || Arc::new(watch::channel(false).0);
        Self { flag: Arc::default(), sender: sender(), hurry: sender() }
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
        is_set(&self.sender).await;
    }

    /// Asks for the end once more: nothing is waited for any longer.
    pub fn hurry(&self) {
        self.hurry.send_replace(true);
    }

    /// Waits until the end is asked for once more.
    pub async fn hurried(&self) {
        is_set(&self.hurry).await;
    }

    /// How often the end was asked for, up to two times.
    fn times(&self) -> u32 {
        u32::from(self.is_cancelled()) + u32::from(*self.hurry.borrow())
    }
}

async fn is_set(sender: &watch::Sender<bool>) {
    let mut receiver = sender.subscribe();
    // Whoever waits holds the sender, so this cannot fail.
    let _ = receiver.wait_for(|is_set| *is_set).await;
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
                match cancel.times() {
                    0 => cancel.cancel(),
                    1 => cancel.hurry(),
                    // The keeper of the lab clears away by itself.
                    _ => std::process::exit(i32::from(exit::INTERRUPTED)),
                }
            }
        });
    }
    Ok(())
}
