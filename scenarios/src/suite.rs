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
];

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
