//! Counts of pods and images that several faults set at the same time, on the mock.

use std::process::Command;
use std::sync::Arc;

use async_trait::async_trait;
use chaos::World;
use scenarios::plan::FaultKind;
use scenarios::plan::fault::{Rollout, Scale, SetImage};
use scenarios::units::Span;
use serde_json::json;

use super::mock::Mock;
use super::state::{FIRST_IMAGE, State};
use crate::overlap::{Nobody, Thing, prove_on};

/// The first is what is there before.
const COUNTS: [u32; 4] = [3, 0, 1, 2];
const IMAGES: [&str; 3] = [FIRST_IMAGE, "registry.k8s.io/pause:3.10", "registry.k8s.io/pause:4"];

fn rollout() -> Rollout {
    let (context, namespace) = (String::new(), super::SHOP.to_owned());
    Rollout { context, namespace, of: "deployment/web".to_owned() }
}

struct Count(Mock);
struct Image(Mock);

#[async_trait]
impl Thing for Count {
    fn fault(&self, setting: usize) -> FaultKind {
        let (rollout, lasts) = (rollout(), Span::default());
        FaultKind::Scale(Scale { rollout, replicas: COUNTS[setting], lasts })
    }

    fn is_whole(&self, setting: usize) -> bool {
        setting == 0
    }

    async fn check(&self, open: &[usize]) {
        let web = |state: &mut State| {
            state.find("deployments", "web").unwrap()["spec"]["replicas"].as_u64()
        };
        let expected = COUNTS[open.last().copied().unwrap_or(0)];
        assert_eq!(self.0.change(web), Some(u64::from(expected)));
    }

    fn world(&self) -> Arc<dyn World> {
        Arc::new(Nobody)
    }
}

#[async_trait]
impl Thing for Image {
    fn fault(&self, setting: usize) -> FaultKind {
        let (image, container) = (IMAGES[setting].to_owned(), String::new());
        FaultKind::SetImage(SetImage {
            rollout: rollout(),
            container,
            image,
            lasts: Span::default(),
        })
    }

    fn is_whole(&self, setting: usize) -> bool {
        setting == 0
    }

    async fn check(&self, open: &[usize]) {
        let web = |state: &mut State| {
            let web = state.find("deployments", "web").unwrap();
            web["spec"]["template"]["spec"]["containers"][0]["image"].clone()
        };
        assert_eq!(self.0.change(web), json!(IMAGES[open.last().copied().unwrap_or(0)]));
    }

    fn world(&self) -> Arc<dyn World> {
        Arc::new(Nobody)
    }
}

/// Plays random overlaps where the environment names a kubeconfig.
#[test]
fn inside_an_environment_of_its_own() {
    let Some(config) = std::env::var_os("OVERLAP_KUBECONFIG") else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mock = runtime.block_on(Mock::start());
    std::fs::write(config, super::program::config(&mock.url).to_string()).unwrap();
    let count = Count(mock);
    prove_on(&runtime, "replicas", 100, COUNTS.len(), &count);
    prove_on(&runtime, "image", 60, IMAGES.len(), &Image(count.0));
}

#[test]
fn a_count_and_an_image_that_several_faults_set_are_right_in_the_end() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let mut tests = Command::new(std::env::current_exe().unwrap());
    tests.args(["--exact", "kubernetes::overlap::inside_an_environment_of_its_own", "--nocapture"]);
    tests.env("KUBECONFIG", &config).env("OVERLAP_KUBECONFIG", &config);
    let output = tests.env("XDG_STATE_HOME", folder.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && told.contains("image: 60 cases"), "{told}");
    println!("{told}");
    // Nothing is held any more.
    let held = std::fs::read_dir(folder.path().join("shakedown/held")).unwrap();
    assert_eq!(held.count(), 0);
}
