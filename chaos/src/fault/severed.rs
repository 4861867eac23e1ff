//! Sessions that a server was made to end: when those are gone, and when there
//! are as many again.

use std::time::Duration;

use async_trait::async_trait;

use crate::FaultError;
use crate::patience::Patience;

/// How many sessions match now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sessions {
    /// Those that were hit.
    pub(super) hit: usize,
    /// All others.
    pub(super) others: usize,
}

/// A fault that severs sessions.
#[async_trait]
pub(super) trait Severed: Sync {
    /// What its sessions are called: `connections`.
    const WORD: &'static str;
    /// How long the server may take to show that they are gone.
    const SEE_WITHIN: Duration;
    /// How often it is asked.
    const LOOK_EVERY: Duration;

    /// How many matched before.
    fn before(&self) -> usize;

    /// Counts those that match now.
    async fn count(&self) -> Result<Sessions, FaultError>;

    /// Waits until none of those that were hit is listed any more.
    async fn all_gone(&self) -> Result<(), FaultError> {
        let patience = Patience::new(Self::SEE_WITHIN, Self::LOOK_EVERY);
        loop {
            let listed = self.count().await?.hit;
            if listed == 0 {
                return Ok(());
            }
            if !patience.pause().await {
                let what = format!("{listed} of the ended {} are listed", Self::WORD);
                return Err(FaultError::NotConfirmed { what, within: patience.limit });
            }
        }
    }

    /// Waits until as many match as before, those that were hit not counted.
    async fn as_many_again(&self, within: Duration) -> Result<Option<String>, FaultError> {
        let patience = Patience::new(within, Self::LOOK_EVERY);
        loop {
            let open = self.count().await?.others;
            let seen = format!("{open} of {} {} are open", self.before(), Self::WORD);
            if open >= self.before() {
                return Ok(Some(seen));
            }
            if !patience.pause().await {
                return Err(FaultError::NotHealed { what: seen, within });
            }
        }
    }
}
