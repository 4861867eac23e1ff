//! A proxy between the parts of a reference system and what they use, so that
//! the network between them can be broken.
//!
//! The proxy is a process of the lab like any other. Its program is the caller's
//! own under a hidden subcommand, because a lab breaks nothing itself.

use std::collections::BTreeMap;

use crate::keeper::wire::{ProcessSpec, Restart};
use crate::{Lab, LabError, Patience, http, port};

/// The proxy's name and role among the lab's processes.
pub(crate) const PROXY: &str = "proxy";

/// Which addresses are proxied, and by what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyOptions {
    /// The keys of the targets that are reached through the proxy.
    pub keys: Vec<String>,
    /// The subcommand of the caller's own program. It is given the address of
    /// its HTTP API, a seed, a file for what happens to single messages, and
    /// `KEY=LISTEN->UPSTREAM` for each proxy.
    pub subcommand: String,
    /// Where its chances come from.
    pub seed: u64,
}

/// A proxy that answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proxy {
    /// Its HTTP API: `http://127.0.0.1:PORT`; empty if nothing is proxied.
    pub admin: String,
    /// What is reached through it, by key.
    urls: BTreeMap<String, String>,
}

impl Proxy {
    /// Starts it before those of the addresses that are to be proxied; does
    /// nothing if there are none.
    ///
    /// # Errors
    /// [`LabError::Spawn`] if the program cannot be executed, [`LabError::Port`]
    /// if there is no free port, and those of `patience`.
    pub fn start(
        lab: &Lab,
        options: &ProxyOptions,
        addresses: &BTreeMap<String, String>,
        patience: Patience<'_>,
    ) -> Result<Self, LabError> {
        let wanted = addresses.iter().filter(|(key, _)| options.keys.contains(key));
        let mut routes = Vec::new();
        let mut urls = BTreeMap::new();
        for (key, url) in wanted {
            let Some((before, upstream, behind)) = split(url) else { continue };
            let listen = format!("127.0.0.1:{}", port::free()?);
            routes.push(format!("{key}={listen}->{upstream}"));
            urls.insert(key.clone(), format!("{before}{listen}{behind}"));
        }
        if routes.is_empty() {
            return Ok(Self::default());
        }
        let api = port::free()?;
        let journal = lab.logs().join("messages.ndjson");
        let program = lab.exe().to_string_lossy().into_owned();
        let argv = [program, options.subcommand.clone(), format!("127.0.0.1:{api}")]
            .into_iter()
            .chain([options.seed.to_string(), journal.to_string_lossy().into_owned()])
            .chain(routes);
        let spec = ProcessSpec::new(PROXY, PROXY, argv).cwd(lab.scratch()).restart(Restart::Always);
        lab.run(spec, patience)?;
        let what = format!("the proxy (its log is {})", lab.log(PROXY).display());
        lab.wait_for(patience, &what, |_| {
            let answer = http::get(api, "/version", None).ok()?;
            (answer.status == 200).then_some(())
        })?;
        Ok(Self { admin: format!("http://127.0.0.1:{api}"), urls })
    }

    /// The address by which a part of the system reaches what is behind `key`:
    /// that of the proxy, or the direct one.
    #[must_use]
    pub fn url<'a>(&'a self, key: &str, direct: &'a str) -> &'a str {
        self.urls.get(key).map_or(direct, String::as_str)
    }
}

/// Splits an address into what is before its host and port, these, and what is
/// behind them.
fn split(url: &str) -> Option<(&str, &str, &str)> {
    let start = url.find("://")? + 3;
    let end = url[start..].find('/').map_or(url.len(), |at| start + at);
    let host = url[start..end].rfind('@').map_or(start, |at| start + at + 1);
    let address = &url[host..end];
    address.contains(':').then_some((&url[..host], address, &url[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_apart() {
        for (url, parts) in [
            ("amqp://u:p@127.0.0.1:5672/%2f", Some(("amqp://u:p@", "127.0.0.1:5672", "/%2f"))),
            ("redis://127.0.0.1:6379", Some(("redis://", "127.0.0.1:6379", ""))),
            ("redis://127.0.0.1", None),
            ("127.0.0.1:1", None),
        ] {
            assert_eq!(split(url), parts, "{url}");
        }
    }
}
