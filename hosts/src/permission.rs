//! What can be written after `--allow`: one host, by its name or its address (and,
//! where a program knows them, a process id or the name of a namespace). Anything
//! that looks like a host and something else would allow nothing in silence, so
//! it is refused with what to write.

use std::net::IpAddr;

/// Words after `--allow` that allow nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct PermissionError(Vec<String>);

/// Sees that every word is one that can be allowed.
///
/// # Errors
/// Every word that is not, with what to write. A text that may hold a password is
/// not shown.
pub fn permissions(words: &[String]) -> Result<(), PermissionError> {
    let wrong: Vec<String> = words.iter().filter_map(|word| problem(word)).collect();
    if wrong.is_empty() { Ok(()) } else { Err(PermissionError(wrong)) }
}

fn problem(word: &str) -> Option<String> {
    let told = |shown: &str, why: &str, write: &str| {
        Some(format!("--allow {shown}: {why}; write {write}"))
    };
    if let Some((scheme, rest)) = word.split_once("://") {
        let host = host_of(rest);
        let write = format!("its host alone: --allow {host}");
        return told(&format!("{scheme}://…"), "this is an address, not a host", &write);
    }
    // A variable that is set and empty is one that is not set.
    if word.is_empty() {
        return None;
    }
    if word.contains(',') {
        let each: Vec<String> = word
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| format!("--allow {part}"))
            .collect();
        return told(word, "one word allows one host", &each.join(" "));
    }
    if word.contains('*') || word.contains('?') {
        return told(word, "hosts are not matched by patterns", "each host by its name");
    }
    if let Some((network, bits)) = word.rsplit_once('/')
        && is_address(network)
        && bits.parse::<u8>().is_ok()
    {
        return told(word, "networks are not allowed as a whole", "each host by its address");
    }
    let (host, port) = word.rsplit_once(':')?;
    let is_host = is_address(host)
        || host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if !is_address(word) && is_host && port.parse::<u16>().is_ok() {
        let write = format!("its host alone: --allow {host}");
        return told(word, "a host is allowed with all of its ports", &write);
    }
    None
}

fn is_address(text: &str) -> bool {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    bare.parse::<IpAddr>().is_ok()
}

/// The host of what follows the scheme of an address.
fn host_of(rest: &str) -> &str {
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    match host.rsplit_once(':') {
        Some((before, port)) if port.parse::<u16>().is_ok() && !before.ends_with(':') => before,
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &[&str]) -> String {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        permissions(&words).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn hosts_process_ids_and_names_of_clusters_pass() {
        for word in [
            "db.example",
            "db.example.",
            "192.0.2.7",
            "::1",
            "[2001:db8::1]",
            "4711",
            "shop-production",
            "arn:aws:eks:eu-west-1:1234567890:cluster/shop",
            "gke_shop_europe-west1_a",
            "admin@kubernetes",
            "",
        ] {
            assert_eq!(told(&[word]), "", "{word}");
        }
    }

    #[test]
    fn what_would_allow_nothing_is_refused_with_what_to_write() {
        for (word, write) in [
            ("redis://joe:hunter22@db.example:6379/0", "--allow db.example"),
            ("http://[::1]:80/x", "--allow [::1]"),
            ("db.example:5432", "--allow db.example"),
            ("192.0.2.7:5432", "--allow 192.0.2.7"),
            ("[::1]:5432", "--allow [::1]"),
            ("192.0.2.0/24", "each host by its address"),
            ("2001:db8::/32", "each host by its address"),
            ("a,b", "--allow a --allow b"),
            ("*", "each host by its name"),
            ("*.example", "each host by its name"),
        ] {
            let told = told(&[word]);
            assert!(told.ends_with(write), "{word}: {told}");
            assert!(!told.contains("hunter22"), "{told}");
        }
        assert_eq!(told(&["a:1", "b", "*"]).lines().count(), 2);
    }
}
