//! The last runs of the same scenario on the same target: their verdicts, key figures as
//! lines, and what changed.

use std::fmt::Result;

use pages::document::section;
use pages::spark::{Spark, Square, squares};
use pages::{put, putln};

use crate::format::standing::of_run;
use crate::format::text::utc;
use crate::record::{PastChange, PastFigure, PastRecord, Record, Verdict};

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    let Some(past) = &record.past else { return Ok(()) };
    section(out, "past", "Last runs")?;
    let runs = match past.runs.len() {
        1 => "The run before this one".to_owned(),
        count => format!("The {count} runs before this one"),
    };
    putln!(
        out,
        "<p>{}, of the same scenario, variant and target, the oldest first; this run is the last.</p>",
        runs
    )?;
    verdicts(out, record, past)?;
    changes(out, past)?;
    figures(out, past)?;
    putln!(out, "</section>")
}

fn verdicts(out: &mut String, record: &Record, past: &PastRecord) -> Result {
    let title = |started: &str, verdict: Verdict, interrupted: bool| {
        let end = if interrupted { ", interrupted" } else { "" };
        format!("{}: {}{end}", utc(started), verdict.word())
    };
    let mut all: Vec<Square> = past
        .runs
        .iter()
        .map(|run| Square {
            standing: of_run(run.verdict),
            title: title(&run.started, run.verdict, run.interrupted),
            page: Some(run.page.clone()),
        })
        .collect();
    let run = &record.run;
    all.push(Square {
        standing: of_run(record.verdict),
        title: format!("{} (this run)", title(&run.started, record.verdict, run.interrupted)),
        page: None,
    });
    put!(out, "{}", squares(&all))
}

fn changes(out: &mut String, past: &PastRecord) -> Result {
    if past.changes.is_empty() {
        return putln!(
            out,
            "<p class=\"soft\">Every check came to what it did in the run before.</p>"
        );
    }
    out.push_str("<h3>Changed against the run before</h3>\n<ul class=\"changes\">\n");
    for PastChange { check, before, now } in &past.changes {
        putln!(
            out,
            "<li><b class=\"check\">{}</b> {} → {}</li>",
            check,
            before
                .map_or_else(|| pages::Markup::of("not judged"), |verdict| of_run(verdict).badge()),
            now.map_or_else(|| pages::Markup::of("not judged"), |verdict| of_run(verdict).badge())
        )?;
    }
    putln!(out, "</ul>")
}

fn figures(out: &mut String, past: &PastRecord) -> Result {
    if past.figures.is_empty() {
        return Ok(());
    }
    out.push_str(
        "<table class=\"stack sparks\"><caption>Key figures by run, noise as a band</caption>\n<thead><tr><th scope=\"col\">Figure</th>\
         <th scope=\"col\">Runs</th><th scope=\"col\">This run, and the median of those before that are not in doubt</th></tr></thead>\n<tbody>\n",
    );
    for PastFigure { name, values, median, noise, told, .. } in &past.figures {
        let usual = median.map(|median| (median, noise.unwrap_or(0.0)));
        putln!(
            out,
            "<tr><th scope=\"row\">{}</th><td data-label=\"Runs\">{}</td><td data-label=\"This run\"><span>{}</span></td></tr>",
            name,
            Spark { values, usual }.drawn(),
            told
        )?;
    }
    putln!(out, "</tbody></table>")
}
