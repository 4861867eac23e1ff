//! Cases that nothing else may run beside, since they disturb the whole cluster.

use std::time::{Duration, Instant};

use chaos::Process;
use chaos::victim::{Signal, Victim};
use machine::process;

use super::ground::{Ground, deployment, ended};

const WITHIN: Duration = Duration::from_secs(120);
/// Longer than the fault lasts.
const AWAY: Duration = Duration::from_secs(6);

/// The API server of `KUBECONFIG`, if it is a process of this machine.
fn server() -> Option<Process> {
    let kubeconfig = kube::config::Kubeconfig::read().unwrap();
    let url = kubeconfig.clusters[0].cluster.as_ref()?.server.clone()?;
    let port = format!("--secure-port={}", url.rsplit_once(':')?.1);
    let is_it =
        |server: &Process| process::command_line(server.pid).iter().any(|word| *word == *port);
    Process::named("kube-apiserver").into_iter().find(is_it)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a cluster: run scripts/test-kubernetes"]
async fn an_api_server_that_is_away_when_a_fault_ends_is_waited_for() {
    if server().is_none() {
        return eprintln!("left out: the API server is no process of this machine");
    }
    let ground = Ground::new().await;
    ground.make(&deployment("web", 6)).await;
    ground.ready("app=web", 6).await;
    let chaos = ground.start("scale deployment/web -n NAMESPACE --replicas 2 --for 3s", "journal");
    ground.replicas_become("web", 2).await;
    // Whoever supervises it starts it again, at once perhaps: it stays away until well
    // after the fault's end.
    let begun = Instant::now();
    while begun.elapsed() < AWAY {
        if let Some(victim) = server().and_then(|server| Victim::pin(server).ok()) {
            let _ = victim.signal(Signal::KILL);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (code, said) = tokio::time::timeout(WITHIN, ended(chaos)).await.unwrap();
    assert_eq!(code, Some(0), "{said}");
    // Its watchdog may have been the one to do it.
    assert!(said.contains(", at try "), "{said}");
    eprintln!("given back {:.1} s after the API server was killed", begun.elapsed().as_secs_f64());
    ground.ready("app=web", 6).await;
    assert_eq!(ground.replicas("web").await, 6);
}
