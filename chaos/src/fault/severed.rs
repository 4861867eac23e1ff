//! Sessions that a server is made to end: which are chosen, and when they are
//! gone. What differs between servers is a [`Host`].
//!
//! There is nothing to heal. Clients open sessions when they need them, and a
//! pool that refills lazily may do with fewer for ever, so their number says
//! nothing of the system: whether it serves again is for the checks to say.

use std::fmt::Display;
use std::time::Duration;

use async_trait::async_trait;
use scenarios::nearest::there_are;
use scenarios::plan::fault::Pick;

use super::Strike;
use crate::patience::Patience;
use crate::timetable::choose;
use crate::undo::Undo;
use crate::{FaultError, World};

/// A server that lists its clients' sessions and can end them.
#[async_trait]
pub(super) trait Host: Send + Sync {
    /// One session.
    type Session: Clone + Ord + Display + Send + Sync;
    /// What its sessions are called: `connections`.
    const WORD: &'static str;
    /// How long a session that is there may be missing from the list.
    const APPEAR_WITHIN: Duration = Duration::ZERO;
    /// How long one that has ended may stay in the list.
    const SEE_WITHIN: Duration = Duration::from_secs(10);
    /// How often the list is looked at.
    const LOOK_EVERY: Duration = Duration::from_millis(50);

    /// Every session but the tools' own.
    async fn all(&self) -> Result<Vec<Self::Session>, FaultError>;

    /// Whether a session is one that may be hit.
    fn is_meant(&self, session: &Self::Session) -> bool;

    /// The sessions that may be hit.
    async fn sessions(&self) -> Result<Vec<Self::Session>, FaultError> {
        let mut all = self.all().await?;
        all.retain(|session| self.is_meant(session));
        Ok(all)
    }

    /// What they are, where there is none.
    fn candidate(&self) -> String;

    /// Since when a session is open, for picks by age.
    fn since(session: &Self::Session) -> i128;

    /// Whether these are one session, whatever it calls itself by now.
    fn is(a: &Self::Session, b: &Self::Session) -> bool;

    /// Ends a session; false if there is none any more.
    async fn end(&self, session: &Self::Session) -> Result<bool, FaultError>;
}

/// How many candidates are named where none is meant.
const NAMED: usize = 5;

/// Whom a fault would not hit now: what it looks for, and what there is instead.
/// `None` where somebody is meant.
pub(super) async fn nobody<H: Host>(
    host: &H,
    matching: &str,
) -> Result<Option<String>, FaultError> {
    let all = host.all().await?;
    if all.iter().any(|session| host.is_meant(session)) {
        return Ok(None);
    }
    let shown: Vec<String> = all.iter().map(H::Session::to_string).collect();
    let there = there_are(matching, shown.iter().map(String::as_str), NAMED);
    Ok(Some(format!("there is no {} now; of {} {there}", host.candidate(), H::WORD)))
}

/// How often sessions are chosen of which it turns out that all had ended.
const CHOICES: usize = 5;

/// Chosen sessions, and how many could have been.
pub(super) struct Severed<H: Host> {
    host: H,
    pick: Pick,
    seed: u64,
    before: usize,
    victims: Vec<H::Session>,
}

impl<H: Host> Severed<H> {
    /// Chooses among the sessions that there are.
    pub(super) async fn choose(host: H, pick: Pick, seed: u64) -> Result<Self, FaultError> {
        let mut severed = Self { host, pick, seed, before: 0, victims: Vec::new() };
        severed.choose_now().await?;
        Ok(severed)
    }

    async fn choose_now(&mut self) -> Result<(), FaultError> {
        let patience = Patience::new(H::APPEAR_WITHIN, H::LOOK_EVERY);
        loop {
            let candidates = self.host.sessions().await?;
            match choose(&candidates, self.pick, self.seed, H::since) {
                Ok(victims) => {
                    self.before = candidates.len();
                    self.victims = victims;
                    return Ok(());
                }
                Err(source) => {
                    if !patience.pause().await {
                        return Err(FaultError::Choice { what: self.host.candidate(), source });
                    }
                }
            }
        }
    }

    /// Ends the chosen ones, and says how many were there to be ended. Where the
    /// server refuses in between, those before are the victims.
    async fn end_chosen(&mut self) -> Result<usize, FaultError> {
        let mut ended = Vec::new();
        for victim in &self.victims {
            match self.host.end(victim).await {
                Ok(true) => ended.push(victim.clone()),
                Ok(false) => {}
                Err(error) => {
                    let (hit, of) = (ended.len(), self.victims.len());
                    if hit > 0 {
                        self.victims = ended;
                    }
                    return Err(error.after(hit, of));
                }
            }
        }
        Ok(ended.len())
    }

    /// How many are open: those that were hit, and all others.
    async fn count(&self) -> Result<(usize, usize), FaultError> {
        let open = self.host.sessions().await?;
        let is_hit = |open: &&H::Session| self.victims.iter().any(|victim| H::is(victim, open));
        let hit = open.iter().filter(is_hit).count();
        Ok((hit, open.len() - hit))
    }
}

#[async_trait]
impl<H: Host> Strike for Severed<H> {
    fn victims(&self) -> Vec<String> {
        self.victims.iter().map(H::Session::to_string).collect()
    }

    async fn arm(&mut self) -> Result<Undo, FaultError> {
        Ok(Undo::Nothing { why: "clients connect again".to_owned() })
    }

    /// One that is gone already is as good as ended. But if that is so for every
    /// one, nobody felt anything: a pool closes what it does not need between
    /// the look and the strike. Then others are chosen.
    async fn land(&mut self) -> Result<(), FaultError> {
        for _ in 0..CHOICES {
            if self.end_chosen().await? > 0 {
                return Ok(());
            }
            self.choose_now().await?;
        }
        let word = H::WORD;
        let why = format!("all of the chosen {word} had ended before, {CHOICES} times in a row");
        Err(FaultError::NotLanded { why })
    }

    async fn confirm(&self) -> Result<(), FaultError> {
        let patience = Patience::new(H::SEE_WITHIN, H::LOOK_EVERY);
        loop {
            let (listed, _) = self.count().await?;
            if listed == 0 {
                return Ok(());
            }
            if !patience.pause().await {
                let what = format!("{listed} of the ended {} are listed", H::WORD);
                return Err(FaultError::NotConfirmed { what, within: patience.limit });
            }
        }
    }

    /// The fault is over as soon as the sessions are. How many are open by now
    /// is told, and not waited for; a list that cannot be had is no harm.
    async fn whole(&self, _: &dyn World, _: Duration) -> Result<Option<String>, FaultError> {
        let open = self.count().await.ok().map(|(_, open)| open);
        Ok(open.map(|open| {
            format!("{open} of {} {} are open; clients open more as needed", self.before, H::WORD)
        }))
    }
}

#[cfg(test)]
mod tests;
