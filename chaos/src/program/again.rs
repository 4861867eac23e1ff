//! The command line that does the same again.

use scenarios::redact::Secrets;

/// The words of this command line, without secrets, and with the seed.
pub(crate) fn command(seed: u64, secrets: &Secrets) -> String {
    let mut words: Vec<String> = vec!["chaos".to_owned()];
    let given = std::env::args_os().skip(1);
    words.extend(given.map(|word| word.to_string_lossy().into_owned()));
    let is_run = words.get(1).is_some_and(|word| word == "run");
    let has_seed = words.iter().any(|word| word.starts_with("--seed"));
    if is_run && !has_seed {
        words.extend(["--seed".to_owned(), seed.to_string()]);
    }
    shell_words::join(words.iter().map(|word| secrets.hide(word)))
}
