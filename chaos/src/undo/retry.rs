//! An undo is tried again and again while what it needs is away: an API server
//! that is upgraded, a broker that does not answer, a disk that is full.

use std::time::Duration;

use tokio::time::Instant;

use super::{Undo, UndoError, Undone, held};

/// How long whoever has injected a fault tries to take it back.
pub const UNDO_WITHIN: Duration = Duration::from_secs(5 * 60);
/// How long a watchdog does, which nobody waits for.
pub(crate) const WATCHDOG_WITHIN: Duration = Duration::from_secs(15 * 60);
/// How long `chaos recover` does, which somebody waits for and can repeat.
pub const RECOVER_WITHIN: Duration = Duration::from_secs(30);

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

impl Undo {
    /// [`Undo::perform`] until it is done, while what keeps it from that may pass
    /// and for as long as `within` says at the time; after that nobody waits for
    /// it any more. The pauses double up to 10 s, each cut by up to a half, so that
    /// many do not ask at the same moment.
    ///
    /// Why the first try failed is told, with the time that is left.
    ///
    /// # Errors
    /// When the fault is still there afterwards.
    pub async fn insist(
        &self,
        within: impl Fn() -> Duration + Send + Sync,
        tell: impl Fn(&UndoError, Duration) + Send + Sync,
    ) -> Result<Undone, UndoError> {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut tries: u32 = 1;
        let mut chance = fastrand::Rng::with_seed(u64::from(std::process::id()));
        loop {
            let error = match self.perform().await {
                Ok(done) => return Ok(done.after(tries, begun.elapsed())),
                Err(error) => error,
            };
            let left = within().saturating_sub(begun.elapsed());
            if left.is_zero() || !error.may_pass() {
                for hold in self.holds() {
                    held::give_up(hold).await;
                }
                let (spent, source) = (begun.elapsed(), Box::new(error));
                return Err(match tries {
                    1 => *source,
                    _ => UndoError::GivenUp { tries, spent, source },
                });
            }
            if tries == 1 {
                tell(&error, left);
            }
            tokio::time::sleep(pause.mul_f64(1.0 - chance.f64() / 2.0).min(left)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            tries += 1;
        }
    }
}

impl Undone {
    /// Says how much trouble it was.
    fn after(mut self, tries: u32, spent: Duration) -> Self {
        if tries > 1 {
            self.how = format!("{}, at try {tries} after {:.0} s", self.how, spent.as_secs_f64());
        }
        self
    }
}

impl UndoError {
    /// Whether it may well succeed later. What somebody else has changed, what is
    /// not there and what this user may not do to a file or a process stays so.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        use std::io::ErrorKind::{NotFound, PermissionDenied};
        match self {
            Self::Signal { source, .. } => {
                matches!(source, crate::victim::VictimError::System { .. })
            }
            Self::File { source, .. } => !matches!(source.kind(), NotFound | PermissionDenied),
            Self::Start { .. }
            | Self::Program { .. }
            | Self::Proxy { .. }
            | Self::Deployment { .. }
            | Self::Weight { .. } => true,
            #[cfg(feature = "kubernetes")]
            Self::Kubernetes(error) => error.may_pass_in_time(),
            // It was waited for already.
            Self::LeftAlone { .. } | Self::Away { .. } | Self::GivenUp { .. } => false,
        }
    }

    /// Whether somebody else has changed what would be set back.
    #[must_use]
    pub fn is_left_alone(&self) -> bool {
        match self {
            Self::LeftAlone { .. } => true,
            Self::GivenUp { source, .. } => source.is_left_alone(),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder is no file, as long as it is there.
    #[tokio::test(start_paused = true)]
    async fn what_may_pass_is_tried_until_it_has_or_is_given_up() {
        let folder = tempfile::tempdir().unwrap();
        let undo = Undo::RemoveFile { path: folder.path().join("thing") };
        std::fs::create_dir(folder.path().join("thing")).unwrap();
        let begun = Instant::now();
        let told = std::sync::atomic::AtomicU32::new(0);
        let tell = |_: &UndoError, left: Duration| {
            assert!(left > Duration::from_secs(50));
            told.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        };
        let error = undo.insist(|| Duration::from_secs(60), tell).await.unwrap_err();
        assert_eq!(told.into_inner(), 1);
        let UndoError::GivenUp { tries, .. } = error else { panic!("{error}") };
        assert!((8..=25).contains(&tries), "{tries}");
        assert!(begun.elapsed() >= Duration::from_secs(60));
        let later = async {
            tokio::time::sleep(Duration::from_secs(4)).await;
            std::fs::remove_dir(folder.path().join("thing")).unwrap();
        };
        let (done, ()) = tokio::join!(undo.insist(|| UNDO_WITHIN, |_, _| {}), later);
        let how = done.unwrap().how;
        assert!(how.contains("was gone, at try "), "{how}");
    }

    #[tokio::test]
    async fn what_somebody_else_has_changed_is_not_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "theirs").unwrap();
        let (before, written) = (Some("before".to_owned()), "ours".to_owned());
        let undo = Undo::RestoreFile { path, before, written };
        let error = undo.insist(|| Duration::from_secs(3600), |_, _| {}).await.unwrap_err();
        assert!(error.is_left_alone(), "{error}");
    }
}
