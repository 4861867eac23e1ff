//! Waiting until the cluster shows something, with a deadline. A look that fails
//! for a passing reason is repeated: it changes nothing.

use std::time::Duration;

use super::{Cluster, KubernetesError, Phase, Pod, Rollout, Selection, Workload};
use crate::patience::Patience;

const LOOK_EVERY: Duration = Duration::from_millis(300);

impl Cluster {
    /// Waits until none of these very pods is there any more.
    ///
    /// # Errors
    /// [`KubernetesError::NotSeen`] after `within`, and what keeps one from
    /// looking.
    pub async fn wait_gone(&self, pods: &[Pod], within: Duration) -> Result<(), KubernetesError> {
        let mut wait = Wait::new(within);
        loop {
            let look = self.are_gone(pods).await.map(|gone| {
                if gone { Ok(()) } else { Err("a chosen pod is still there".to_owned()) }
            });
            if let Some(done) = wait.seen(look).await? {
                return Ok(done);
            }
        }
    }

    /// Whether this very pod ends, or has ended, within this time. Where nobody can
    /// look, it may.
    pub(crate) async fn wait_ending(&self, pod: &Pod, within: Duration) -> bool {
        let patience = Patience::new(within, LOOK_EVERY);
        loop {
            let stays = match self.pod(&pod.name).await {
                Ok(now) => now.is_some_and(|now| now.uid == pod.uid && !now.terminating),
                Err(_) => false,
            };
            if !stays || !patience.pause().await {
                return !stays;
            }
        }
    }

    /// Waits until as many pods of a selection are up as before, those that were
    /// hit not counted, and says how many they are. The pods themselves are
    /// counted, since a workload's own count lags behind.
    ///
    /// # Errors
    /// [`KubernetesError::NotSeen`] after `within`, and what keeps one from
    /// looking.
    pub async fn wait_whole(
        &self,
        selection: &Selection,
        hit: &[Pod],
        before: usize,
        within: Duration,
    ) -> Result<String, KubernetesError> {
        let mut wait = Wait::new(within);
        let was_hit = |pod: &Pod| hit.iter().any(|hit| hit.uid == pod.uid);
        loop {
            let look = self.pods(selection).await.map(|pods| {
                let up = pods.iter().filter(|pod| pod.is_up() && !was_hit(pod)).count();
                let seen = format!("{up} of {before} pods are ready");
                if up >= before { Ok(seen) } else { Err(seen) }
            });
            if let Some(seen) = wait.seen(look).await? {
                return Ok(seen);
            }
        }
    }

    /// Waits until a workload has the pods that are wanted, but for those that were
    /// missing or too many before; says how many are ready. What its template is does
    /// not matter: a paused Deployment, too, gets its count.
    ///
    /// # Errors
    /// [`KubernetesError::NotSeen`] after `within`, and what keeps one from
    /// looking.
    pub(crate) async fn wait_count(
        &self,
        workload: &Workload,
        before: Gap,
        within: Duration,
    ) -> Result<String, KubernetesError> {
        let mut wait = Wait::new(within);
        loop {
            let look = self.count(workload).await.map(|count| {
                let Count { wanted, there, ready, seen } = count;
                let told = format!("{ready} of {wanted} pods of {workload} are ready");
                let gap = count.gap();
                if gap.surplus > before.surplus {
                    return Err(format!("{told}, and {there} are there"));
                }
                if seen && gap.missing <= before.missing { Ok(told) } else { Err(told) }
            });
            if let Some(seen) = wait.seen(look).await? {
                return Ok(seen);
            }
        }
    }

    async fn count(&self, workload: &Workload) -> Result<Count, KubernetesError> {
        // The pods first: a change in between is then seen.
        let pods = self.pods(&Selection::of(workload)).await?;
        let state = self.state(workload).await?;
        let count = |is: &dyn Fn(&&Pod) -> bool| {
            u32::try_from(pods.iter().filter(is).count()).unwrap_or(u32::MAX)
        };
        let stays =
            |pod: &&Pod| !pod.terminating && !matches!(pod.phase, Phase::Succeeded | Phase::Failed);
        Ok(Count {
            wanted: state.wanted,
            there: count(&stays),
            ready: count(&|pod| pod.is_up()),
            seen: state.observed_generation >= state.generation,
        })
    }

    /// How a workload differs from what is wanted of it.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn gap(&self, workload: &Workload) -> Result<Gap, KubernetesError> {
        Ok(self.count(workload).await?.gap())
    }

    /// Waits until a rollout is complete.
    ///
    /// # Errors
    /// [`KubernetesError::Impossible`] if its controller gives it up,
    /// [`KubernetesError::NotSeen`] after `within`, and what keeps one from
    /// looking.
    pub async fn wait_rollout(
        &self,
        workload: &Workload,
        within: Duration,
    ) -> Result<(), KubernetesError> {
        let mut wait = Wait::new(within);
        loop {
            let look = match self.rollout(workload).await {
                Ok(Rollout::Complete) => Ok(Ok(())),
                Ok(Rollout::Going { waits_for }) => {
                    Ok(Err(format!("the rollout of {workload} waits for {waits_for}")))
                }
                Ok(Rollout::Stuck { why }) => {
                    let what = format!("the rollout of {workload}");
                    return Err(KubernetesError::Impossible { what, why });
                }
                Err(error) => Err(error),
            };
            if let Some(done) = wait.seen(look).await? {
                return Ok(done);
            }
        }
    }
}

/// The pods of a workload at one look.
struct Count {
    wanted: u32,
    there: u32,
    ready: u32,
    /// Whether its controller has seen what is wanted.
    seen: bool,
}

impl Count {
    fn gap(&self) -> Gap {
        let missing = self.wanted.saturating_sub(self.ready);
        Gap { missing, surplus: self.there.saturating_sub(self.wanted) }
    }
}

/// How the pods of a workload differ from what is wanted. One that is paused in the
/// middle of a rollout may have too many for as long as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    missing: u32,
    surplus: u32,
}

struct Wait {
    patience: Patience,
}

impl Wait {
    fn new(within: Duration) -> Self {
        Self { patience: Patience::new(within, LOOK_EVERY) }
    }

    /// What was waited for, or `None` after a pause if it is worth another look.
    async fn seen<T>(
        &mut self,
        look: Result<Result<T, String>, KubernetesError>,
    ) -> Result<Option<T>, KubernetesError> {
        let failure = match look {
            Ok(Ok(seen)) => return Ok(Some(seen)),
            Ok(Err(seen)) => KubernetesError::NotSeen { seen, within: self.patience.limit },
            Err(error) if error.may_pass_in_time() => error,
            Err(error) => return Err(error),
        };
        if self.patience.pause().await { Ok(None) } else { Err(failure) }
    }
}
