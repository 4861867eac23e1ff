//! What the program says: plain lines for people, JSON lines for programs.
//! Errors go to standard error in any case.

use std::io::{Write, stderr, stdout};
use std::sync::{Arc, Mutex, PoisonError};

use scenarios::redact::Secrets;
use serde_json::{Value, json};

use super::exit::Trouble;

/// How the program speaks: never of what it is told to hide. Clones hide the
/// same.
#[derive(Clone)]
pub(crate) struct Say {
    json: bool,
    quiet: bool,
    secrets: Arc<Mutex<Secrets>>,
}

impl Say {
    pub(crate) fn new(json: bool, quiet: bool) -> Self {
        Self { json, quiet, secrets: Arc::default() }
    }

    /// From now on these are not said.
    pub(crate) fn hide(&self, secrets: &Secrets) {
        let mut known = self.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        *known = std::mem::take(&mut *known).and(secrets);
    }

    /// What is not said.
    pub(crate) fn secrets(&self) -> Secrets {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether programs listen.
    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// One step, as a line of text or as a JSON object.
    pub(crate) fn step(&self, text: &str, value: &Value) {
        if self.json {
            let mut value = value.clone();
            self.secrets().hide_in(&mut value);
            line(&value.to_string());
        } else if !self.quiet {
            line(&self.secrets().hide(text));
        }
    }

    /// Something that the user should know although all goes well.
    pub(crate) fn warning(&self, text: &str) {
        let text = self.secrets().hide(text);
        if self.json {
            line(&json!({"state": "warning", "text": text}).to_string());
        } else {
            // With nobody to listen there is nothing to be done.
            let _ = writeln!(stderr(), "chaos: warning: {text}");
        }
    }

    /// Why the program ends without having done what was asked.
    pub(crate) fn trouble(&self, trouble: &Trouble) {
        let trouble = self.secrets().hide(&trouble.to_string());
        if self.json {
            line(&json!({"state": "failed", "why": trouble}).to_string());
        }
        let _ = writeln!(stderr(), "chaos: {trouble}");
    }
}

/// A reader that has gone away does not keep a fault from being healed.
fn line(text: &str) {
    let _ = writeln!(stdout(), "{text}");
}
