//! The life of an operation as plain lines of at most 80 characters.

use super::{Between, Effect, Life, Mention, Trouble};
use crate::lines::{WIDTH, put};

/// How wide the column of names is.
const LEAD: usize = 12;

/// The life of an operation, as people read it.
#[must_use]
pub fn lines(life: &Life) -> Vec<String> {
    let mut page = Page(Vec::new());
    page.put("operation", &life.id);
    let variant = life.variant.as_ref().map(|variant| format!(", variant {variant}"));
    let started = life.started.split('.').next().unwrap_or_default().trim_end_matches('Z');
    page.put("run", &format!("{}{}, {started}Z", life.scenario, variant.unwrap_or_default()));
    page.put("folder", &life.folder);
    page.put("verdict", &verdict(life));
    page.gap();
    course(&mut page, life);
    page.gap();
    life.effects.iter().for_each(|effect| self::effect(&mut page, effect));
    let until = format!("{}; phases {}", second(life.until), life.phases.join(", "));
    page.put("followed to", &until);
    list(&mut page, "faults", &life.faults, "none from when it was due until then");
    if !life.steps.is_empty() {
        list(&mut page, "deployments", &life.steps, "none");
    }
    page.gap();
    for judged in &life.judged {
        let class = &judged.class;
        let what = match &class.unknown {
            Some(why) => format!("could not be judged: {why}"),
            None => class.classes.join(" and "),
        };
        let check = format!("check {}, by {}: {what}", class.check, class.source);
        page.put("judged", &check);
        if let (Some(verdict), Some(why)) = (judged.verdict, &judged.why) {
            page.put("", &format!("of all: {verdict}. {why}"));
        }
    }
    if life.judged.is_empty() {
        page.put("judged", "no check of effects looks at this workload");
    }
    mentions(&mut page, "evidence", &life.mentions.evidence);
    mentions(&mut page, "copies", &life.mentions.copies);
    mentions(&mut page, "logs", &life.mentions.logs);
    if life.mentions.more > 0 {
        page.put("", &format!("{} more lines of logs name it", life.mentions.more));
    }
    if !life.missing.is_empty() {
        page.gap();
        for missing in &life.missing {
            page.put("not there", missing);
        }
    }
    page.0
}

/// Lines with a name in front.
struct Page(Vec<String>);

impl Page {
    fn put(&mut self, name: &str, text: &str) {
        put(&mut self.0, &format!("{name:LEAD$}"), text, WIDTH);
    }

    fn gap(&mut self) {
        self.0.push(String::new());
    }
}

/// What it is, in a line: `DUPLICATED (check one-result)`.
fn verdict(life: &Life) -> String {
    let wrong = life.judged.iter().filter(|judged| judged.class.is_anomaly());
    let wrong: Vec<String> = wrong
        .map(|judged| {
            let what = judged.class.classes.join(" and ");
            format!("{what} (check {})", judged.class.check)
        })
        .collect();
    if !wrong.is_empty() {
        return wrong.join("; ");
    }
    let unknown = life.judged.iter().any(|judged| judged.class.unknown.is_some());
    match (life.judged.is_empty(), unknown) {
        (true, _) => "not judged by any check of effects".to_owned(),
        (_, true) => "could not be judged by every check of effects".to_owned(),
        _ => "as it should be".to_owned(),
    }
}

/// What happened when, in the order of time.
fn course(page: &mut Page, life: &Life) {
    let mut due = match &life.phase {
        Some(phase) => format!("in phase {phase}"),
        None => "in no phase".to_owned(),
    };
    if let Some(key) = life.key {
        due.push_str(&format!(", key {key}"));
    }
    if life.is_poison {
        due.push_str("; it is poison: its body is one that nobody can work on");
    }
    match life.due {
        Some(at) => page.put("due", &format!("{}, {due}", second(at))),
        None => page.put("due", "unknown"),
    }
    let outcome = life.outcome;
    if matches!(outcome, Some("dropped")) {
        page.put("sent", "never: it was dropped");
    } else if let Some(sent) = &life.sent {
        page.put("sent", &between(sent));
    } else {
        page.put("sent", "unknown when");
    }
    if let Some(again) = &life.sent_twice {
        page.put("", &format!("the load sends it a second time, {again}"));
    }
    let at = life.answered.as_ref().map(|at| format!(", {}", between(at))).unwrap_or_default();
    let word = outcome.unwrap_or("unknown");
    page.put("outcome", &format!("{word}{at}"));
}

fn effect(page: &mut Page, effect: &Effect) {
    let mut text = match effect.count {
        None => "unknown".to_owned(),
        Some(0) => "none".to_owned(),
        Some(1) => "1 effect".to_owned(),
        Some(count) => format!("{count} effects"),
    };
    if let Some(at) = &effect.at {
        text.push_str(&format!(", the first {}", between(at)));
    }
    if let Some(why) = &effect.why {
        text.push_str(&format!(" ({why})"));
    }
    if let Some((after, key)) = &effect.overtaken_by {
        text.push_str(&format!("; after operation {after} of its key {key}"));
    }
    page.put("effects", &format!("{}: {text}", effect.source));
    if !effect.place.is_empty() {
        page.put("", &effect.place);
    }
    match effect.is_dead {
        Some(true) => {
            let at = effect.dead_at.as_ref().map(|at| format!(", {}", between(at)));
            let tries = effect.tries.map(|tries| format!(", after {tries} tries"));
            let (at, tries) = (at.unwrap_or_default(), tries.unwrap_or_default());
            page.put("dead letter", &format!("yes{at}{tries}"));
        }
        Some(false) => page.put("dead letter", "no"),
        None => {}
    }
}

fn list(page: &mut Page, name: &str, troubles: &[Trouble], none: &str) {
    if troubles.is_empty() {
        page.put(name, none);
    }
    for (number, trouble) in troubles.iter().enumerate() {
        let Trouble { name: which, what, from, to, is_then, victims } = trouble;
        let to = to.map_or_else(|| "not over".to_owned(), |to| format!("to {}", second(to)));
        let hit = match victims.len() {
            0 => String::new(),
            1..=3 => format!(", hit {}", victims.join(", ")),
            more => format!(", hit {more}: {}, …", victims[..3].join(", ")),
        };
        let then = if *is_then { ", under way when it was due" } else { "" };
        let text = format!("{} {to}: {which} ({what}){then}{hit}", second(*from));
        page.put(if number == 0 { name } else { "" }, &text);
    }
}

fn mentions(page: &mut Page, name: &str, mentions: &[Mention]) {
    for (number, mention) in mentions.iter().enumerate() {
        let time = match (mention.at, &mention.time) {
            (Some(at), _) => format!("{} ", second(at)),
            (None, Some(time)) => format!("{time} "),
            (None, None) => String::new(),
        };
        let text = format!("{time}{}: {}", mention.file, mention.text);
        page.put(if number == 0 { name } else { "" }, &text);
    }
}

/// A moment: `48.210 s`.
fn second(at: f64) -> String {
    format!("{at:.3} s")
}

/// The stretch in which something happened.
fn between(at: &Between) -> String {
    match at.of {
        1 => second(at.to),
        of => format!(
            "between {} and {} (as one of {of} of its second)",
            second(at.from),
            second(at.to)
        ),
    }
}
