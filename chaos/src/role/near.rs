//! What a name that matches nobody was probably meant to be.

use std::path::Path;

use strsim::damerau_levenshtein;

/// So many are named at most.
const SHOWN: usize = 5;

/// The running processes whose name or words are most like the text, the best
/// first, each by what is like it: `worker.py (4711)`. Of each process its id, its
/// name and the words of its command line.
pub(super) fn nearest(
    text: &str,
    running: impl Iterator<Item = (u32, String, Vec<String>)>,
) -> Vec<String> {
    let mut all: Vec<(usize, String, u32)> = running
        .filter_map(|(pid, name, words)| {
            let words = words.iter().filter(|word| !word.starts_with('-'));
            let words = words.filter(|word| word.len() <= 4 * text.len().max(8));
            let files = words.filter_map(|word| Path::new(word).file_name()?.to_str());
            let known = std::iter::once(name.as_str()).chain(files);
            let (distance, word) =
                known.map(|word| (distance(text, word), word.to_owned())).min()?;
            Some((distance, word, pid))
        })
        .collect();
    all.sort();
    let near = all.into_iter().take(SHOWN);
    near.map(|(_, word, pid)| format!("{word} ({pid})")).collect()
}

/// A word is as far away as it is from the text, with its ending or without.
fn distance(text: &str, word: &str) -> usize {
    let stem = word.split_once('.').map_or(word, |(stem, _)| stem);
    damerau_levenshtein(text, word).min(damerau_levenshtein(text, stem))
}

/// `; running now: worker.py (4711), sidekiq (12)`.
pub(super) fn told(near: &[String]) -> String {
    if near.is_empty() { String::new() } else { format!("; running now: {}", near.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_likeliest_comes_first_under_the_word_that_is_alike() {
        let process = |pid, name: &str, line: &str| {
            (pid, name.to_owned(), line.split(' ').map(str::to_owned).collect::<Vec<_>>())
        };
        let running = [
            process(1, "nginx", "/usr/sbin/nginx -g off"),
            process(4711, "python3", "/usr/bin/python3 /srv/worker.py --queue a"),
            process(9, "sleep", "sleep 1000"),
        ];
        let near = nearest("wroker", running.into_iter());
        assert_eq!(near[0], "worker.py (4711)");
        assert_eq!(near.len(), 3);
        assert_eq!(told(&near[..1]), "; running now: worker.py (4711)");
        assert_eq!(told(&[]), "");
    }
}
