//! The replica's log: one JSON object a line on the standard error.

use std::io::{self, Write};

use serde::Serialize;

/// Writes what an operator would want to read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Diary;

#[derive(Serialize)]
struct Line<'a> {
    ts: String,
    level: &'a str,
    code: &'a str,
    message: &'a str,
}

impl Diary {
    pub(crate) fn info(self, code: &str, message: &str) {
        write("info", code, message);
    }

    pub(crate) fn error(self, code: &str, message: &str) {
        write("error", code, message);
    }
}

fn write(level: &str, code: &str, message: &str) {
    #[expect(clippy::disallowed_methods, reason = "a log line carries the wall clock")]
    let ts = jiff::Timestamp::now().to_string();
    if let Ok(mut line) = serde_json::to_vec(&Line { ts, level, code, message }) {
        line.push(b'\n');
        // A full disk must not stop the service.
        let _ = io::stderr().lock().write_all(&line);
    }
}
