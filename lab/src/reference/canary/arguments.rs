//! What the lab tells a process of the canary.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::Variant;

/// What one process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Arguments {
    /// Of the process and its log.
    pub(crate) name: String,
    /// The address of this process alone.
    pub(crate) private: String,
    pub(crate) variant: Variant,
    pub(crate) part: Part,
}

/// What the process does.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Part {
    Version(VersionPart),
    Control(ControlPart),
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct VersionPart {
    /// Whether it is of the new version, and so has the bug.
    pub(crate) is_canary: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ControlPart {
    /// The port of nginx.
    pub(crate) nginx: u16,
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// Name and private address of each process, by version.
    pub(crate) versions: BTreeMap<String, Vec<(String, String)>>,
}
