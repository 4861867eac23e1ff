//! The shipped scenarios.

use crate::read::nearest_help;

/// A shipped scenario.
#[derive(Debug, Clone, Copy)]
pub struct Shipped {
    /// Its name, for `--scenario NAME`.
    pub name: &'static str,
    /// The text of its file.
    pub source: &'static str,
}

/// Every shipped scenario, by name.
pub const ALL: &[Shipped] = &[
    Shipped { name: "canary", source: include_str!("../suite/canary.toml") },
    Shipped { name: "channel-leak", source: include_str!("../suite/channel-leak.toml") },
    Shipped { name: "idempotent-ingest", source: include_str!("../suite/idempotent-ingest.toml") },
    Shipped { name: "rolling-deploy", source: include_str!("../suite/rolling-deploy.toml") },
    Shipped { name: "soak", source: include_str!("../suite/soak.toml") },
    Shipped { name: "worker-queue", source: include_str!("../suite/worker-queue.toml") },
];

/// The files that shipped scenarios name, by scenario and by file.
const FILES: &[(&str, &str, &str)] = &[
    (
        "worker-queue",
        "document.schema.json",
        include_str!("../suite/worker-queue/document.schema.json"),
    ),
    ("worker-queue", "event.schema.json", include_str!("../suite/worker-queue/event.schema.json")),
];

/// The text of a file that stands beside a shipped scenario, in a folder of its name.
#[must_use]
pub fn file(scenario: &str, file: &str) -> Option<&'static str> {
    let found = FILES.iter().find(|(of, name, _)| *of == scenario && *name == file);
    found.map(|(_, _, text)| *text)
}

/// The files that stand beside a shipped scenario.
pub fn files(scenario: &str) -> impl Iterator<Item = &'static str> {
    FILES.iter().filter(move |(of, ..)| *of == scenario).map(|(_, name, _)| *name)
}

/// The shipped scenario that has a file of this name beside it.
#[must_use]
pub fn has_file(file: &str) -> Option<&'static str> {
    FILES.iter().find(|(_, name, _)| *name == file).map(|(of, ..)| *of)
}

/// The shipped scenario of that name.
///
/// # Errors
/// A message that names the nearest one, or all of them.
pub fn find(name: &str) -> Result<&'static Shipped, String> {
    ALL.iter().find(|shipped| shipped.name == name).ok_or_else(|| {
        let help = nearest_help(name, ALL.iter().map(|s| s.name), "shipped scenarios");
        format!(
            "there is no scenario {name:?}; {}, or give a file such as ./{name}.toml",
            help.unwrap_or_else(|| "see `verify list`".to_owned())
        )
    })
}
