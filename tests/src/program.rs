//! The programs under test, built by cargo.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};

/// A program of the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// Conducts and judges.
    Verify,
    /// Offers load.
    Loadgen,
    /// Injects faults.
    Chaos,
}

/// How a program is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Quick to build.
    Dev,
    /// As users run it.
    Release,
}

impl Profile {
    /// Release if `SHAKEDOWN_PROFILE` says so, else dev.
    #[must_use]
    pub fn from_environment() -> Self {
        match std::env::var("SHAKEDOWN_PROFILE").as_deref() {
            Ok("release") => Self::Release,
            _ => Self::Dev,
        }
    }
}

impl Program {
    /// The name of its package and of its executable.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Loadgen => "loadgen",
            Self::Chaos => "chaos",
        }
    }

    /// Builds it, at most once in this process, and gives the path of the
    /// executable.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn build(self, profile: Profile) -> Result<PathBuf> {
        static BUILT: Mutex<Vec<(Program, Profile, PathBuf)>> = Mutex::new(Vec::new());
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        let known = built.iter().find(|(program, with, _)| (*program, *with) == (self, profile));
        if let Some((_, _, path)) = known {
            return Ok(path.clone());
        }
        let path = compile(self.name(), profile)?;
        built.push((self, profile, path.clone()));
        Ok(path)
    }
}

fn compile(name: &str, profile: Profile) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["build", "--quiet", "--message-format", "json-render-diagnostics"])
        // All of them at once, as `scripts/test` has built them: a package on its
        // own has other features of its dependencies, and is built again.
        .args(["--workspace", "--bins"])
        .current_dir(workspace())
        .stderr(Stdio::inherit());
    if profile == Profile::Release {
        command.arg("--release");
    }
    // What the outer cargo says of this package is not for the inner one: build
    // scripts that watch such variables would run again, each time.
    for (variable, _) in std::env::vars_os() {
        let told = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];
        if variable.to_str().is_some_and(|name| told.iter().any(|start| name.starts_with(start))) {
            command.env_remove(variable);
        }
    }
    let output = command.output().context("cannot run cargo to build the programs under test")?;
    ensure!(output.status.success(), "{name} does not compile: `cargo build -p {name}` says why");
    let messages = String::from_utf8_lossy(&output.stdout);
    for line in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(line)?;
        if message["target"]["name"] == name
            && let Some(path) = message["executable"].as_str()
        {
            return Ok(PathBuf::from(path));
        }
    }
    bail!("cargo built {name} and does not say where it is")
}

/// The root of the workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}
