//! The addresses that the command line gives, by key.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use scenarios::redact::Secrets;
use scenarios::targets;

use super::exit::Trouble;

/// What pairs of the command line give and may not be shown.
pub(crate) fn secrets<'a>(pairs: impl IntoIterator<Item = &'a String>) -> Secrets {
    let mut secrets = Secrets::default();
    for pair in pairs {
        let (name, value) = pair.split_once('=').unwrap_or(("", pair));
        secrets.add_setting(name, value);
    }
    secrets
}

/// The pairs of the command line, or else those of its variable.
pub(crate) fn pairs(flags: &[String]) -> Vec<String> {
    targets::pairs(flags, std::env::var(targets::VARIABLE).ok().as_deref())
}

/// Reads `KEY=URL` pairs, and a file of them, over which the pairs go.
pub(crate) fn read(
    flags: &[String],
    file: Option<&Path>,
) -> Result<BTreeMap<String, String>, Trouble> {
    let mut given = targets::read(&pairs(flags));
    if let Some(path) = file {
        let wrong = |why: String| Trouble::Usage(format!("--targets {}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let filed: BTreeMap<String, String> = toml::from_str(&text).map_err(|error| {
            let why = error.message();
            wrong(format!("it must hold lines such as management = \"http://…\": {why}"))
        })?;
        for (key, url) in filed {
            given.targets.entry(key).or_insert(url);
        }
    }
    if !given.problems.is_empty() {
        return Err(Trouble::Usage(given.problems.join("\n")));
    }
    let bare = |(key, url): (String, String)| (key, url.trim_end_matches('/').to_owned());
    Ok(given.targets.into_iter().map(bare).collect())
}
