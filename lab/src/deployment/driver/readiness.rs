//! Asks one life of a pod, again and again, whether it is ready.

use tokio::time::sleep;

use crate::deployment::manifest::Readiness;
use crate::reference::relay;

/// Tells every change. The pod counts as not ready at first. Never ends.
pub(super) async fn watch(address: String, how: Readiness, mut tell: impl FnMut(bool)) {
    let mut state = State::default();
    loop {
        let answer = is_ready(&address, &how.paths).await;
        if let Some(ready) = state.answered(answer, how.failures) {
            tell(ready);
        }
        sleep(how.every).await;
    }
}

/// Whether the first path that the pod knows answers that all is well.
async fn is_ready(address: &str, paths: &[String]) -> bool {
    for path in paths {
        match relay::get(address, path).await {
            Some((404, _)) => {}
            answer => return answer.is_some_and(|(status, _)| status == 200),
        }
    }
    false
}

/// What is known of a pod.
#[derive(Debug, Default)]
struct State {
    ready: bool,
    failed: u32,
}

impl State {
    /// What it is now, if that has changed.
    fn answered(&mut self, ready: bool, failures: u32) -> Option<bool> {
        self.failed = if ready { 0 } else { self.failed + 1 };
        let is = ready || (self.ready && self.failed < failures);
        (std::mem::replace(&mut self.ready, is) != is).then_some(is)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_makes_a_pod_ready_and_several_failures_unready() {
        let mut state = State::default();
        let answers = [false, true, true, false, false, true, false, false, false, false, true];
        let told: Vec<Option<bool>> =
            answers.iter().map(|ready| state.answered(*ready, 3)).collect();
        let changes: Vec<(usize, bool)> =
            told.iter().enumerate().filter_map(|(place, told)| Some((place, (*told)?))).collect();
        assert_eq!(changes, [(1, true), (8, false), (10, true)]);
    }
}
