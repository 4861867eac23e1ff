//! One of several instances that share a run.

use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};
use loadgen::Instance;

use crate::program::instances::clock::Reference;

/// Which part of the operations is this one's, counted from 0: what Kubernetes sets in
/// each pod of an Indexed Job.
const INDEX: &str = "JOB_COMPLETION_INDEX";

#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Instances")]
pub(super) struct InstanceArgs {
    /// Offer one part of several of the run's operations, 2/8; give each the same --run and --seed
    #[arg(long, value_name = "N/OF", value_parser = instance, requires = "run")]
    instance: Option<Instance>,
    /// Offer the part that JOB_COMPLETION_INDEX says, from 0, of so many: what `loadgen export
    /// job` sets
    #[arg(
        long,
        value_name = "OF",
        env = "LOADGEN_INSTANCES",
        value_parser = clap::value_parser!(u32).range(1..)
    )]
    instances: Option<u32>,
    /// Keep this instance's results in a new folder below this one, for `loadgen merge`, which
    /// also judges the thresholds
    #[arg(long, value_name = "FOLDER", env = "LOADGEN_RESULTS")]
    pub(super) results: Option<PathBuf>,
    /// Find out before the start how far this machine's clock is from that of an HTTP server, by
    /// the Date of its answers to HEAD requests; give each instance the same
    #[arg(long, value_name = "URL", env = "LOADGEN_CLOCK_FROM")]
    pub(super) clock_from: Option<Reference>,
}

impl InstanceArgs {
    /// Which instance this is of the run of this name.
    ///
    /// # Errors
    /// When nothing says which one, or the run has no name that all instances know.
    pub(super) fn which(&self, run: Option<&str>) -> anyhow::Result<Instance> {
        if let Some(instance) = self.instance {
            return Ok(instance);
        }
        let Some(of) = self.instances else { return Ok(Instance::ONLY) };
        ensure!(run.is_some(), "instances of one run need its name; give each the same --run");
        let index = std::env::var(INDEX).ok();
        let index = index.with_context(|| {
            format!(
                "{INDEX} does not say which of the {of} instances this is; set it to 0 to {}",
                of - 1
            )
        })?;
        match index.parse::<u32>() {
            Ok(index) if index < of => Ok(Instance { number: index + 1, of }),
            _ => bail!("{INDEX} is {index:?}, and of {of} instances there are 0 to {}", of - 1),
        }
    }
}

fn instance(text: &str) -> anyhow::Result<Instance> {
    let (number, of) = text.split_once('/').context("write 2/8 for the second of eight")?;
    let instance = Instance { number: number.parse()?, of: of.parse()? };
    if !(1..=instance.of).contains(&instance.number) {
        bail!("there is no instance {number} of {of}; write 1/{of} to {of}/{of}");
    }
    Ok(instance)
}
