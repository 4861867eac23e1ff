//! Secrets, and how to see that none of them shows.

use std::cell::RefCell;
use std::path::Path;

use tests::run::Ended;

/// What stands between the marks of a secret. A payload template and a
/// placeholder begin with `@{` and `${`, so there is no brace.
pub(super) const ALPHABETS: [&str; 5] =
    ["abcxyz0189", "%@:/?#[]&=+~", "\"'`\\<>|^ab", "äßñéλж漢字🔑", "!$*(),;.-_@:/'%"];

/// Secrets as they are given away, all different.
pub(super) struct Secrets {
    random: RefCell<fastrand::Rng>,
    given: RefCell<Vec<String>>,
}

impl Secrets {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed).into(), given: RefCell::default() }
    }

    /// The one that was given away first.
    pub(super) fn first(&self) -> String {
        self.given.borrow()[0].clone()
    }

    /// Another one, of the next alphabet.
    pub(super) fn raw(&self) -> String {
        let mut random = self.random.borrow_mut();
        let mut given = self.given.borrow_mut();
        let letters: Vec<char> = ALPHABETS[given.len() % ALPHABETS.len()].chars().collect();
        let mark = random.u32(..);
        let middle: String = (0..8).map(|_| letters[random.usize(..letters.len())]).collect();
        let secret = format!("zQ{mark:08x}{middle}{mark:08x}Qz");
        given.push(secret.clone());
        secret
    }

    /// Another one, percent-encoded.
    pub(super) fn encoded(&self) -> String {
        let one = |byte: u8| match byte.is_ascii_alphanumeric() {
            true => char::from(byte).to_string(),
            false => format!("%{byte:02x}"),
        };
        self.raw().bytes().map(one).collect()
    }

    /// Another one as a TOML string.
    pub(super) fn toml(&self) -> String {
        quoted(&self.raw())
    }

    /// Demands that none of them, nor its begin or end, is in the text.
    #[track_caller]
    pub(super) fn expect_none(&self, place: &str, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        for secret in self.given.borrow().iter() {
            let secret = secret.to_lowercase();
            for part in [&secret[..10], &secret[secret.len() - 10..]] {
                if let Some(at) = text.find(part) {
                    let start = text.floor_char_boundary(at.saturating_sub(160));
                    let end = text.ceil_char_boundary((at + 80).min(text.len()));
                    panic!("{place} shows {secret:?}: …{}…", &text[start..end]);
                }
            }
        }
    }

    /// Demands that a program has shown none of them.
    #[track_caller]
    pub(super) fn expect_none_said(&self, ended: &Ended) {
        self.expect_none("standard output", ended.stdout.as_bytes());
        self.expect_none("standard error", ended.stderr.as_bytes());
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
    }

    /// Demands that none of them is in a file below a folder; tells how many
    /// files there are. What the test itself wrote is passed over.
    #[track_caller]
    pub(super) fn expect_none_below(&self, folder: &Path, own: &[&Path]) -> usize {
        let mut count = 0;
        let mut open = vec![folder.to_owned()];
        while let Some(path) = open.pop() {
            if path.is_dir() {
                open.extend(tests::leftovers::entries(&path));
            } else if path.is_file() && !own.contains(&path.as_path()) {
                self.expect_none(&path.display().to_string(), &std::fs::read(&path).unwrap());
                count += 1;
            }
            self.expect_none("a file's name", path.as_os_str().as_encoded_bytes());
        }
        count
    }
}

pub(super) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A word of a shell, in single quotes.
pub(super) fn word(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
