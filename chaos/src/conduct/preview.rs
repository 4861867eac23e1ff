//! A look ahead at one fault: whom it would hit now, and how it would be taken
//! back. Nothing is touched.

use serde_json::{Value, json};

use super::{Entry, Manner};
use crate::fault::{About, catalogue};
use crate::{Prepared, Scene};

/// What a fault would do.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    name: String,
    word: &'static str,
    /// When, in seconds from the start of the first phase.
    at: f64,
    /// For how long, in seconds, and in words.
    lasts: (f64, String),
    hits: Hits,
}

/// Whom it would hit.
#[derive(Debug, Clone, PartialEq)]
enum Hits {
    /// It is known only when it is due.
    Later(String),
    /// It would not happen.
    Nobody(Manner, String),
    Victims {
        victims: Vec<String>,
        /// How many processes it chooses from, and the command lines of those it
        /// would hit; of faults that hit processes of a role.
        chosen: Option<(usize, Vec<String>)>,
    },
}

impl Preview {
    /// Chooses the victims of a fault as if it were due now.
    pub async fn of(entry: &Entry, scene: &Scene) -> Self {
        let prepared = crate::prepare(&entry.order, scene).await;
        let prepared = match &entry.expected {
            Some(expected) => expected.meets(prepared),
            None => prepared,
        };
        let hits = match prepared {
            Ok(prepared) => Hits::of(&prepared),
            Err(error) => Hits::Nobody(Manner::from(&error), error.to_string()),
        };
        Self::with(entry, hits)
    }

    /// A fault of which nobody can tell yet whom it will hit, and why.
    #[must_use]
    pub fn later(entry: &Entry, why: &str) -> Self {
        Self::with(entry, Hits::Later(why.to_owned()))
    }

    fn with(entry: &Entry, hits: Hits) -> Self {
        let lasts = entry.order.kind.lasts();
        let in_words = if lasts.0.is_zero() { "an instant".to_owned() } else { lasts.to_string() };
        Self {
            name: entry.order.name.clone(),
            word: entry.order.kind.word(),
            at: entry.planned.at.as_secs_f64(),
            lasts: (lasts.0.as_secs_f64(), in_words),
            hits,
        }
    }

    /// Whether it would happen, as far as can be told.
    #[must_use]
    pub fn lands(&self) -> bool {
        !matches!(self.hits, Hits::Nobody(..))
    }

    fn about(&self, part: fn(&About) -> &'static str) -> &'static str {
        catalogue().iter().find(|about| about.kind == self.word).map_or("unknown", part)
    }

    /// For people: a line, and what belongs to it below.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text =
            format!("{:8.3} s  {} ({}) {}", self.at, self.name, self.word, self.hits.says());
        let mut line = |what: &str, said: &str| {
            text.push_str(&format!("\n            {what:8}  {said}"));
        };
        if let Hits::Victims { victims, chosen: Some((_, commands)) } = &self.hits {
            for (victim, command) in victims.iter().zip(commands) {
                let name = victim.split(" (").next().unwrap_or_default();
                line("runs", &format!("{name}: {command}"));
            }
        }
        line("lasts", &self.lasts.1);
        line("undone", self.about(|about| about.undone));
        line("contract", self.about(|about| about.contract));
        text
    }

    /// For programs.
    #[must_use]
    pub fn value(&self) -> Value {
        let (victims, chosen) = match &self.hits {
            Hits::Victims { victims, chosen } => (victims.clone(), chosen.clone()),
            Hits::Later(_) | Hits::Nobody(..) => (Vec::new(), None),
        };
        let (manner, why) = match &self.hits {
            Hits::Nobody(manner, why) => (Some(*manner), Some(why.clone())),
            Hits::Later(why) => (None, Some(why.clone())),
            Hits::Victims { .. } => (None, None),
        };
        json!({
            "state": "planned", "dry_run": true, "fault": self.name, "kind": self.word,
            "at": self.at, "lasts": self.lasts.0,
            "victims": victims, "of": chosen.as_ref().map(|(of, _)| of),
            "commands": chosen.map(|(_, commands)| commands),
            "undone": self.about(|about| about.undone),
            "contract": self.about(|about| about.contract),
            "manner": manner, "why": why,
        })
    }
}

impl Hits {
    fn of(prepared: &Prepared) -> Self {
        Self::Victims { victims: prepared.victims(), chosen: prepared.chosen() }
    }

    fn says(&self) -> String {
        match self {
            Self::Later(why) => why.clone(),
            Self::Nobody(Manner::Blocked, why) => format!("would be BLOCKED: {why}"),
            Self::Nobody(_, why) => format!("would not land: {why}"),
            Self::Victims { victims, chosen } => {
                let of = chosen.as_ref().map(|(of, _)| format!(", {} of {of}", victims.len()));
                format!("would hit {}{}", victims.join(", "), of.unwrap_or_default())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(hits: Hits) -> Preview {
        let (name, lasts) = ("kill".to_owned(), (0.0, "an instant".to_owned()));
        Preview { name, word: "kill_process", at: 1.0, lasts, hits }
    }

    #[test]
    fn a_fault_on_a_role_shows_whom_of_how_many_and_what_they_run() {
        let victims = vec!["worker-2 (pid 4711@88)".to_owned()];
        let chosen = Some((3, vec!["python3 worker.py".to_owned()]));
        let preview = preview(Hits::Victims { victims, chosen });
        let text = preview.text();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "   1.000 s  kill (kill_process) would hit worker-2 (pid 4711@88), 1 of 3"
        );
        assert_eq!(lines[1], "            runs      worker-2: python3 worker.py");
        assert_eq!(lines[2], "            lasts     an instant");
        let value = preview.value();
        assert_eq!(
            (&value["of"], &value["victims"][0]),
            (&json!(3), &json!("worker-2 (pid 4711@88)"))
        );
        assert!(preview.lands());
    }

    #[test]
    fn what_would_not_happen_says_why() {
        let blocked = preview(Hits::Nobody(Manner::Blocked, "no".to_owned()));
        assert!(blocked.text().contains("would be BLOCKED: no") && !blocked.lands());
        assert_eq!(blocked.value()["manner"], "blocked");
        let later = preview(Hits::Later("hits whoever then runs".to_owned()));
        assert!(later.lands() && later.text().contains("(kill_process) hits whoever then runs"));
    }
}
