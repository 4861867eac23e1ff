//! The full-screen view, in a pseudo-terminal that `script` makes.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use crate::server::Server;
use crate::support::PATIENCE;

const ENTERED: &str = "\u{1b}[?1049h";
const LEFT: &str = "\u{1b}[?1049l";

/// A program in a terminal of its own.
struct Terminal {
    script: Child,
    keys: ChildStdin,
    chunks: Receiver<Vec<u8>>,
    /// Everything that was written to the terminal so far.
    seen: Vec<u8>,
}

impl Terminal {
    /// Starts `loadgen` with these words, which a shell reads, in a terminal
    /// of 80 by 24. Afterwards, the terminal says whether it shows what is
    /// typed, as one does that was put back.
    fn start(words: &str) -> Self {
        Self::start_behind("", words)
    }

    /// The same, started by another program.
    fn start_behind(starter: &str, words: &str) -> Self {
        let line = format!(
            "stty cols 80 rows 24; {starter} {} {words}; code=$?; stty -a | grep -o -- ' -\\?echo '; exit $code",
            env!("CARGO_BIN_EXE_loadgen")
        );
        let mut script = Command::new("script")
            .args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"])
            .env("TERM", "xterm-256color")
            .env("SHELL", "/bin/sh")
            .env_remove("NO_COLOR")
            .env_remove("LOADGEN_HTTP_URL")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let keys = script.stdin.take().unwrap();
        let mut output = script.stdout.take().unwrap();
        let (sender, chunks) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut chunk) {
                if sender.send(chunk[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { script, keys, chunks, seen: Vec::new() }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }

    /// Reads on until a text stands on the terminal.
    fn until(&mut self, text: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.text().contains(text) {
            let left = end.saturating_duration_since(Instant::now());
            match self.chunks.recv_timeout(left) {
                Ok(chunk) => self.seen.extend(chunk),
                Err(error) => panic!("{text:?} does not come ({error}): {:?}", self.text()),
            }
        }
    }

    fn press(&mut self, key: &str) {
        self.keys.write_all(key.as_bytes()).unwrap();
        self.keys.flush().unwrap();
    }

    /// Waits for the end; gives the exit code and what stood on the normal
    /// screen after the view was left, which is put back then.
    fn end(mut self) -> (Option<i32>, String) {
        self.until(LEFT);
        let end = Instant::now() + PATIENCE;
        while let Ok(chunk) =
            self.chunks.recv_timeout(end.saturating_duration_since(Instant::now()))
        {
            self.seen.extend(chunk);
        }
        assert!(Instant::now() < end, "it does not end: {:?}", self.text());
        let status: ExitStatus = self.script.wait().unwrap();
        let text = self.text();
        assert_eq!((text.matches(ENTERED).count(), text.matches(LEFT).count()), (1, 1));
        let after = text.split(LEFT).last().unwrap().to_owned();
        assert!(after.contains(" echo "), "the terminal does not show what is typed: {after:?}");
        (status.code(), after)
    }
}

#[test]
fn a_run_is_watched_and_its_summary_comes_after() {
    let server = Server::start(|talk| talk.answer_all(200));
    let words = format!("http {} -r 200/s -z 3s --tui", server.url());
    let mut terminal = Terminal::start(&words);
    terminal.until(ENTERED);
    terminal.until("outages");
    let (code, after) = terminal.end();
    assert_eq!(code, Some(0), "{after:?}");
    assert!(after.contains("asked 200/s") && after.contains("acked                  600"));
}

#[test]
fn every_key_that_ends_the_run_ends_it_as_an_interrupt_does() {
    let server = Server::start(|talk| talk.answer_all(200));
    for key in ["q", "\u{1b}", "\u{3}"] {
        let words = format!("http {} -r 200/s -z 1h --threshold 'p99<1h' --tui", server.url());
        let mut terminal = Terminal::start(&words);
        terminal.until("thresholds, 0 of 1 broken");
        terminal.press(key);
        let (code, after) = terminal.end();
        assert_eq!(code, Some(130), "{key:?}: {after:?}");
        assert!(after.contains("interrupted: only what had come due is counted"), "{after:?}");
    }
}

#[test]
fn a_second_key_does_not_wait_for_answers() {
    let server = Server::start(|talk| while talk.request().is_some() {});
    let words = format!("http {} -r 20/s -z 1h --timeout 1h --grace 1h --tui", server.url());
    let mut terminal = Terminal::start(&words);
    terminal.until("outages");
    terminal.press("q");
    terminal.until("ending");
    terminal.press("q");
    assert_eq!(terminal.end().0, Some(130));
}

#[test]
fn a_termination_puts_the_terminal_back() {
    let server = Server::start(|talk| talk.answer_all(200));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pid");
    // A shell that becomes the program has its number.
    let words = format!("http {} -r 200/s -z 1h --tui", server.url());
    let mut terminal = Terminal::start_behind(
        &format!("sh -c 'echo $$ > {}; exec \"$@\"' -", file.display()),
        &words,
    );
    terminal.until("outages");
    let id: i32 = std::fs::read_to_string(&file).unwrap().trim().parse().unwrap();
    let id = rustix::process::Pid::from_raw(id).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::TERM).unwrap();
    assert_eq!(terminal.end().0, Some(130));
}

#[test]
fn a_terminal_that_cannot_be_drawn_on_keeps_the_bar() {
    let server = Server::start(|talk| talk.answer_all(200));
    let words = format!("http {} -r 100/s -z 1s --tui", server.url());
    let mut terminal = Terminal::start_behind("TERM=dumb", &words);
    terminal.until("as TERM=dumb says");
    terminal.until("acked                  100");
    assert!(!terminal.text().contains(ENTERED));
}

#[test]
fn json_and_the_view_do_not_share_a_terminal() {
    let mut terminal = Terminal::start("http http://127.0.0.1:9/ -z 1h --tui --json");
    terminal.until("--tui and --json both want the terminal");
}

#[test]
fn without_a_terminal_there_are_plain_lines() {
    let server = Server::start(|talk| talk.answer_all(200));
    let loadgen = |more: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_loadgen"))
            .args(["http", &server.url(), "-r", "100", "-z", "2s", "--tui"])
            .args(more)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let output = loadgen(&["--json"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors.matches("standard error is not a terminal").count(), 1, "{errors}");
    assert!(errors.contains("acked") && !errors.contains('\u{1b}'), "{errors}");
    assert_eq!(output.stdout.first(), Some(&b'{'));
    assert_eq!(loadgen(&["--quiet"]).status.code(), Some(2));
}
