//! The addresses that the command line gives, by key.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use scenarios::redact::{Secrets, redact};

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

/// Reads `KEY=URL` pairs, and a file of them.
pub(crate) fn read(
    pairs: &[String],
    file: Option<&Path>,
) -> Result<BTreeMap<String, String>, Trouble> {
    let mut targets = BTreeMap::new();
    if let Some(path) = file {
        let wrong = |why: String| Trouble::Usage(format!("--targets {}: {why}", path.display()));
        let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        targets = toml::from_str(&text).map_err(|error| {
            let why = error.message();
            wrong(format!("it must hold lines such as management = \"http://…\": {why}"))
        })?;
    }
    let mut given = BTreeSet::new();
    for pair in pairs {
        let (key, url) = pair
            .split_once('=')
            .filter(|(key, url)| !key.is_empty() && !url.is_empty())
            .ok_or_else(|| {
                let pair = redact(pair);
                Trouble::Usage(format!(
                    "--target {pair}: write KEY=URL, such as --target management=http://HOST:15672"
                ))
            })?;
        if !given.insert(key) {
            return Err(Trouble::Usage(format!("--target {key} is given twice")));
        }
        targets.insert(key.to_owned(), url.trim_end_matches('/').to_owned());
    }
    Ok(targets)
}
