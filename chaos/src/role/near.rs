//! What a name that matches nobody was probably meant to be.

use std::path::Path;

use strsim::damerau_levenshtein;

/// So many are named at most.
const SHOWN: usize = 5;

/// A part of a text has at least so many letters to be like something.
const LETTERS: usize = 3;

/// The running processes whose name or words are like the text, the best first, each
/// by what is like it: `worker.py (4711)`. Strangers are not among them. Of each
/// process its id, its name and the words of its command line.
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
            let like = known.filter(|word| is_like(text, word));
            let (distance, word) =
                like.map(|word| (distance(text, word), word.to_owned())).min()?;
            Some((distance, word, pid))
        })
        .collect();
    all.sort();
    let near = all.into_iter().take(SHOWN);
    near.map(|(_, word, pid)| format!("{word} ({pid})")).collect()
}

/// Whether a word may be meant by a text, which may be an expression: by one of its
/// parts, but for a few letters, or as a part of it or of which it is one.
fn is_like(text: &str, word: &str) -> bool {
    let (text, word) = (text.to_lowercase(), word.to_lowercase());
    let stem = word.split_once('.').map_or(&*word, |(stem, _)| stem);
    let is_letter = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let parts = text.split(|c| !is_letter(c)).filter(|part| part.chars().count() >= LETTERS);
    let mut parts = parts.chain([&*text]);
    parts.any(|part| {
        let is_part = |of: &str, part: &str| part.chars().count() >= LETTERS && of.contains(part);
        is_part(&word, part)
            || is_part(part, stem)
            || scenarios::nearest::nearest(part, &[&*word, stem]).is_some()
    })
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
        assert_eq!(near.len(), 1, "strangers are not named: {near:?}");
        let running = |text: &str| {
            let words = [
                process(7, "java", "/usr/bin/java -jar /srv/orders-worker.jar"),
                process(8, "beam.smp", "/usr/lib/erlang/bin/beam.smp -sname rabbit"),
                process(9, "sh", "sh -c true"),
            ];
            nearest(text, words.into_iter())
        };
        assert_eq!(running("worker"), ["orders-worker.jar (7)"]);
        assert_eq!(running("orders-wroker.*--queue"), ["orders-worker.jar (7)"]);
        assert_eq!(running("^beam"), ["beam.smp (8)"]);
        assert_eq!(running("publisher"), Vec::<String>::new());
        assert_eq!(told(&near[..1]), "; running now: worker.py (4711)");
        assert_eq!(told(&[]), "");
    }
}
