//! `control-plane`: a Kubernetes cluster of its own for a command, or until Ctrl-C.

use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use chaos::{Background, Leash};
use clap::Parser;
use tests::cluster::images::{Images, Named};
use tests::cluster::programs::Programs;
use tests::cluster::{Cluster, Options};
use tokio::signal::unix::{SignalKind, signal};

/// There is no cluster.
const ENVIRONMENT: u8 = 4;
const INTERRUPTED: u8 = 130;

/// Runs a command with a Kubernetes cluster of its own, without containers.
///
/// etcd and a real control plane run on free loopback ports, and nodes that bring pods
/// on as a kubelet does: a pod whose image has a command is a process of this machine,
/// with a loopback address of its own in POD_IP; any other only says that it runs.
/// KUBECONFIG leads to it. Without a command the cluster stays until Ctrl-C. Nothing
/// of it is left in any case. The programs are Go modules, built once into the cache.
#[derive(Debug, Parser)]
#[command(
    name = "control-plane",
    after_help = "Examples:
  control-plane kubectl get nodes
  control-plane --nodes 2 --image shop:1='python3 shop.py' --image shop:2= ./test.sh"
)]
struct Cli {
    /// How many nodes it has
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=50))]
    nodes: u32,
    /// What runs for an image; one without a command cannot be pulled. May be given
    /// several times
    #[arg(long = "image", value_name = "IMAGE=COMMAND")]
    images: Vec<Named>,
    /// The same from a TOML file, "IMAGE" = "COMMAND" a line
    #[arg(long, value_name = "FILE")]
    images_from: Option<PathBuf>,
    /// Leaves the logs of its processes, pods included, in this folder
    #[arg(long, value_name = "DIR")]
    logs: Option<PathBuf>,
    /// What is run with KUBECONFIG; its exit code is the one of this program
    #[arg(trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = chaos::hidden(&arguments).or_else(|| lab::hidden(&arguments)) {
        return ExitCode::from(code);
    }
    let cli = Cli::parse();
    let code = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|runtime| runtime.block_on(run(cli)));
    ExitCode::from(code.unwrap_or_else(|error| {
        eprintln!("control-plane: there is no cluster: {error:#}");
        ENVIRONMENT
    }))
}

async fn run(cli: Cli) -> Result<u8> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        code = with_cluster(cli) => code,
        _ = interrupt.recv() => Ok(INTERRUPTED),
        _ = terminate.recv() => Ok(INTERRUPTED),
        _ = hang_up.recv() => Ok(INTERRUPTED),
    }
}

async fn with_cluster(cli: Cli) -> Result<u8> {
    let images = Images::new(cli.images_from.as_deref(), cli.images)?;
    let programs = Programs::provide().await?;
    let begun = Instant::now();
    let options = Options { nodes: cli.nodes, images, logs: cli.logs };
    let mut cluster = Cluster::start(&programs, options).await?;
    eprintln!("control-plane: ready after {:.1} s", begun.elapsed().as_secs_f64());
    let kubeconfig = cluster.kubeconfig().to_owned();
    let code = tokio::select! {
        code = command(&cli.command, &kubeconfig) => code?,
        () = cluster.lost() => bail!("the cluster has ended, since its keeper was killed"),
    };
    cluster.stop()?;
    Ok(code)
}

/// Runs the command and gives its exit code; without one, waits for ever.
async fn command(line: &[OsString], kubeconfig: &Path) -> Result<u8> {
    let [program, arguments @ ..] = line else {
        println!("export KUBECONFIG={}", kubeconfig.display());
        return std::future::pending().await;
    };
    let mut leash = Leash::new(program, Background::Ends);
    let command = leash.command().args(arguments).env("KUBECONFIG", kubeconfig);
    command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    let status = leash.run()?.wait().await.context("the command cannot be waited for")?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
