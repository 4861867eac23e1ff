//! Where a result comes from: the command and the host.

use loadgen::printable::line;
use scenarios::redact::{MASK, Secrets, is_secret, redact};

/// Where a result comes from.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    /// The command that does it again, secrets left out.
    pub(crate) again: String,
    /// `build-3, 8 cores, Linux 6.1`.
    pub(crate) host: String,
}

impl Origin {
    /// This program's.
    pub(crate) fn here(secrets: &Secrets) -> Self {
        let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
        Self { again: again(words.collect(), secrets), host: host() }
    }
}

/// The command, whose first word is the program by its name.
fn again(mut words: Vec<String>, secrets: &Secrets) -> String {
    let texts = words.iter().cloned().map(serde_json::Value::from).collect();
    let secrets = secrets.clone().and(&Secrets::of_value(&serde_json::Value::Array(texts)));
    let mut is_next = false;
    for word in &mut words {
        let named = word.strip_prefix("--").is_some_and(is_secret);
        *word = if is_next { MASK.to_owned() } else { line(&secrets.hide(word)) };
        is_next = named;
    }
    if let Some(program) = words.first_mut() {
        *program = program.rsplit('/').next().unwrap_or_default().to_owned();
    }
    redact(&shell_words::join(&words))
}

fn host() -> String {
    let system = rustix::system::uname();
    let cores = std::thread::available_parallelism().map(|cores| match cores.get() {
        1 => "1 core".to_owned(),
        cores => format!("{cores} cores"),
    });
    let told = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let kernel = format!("{} {}", told(system.sysname()), told(system.release()));
    [Some(told(system.nodename())), cores.ok(), Some(kernel)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_has_no_secret() {
        let words = |text: &str| shell_words::split(text).unwrap();
        let known = Secrets::of("amqp://joe:Hunter-2@h/");
        for (given, told) in [
            ("/usr/bin/loadgen http http://h/ -r 5/s", "loadgen http http://h/ -r 5/s"),
            (
                "loadgen amqp amqp://joe:Hunter-2@h/ --queue q",
                "loadgen amqp 'amqp://joe:***@h/' --queue q",
            ),
            (
                "loadgen kafka h:1 --password abc --topic t",
                "loadgen kafka h:1 --password *** --topic t",
            ),
        ] {
            let told: Vec<String> = words(told);
            assert_eq!(words(&again(words(given), &known)), told);
        }
        let header = again(words("loadgen http http://h/ --header 'x-note: Hunter-2'"), &known);
        assert!(!header.contains("Hunter-2"), "{header}");
    }
}
