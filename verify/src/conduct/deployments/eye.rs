//! Looks at a deployment again and again: what is seen is told to whoever takes its steps,
//! and its counts are samples. A look that fails is no sample.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chaos::deployment::{Look, Port, Status};
use scenarios::series::DEPLOYMENT_EVERY;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::course::Seen;
use crate::event::Event;
use crate::history::Sample;
use crate::observe::{Observed, Observer};

/// How often it is looked at; every other look is a sample.
const EVERY: Duration = Duration::from_millis((DEPLOYMENT_EVERY * 500.0) as u64);
/// How often a program of the user's own is asked, which may be costly to start.
const PROGRAM_EVERY: Duration = Duration::from_secs(1);
/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks until nobody wants to know any more.
pub(super) async fn watch(port: Port, observer: Observer, seen: watch::Sender<Option<Seen>>) {
    let every = if port.tells_pods() { EVERY } else { PROGRAM_EVERY };
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut restarts = BTreeMap::<String, Restarts>::new();
    let (mut last_trouble, mut sampled) = (None, None::<Instant>);
    while !seen.is_closed() {
        ticks.tick().await;
        let begun = observer.clock().now();
        let looked = match timeout(PATIENCE, port.look()).await {
            Ok(looked) => looked.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        let trouble = match looked {
            Ok(look) => {
                // The ticks come a little early and late.
                let due = sampled.is_none_or(|at| at.elapsed() >= EVERY + EVERY / 2);
                if due {
                    sampled = Some(Instant::now());
                }
                for status in look.statuses() {
                    sample(
                        status,
                        restarts.entry(status.name.clone()).or_default(),
                        &observer,
                        due,
                    );
                }
                seen.send_replace(Some(Seen { begun, look }));
                None
            }
            Err(why) => Some(why),
        };
        if let Some(why) = &trouble
            && last_trouble != trouble
        {
            for name in names(&seen, &port) {
                observer.event(Event::ProbeTrouble { probe: name, why: why.clone() });
            }
        }
        last_trouble = trouble;
    }
}

/// Whose series have no samples when a look fails.
fn names(seen: &watch::Sender<Option<Seen>>, port: &Port) -> Vec<String> {
    let known = |look: &Look| look.statuses().map(|status| status.name.clone()).collect();
    let seen = seen.borrow();
    seen.as_ref().map_or_else(|| vec![port.name().to_owned()], |seen| known(&seen.look))
}

/// Counts what is new, and sends the counts if they are due.
fn sample(status: &Status, restarts: &mut Restarts, observer: &Observer, is_due: bool) {
    let Some(counts) = status.counts else { return };
    restarts.see(status);
    if !is_due {
        return;
    }
    let at = observer.clock().now();
    for (series, value) in [
        ("replicas", u64::from(counts.replicas)),
        ("updated", counts.updated.into()),
        ("ready", counts.ready.into()),
        ("available", counts.available.into()),
        ("unavailable", counts.unavailable.into()),
        ("restarts", restarts.counted),
    ] {
        let series: Arc<str> = format!("{}.{series}", status.name).into();
        let sample = Sample { at, label: "".into(), value: value as f64 };
        observer.send(Observed::Sample { series, sample });
    }
}

/// How often containers were restarted since the first look, of all pods that were seen:
/// a pod that is gone takes none of its restarts back.
#[derive(Debug, Default)]
struct Restarts {
    begun: bool,
    pods: BTreeMap<String, u32>,
    counted: u64,
}

impl Restarts {
    fn see(&mut self, status: &Status) {
        for pod in &status.pods {
            // What was before the first look is not of this run.
            let from = if self.begun { 0 } else { pod.restarts };
            let before = self.pods.insert(pod.name.clone(), pod.restarts).unwrap_or(from);
            self.counted += u64::from(pod.restarts.saturating_sub(before));
        }
        self.begun = true;
    }
}

#[cfg(test)]
mod tests {
    use chaos::deployment::{PodLook, Progress};

    use super::*;

    fn status(pods: &[(&str, u32)]) -> Status {
        let pod = |(name, restarts): &(&str, u32)| PodLook {
            name: (*name).to_owned(),
            image: "v1".to_owned(),
            ready: true,
            restarts: *restarts,
            phase: "Running".to_owned(),
            last_end: None,
        };
        Status {
            name: "web".to_owned(),
            uid: String::new(),
            generation: 1,
            observed_generation: 1,
            image: None,
            revision: None,
            paused: false,
            counts: None,
            progress: Progress::Complete,
            pods: pods.iter().map(pod).collect(),
        }
    }

    #[test]
    fn restarts_are_those_since_the_first_look_and_never_fall() {
        let mut restarts = Restarts::default();
        let mut counted = |pods: &[(&str, u32)]| {
            restarts.see(&status(pods));
            restarts.counted
        };
        assert_eq!(counted(&[("a", 7), ("b", 0)]), 0);
        assert_eq!(counted(&[("a", 8), ("b", 0)]), 1);
        assert_eq!(counted(&[("b", 0), ("c", 2)]), 3, "it came up and was restarted twice");
        assert_eq!(counted(&[("b", 0)]), 3);
    }
}
