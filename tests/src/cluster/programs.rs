//! The programs of a control plane. They are Go modules whose versions and checksums
//! `kubernetes/control-plane` pins, built once into the user's cache.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use chaos::{Background, Leash};
use machine::output::Output;
use rustix::fs::FlockOperation;

const GO_MOD: &str = include_str!("../../kubernetes/control-plane/go.mod");
const GO_SUM: &str = include_str!("../../kubernetes/control-plane/go.sum");

pub(super) const ETCD: &str = "etcd";
pub(super) const API: &str = "kube-apiserver";
pub(super) const CONTROLLERS: &str = "kube-controller-manager";
pub(super) const SCHEDULER: &str = "kube-scheduler";

/// Each with its package.
const PROGRAMS: [(&str, &str); 4] = [
    (ETCD, "go.etcd.io/etcd/server/v3"),
    (API, "k8s.io/kubernetes/cmd/kube-apiserver"),
    (CONTROLLERS, "k8s.io/kubernetes/cmd/kube-controller-manager"),
    (SCHEDULER, "k8s.io/kubernetes/cmd/kube-scheduler"),
];

/// The built programs.
#[derive(Debug, Clone)]
pub struct Programs {
    folder: PathBuf,
}

impl Programs {
    /// Those in the cache, or builds them, which takes many minutes.
    ///
    /// # Errors
    /// When they are not there and cannot be built, with the reason.
    pub async fn provide() -> Result<Self> {
        let version = version("k8s.io/kubernetes")?;
        let cache = cache()?;
        let folder = cache.join(format!("kubernetes-{version}"));
        if folder.is_dir() {
            return Ok(Self { folder });
        }
        fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
        // Whoever builds at the same time waits for the one who was first.
        let lock = File::create(cache.join(format!("kubernetes-{version}.lock")))?;
        tokio::task::block_in_place(|| rustix::fs::flock(&lock, FlockOperation::LockExclusive))?;
        if !folder.is_dir() {
            let building = cache.join(format!("kubernetes-{version}.building"));
            let built = build(&building, &folder).await;
            let _ = fs::remove_dir_all(&building);
            built?;
        }
        Ok(Self { folder })
    }

    /// Where one of them is.
    pub(super) fn path(&self, program: &str) -> PathBuf {
        self.folder.join(program)
    }
}

/// The version of a module, without its `v`.
fn version(module: &str) -> Result<&'static str> {
    let version = |line: &'static str| {
        line.trim().strip_prefix(module)?.strip_prefix(" v")?.split_whitespace().next()
    };
    let version = GO_MOD.lines().find_map(version);
    version.with_context(|| format!("go.mod names no version of {module}"))
}

/// As other programs that were installed for tests have it.
fn cache() -> Result<PathBuf> {
    let named = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty());
    let home = || std::env::home_dir().map(|home| home.join(".cache"));
    let cache = named.map(PathBuf::from).or_else(home);
    Ok(cache.context("there is no HOME and no XDG_CACHE_HOME")?.join("shakedown"))
}

async fn build(building: &Path, folder: &Path) -> Result<()> {
    let (kubernetes, etcd) = (version("k8s.io/kubernetes")?, version("go.etcd.io/etcd/server/v3")?);
    eprintln!(
        "control-plane: building Kubernetes {kubernetes} and etcd {etcd} into {}, which happens \
         once and takes some 20 minutes on two processors",
        folder.display()
    );
    // Of one that was killed.
    let _ = fs::remove_dir_all(building);
    fs::create_dir_all(building.join("bin"))?;
    fs::write(building.join("go.mod"), GO_MOD)?;
    fs::write(building.join("go.sum"), GO_SUM)?;
    go(building, &["mod", "download"], "the modules could not be downloaded").await?;
    let link = format!(
        "-s -w -X k8s.io/component-base/version.gitVersion=v{kubernetes} \
         -X k8s.io/component-base/version.gitMajor=1 \
         -X k8s.io/component-base/version.gitMinor={}",
        kubernetes.split('.').nth(1).unwrap_or_default()
    );
    for (name, package) in PROGRAMS {
        let begun = Instant::now();
        let output = format!("bin/{name}");
        let arguments = ["build", "-ldflags", &link, "-o", &output, package];
        go(building, &arguments, &format!("{name} could not be built")).await?;
        eprintln!("control-plane: built {name} in {:.0} s", begun.elapsed().as_secs_f64());
    }
    Ok(fs::rename(building.join("bin"), folder)?)
}

/// Runs `go`, which ends when this program does.
async fn go(folder: &Path, arguments: &[&str], failed: &str) -> Result<()> {
    let mut flags = std::env::var("GOFLAGS").unwrap_or_default();
    flags.push_str(" -mod=readonly -trimpath -buildvcs=false");
    let mut leash = Leash::new("go", Background::Ends);
    let errors = Output::new()?;
    let command = leash.command().args(arguments).current_dir(folder);
    command.env("GOFLAGS", flags.trim()).env("GOWORK", "off").env("CGO_ENABLED", "0");
    command.stdout(Stdio::null()).stderr(errors.writer()?);
    let status: ExitStatus = leash.run()?.wait().await?;
    if status.success() {
        return Ok(());
    }
    if status.code() == Some(127) {
        bail!("the program go is not installed: install Go 1.25 or newer");
    }
    bail!("{failed}: {}", errors.last_words());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_program_is_of_a_pinned_module_of_a_known_version() {
        let kubernetes = version("k8s.io/kubernetes").unwrap();
        assert!(kubernetes.chars().all(|c| c.is_ascii_digit() || c == '.'), "{kubernetes}");
        for (_, package) in PROGRAMS {
            let is_tool = |line: &&str| line.trim() == package;
            assert!(GO_MOD.lines().any(|line| is_tool(&line)), "{package}");
        }
        let pinned = |module: &str| GO_SUM.lines().filter(|line| line.starts_with(module)).count();
        assert_eq!(pinned("k8s.io/kubernetes v"), 2, "the module and its go.mod");
    }
}
